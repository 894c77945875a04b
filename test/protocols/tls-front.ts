/** Our server in front of one that speaks no TLS, as a mail provider's balancer or stunnel is. */
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { pipeline } from 'node:stream'
import { onTestFinished } from 'vitest'
import { createServer, type ServerOptions, type TLSSocket } from '../../src/node/index.ts'
import { fixture } from '../support/fixtures.ts'

export interface TlsFront {
  readonly port: number
  /** Whether each connection so far was resumed. */
  readonly resumed: readonly boolean[]
}

/** Ends TLS with the fixtures' certificate and passes on what comes to a port of 127.0.0.1, and back. It ends with the test. */
export async function startTlsFront(behind: number, options: Partial<ServerOptions> = {}): Promise<TlsFront> {
  const resumed: boolean[] = []
  const sockets = new Set<TLSSocket>()
  const identity = { cert: fixture('server.pem'), key: fixture('server.key') }
  const server = createServer({ ...identity, ...options }, socket => {
    resumed.push(socket.isSessionReused())
    sockets.add(socket)
    const plain = connect({ port: behind, host: '127.0.0.1', allowHalfOpen: true })
    // How a connection ends is the protocol's affair; a client that goes away without a farewell ends both.
    pipeline(socket, plain, socket, () => sockets.delete(socket))
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { port: (server.address() as AddressInfo).port, resumed }
}
