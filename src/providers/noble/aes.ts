import { cbc, gcm } from '@noble/ciphers/aes.js'
import type { Aead, Cbc } from '../../crypto/provider.ts'
import { ApiMisuse } from '../../errors.ts'

const blockLength = 16
const gcmNonceLength = 12

/**
 * AES-GCM (RFC 5288 §3) under a `key` of 16 or 32 bytes, with 12-byte nonces and 16-byte tags. Keeps a copy
 * of the key. Throws ApiMisuse for another key length, `seal` for another nonce length.
 */
export function aesGcm(key: Uint8Array): Aead {
  const ownKey = copyOfKey(key)
  return {
    seal(nonce, additionalData, plaintext) {
      wantLength('AES-GCM nonce', nonce, gcmNonceLength)
      return gcm(ownKey, nonce, additionalData).encrypt(plaintext)
    },
    open(nonce, additionalData, sealed) {
      // One outcome for everything that may be wrong with what a peer sent: too short, or a tag that does not
      // fit. noble throws in both cases, and nothing else can throw here once the lengths of ours are right.
      try {
        return gcm(ownKey, nonce, additionalData).decrypt(sealed)
      } catch {
        return undefined
      }
    },
  }
}

/**
 * AES-CBC without padding (RFC 5246 §6.2.3.2 has its own) under a `key` of 16 or 32 bytes. Keeps a copy of
 * the key. Throws ApiMisuse for another key length, for an IV that is not 16 bytes and for broken blocks:
 * the record layer has looked at the length before it decrypts.
 */
export function aesCbc(key: Uint8Array): Cbc {
  const ownKey = copyOfKey(key)
  const mode = (iv: Uint8Array, blocks: Uint8Array) => {
    wantLength('AES-CBC initialization vector', iv, blockLength)
    if (blocks.length % blockLength !== 0) {
      throw new ApiMisuse(`AES-CBC: ${blocks.length} bytes given, wanted a multiple of ${blockLength}`)
    }
    return cbc(ownKey, iv, { disablePadding: true })
  }
  return {
    encrypt: (iv, blocks) => mode(iv, blocks).encrypt(blocks),
    decrypt: (iv, blocks) => mode(iv, blocks).decrypt(blocks),
  }
}

/** A copy, so that the caller may wipe its key block and the cipher still works. */
function copyOfKey(key: Uint8Array): Uint8Array {
  if (key.length !== 16 && key.length !== 32) {
    throw new ApiMisuse(`AES: a key of ${key.length} bytes given, wanted 16 or 32`)
  }
  return Uint8Array.from(key)
}

function wantLength(what: string, bytes: Uint8Array, wanted: number): void {
  if (bytes.length !== wanted) throw new ApiMisuse(`${what}: ${bytes.length} bytes given, wanted ${wanted}`)
}
