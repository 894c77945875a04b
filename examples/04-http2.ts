/**
 * HTTP/2 on our TLS, on both sides: ALPN settles on h2, three requests share a connection. A client that knows HTTP/1.1 alone is
 * served by the same server.
 *
 *     npx ringtls init pki && npx tsx examples/04-http2.ts
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import type { ClientHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect, createSecureServer } from 'ringtls/http2'
import { get } from 'ringtls/https'

const file = (name: string) => readFileSync(join(process.env.RINGTLS_PKI ?? 'pki', name))
const ca = file('ca.pem')

const server = createSecureServer(
  { cert: file('server.pem'), key: file('server.key'), allowHTTP1: true },
  (request, response) => response.end(`${request.url} by HTTP/${request.httpVersion}`),
)
await once(server.listen(0, 'localhost'), 'listening')
const { port } = server.address() as AddressInfo

const session = connect(`https://localhost:${port}`, { ca })
const texts = await Promise.all(['/a', '/b', '/c'].map(path => textOf(session, path)))
console.log(`${session.alpnProtocol}: ${texts.join(', ')}`)

const [response] = (await once(
  get({ host: 'localhost', port, path: '/d', ca, agent: false }),
  'response',
)) as [IncomingMessage]
console.log((await response.toArray()).join(''))

session.close()
server.close(() => console.log('closed'))

async function textOf(session: ClientHttp2Session, path: string): Promise<string> {
  return (await session.request({ ':path': path }).setEncoding('utf8').toArray()).join('')
}
