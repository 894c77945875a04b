/**
 * The questions a handshake may ask, and the only place with a bare `yield`. Commands are calls, questions
 * are yields: whatever the handshake must wait for is listed here, and nothing else can suspend it.
 */
import type { CipherSuiteName } from '../crypto/cipher-suites.ts'
import type { PrivateKey, RsaPublicKey } from '../crypto/provider.ts'
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

/** A session, or why there is none. */
export type Lookup = { readonly session: Session } | { readonly miss: MissReason }

/** Under which terms a virtual host resumes: sessions of other terms are not taken. */
export interface Policy {
  /** 16 bytes over virtual host, client authentication and its authorities. */
  readonly policyHash: Uint8Array
  readonly resumable: boolean
}

interface Questions {
  /** The peer's next message, of one of these types. The connection answers it from its records. */
  receive: { ask: { readonly expected: readonly ReceivedType[] }; answer: ReceivedMessage }
  selectPolicy: { ask: { readonly serverName: string | undefined }; answer: Policy }
  lookupSession: { ask: { readonly sessionId: Uint8Array }; answer: Lookup }
  selectCertificate: {
    ask: { readonly serverName: string | undefined; readonly cipherSuites: readonly CipherSuiteName[] }
    answer: CertifiedKey | undefined
  }
  /** The raw RSA block, or `undefined` for a refusal, which counts as a bad padding (RFC 5246 §7.4.7.1). */
  decryptPreMaster: {
    ask: { readonly key: PrivateKey; readonly ciphertext: Uint8Array }
    answer: Uint8Array | undefined
  }
  verifyCertificate: {
    /** `chain` is leaf first and not empty; `peerName` is a host name, an IP address, or '' for nobody in particular. */
    ask: { readonly chain: readonly Certificate[]; readonly peerName: string }
    answer: VerifiedPeer
  }
}

/** The server's key, and whether its certificate was verified or merely accepted. */
export interface VerifiedPeer {
  readonly publicKey: RsaPublicKey
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
