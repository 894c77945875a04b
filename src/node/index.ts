/** TLS 1.2 over sockets, with node:tls's names. */
export { MemorySessionCache } from '../driver/memory-session-cache.ts'
export type { SessionCache } from '../driver/session-cache.ts'
export { type ConnectionOptions, connect } from './connect.ts'
export { createSecureContext, type SecureContext, type SecureContextOptions } from './secure-context.ts'
export { createServer, Server, type ServerOptions } from './server.ts'
export { type HandshakeReport, TLSSocket } from './tls-socket.ts'
