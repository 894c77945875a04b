/** Our TLS under a server of Node's own that knows none: of HTTP, of HTTP/2. */
import type { Server as NetServer } from 'node:net'
import { createServer, type Server } from './server.ts'
import type { ServerOptions } from './server-terms.ts'
import type { TLSSocket } from './tls-socket.ts'

/** Events that ask or tell something only where somebody listens. */
const eventsOnDemand = ['keylog', 'newSession', 'resumeSession', 'OCSPRequest']

/**
 * Puts TLS between the connections of `server` and what it does with them; all events of the TLS server that is returned are the
 * other's. That one never listens: it is for its methods.
 */
export function overTls(server: NetServer, options: ServerOptions): Server {
  const tls = createServer(options)
  for (const serve of server.listeners('connection') as ((socket: TLSSocket) => void)[]) {
    server.removeListener('connection', serve)
    server.on('secureConnection', serve)
  }
  server.on('connection', transport => tls.emit('connection', transport))
  for (const event of ['secureConnection', 'tlsClientError'])
    tls.on(event, (...args: unknown[]) => void server.emit(event, ...args))
  for (const event of eventsOnDemand) forwardOnDemand(event, tls, server)
  server.on('close', () => tls.close())
  return tls
}

function forwardOnDemand(event: string, from: NetServer, to: NetServer): void {
  const forward = (...args: unknown[]) => void to.emit(event, ...args)
  to.on('newListener', added => {
    if (added === event && to.listenerCount(event) === 0) from.on(event, forward)
  })
  to.on('removeListener', removed => {
    if (removed === event && to.listenerCount(event) === 0) from.off(event, forward)
  })
}
