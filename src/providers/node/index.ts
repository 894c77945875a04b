import { hkdfSync } from 'node:crypto'
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
 * Every primitive from node:crypto, that is, OpenSSL: an order of magnitude faster than `nobleProvider` and constant-time where
 * OpenSSL is. For those who ask for it; it runs in Node alone.
 */
export const nodeProvider: CryptoProvider = {
  name: 'node',
  // As in providers/noble, but for the order of the AEADs: with AES in hardware, AES-128-GCM is the fastest.
  cipherSuites: [
    'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
    'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
    'TLS_DHE_RSA_WITH_AES_128_GCM_SHA256',
    'TLS_DHE_RSA_WITH_AES_256_GCM_SHA384',
    'TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
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
  hkdfSha256: (secret, salt, info, length) => new Uint8Array(hkdfSync('sha256', secret, salt, info, length)),
  encryptPkcs1,
  keyShare,
  verify,
}
