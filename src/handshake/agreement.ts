import { type CipherSuiteName, cipherSuite } from '../crypto/cipher-suites.ts'
import { deriveExtendedMasterSecret, deriveMasterSecret, type Randoms } from '../crypto/key-schedule.ts'
import type { NamedGroup } from '../crypto/named-groups.ts'
import type { SignatureScheme } from '../crypto/signature-schemes.ts'
import { maxFragmentBytes } from '../messages/extensions/max-fragment-length.ts'
import { tls12 } from '../messages/protocol-version.ts'
import type { Secret } from '../secret.ts'
import type { Session } from '../session/session.ts'
import type { Certificate } from '../x509/certificate.ts'
import type { Established, Flow } from './flow.ts'

/** What the two hellos settled. */
export interface Agreed {
  readonly suite: CipherSuiteName
  /** As ServerHello has it: empty, new, or the echo of the offered one. */
  readonly sessionId: Uint8Array
  readonly extendedMasterSecret: boolean
  readonly encryptThenMac: boolean
  readonly secureRenegotiation: boolean
  readonly alpnProtocol: string | undefined
  /** 1 to 4, or 0 for none (RFC 6066 §4). */
  readonly maxFragmentLengthCode: number
  /** The longest plaintexts of protected records, where both sides have said theirs (RFC 8449 §4). */
  readonly recordSizeLimits: { readonly read: number; readonly write: number } | undefined
  /** Whether a NewSessionTicket has to follow (RFC 5077 §3.2). */
  readonly ticketPromised: boolean
  /** Whether a CertificateStatus may follow (RFC 6066 §8). */
  readonly statusPromised: boolean
  readonly signedCertificateTimestamps: readonly Uint8Array[]
  readonly randoms: Randoms
}

/** ServerHello was sent or received: what it settles for the records holds from here on (RFC 6066 §4: "immediately"). */
export function applyAgreement(hs: Flow, { suite, maxFragmentLengthCode, recordSizeLimits }: Agreed): void {
  hs.startSuite(suite)
  // RFC 8449 §4 limits protected records alone, but GnuTLS 3.7 refuses others too, and shorter ones are always allowed.
  if (recordSizeLimits) hs.channel.limitWrite(recordSizeLimits.write)
  limitFragments(hs, maxFragmentLengthCode)
}

/** Keeps the records of both sides to the length of this code, if it is one. */
export function limitFragments(hs: Flow, maxFragmentLengthCode: number): void {
  const limit = maxFragmentBytes(maxFragmentLengthCode)
  if (limit === undefined) return
  hs.channel.limitRead(limit)
  hs.channel.limitWrite(limit)
}

/** The master secret of a full handshake (RFC 5246 §8.1, RFC 7627 §4). Wipes the premaster secret, as RFC 5246 §8.1 asks. */
export function deriveMaster(hs: Flow, agreed: Agreed, preMasterSecret: Secret): Secret {
  const suite = cipherSuite(agreed.suite)
  const { provider } = hs.config
  try {
    // The session hash ends with ClientKeyExchange, the last message so far (RFC 7627 §3).
    return agreed.extendedMasterSecret
      ? deriveExtendedMasterSecret(provider, suite, preMasterSecret, hs.transcript.digest())
      : deriveMasterSecret(provider, suite, preMasterSecret, agreed.randoms)
  } finally {
    preMasterSecret.wipe()
  }
}

/** The session of a full handshake that just ended; its clock starts now. */
export function newSession(
  hs: Flow,
  agreed: Agreed,
  made: Pick<
    Session,
    'masterSecret' | 'serverName' | 'policyHash' | 'peerCertificate' | 'clientAuthenticated'
  > & { readonly lifetimeSeconds?: number },
): Session {
  return {
    protocolVersion: tls12,
    cipherSuite: agreed.suite,
    extendedMasterSecret: agreed.extendedMasterSecret,
    maxFragmentLengthCode: agreed.maxFragmentLengthCode,
    createdMs: hs.config.now(),
    clientRandom: agreed.randoms.clientRandom,
    serverRandom: agreed.randoms.serverRandom,
    ...made,
    lifetimeSeconds: made.lifetimeSeconds ?? hs.sessionLifetimeSeconds,
  }
}

/** Seconds that a session may live which stands for a certificate: it does not outlive it. */
export function lifetimeWithin(hs: Flow, { notAfterMs }: Certificate): number {
  const leftSeconds = Math.floor((notAfterMs - hs.config.now()) / 1000)
  return Math.max(0, Math.min(hs.sessionLifetimeSeconds, leftSeconds))
}

/** What each end of a handshake adds to what was agreed. */
export type Ended = Pick<
  Established,
  'session' | 'peerFinished' | 'resumption' | 'serverName' | 'peerCertificates' | 'verified'
> & {
  readonly sessionId?: Uint8Array
  readonly ticket?: Uint8Array | undefined
  readonly group?: NamedGroup | undefined
  readonly unnamedFieldBits?: number | undefined
  readonly serverSignatureScheme?: SignatureScheme | undefined
  readonly clientSignatureScheme?: SignatureScheme | undefined
  readonly peerSignatureSchemes?: readonly (SignatureScheme | number)[]
  readonly localCertificate?: Uint8Array | undefined
  readonly ocspResponse?: Uint8Array | undefined
}

/** The outcome of a handshake. */
export function establishedOf(agreed: Agreed, ended: Ended): Established {
  const { suite, sessionId, encryptThenMac, secureRenegotiation, alpnProtocol, randoms } = agreed
  return {
    ...{ suite, sessionId, encryptThenMac, secureRenegotiation, alpnProtocol, randoms },
    signedCertificateTimestamps: agreed.signedCertificateTimestamps,
    resumed: ended.resumption === 'hit',
    ticket: undefined,
    group: undefined,
    unnamedFieldBits: undefined,
    serverSignatureScheme: undefined,
    clientSignatureScheme: undefined,
    peerSignatureSchemes: [],
    localCertificate: undefined,
    ocspResponse: undefined,
    ...ended,
  }
}
