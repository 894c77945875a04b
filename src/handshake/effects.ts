/**
 * The questions a handshake may ask, and the only place with a bare `yield`. Commands are calls, questions
 * are yields: whatever the handshake must wait for is listed here, and nothing else can suspend it.
 */
import type { CipherSuiteName } from '../crypto/cipher-suites.ts'
import type { NamedGroup } from '../crypto/named-groups.ts'
import type { PrivateKey, PublicKey } from '../crypto/provider.ts'
import type { SignatureScheme } from '../crypto/signature-schemes.ts'
import type { ReceivedMessage, ReceivedType } from '../messages/handshake.ts'
import type { Session } from '../session/session.ts'
import type { Certificate } from '../x509/certificate.ts'
import type { CertifiedKey } from '../x509/certified-key.ts'

/**
 * How the question "may this hello resume?" was answered. `hit` resumed; `no_id` offered nothing; every other
 * word is the reason of a full handshake.
 */
export type ResumptionResult = 'hit' | 'no_id' | MissReason
export type MissReason =
  /** The ID is ours, but nobody has the session: evicted, forgotten, or its node restarted. */
  | 'miss'
  | 'expired'
  /** Not an ID that this cluster drew: dismissed without a look-up. */
  | 'foreign_id'
  /** The ID's key epoch is not known here. */
  | 'epoch'
  /** The stored record did not open under the cluster's key. */
  | 'auth'
  | 'policy'
  | 'server_name'
  | 'ems'
  | 'suite'
  | 'timeout'
  | 'breaker'
  | 'error'

/** A session, or why there is none. `renew`: its ticket is of a key that is on its way out, and a new one should be made (RFC 5077 §3.3). */
export type Lookup = { readonly session: Session; readonly renew?: boolean } | { readonly miss: MissReason }

/** Under which terms a virtual host resumes: sessions of other terms are not taken. */
export interface Policy {
  /** 16 bytes over virtual host, client authentication and its authorities. */
  readonly policyHash: Uint8Array
  readonly resumable: boolean
  /** Whether the name made a difference: then ServerHello says so (RFC 6066 §3). It did, by default. */
  readonly usesServerName?: boolean
  /** Whose client certificates are welcome under this name, distinguished names in DER; the configuration's by default (RFC 5246 §7.4.4). */
  readonly certificateAuthorities?: readonly Uint8Array[]
}

interface Questions {
  /** The peer's next message, of one of these types. The connection answers it from its records. */
  receive: { ask: { readonly expected: readonly ReceivedType[] }; answer: ReceivedMessage }
  selectPolicy: { ask: { readonly serverName: string | undefined }; answer: Policy }
  /** By the ID, or by the ticket, which then decides alone (RFC 5077 §3.4). */
  lookupSession: {
    ask: { readonly sessionId: Uint8Array } | { readonly ticket: Uint8Array }
    answer: Lookup
  }
  selectCertificate: { ask: CertificateWanted; answer: CertifiedKey | undefined }
  /** A signature of `scheme` over `content` itself, not over its hash. */
  sign: {
    ask: { readonly key: PrivateKey; readonly scheme: SignatureScheme; readonly content: Uint8Array }
    answer: Uint8Array
  }
  /** The raw RSA block, or `undefined` for a refusal, which counts as a bad padding (RFC 5246 §7.4.7.1). */
  decryptPreMaster: {
    ask: { readonly key: PrivateKey; readonly ciphertext: Uint8Array }
    answer: Uint8Array | undefined
  }
  verifyCertificate: { ask: ChainToJudge; answer: VerifiedPeer }
}

/** What a certificate must be good for. `usableSuites` of certificate-choice.ts judges one by it. */
export interface CertificateWanted {
  readonly role: 'client' | 'server'
  readonly serverName: string | undefined
  /** Server: those that both sides can do, the best first. Client: the one that the server selected. */
  readonly cipherSuites: readonly CipherSuiteName[]
  /** The peer's curves, for a key on one of them (RFC 8422 §5.1.1); `undefined` when it named none: any. */
  readonly groups: readonly (NamedGroup | number)[] | undefined
  /** Signatures that the peer takes (RFC 5246 §7.4.1.4.1, §7.4.4). */
  readonly schemes: readonly (SignatureScheme | number)[]
  /** Those that we make, the best first. */
  readonly signingSchemes: readonly SignatureScheme[]
  /** Server: whether the client asks for a stapled OCSP response (RFC 6066 §8). */
  readonly wantsOcspResponse?: boolean
  /** Client: ClientCertificateType of CertificateRequest. */
  readonly certificateTypes?: readonly (string | number)[]
  /** Client: the authorities the server would like, distinguished names in DER; empty for any (RFC 5246 §7.4.4). */
  readonly authorities?: readonly Uint8Array[]
}

/** A chain as the peer sent it, and what it came with. */
export interface ChainToJudge {
  /** Leaf first, and not empty. */
  readonly chain: readonly Certificate[]
  /** A host name, an IP address, or '' for nobody in particular. */
  readonly peerName: string
  /** Whose chain it is: a server's, or a client's. */
  readonly usage: 'serverAuth' | 'clientAuth'
  /** DER, as stapled by the server (RFC 6066 §8). */
  readonly ocspResponse: Uint8Array | undefined
  /** As the server's extension had them (RFC 6962 §3.3). */
  readonly signedCertificateTimestamps: readonly Uint8Array[]
}

/** The peer's key, and whether its certificate was verified or merely accepted. */
export interface VerifiedPeer {
  readonly publicKey: PublicKey
  readonly verified: boolean
}

export type QuestionKind = keyof Questions
export type Ask<K extends QuestionKind> = { readonly kind: K } & Questions[K]['ask']
export type Answer<K extends QuestionKind> = Questions[K]['answer']

/** One open question; its `kind` says what may answer it. */
export type Request = { [K in QuestionKind]: Ask<K> }[QuestionKind]
/** What the driver answers; `receive` is answered by the connection itself. */
export type Effect = Exclude<Request, Ask<'receive'>>

/** A handshake that ends with a T. It can only be suspended by `ask`. */
export type Handshake<T> = Generator<Request, T, unknown>

/** Asks one question and waits for its answer. */
export function* ask<K extends QuestionKind>(question: Ask<K>): Handshake<Answer<K>> {
  return (yield question as Request) as Answer<K>
}
