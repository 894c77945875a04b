/**
 * A session on its way to a storing node, which never sees what is in it:
 *
 *     u8 version | u32 key epoch | 12 nonce | ciphertext | 16 tag
 *
 * AES-256-GCM under the epoch's seal key; the version says over what: 1 over the bytes of session-record.ts, 2 over
 * those of openssl-session.ts. The additional data is version, epoch and storage key, so that a record put in
 * another's place does not open, nor as one of another version.
 */
import { concatBytes } from '../bytes.ts'
import type { RandomBytes } from '../crypto/provider.ts'
import { TlsError } from '../errors.ts'
import type { Lookup, MissReason } from '../handshake/effects.ts'
import type { Session } from '../session/session.ts'
import { decodeSession, encodeSession, sessionRecordVersion } from '../session/session-record.ts'
import { Writer } from '../wire/writer.ts'
import type { EpochKeys } from './epoch-keys.ts'
import type { ClusterKeys } from './keys.ts'
import { uint32At } from './placement/placement.ts'

/** The most a storing node takes. */
export const maxSealedBytes = 4096

const versions = { session: 1, opensslSession: 2 } as const
/** What is under the seal. */
export type SealedKind = keyof typeof versions

const headBytes = 5
const nonceBytes = 12
const tagBytes = 16

/** What a record is sealed with. */
export interface Sealing {
  readonly keys: EpochKeys
  /** The place it is for, 32 bytes. */
  readonly storageKey: Uint8Array
  /** For the nonce. */
  readonly random: RandomBytes
}

/** What a record is opened with. */
export interface Opening {
  readonly keys: ClusterKeys
  readonly storageKey: Uint8Array
  readonly nowMs: number
}

/**
 * Seals a session. Encoded bytes are wiped. The session's peer certificate is at most `maxPeerCertificateBytes`
 * long, so the result is below 4096 bytes.
 */
export function sealSession(session: Session, sealing: Sealing): Uint8Array {
  const plaintext = encodeSession(session)
  try {
    return sealPlaintext('session', plaintext, sealing)
  } finally {
    plaintext.fill(0)
  }
}

/**
 * Opens what a store gave for `storageKey`; never throws on bytes of any sort. Misses: those of `openPlaintext`,
 * 'miss' for a session's version that another release wrote, 'error' for a good seal over what is no session, which
 * is a fault of our own. Expiry is the caller's to check.
 */
export function openSession(sealed: Uint8Array, opening: Opening): Lookup {
  const opened = openPlaintext('session', sealed, opening)
  if ('miss' in opened) return opened
  try {
    return readPlaintext(opened.plaintext)
  } finally {
    opened.plaintext.fill(0)
  }
}

/** Seals at most 4063 bytes, which are the caller's to wipe. */
export function sealPlaintext(
  kind: SealedKind,
  plaintext: Uint8Array,
  { keys, storageKey, random }: Sealing,
): Uint8Array {
  const head = headOf(kind, keys.epoch)
  const nonce = random(nonceBytes)
  return concatBytes(head, nonce, keys.sealing.seal(nonce, concatBytes(head, storageKey), plaintext))
}

/**
 * What is under the seal, to be wiped by the caller. Misses: 'miss' for a version that is another kind's or another
 * release's, 'epoch' for a key epoch not known here, 'auth' for a seal that does not fit.
 */
export function openPlaintext(
  kind: SealedKind,
  sealed: Uint8Array,
  { keys, storageKey, nowMs }: Opening,
): { readonly plaintext: Uint8Array } | { readonly miss: MissReason } {
  if (sealed.length < headBytes + nonceBytes + tagBytes || sealed.length > maxSealedBytes)
    return { miss: 'auth' }
  if (sealed[0] !== versions[kind]) return { miss: 'miss' }
  const epochKeys = keys.ofEpoch(uint32At(sealed, 1), nowMs)
  if (epochKeys === undefined) return { miss: 'epoch' }
  const nonce = sealed.subarray(headBytes, headBytes + nonceBytes)
  const additionalData = concatBytes(sealed.subarray(0, headBytes), storageKey)
  const plaintext = epochKeys.sealing.open(nonce, additionalData, sealed.subarray(headBytes + nonceBytes))
  return plaintext === undefined ? { miss: 'auth' } : { plaintext }
}

function readPlaintext(plaintext: Uint8Array): Lookup {
  if (plaintext[0] !== sessionRecordVersion) return { miss: 'miss' }
  try {
    return { session: decodeSession(plaintext) }
  } catch (error) {
    if (error instanceof TlsError) return { miss: 'error' }
    throw error
  }
}

function headOf(kind: SealedKind, epoch: number): Uint8Array {
  const writer = new Writer()
  writer.uint(versions[kind], 1)
  writer.uint(epoch, 4)
  return writer.finish()
}
