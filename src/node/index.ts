/** TLS 1.2 over sockets, with node:tls's names. */
import type { ConnectionOptions as ReadConnectionOptions } from './connect.ts'
import type { Writable } from './option-types.ts'
import type { SecureContextOptions as ReadContextOptions } from './secure-context.ts'
import type { ServerOptions as ReadServerOptions } from './server-terms.ts'
import type { TLSSocketOptions as ReadSocketOptions } from './tls-socket.ts'

export type {
  Certificate,
  CipherNameAndProtocol,
  DetailedPeerCertificate,
  KeyObject,
  PeerCertificate,
  PxfObject,
  SecureVersion,
} from 'node:tls'
export { MemorySessionCache } from '../driver/memory-session-cache.ts'
export type { SessionCache } from '../driver/session-cache.ts'
export type { TracedMessage } from '../handshake/config.ts'
export type { AlgorithmOptions } from './algorithms.ts'
export type { ProtocolList, ProtocolQuestion } from './application-protocols.ts'
export { tlsServerEndPoint } from './channel-binding.ts'
export { connect } from './connect.ts'
export {
  CLIENT_RENEG_LIMIT,
  CLIENT_RENEG_WINDOW,
  checkServerIdentity,
  convertALPNProtocols,
  DEFAULT_CIPHERS,
  DEFAULT_ECDH_CURVE,
  getCiphers,
  rootCertificates,
} from './defaults.ts'
export type { EphemeralKeyInfo } from './ephemeral-key.ts'
export type { HandshakeReport } from './handshake-report.ts'
export type { IdentityOptions, PfxInput, PfxWithPassphrase } from './identities.ts'
/** All of it, for who imports it as one thing. */
export * as default from './index.ts'
export type { KeyInput, PemWithPassphrase } from './key-input.ts'
export { type KeyWorkers, type KeyWorkersOptions, keyWorkers } from './key-workers.ts'
export type { PrivateKeySigner } from './private-key-signer.ts'
export { DEFAULT_MAX_VERSION, DEFAULT_MIN_VERSION, type VersionOptions } from './protocol-versions.ts'
export type { KeyWorkersChoice, ProviderChoice } from './providers.ts'
export { createSecureContext, type SecureContext } from './secure-context.ts'
export { createServer, Server } from './server.ts'
export type { SNICallback } from './server-names.ts'
export { TLSSocket } from './tls-socket.ts'

export type ConnectionOptions = Writable<ReadConnectionOptions>
export type SecureContextOptions = Writable<ReadContextOptions>
export type ServerOptions = Writable<ReadServerOptions>
export type TlsOptions = ServerOptions
export type TLSSocketOptions = Writable<ReadSocketOptions>
