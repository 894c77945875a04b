import type { CipherSuiteName } from '../crypto/cipher-suites.ts'
import type { CryptoProvider, RandomBytes } from '../crypto/provider.ts'
import type { ClientSession } from '../session/client-session.ts'

/** What both roles are given. Randomness and clock are arguments, so that a flow replays byte for byte. */
export interface CommonConfig {
  readonly provider: CryptoProvider
  readonly random: RandomBytes
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** In order of preference; the provider's own order by default. */
  readonly cipherSuites?: readonly CipherSuiteName[]
  /** Validity of a new session in seconds; capped at 24 hours (RFC 5246 §F.1.4). */
  readonly sessionLifetimeSeconds?: number
  /** Emit the NSS key log line of each connection: it opens the recorded traffic. */
  readonly keylog?: boolean
  readonly limits?: Partial<Limits>
}

export interface ServerConfig extends CommonConfig {
  readonly role: 'server'
  /** A new session ID of up to 32 bytes, not all zero; empty for a session that cannot be resumed. */
  readonly drawSessionId: (random: RandomBytes) => Uint8Array
}

export interface ClientConfig extends CommonConfig {
  readonly role: 'client'
  /** The host name to ask for and to verify; no IP address, no trailing dot (RFC 6066 §3). */
  readonly serverName?: string | undefined
  /** Whom the certificate must name and the session is bound to, if not `serverName`: an IP address, say. */
  readonly peerName?: string | undefined
  /** A session to offer. It is left out when it was made for another name, has expired or its suite is not offered. */
  readonly session?: ClientSession | undefined
  /** Offer only a session whose server was verified. */
  readonly verifiedSessionsOnly?: boolean
}

/** What a peer may cost us. */
export interface Limits {
  /** Longest handshake message, in bytes. */
  readonly maxHandshakeMessageBytes: number
  /** Warning alerts, ignored HelloRequests and refused renegotiations together, per connection. */
  readonly maxTolerated: number
  /** Empty application data records in a row. */
  readonly maxEmptyFragments: number
  /** Bytes kept while an effect is open; the adapter stops reading long before. */
  readonly maxBufferedBytes: number
}

export const defaultLimits: Limits = {
  maxHandshakeMessageBytes: 2 ** 17,
  maxTolerated: 4,
  maxEmptyFragments: 32,
  maxBufferedBytes: 2 ** 20,
}

/** Ten minutes: long enough for a visit, short enough for a stolen session. */
export const defaultSessionLifetimeSeconds = 600
