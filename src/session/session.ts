import type { CipherSuiteName } from '../crypto/cipher-suites.ts'
import type { Secret } from '../secret.ts'

/**
 * What a server keeps of a handshake so that it, or another server of its cluster, can resume it: the
 * method's session_info (master secret, client random, server random, a validity time) and everything else
 * that a resumption must check. A client keeps the same of its server.
 */
export interface Session {
  readonly protocolVersion: 0x0303
  readonly cipherSuite: CipherSuiteName
  /** Whether the master secret is bound to the handshake (RFC 7627 §5.3 decides by it). */
  readonly extendedMasterSecret: boolean
  /** Whether the client proved a certificate. */
  readonly clientAuthenticated: boolean
  /** max_fragment_length as agreed, 1 to 4, or 0 for none (RFC 6066 §4). */
  readonly maxFragmentLengthCode: number
  /** When the full handshake ended, ms since 1970. A resumption never moves it. */
  readonly createdMs: number
  /** Seconds the session may be resumed, from `createdMs`. */
  readonly lifetimeSeconds: number
  /** 48 bytes (RFC 5246 §8.1). */
  readonly masterSecret: Secret
  /** The randoms of the full handshake: part of the method's session_info, not used by a resumption. */
  readonly clientRandom: Uint8Array
  readonly serverRandom: Uint8Array
  /** The server_name of the hello in lower case, or '' when it had none (RFC 6066 §3). */
  readonly serverName: string
  /** 16 bytes: virtual host, client authentication and its authorities, in one hash. */
  readonly policyHash: Uint8Array
  /** The peer's leaf certificate in DER, or empty: a resumed connection shows the same identity. */
  readonly peerCertificate: Uint8Array
}

/** The longest a session may live, whatever is configured (RFC 5246 §F.1.4). */
export const maxLifetimeSeconds = 24 * 60 * 60

/** How far in the future a session may have been created, for clocks that differ between servers. */
export const clockSkewToleranceMs = 5000

/** Whether the session may not be resumed any more, or not yet: a record from further ahead than the skew is refused. */
export function hasExpired(session: Pick<Session, 'createdMs' | 'lifetimeSeconds'>, nowMs: number): boolean {
  const lifetimeMs = Math.min(session.lifetimeSeconds, maxLifetimeSeconds) * 1000
  const ageMs = nowMs - session.createdMs
  return ageMs >= lifetimeMs || ageMs < -clockSkewToleranceMs
}
