import {
  type CipherGCMTypes,
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  hkdfSync,
  type Hash as NodeHash,
  publicEncrypt,
  verify,
} from 'node:crypto'
import { cipherSuiteNames } from '../../src/crypto/cipher-suites.ts'
import { namedGroupNames } from '../../src/crypto/named-groups.ts'
import type { Aead, Cbc, CryptoProvider, Hash, HashAlgorithm } from '../../src/crypto/provider.ts'
import { canSign, signatureScheme, signatureSchemeNames } from '../../src/crypto/signature-schemes.ts'
import { nodeKeyShare } from './node-key-share.ts'
import { nodePublicKey } from './node-keys.ts'

/** A second provider, over node:crypto, so that no test rests on one implementation of the primitives. */
export const nodeCryptoProvider: CryptoProvider = {
  name: 'node:crypto (test)',
  cipherSuites: cipherSuiteNames,
  groups: namedGroupNames,
  signatureSchemes: signatureSchemeNames,
  hash: algorithm => runningHash(createHash(algorithm)),
  hmac: keyedHmac,
  aesGcm: key => aead(key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm', key),
  chacha20Poly1305: key => aead('chacha20-poly1305', key),
  aesCbc,
  hkdfSha256: (secret, salt, info, length) => new Uint8Array(hkdfSync('sha256', secret, salt, info, length)),
  encryptPkcs1(key, message) {
    const padding = constants.RSA_PKCS1_PADDING
    return Uint8Array.from(publicEncrypt({ key: nodePublicKey(key), padding }, message))
  },
  keyShare: nodeKeyShare,
  verify(scheme, key, message, signature) {
    const { algorithm, hash } = signatureScheme(scheme)
    if (!canSign(key, scheme)) return false
    const pss = {
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    }
    const options = algorithm === 'pss' ? pss : {}
    return verify(hash, message, { key: nodePublicKey(key), ...options }, signature)
  },
}

function runningHash(state: NodeHash): Hash {
  const running: Hash = {
    update(bytes) {
      state.update(bytes)
      return running
    },
    digest: () => Uint8Array.from(state.digest()),
    clone: () => runningHash(state.copy()),
  }
  return running
}

/** HMAC written out (RFC 2104 §2), since the one of node:crypto cannot be copied. */
function keyedHmac(algorithm: HashAlgorithm, key: Uint8Array): Hash {
  const blockLength = algorithm === 'sha384' || algorithm === 'sha512' ? 128 : 64
  const block = new Uint8Array(blockLength)
  block.set(key.length > blockLength ? createHash(algorithm).update(key).digest() : key)
  const inner = createHash(algorithm).update(block.map(byte => byte ^ 0x36))
  const outer = createHash(algorithm).update(block.map(byte => byte ^ 0x5c))
  return runningHmac(inner, outer)
}

function runningHmac(inner: NodeHash, outer: NodeHash): Hash {
  const running: Hash = {
    update(bytes) {
      inner.update(bytes)
      return running
    },
    digest: () => Uint8Array.from(outer.copy().update(inner.digest()).digest()),
    clone: () => runningHmac(inner.copy(), outer),
  }
  return running
}

function aead(algorithm: CipherGCMTypes | 'chacha20-poly1305', givenKey: Uint8Array): Aead {
  // The caller may wipe his.
  const key = Uint8Array.from(givenKey)
  const options = { authTagLength: 16 }
  return {
    seal(nonce, additionalData, plaintext) {
      const cipher = createCipheriv(algorithm as 'chacha20-poly1305', key, nonce, options)
      cipher.setAAD(additionalData, { plaintextLength: plaintext.length })
      return Uint8Array.from(Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]))
    },
    open(nonce, additionalData, sealed) {
      if (sealed.length < 16) return undefined
      const decipher = createDecipheriv(algorithm as 'chacha20-poly1305', key, nonce, options)
      decipher.setAAD(additionalData, { plaintextLength: sealed.length - 16 })
      decipher.setAuthTag(sealed.subarray(sealed.length - 16))
      const plaintext = decipher.update(sealed.subarray(0, sealed.length - 16))
      try {
        decipher.final()
      } catch {
        return undefined
      }
      return Uint8Array.from(plaintext)
    },
  }
}

function aesCbc(givenKey: Uint8Array): Cbc {
  const key = Uint8Array.from(givenKey)
  const algorithm = `aes-${key.length * 8}-cbc`
  return {
    encrypt(iv, blocks) {
      const cipher = createCipheriv(algorithm, key, iv).setAutoPadding(false)
      return Uint8Array.from(Buffer.concat([cipher.update(blocks), cipher.final()]))
    },
    decrypt(iv, blocks) {
      const decipher = createDecipheriv(algorithm, key, iv).setAutoPadding(false)
      return Uint8Array.from(Buffer.concat([decipher.update(blocks), decipher.final()]))
    },
  }
}
