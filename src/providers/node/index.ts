import { hkdfSync } from 'node:crypto'
import { preferredSuites } from '../../crypto/cipher-suites.ts'
import { preferredGroups } from '../../crypto/named-groups.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import { preferredSignatureSchemes } from '../../crypto/signature-schemes.ts'
import { aesCbc, aesGcm, chacha20Poly1305 } from './ciphers.ts'
import { startHash, startHmac } from './hash.ts'
import { keyShare } from './key-share.ts'
import { encryptPkcs1 } from './rsa.ts'
import { verify } from './signature.ts'

export { privateKey, privateKeyOf } from './private-key.ts'

/**
 * Every primitive from node:crypto, that is, OpenSSL: several times as fast as `nobleProvider`, and constant-time where
 * OpenSSL is. For those who ask for it; it runs in Node alone.
 */
export const nodeProvider: CryptoProvider = {
  name: 'node',
  // With AES in hardware, AES-128-GCM is the fastest.
  cipherSuites: preferredSuites(['aes-128-gcm', 'aes-256-gcm', 'chacha20-poly1305']),
  groups: preferredGroups,
  signatureSchemes: preferredSignatureSchemes,
  hash: startHash,
  hmac: startHmac,
  aesGcm,
  chacha20Poly1305,
  aesCbc,
  hkdfSha256: (secret, salt, info, length) => new Uint8Array(hkdfSync('sha256', secret, salt, info, length)),
  encryptPkcs1,
  keyShare,
  verify,
}
