/** Our server in front of one that speaks no TLS, as a mail provider's balancer or stunnel is. */
import { once } from 'node:events'
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net'
import { createInterface } from 'node:readline'
import { type Duplex, pipeline } from 'node:stream'
import { onTestFinished } from 'vitest'
import { createSecureContext, createServer, type ServerOptions, TLSSocket } from '../../src/node/index.ts'
import { type Openings, openCluster } from '../cluster/support.ts'
import { fixture } from '../support/fixtures.ts'

export interface TlsFront {
  readonly port: number
  /** Whether each connection so far was resumed. */
  readonly resumed: readonly boolean[]
}

const identity = () => ({ cert: fixture('server.pem'), key: fixture('server.key') })

/** Ends TLS with the fixtures' certificate, and gives the sockets to who takes them. It ends with the test. */
export async function startTlsFront(taker: Taker, options: Partial<ServerOptions> = {}): Promise<TlsFront> {
  const resumed: boolean[] = []
  const server = createServer({ ...identity(), ...options }, socket => {
    resumed.push(socket.isSessionReused())
    taker(socket)
  })
  return { port: await listen(server), resumed }
}

/** Two of them, of one cluster. */
export async function startFronts(openings: Openings, taker: Taker): Promise<TlsFront[]> {
  const cluster = await openCluster(openings, 2)
  return Promise.all(
    ['n0', 'n1'].map(node => {
      const sessionCache = cluster.server(node).cache
      return startTlsFront(taker, { sessionCache, now: cluster.clock.now, lookupTimeout: 2000 })
    }),
  )
}

type Taker = (socket: TLSSocket) => void

/** Passes on what comes to a server in the clear at a port of 127.0.0.1, and back. */
export function to(port: number): Taker {
  return socket => join(socket, connect({ port, host: '127.0.0.1', allowHalfOpen: true }))
}

/** For POP3 with STLS (RFC 2595 §4): speaks with the client in the clear until that asks for TLS, and has the server greet after it. */
export async function startStlsFront(behind: number): Promise<TlsFront> {
  const resumed: boolean[] = []
  const secureContext = createSecureContext(identity())
  const server = createTcpServer(async plain => {
    const lines = createInterface({ input: plain })
    plain.write('+OK in the clear\r\n')
    for await (const line of lines) {
      if (line === 'STLS') break
      plain.write(line === 'CAPA' ? '+OK\r\nSTLS\r\n.\r\n' : '-ERR STLS first\r\n')
    }
    plain.write('+OK begin TLS\r\n')
    const socket = new TLSSocket(plain, { isServer: true, secureContext })
    socket.once('secure', async () => {
      resumed.push(socket.isSessionReused())
      const backend = connect({ port: behind, host: '127.0.0.1', allowHalfOpen: true })
      // Its greeting is not for the client, who has had one.
      await once(backend, 'readable')
      backend.read()
      join(socket, backend)
    })
  })
  return { port: await listen(server), resumed }
}

/** How a connection ends is the protocol's affair; one that goes away without a farewell takes the other along. */
function join(front: Duplex, backend: Duplex): void {
  pipeline(front, backend, front, () => {})
}

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', socket => sockets.add(socket))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}
