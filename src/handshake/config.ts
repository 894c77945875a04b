import type { CipherSuiteName } from '../crypto/cipher-suites.ts'
import type { NamedGroup } from '../crypto/named-groups.ts'
import type { CryptoProvider, RandomBytes } from '../crypto/provider.ts'
import type { SignatureScheme } from '../crypto/signature-schemes.ts'
import type { MaxFragmentLength } from '../messages/extensions/max-fragment-length.ts'
import type { ReceivedType } from '../messages/handshake.ts'
import type { ClientSession } from '../session/client-session.ts'
import type { Session } from '../session/session.ts'

/** What both roles are given. Randomness and clock are arguments, so that a flow replays byte for byte. */
export interface CommonConfig {
  readonly provider: CryptoProvider
  readonly random: RandomBytes
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** In order of preference; the provider's own order by default. */
  readonly cipherSuites?: readonly CipherSuiteName[]
  /** For (EC)DHE, in order of preference; the provider's own order by default. */
  readonly groups?: readonly NamedGroup[]
  /**
   * Signatures we take from the peer, in order of preference; the provider's without SHA-1 and SHA-224 by default (RFC 9155 §2).
   * They do not govern the certificates of a chain.
   */
  readonly signatureSchemes?: readonly SignatureScheme[]
  /** Signatures we make, in order of preference; `signatureSchemes` by default. SHA-1 and SHA-224 must be named. */
  readonly signingSchemes?: readonly SignatureScheme[]
  /** Protocols for ALPN in order of preference, one byte a character (RFC 7301 §3.1). A server without any does not answer the extension. */
  readonly alpnProtocols?: readonly string[]
  /** Refuse a peer without extended master secret (RFC 7627 §5.2). */
  readonly requireExtendedMasterSecret?: boolean
  /** The longest protected plaintext we want to receive, 64 to 16,384 bytes (RFC 8449 §4); not negotiated by default. */
  readonly recordSizeLimit?: number
  /** Validity of a new session in seconds; capped at 24 hours (RFC 5246 §F.1.4). */
  readonly sessionLifetimeSeconds?: number
  /** Emit the NSS key log line of each connection: it opens the recorded traffic. */
  readonly keylog?: boolean
  /** Hears of every message of the handshake as it is sent or read, in the clear; what it throws ends the connection. */
  readonly trace?: (message: TracedMessage) => void
  readonly limits?: Partial<Limits>
}

/** A message of the handshake, for who watches one (RFC 5246 §7.3). */
export interface TracedMessage {
  readonly sender: 'client' | 'server'
  /** The RFC's name, or the number of one that is not known here. */
  readonly type: ReceivedType | number
  /** With its header of four bytes (RFC 5246 §7.4); of ChangeCipherSpec its one byte. */
  readonly bytes: Uint8Array
}

export interface ServerConfig extends CommonConfig {
  readonly role: 'server'
  /** A new session ID of up to 32 bytes, not all zero; empty for a session that cannot be resumed. */
  readonly drawSessionId: (random: RandomBytes) => Uint8Array
  /** Whether the client is asked for a certificate, and whether it must have one (RFC 5246 §7.4.4). `none` by default. */
  readonly clientAuth?: 'none' | 'request' | 'require'
  /** Whose certificates are welcome: distinguished names in DER, for CertificateRequest. */
  readonly certificateAuthorities?: readonly Uint8Array[]
  /** The client's order of suites and groups decides, not ours. */
  readonly preferClientOrder?: boolean
  /**
   * Chooses among the protocols that the client offers, in place of `alpnProtocols`; `undefined`: none of them, which is
   * no_application_protocol (RFC 7301 §3.2); `false`: go on as if nothing had been offered.
   */
  readonly selectProtocol?: (
    offered: readonly string[],
    serverName: string | undefined,
  ) => string | false | undefined
  /** Take a ClientHello in the form of SSL 2.0, as some clients of old send it (RFC 5246 §E.2); RFC 8446 §D.5 advises against it. */
  readonly acceptV2Hello?: boolean
  /** Makes tickets (RFC 5077); without it there are none. Who opens them answers `lookupSession`. */
  readonly sealTicket?: (session: Session, random: RandomBytes) => Uint8Array
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
  /**
   * Let data be written as soon as our own Finished is, one round trip earlier, where the suite is strong enough (RFC 7918). Until the
   * server's Finished is verified nobody vouches that the two hellos were not tampered with. Off by default.
   */
  readonly falseStart?: boolean
  /** Ask for session tickets (RFC 5077 §3.2). */
  readonly tickets?: boolean
  /** Ask for a stapled OCSP response (RFC 6066 §8). */
  readonly requestOcspResponse?: boolean
  /** Ask for certificate timestamps (RFC 6962 §3.3.1). */
  readonly requestSignedCertificateTimestamps?: boolean
  /** Ask for shorter records (RFC 6066 §4). */
  readonly maxFragmentLength?: MaxFragmentLength
  /** This is a second try after a better version was refused (RFC 7507 §4). */
  readonly fallback?: boolean
  /** Refuse a server without renegotiation_info (RFC 9325 §3.5). */
  readonly requireSecureRenegotiation?: boolean
  /** Take no notice of a HelloRequest after the handshake, in place of no_renegotiation (RFC 5246 §7.4.1.1 allows both). */
  readonly ignoreHelloRequests?: boolean
}

/** What a peer may cost us. */
export interface Limits {
  /** Longest handshake message, in bytes. */
  readonly maxHandshakeMessageBytes: number
  /** All messages of the peer in one handshake together, headers included, in bytes. */
  readonly maxHandshakeBytes: number
  /** Messages of the peer in one handshake. */
  readonly maxHandshakeMessages: number
  /** Warning alerts, ignored HelloRequests and refused renegotiations together, per connection. */
  readonly maxTolerated: number
  /** Empty application data records in a row. */
  readonly maxEmptyFragments: number
  /** Bytes kept while an effect is open; the adapter stops reading long before. */
  readonly maxBufferedBytes: number
}

export const defaultLimits: Limits = {
  // The longest ClientHello there can be has 131,396 bytes: 2^16 - 2 of suites and 2^16 - 1 of extensions are most of it.
  maxHandshakeMessageBytes: 2 ** 17 + 2 ** 10,
  maxHandshakeBytes: 2 ** 18,
  maxHandshakeMessages: 32,
  maxTolerated: 4,
  maxEmptyFragments: 32,
  maxBufferedBytes: 2 ** 20,
}

/** Ten minutes: long enough for a visit, short enough for a stolen session. */
export const defaultSessionLifetimeSeconds = 600
