/**
 * fetch on our TLS: undici takes its connections from where it is told to. The second fetch goes over the connection of the first;
 * `allowH2` makes it HTTP/2 where the server has that.
 *
 *     npx ringtls init pki && npx tsx examples/03-undici.ts
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createServer, undiciConnector } from 'ringtls/https'
import { Agent, fetch } from 'undici'

const file = (name: string) => readFileSync(join(process.env.RINGTLS_PKI ?? 'pki', name))

const server = createServer({ cert: file('server.pem'), key: file('server.key') }, (request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ method: request.method, port: request.socket.remotePort }))
})
await once(server.listen(0, 'localhost'), 'listening')
const { port } = server.address() as AddressInfo

const dispatcher = new Agent({ connections: 1, connect: undiciConnector({ ca: file('ca.pem') }) })
const ports = new Set<number>()
for (const method of ['GET', 'POST']) {
  const response = await fetch(`https://localhost:${port}/`, { dispatcher, method })
  const answer = (await response.json()) as { method: string; port: number }
  ports.add(answer.port)
  console.log(`${response.status} ${answer.method}, connections so far: ${ports.size}`)
}

await dispatcher.close()
server.close(() => console.log('closed'))
