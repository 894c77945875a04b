// A little of every entry point from TypeScript, compiled without skipLibCheck.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { type CipherSuiteName, cipherSuiteNames } from 'ringtls'
import type { ClusterInfo, joinCluster, SessionStore } from 'ringtls/cluster'
import type { Driver, Timers } from 'ringtls/driver'
import type { Http2SecureServer } from 'ringtls/http2'
import { Agent, type ServerOptions as HttpsOptions } from 'ringtls/https'
import {
  type ConnectionOptions,
  connect,
  createServer,
  type ServerOptions,
  type TLSSocket,
} from 'ringtls/node'
import { nobleProvider } from 'ringtls/providers/noble'
import { nodeProvider } from 'ringtls/providers/node'

// What is only named is still type-checked.
export type Named = [
  ClusterInfo,
  SessionStore,
  Timers,
  typeof joinCluster,
  typeof Driver,
  HttpsOptions,
  Http2SecureServer,
]
new Agent({ maxCachedSessions: 10 }).destroy()

const suites: readonly CipherSuiteName[] = [...nobleProvider.cipherSuites, ...nodeProvider.cipherSuites]
if (!suites.every(name => cipherSuiteNames.includes(name))) throw new Error('a suite that has no name')

const [cert, key, ca] = process.argv.slice(2).map(file => readFileSync(file)) as [Buffer, Buffer, Buffer]
const options: ServerOptions = { cert, key, ALPNProtocols: ['http/1.1'] }
const server = createServer(options, (socket: TLSSocket) => void socket.end('hello'))
await once(server.listen(0, '127.0.0.1'), 'listening')
const { port } = server.address() as AddressInfo
const to: ConnectionOptions = { host: '127.0.0.1', port, servername: 'localhost', ca }
const socket = connect({ ...to, ALPNProtocols: ['http/1.1'] })
let text = ''
for await (const chunk of socket) text += chunk
console.log(`${text}, ${socket.getProtocol()}, ${socket.alpnProtocol}`)
server.close()
