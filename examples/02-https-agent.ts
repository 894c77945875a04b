/**
 * Requests with node:https's names on our TLS, to a server that is Node's own. The agent keeps connections open, and for a host
 * whose connections are closed its session: the next handshake with it is an abbreviated one.
 *
 *     npx ringtls init pki && npx tsx examples/02-https-agent.ts
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Agent, get } from 'ringtls/https'
import type { TLSSocket } from 'ringtls/node'

const file = (name: string) => readFileSync(join(process.env.RINGTLS_PKI ?? 'pki', name))

const server = createServer({ cert: file('server.pem'), key: file('server.key') }, (request, response) => {
  response.end(`hello ${request.url}`)
})
await once(server.listen(0, 'localhost'), 'listening')
const { port } = server.address() as AddressInfo

const agent = new Agent({ ca: file('ca.pem'), keepAlive: true, maxSockets: 2 })
for (const path of ['/first', '/second']) console.log(await visit(path))
// Its idle connections go, its sessions stay.
agent.destroy()
console.log(await visit('/later'))

agent.destroy()
server.close(() => console.log('closed'))

async function visit(path: string): Promise<string> {
  const request = get({ host: 'localhost', port, path, agent })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const { handshake } = response.socket as unknown as TLSSocket
  const text = (await response.toArray()).join('')
  return `${text}: connection kept: ${request.reusedSocket}, ${handshake?.messages.length} messages of handshake`
}
