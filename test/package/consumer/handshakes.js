// node handshakes.js CERT KEY CA: two connections to a server of ours, the second of which resumes the first one's session.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer } from 'ringtls/node'

const [cert, key, ca] = process.argv.slice(2).map(file => readFileSync(file))
const server = createServer({ cert, key }, socket => socket.end('hello'))
await once(server.listen(0, '127.0.0.1'), 'listening')

let session
for (const visit of ['first', 'second']) {
  const { port } = server.address()
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca, ...(session && { session }) })
  socket.on('session', made => {
    session = made
  })
  let text = ''
  for await (const chunk of socket) text += chunk
  console.log(`${visit}: ${text}, ${socket.getProtocol()}, resumed: ${socket.isSessionReused()}`)
}
server.close()
