import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
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
  // Forward secrecy first, on curves before in finite fields; authenticated encryption, of which ChaCha20 is 3.6 times as
  // fast as AES-128 here, and AES-256 takes 4 rounds more; then CBC, the stronger hash first.
  cipherSuites: [
    'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
    'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
    'TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
    'TLS_DHE_RSA_WITH_AES_128_GCM_SHA256',
    'TLS_DHE_RSA_WITH_AES_256_GCM_SHA384',
    'TLS_RSA_WITH_AES_128_GCM_SHA256',
    'TLS_RSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256',
    'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384',
    'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384',
    'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA',
    'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA',
    'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA',
    'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA',
    'TLS_DHE_RSA_WITH_AES_128_CBC_SHA256',
    'TLS_DHE_RSA_WITH_AES_256_CBC_SHA256',
    'TLS_DHE_RSA_WITH_AES_128_CBC_SHA',
    'TLS_DHE_RSA_WITH_AES_256_CBC_SHA',
    'TLS_RSA_WITH_AES_128_CBC_SHA256',
    'TLS_RSA_WITH_AES_256_CBC_SHA256',
    'TLS_RSA_WITH_AES_128_CBC_SHA',
    'TLS_RSA_WITH_AES_256_CBC_SHA',
  ],
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
