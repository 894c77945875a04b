/**
 * SMTPS on our TLS, on both sides: smtp-server takes the sockets of our server, nodemailer those of our client. The second message
 * goes over a connection that resumes the session of the first.
 *
 *     npx ringtls init pki && npx tsx examples/10-smtps.ts
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { connect, createServer } from 'ringtls/node'
import { SMTPServer } from 'smtp-server'

const file = (name: string) => readFileSync(join(process.env.RINGTLS_PKI ?? 'pki', name))

// `secured`: it gets sockets that speak TLS already.
const mail = new SMTPServer({
  ...{ secured: true, secure: true, authOptional: true, logger: false },
  onData(stream, { envelope }, done) {
    stream.resume().once('end', () => {
      console.log(`a message for ${envelope.rcptTo.map(({ address }) => address).join(', ')}`)
      done()
    })
  },
})
const server = createServer({ cert: file('server.pem'), key: file('server.key') }, socket =>
  mail.connect(socket),
)
await once(server.listen(0, 'localhost'), 'listening')
const { port } = server.address() as AddressInfo

let session: Buffer | undefined
const transport = createTransport({
  ...{ host: 'localhost', port, secure: true },
  getSocket(_options, callback) {
    const socket = connect({ host: 'localhost', port, ca: file('ca.pem'), session })
    socket.on('session', made => {
      session = made
    })
    socket.once('error', callback)
    socket.once('secureConnect', () => {
      socket.off('error', callback)
      console.log(`${socket.getProtocol()}, resumed: ${socket.isSessionReused()}`)
      callback(null, { connection: socket, secured: true })
    })
  },
})
const message = { from: 'a@example.test', to: 'b@example.test', subject: 'hello', text: 'over our TLS' }
for (const day of ['today', 'tomorrow']) {
  const { response } = await transport.sendMail({ ...message, date: new Date(0), messageId: day })
  console.log(response)
}

transport.close()
server.close(() => console.log('closed'))
