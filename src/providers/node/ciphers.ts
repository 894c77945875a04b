import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { Aead, Cbc } from '../../crypto/provider.ts'
import { ApiMisuse } from '../../errors.ts'

const blockLength = 16
const nonceLength = 12
const tagLength = 16

/**
 * AES-GCM (RFC 5288 §3) under a `key` of 16 or 32 bytes, with 12-byte nonces and 16-byte tags. Keeps a copy
 * of the key. Throws ApiMisuse for another key length, `seal` for another nonce length.
 */
export function aesGcm(key: Uint8Array): Aead {
  wantAesKey(key)
  return aead(key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm', key)
}

/**
 * ChaCha20-Poly1305 (RFC 8439 §2.8) under a `key` of 32 bytes, with 12-byte nonces and 16-byte tags. Keeps a copy
 * of the key. Throws ApiMisuse for another key length, `seal` for another nonce length.
 */
export function chacha20Poly1305(key: Uint8Array): Aead {
  wantLength('ChaCha20 key', key, 32)
  return aead('chacha20-poly1305', key)
}

/** Any of the three, all of which node:crypto handles alike; its types have an overload for each. */
function aead(name: 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305', key: Uint8Array): Aead {
  const algorithm = name as 'chacha20-poly1305'
  const ownKey = Uint8Array.from(key) // The caller may wipe his.
  const options = { authTagLength: tagLength }
  return {
    seal(nonce, additionalData, plaintext) {
      wantLength(`${name} nonce`, nonce, nonceLength)
      const cipher = createCipheriv(algorithm, ownKey, nonce, options)
      cipher.setAAD(additionalData, { plaintextLength: plaintext.length })
      const sealed = new Uint8Array(plaintext.length + tagLength)
      sealed.set(cipher.update(plaintext))
      cipher.final()
      sealed.set(cipher.getAuthTag(), plaintext.length)
      return sealed
    },
    open(nonce, additionalData, sealed) {
      const length = sealed.length - tagLength
      if (nonce.length !== nonceLength || length < 0) return undefined
      const decipher = createDecipheriv(algorithm, ownKey, nonce, options)
      decipher.setAAD(additionalData, { plaintextLength: length })
      decipher.setAuthTag(sealed.subarray(length))
      const plaintext = Uint8Array.from(decipher.update(sealed.subarray(0, length)))
      // The lengths are right, so that nothing but the tag can be wrong here.
      try {
        decipher.final()
        return plaintext
      } catch {
        plaintext.fill(0)
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
  wantAesKey(key)
  const ownKey = Uint8Array.from(key)
  const algorithm = `aes-${8 * key.length}-cbc`
  const run = (
    create: typeof createCipheriv | typeof createDecipheriv,
    iv: Uint8Array,
    blocks: Uint8Array,
  ) => {
    wantLength('AES-CBC initialization vector', iv, blockLength)
    if (blocks.length % blockLength !== 0) {
      throw new ApiMisuse(`AES-CBC: ${blocks.length} bytes given, wanted a multiple of ${blockLength}`)
    }
    // Whole blocks and no padding: all of them come out of `update`, and `final` would have nothing to add.
    return Uint8Array.from(create(algorithm, ownKey, iv).setAutoPadding(false).update(blocks))
  }
  return {
    encrypt: (iv, blocks) => run(createCipheriv, iv, blocks),
    decrypt: (iv, blocks) => run(createDecipheriv, iv, blocks),
  }
}

function wantAesKey({ length }: Uint8Array): void {
  if (length !== 16 && length !== 32)
    throw new ApiMisuse(`AES: a key of ${length} bytes given, wanted 16 or 32`)
}

function wantLength(what: string, { length }: Uint8Array, wanted: number): void {
  if (length !== wanted) throw new ApiMisuse(`${what}: ${length} bytes given, wanted ${wanted}`)
}
