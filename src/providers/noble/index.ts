import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { preferredSuites } from '../../crypto/cipher-suites.ts'
import { preferredGroups } from '../../crypto/named-groups.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import { preferredSignatureSchemes } from '../../crypto/signature-schemes.ts'
import { aesCbc, aesGcm } from './aes.ts'
import { chacha20Poly1305 } from './chacha20-poly1305.ts'
import { startHash, startHmac } from './hash.ts'
import { keyShare } from './key-share.ts'
import { encryptPkcs1 } from './rsa.ts'
import { verify } from './signature.ts'

export { privateKey } from './signature.ts'

/**
 * Every primitive in TypeScript and JavaScript, from the noble libraries and BigInt: the default everywhere.
 * Table-driven AES and BigInt are not constant-time against somebody on the same machine; SECURITY.md says so.
 */
export const nobleProvider: CryptoProvider = {
  name: 'noble',
  // ChaCha20 is 3.6 times as fast as AES-128 here, and AES-256 takes 4 rounds more.
  cipherSuites: preferredSuites(['chacha20-poly1305', 'aes-128-gcm', 'aes-256-gcm']),
  groups: preferredGroups,
  signatureSchemes: preferredSignatureSchemes,
  hash: startHash,
  hmac: startHmac,
  aesGcm,
  chacha20Poly1305,
  aesCbc,
  hkdfSha256: (secret, salt, info, length) => hkdf(sha256, secret, salt, info, length),
  encryptPkcs1,
  keyShare,
  verify,
}
