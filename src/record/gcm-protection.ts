import { concatBytes } from '../bytes.ts'
import { TlsError } from '../errors.ts'
import { maxPlaintextBytes } from './content-type.ts'
import type { Protection, ProtectionOptions } from './protection.ts'
import { additionalData, type SequenceNumber } from './sequence-number.ts'

const explicitNonceBytes = 8
const tagBytes = 16

/**
 * AES-GCM (RFC 5246 §6.2.3.3, RFC 5288 §3): the nonce is 4 secret bytes from the key block and 8 that
 * travel. Ours are the sequence number, so that none comes twice under one key.
 */
export function gcmProtection({ provider, keys }: ProtectionOptions, sequence: SequenceNumber): Protection {
  const aead = provider.aesGcm(keys.key)
  const salt = keys.iv.slice()
  return {
    protect(contentType, fragment) {
      const number = sequence.next()
      const sealed = aead.seal(
        concatBytes(salt, number),
        additionalData(number, contentType, fragment.length),
        fragment,
      )
      return concatBytes(number, sealed)
    },

    unprotect(contentType, fragment) {
      const number = sequence.next()
      const length = fragment.length - explicitNonceBytes - tagBytes
      const nonce = concatBytes(salt, fragment.subarray(0, explicitNonceBytes))
      const plaintext =
        length < 0
          ? undefined
          : aead.open(
              nonce,
              additionalData(number, contentType, length),
              fragment.subarray(explicitNonceBytes),
            )
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
