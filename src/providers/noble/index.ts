import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import type { CryptoProvider } from '../../crypto/provider.ts'
import { aesCbc, aesGcm } from './aes.ts'
import { startHash, startHmac } from './hash.ts'
import { encryptPkcs1, verifyPkcs1 } from './rsa.ts'

export { rsaPrivateKey } from './rsa.ts'

/**
 * Every primitive in TypeScript and JavaScript, from the noble libraries and BigInt: the default everywhere.
 * Table-driven AES and BigInt are not constant-time against somebody on the same machine; SECURITY.md says so.
 */
export const nobleProvider: CryptoProvider = {
  name: 'noble',
  // Authenticated encryption first, then the stronger hash; AES-128 before AES-256, which costs 4 rounds more.
  cipherSuites: [
    'TLS_RSA_WITH_AES_128_GCM_SHA256',
    'TLS_RSA_WITH_AES_256_GCM_SHA384',
    'TLS_RSA_WITH_AES_128_CBC_SHA256',
    'TLS_RSA_WITH_AES_256_CBC_SHA256',
    'TLS_RSA_WITH_AES_128_CBC_SHA',
    'TLS_RSA_WITH_AES_256_CBC_SHA',
  ],
  hash: startHash,
  hmac: startHmac,
  aesGcm,
  aesCbc,
  hkdfSha256: (secret, salt, info, length) => hkdf(sha256, secret, salt, info, length),
  rsa: { encryptPkcs1, verifyPkcs1 },
}
