import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import type { Aead } from '../../crypto/provider.ts'
import { ApiMisuse } from '../../errors.ts'

const keyLength = 32
const nonceLength = 12

/**
 * ChaCha20-Poly1305 (RFC 8439 §2.8) under a `key` of 32 bytes, with 12-byte nonces and 16-byte tags. Keeps a copy
 * of the key. Throws ApiMisuse for another key length, `seal` for another nonce length.
 */
export function chacha20Poly1305(key: Uint8Array): Aead {
  if (key.length !== keyLength)
    throw new ApiMisuse(`ChaCha20: a key of ${key.length} bytes given, wanted ${keyLength}`)
  const ownKey = Uint8Array.from(key)
  return {
    seal(nonce, additionalData, plaintext) {
      if (nonce.length !== nonceLength)
        throw new ApiMisuse(`ChaCha20-Poly1305 nonce: ${nonce.length} bytes given, wanted ${nonceLength}`)
      return chacha20poly1305(ownKey, nonce, additionalData).encrypt(plaintext)
    },
    open(nonce, additionalData, sealed) {
      // As in aes.ts: one outcome for everything that may be wrong with what a peer sent.
      try {
        return chacha20poly1305(ownKey, nonce, additionalData).decrypt(sealed)
      } catch {
        return undefined
      }
    },
  }
}
