import { randomBytes } from '@noble/hashes/utils.js'
import type { PrivateKey, PublicKey, RandomBytes } from '../../crypto/provider.ts'
import { canSign, type SignatureScheme, signatureScheme } from '../../crypto/signature-schemes.ts'
import type { PrivateKeyComponents } from '../../x509/private-key.ts'
import { NobleEcPrivateKey, verifyEcdsa } from './ecdsa.ts'
import { NobleEd25519PrivateKey, verifyEd25519 } from './ed25519.ts'
import { verifyRsa } from './rsa.ts'
import { NobleRsaPrivateKey } from './rsa-private-key.ts'

/** Whether `signature` is one of `scheme` over `message` by `key`; false for every misfit, it does not throw. */
export function verify(
  scheme: SignatureScheme,
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (!canSign(key, scheme)) return false
  if (key.type === 'ec') return verifyEcdsa(signatureScheme(scheme), key, message, signature)
  if (key.type === 'ed25519') return verifyEd25519(key, message, signature)
  return verifyRsa(signatureScheme(scheme), key, message, signature)
}

/**
 * A private key whose operations run here and now. `random` blinds RSA, salts PSS and hedges ECDSA's nonces. The components go into
 * private fields: printing the key shows the public half only. Throws ApiMisuse for numbers that are no key.
 */
export function privateKey(components: PrivateKeyComponents, random: RandomBytes = randomBytes): PrivateKey {
  switch (components.type) {
    case 'ec':
      return new NobleEcPrivateKey(components, random)
    case 'ed25519':
      return new NobleEd25519PrivateKey(components)
    default:
      return new NobleRsaPrivateKey(components, random)
  }
}
