import type { PrivateKey, RsaPublicKey } from '../crypto/provider.ts'
import { ApiMisuse } from '../errors.ts'
import type { Certificate } from './certificate.ts'
import { certificatesFromPem } from './certificate-pem.ts'
import { keyAlgorithmName } from './object-identifiers.ts'
import { parsePrivateKey, type RsaKeyComponents } from './private-key.ts'

/** A certificate and the private key that belongs to it: what a peer authenticates itself with. */
export interface CertifiedKey {
  /** DER, the leaf first, each certified by the next (RFC 5246 §7.4.2). */
  readonly certificateList: readonly Uint8Array[]
  readonly leaf: Certificate
  readonly key: PrivateKey
}

/**
 * Puts a certificate chain (PEM, leaf first) and its private key (PEM) together. `makeKey` builds the key that
 * will do the work, for one `rsaPrivateKey` of providers/noble: this room knows no provider.
 * Throws ApiMisuse when one of them cannot be read, is not RSA, or when they do not belong together.
 */
export function certifiedKey(
  certificatePem: string,
  keyPem: string,
  makeKey: (components: RsaKeyComponents) => PrivateKey,
): CertifiedKey {
  const chain = certificatesFromPem(certificatePem, 'certificate')
  const key = makeKey(parsePrivateKey(keyPem))
  const leaf = chain[0]!
  const { subjectPublicKey } = leaf
  if (subjectPublicKey.type !== 'rsa') {
    const came = keyAlgorithmName(subjectPublicKey.algorithm)
    throw new ApiMisuse(`certificate: the one for ${leaf.subject.text} has a key of type ${came}, wanted RSA`)
  }
  if (!isSameKey(subjectPublicKey, key.publicKey)) {
    const owner = chain.findIndex(other => isSameKey(other.subjectPublicKey, key.publicKey))
    const advice = owner < 0 ? 'give the key it was made for' : `certificate ${owner + 1} does: put it first`
    throw new ApiMisuse(
      `certificate: the one for ${leaf.subject.text} does not fit the private key; ${advice}`,
    )
  }
  return { certificateList: chain.map(({ raw }) => raw), leaf, key }
}

function isSameKey(key: Certificate['subjectPublicKey'], other: RsaPublicKey): boolean {
  return key.type === 'rsa' && key.modulus === other.modulus && key.publicExponent === other.publicExponent
}
