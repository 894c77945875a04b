/** The core of ringtls: TLS 1.2 without I/O (RFC 5246). Run it with `ringtls/driver`; for sockets see `ringtls/node`. */
export { Connection, type ConnectionEvent, type ConnectionState, type Step } from './connection/connection.ts'
export {
  type CipherSuiteName,
  cipherSuiteNames,
  cipherSuites,
  findCipherSuite,
} from './crypto/cipher-suites.ts'
export { findNamedGroup, type NamedGroup, namedGroupNames, namedGroups } from './crypto/named-groups.ts'
export type {
  CryptoProvider,
  EcPublicKey,
  Ed25519PublicKey,
  KeyShare,
  PrivateKey,
  PublicKey,
  RandomBytes,
  RsaPublicKey,
} from './crypto/provider.ts'
export { type SignatureScheme, signatureSchemeNames, signatureSchemes } from './crypto/signature-schemes.ts'
export { AlertDescription, ApiMisuse, type FaultCode, faults, PeerAlert, TlsError } from './errors.ts'
export {
  isIssuedByOneOf,
  type UsableSuite,
  usableClientScheme,
  usableSuites,
} from './handshake/certificate-choice.ts'
export type { ClientConfig, Limits, ServerConfig } from './handshake/config.ts'
export type {
  Answer,
  CertificateWanted,
  ChainToJudge,
  Effect,
  Lookup,
  MissReason,
  Policy,
  ResumptionResult,
  VerifiedPeer,
} from './handshake/effects.ts'
export type { Established } from './handshake/flow.ts'
export { Secret } from './secret.ts'
export { type ClientSession, decodeClientSession, encodeClientSession } from './session/client-session.ts'
export type { Session } from './session/session.ts'
export { decodeSession, encodeSession } from './session/session-record.ts'
export type { Certificate } from './x509/certificate.ts'
export { certificatesFromPem } from './x509/certificate-pem.ts'
export { type CertifiedKey, certifiedKey } from './x509/certified-key.ts'
