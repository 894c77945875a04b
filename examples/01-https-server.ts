/**
 * An HTTPS server with node:https's names, on our TLS: what listeners know of a request and its socket is all there. Node's own client
 * asks it twice over one connection, and once more over a new one, which resumes the session of the first.
 *
 *     npx ringtls init pki && npx tsx examples/01-https-server.ts
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Agent, get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { createServer } from 'ringtls/https'

const file = (name: string) => readFileSync(join(process.env.RINGTLS_PKI ?? 'pki', name))

const server = createServer({ cert: file('server.pem'), key: file('server.key') }, (request, response) => {
  const socket = request.socket as TLSSocket
  response.end(`${request.url} ${socket.getProtocol()} resumed: ${socket.isSessionReused()}`)
})
await once(server.listen(0, 'localhost'), 'listening')
const { port } = server.address() as AddressInfo

const agent = new Agent({ ca: file('ca.pem'), keepAlive: true })
for (const path of ['/first', '/second']) console.log(await textOf(path))
// Its idle connections go, what it knows of sessions stays.
agent.destroy()
console.log(await textOf('/later'))

agent.destroy()
server.close(() => console.log('closed'))

async function textOf(path: string): Promise<string> {
  const request = get({ host: 'localhost', port, path, agent })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const text = (await response.toArray()).join('')
  return `${text}, connection kept: ${request.reusedSocket}`
}
