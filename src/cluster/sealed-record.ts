/**
 * A session on its way to a storing node, which never sees what is in it:
 *
 *     u8 version | u32 key epoch | 12 nonce | ciphertext | 16 tag
 *
 * AES-256-GCM under the epoch's seal key over the bytes of session-record.ts. The additional data is version,
 * epoch and storage key, so that a record put in another's place does not open.
 */
import { concatBytes } from '../bytes.ts'
import type { RandomBytes } from '../crypto/provider.ts'
import { TlsError } from '../errors.ts'
import type { Lookup } from '../handshake/effects.ts'
import type { Session } from '../session/session.ts'
import { decodeSession, encodeSession, sessionRecordVersion } from '../session/session-record.ts'
import { Writer } from '../wire/writer.ts'
import type { EpochKeys } from './epoch-keys.ts'
import type { ClusterKeys } from './keys.ts'
import { uint32At } from './placement/placement.ts'

/** The most a storing node takes. */
export const maxSealedBytes = 4096

const sealedVersion = 1
const headBytes = 5
const nonceBytes = 12
const tagBytes = 16

/**
 * Seals a session for the place `storageKey`, 32 bytes; `random` gives the nonce. Encoded bytes are wiped. The
 * session's peer certificate is at most `maxPeerCertificateBytes` long, so the result is below 4096 bytes.
 */
export function sealSession(
  session: Session,
  { keys, storageKey, random }: { keys: EpochKeys; storageKey: Uint8Array; random: RandomBytes },
): Uint8Array {
  const plaintext = encodeSession(session)
  try {
    const head = headOf(keys.epoch)
    const nonce = random(nonceBytes)
    return concatBytes(head, nonce, keys.sealing.seal(nonce, concatBytes(head, storageKey), plaintext))
  } finally {
    plaintext.fill(0)
  }
}

/**
 * Opens what a store gave for `storageKey`; never throws on bytes of any sort. Misses: 'miss' for a version of
 * seal or session that another release wrote, 'epoch' for a key epoch not known here, 'auth' for a seal that
 * does not fit, 'error' for a good seal over what is no session, which is a fault of our own. Expiry is the
 * caller's to check.
 */
export function openSession(
  sealed: Uint8Array,
  { keys, storageKey, nowMs }: { keys: ClusterKeys; storageKey: Uint8Array; nowMs: number },
): Lookup {
  if (sealed.length < headBytes + nonceBytes + tagBytes || sealed.length > maxSealedBytes)
    return { miss: 'auth' }
  if (sealed[0] !== sealedVersion) return { miss: 'miss' }
  const epochKeys = keys.ofEpoch(uint32At(sealed, 1), nowMs)
  if (epochKeys === undefined) return { miss: 'epoch' }
  const nonce = sealed.subarray(headBytes, headBytes + nonceBytes)
  const additionalData = concatBytes(sealed.subarray(0, headBytes), storageKey)
  const plaintext = epochKeys.sealing.open(nonce, additionalData, sealed.subarray(headBytes + nonceBytes))
  if (plaintext === undefined) return { miss: 'auth' }
  try {
    return readPlaintext(plaintext)
  } finally {
    plaintext.fill(0)
  }
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

function headOf(epoch: number): Uint8Array {
  const writer = new Writer()
  writer.uint(sealedVersion, 1)
  writer.uint(epoch, 4)
  return writer.finish()
}
