import { createPublicKey, type KeyObject, randomFillSync } from 'node:crypto'
import { isScalar } from '../../crypto/elliptic-curves.ts'
import type { PrivateKey, PublicKey, RandomBytes } from '../../crypto/provider.ts'
import { ApiMisuse } from '../../errors.ts'
import { Tag, wholeValue } from '../../x509/der.ts'
import { keyAlgorithmName } from '../../x509/object-identifiers.ts'
import type { EcKeyComponents, Ed25519KeyComponents, PrivateKeyComponents } from '../../x509/private-key.ts'
import { rsaPublicKey } from '../../x509/rsa-private-key.ts'
import { readSubjectPublicKey } from '../../x509/subject-public-key.ts'
import { curvePrivateKeyInfo, ecPrivateKey, rsaPrivateKey } from './der.ts'
import { takePrivateKey } from './key-object.ts'
import { NodeRsaPrivateKey } from './rsa.ts'
import { NodeSigningKey } from './signature.ts'

const ownRandom: RandomBytes = length => randomFillSync(new Uint8Array(length))

/**
 * A private key whose operations run here and now, in OpenSSL. `random` salts PSS; blinding and the nonces of ECDSA are OpenSSL's own.
 * Printing the key shows the public half only. Throws ApiMisuse for numbers that are no key.
 */
export function privateKey(components: PrivateKeyComponents, random: RandomBytes = ownRandom): PrivateKey {
  switch (components.type) {
    case 'ec':
      return ecKey(components)
    case 'ed25519':
      return ed25519Key(components)
    default: {
      const publicKey = rsaPublicKey(components)
      return new NodeRsaPrivateKey(takePrivateKey(rsaPrivateKey(components), 'pkcs1'), publicKey, random)
    }
  }
}

/**
 * A private key of node:crypto as it is: it is used where it is, and not exported. `random` salts the PSS signatures of an RSA key.
 * Throws ApiMisuse for a key that is not private, or of a type that TLS does not do here.
 */
export function privateKeyOf(key: KeyObject, random: RandomBytes = ownRandom): PrivateKey {
  if (key.type !== 'private')
    throw new ApiMisuse(`private key: a KeyObject of type ${key.type} came, wanted one of type private`)
  const publicKey = publicKeyOf(key)
  return key.asymmetricKeyType === 'rsa' && publicKey.type === 'rsa'
    ? new NodeRsaPrivateKey(key, publicKey, random)
    : new NodeSigningKey(key, publicKey)
}

function ecKey({ curve, privateKey }: EcKeyComponents): PrivateKey {
  if (!isScalar(curve, privateKey.reveal()))
    throw new ApiMisuse(`EC private key: its number is not one for ${curve}`)
  return signingKey(takePrivateKey(ecPrivateKey(curve, privateKey.reveal()), 'sec1'))
}

function ed25519Key({ privateKey }: Ed25519KeyComponents): PrivateKey {
  return signingKey(takePrivateKey(curvePrivateKeyInfo('ed25519', privateKey.reveal()), 'pkcs8'))
}

function signingKey(key: KeyObject): PrivateKey {
  return new NodeSigningKey(key, publicKeyOf(key))
}

/** The public half, in the shape that certificates have it in. */
function publicKeyOf(key: KeyObject): PublicKey {
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const publicKey = readSubjectPublicKey(
    wholeValue(Uint8Array.from(der), Tag.sequence, 'SubjectPublicKeyInfo'),
  )
  if (publicKey.type === 'unsupported') {
    const wanted = 'RSA, EC on P-256, P-384 or P-521, or Ed25519'
    throw new ApiMisuse(
      `private key: it is of type ${keyAlgorithmName(publicKey.algorithm)}, wanted ${wanted}`,
    )
  }
  return Object.freeze(publicKey)
}
