import { concatBytes, emptyBytes } from '../bytes.ts'
import type { BulkCipher } from '../crypto/cipher-suites.ts'
import type { Aead } from '../crypto/provider.ts'
import { TlsError } from '../errors.ts'
import { maxPlaintextBytes } from './content-type.ts'
import type { Protection, ProtectionOptions } from './protection.ts'
import { additionalData, type SequenceNumber } from './sequence-number.ts'

/** Of all our AEADs (RFC 5288 §3, RFC 7905 §2). */
const tagBytes = 16

type AeadCipher = Extract<BulkCipher, { mode: 'gcm' | 'chacha20-poly1305' }>

/** What sets one AEAD's records apart from another's: the nonce, and how much of it travels. */
interface NonceRule {
  readonly explicitBytes: number
  /** The nonce of a record from the write IV, the sequence number and what travelled. */
  nonceOf(iv: Uint8Array, sequenceNumber: Uint8Array, explicit: Uint8Array): Uint8Array
  /** Records that one key may protect; `undefined` for as many as there are sequence numbers. */
  readonly maxRecords: number | undefined
}

const nonceRules: Readonly<Record<AeadCipher['mode'], NonceRule>> = {
  /**
   * RFC 5288 §3: 4 secret bytes and 8 that travel. Ours are the sequence number, so that none comes twice under one key.
   * After 2^24.5 full records an attacker's chance is no longer negligible (RFC 9325 §4.4, RFC 8446 §5.5).
   */
  gcm: {
    explicitBytes: 8,
    nonceOf: (salt, _, explicit) => concatBytes(salt, explicit),
    maxRecords: Math.floor(2 ** 24.5),
  },
  /** RFC 7905 §2: nothing travels; the sequence number, with zeros before it, is XORed into the IV. */
  'chacha20-poly1305': {
    explicitBytes: 0,
    nonceOf: (iv, sequenceNumber) => {
      const nonce = iv.slice()
      const offset = nonce.length - sequenceNumber.length
      for (let i = 0; i < sequenceNumber.length; i++) nonce[offset + i]! ^= sequenceNumber[i]!
      return nonce
    },
    maxRecords: undefined,
  },
}

/** Authenticated encryption of records (RFC 5246 §6.2.3.3): one operation for secrecy and integrity, and one way to fail. */
export function aeadProtection(
  { provider, keys }: ProtectionOptions,
  { mode }: AeadCipher,
  sequence: SequenceNumber,
): Protection {
  const aead: Aead = mode === 'gcm' ? provider.aesGcm(keys.key) : provider.chacha20Poly1305(keys.key)
  const { explicitBytes, nonceOf, maxRecords } = nonceRules[mode]
  const iv = keys.iv.slice()
  return {
    maxRecords,

    protect(contentType, fragment) {
      const number = sequence.next()
      const explicit = explicitBytes > 0 ? number : emptyBytes
      const data = additionalData(number, contentType, fragment.length)
      return concatBytes(explicit, aead.seal(nonceOf(iv, number, explicit), data, fragment))
    },

    unprotect(contentType, fragment) {
      const number = sequence.next()
      const length = fragment.length - explicitBytes - tagBytes
      const explicit = fragment.subarray(0, explicitBytes)
      const sealed = fragment.subarray(explicitBytes)
      const plaintext =
        length < 0
          ? undefined
          : aead.open(nonceOf(iv, number, explicit), additionalData(number, contentType, length), sealed)
      if (!plaintext)
        throw new TlsError('BAD_RECORD_MAC', `a record of ${fragment.length} bytes does not verify`)
      if (length > maxPlaintextBytes)
        throw new TlsError(
          'RECORD_OVERFLOW',
          `a record holds ${length} bytes, at most ${maxPlaintextBytes} are allowed`,
        )
      return plaintext
    },
  }
}
