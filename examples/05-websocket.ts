/**
 * WebSockets with the ws library on our TLS, on both sides: ws takes our server for node:https's, and our agent for its agent.
 *
 *     npx ringtls init pki && npx tsx examples/05-websocket.ts
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Agent, createServer } from 'ringtls/https'
import { WebSocket, WebSocketServer } from 'ws'

const file = (name: string) => readFileSync(join(process.env.RINGTLS_PKI ?? 'pki', name))

const server = createServer({ cert: file('server.pem'), key: file('server.key') })
const sockets = new WebSocketServer({ server })
sockets.on('connection', socket => {
  socket.on('message', data => socket.send(`you said: ${data}`))
})
await once(server.listen(0, 'localhost'), 'listening')
const { port } = server.address() as AddressInfo

const socket = new WebSocket(`wss://localhost:${port}/`, { agent: new Agent({ ca: file('ca.pem') }) })
await once(socket, 'open')
for (const text of ['hello', 'goodbye']) {
  socket.send(text)
  const [answer] = await once(socket, 'message')
  console.log(String(answer))
}

socket.close()
await once(socket, 'close')
server.close(() => console.log('closed'))
