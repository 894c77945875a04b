import { equalBytes } from '../bytes.ts'
import type { PrivateKey, PublicKey } from '../crypto/provider.ts'
import type { SignatureScheme } from '../crypto/signature-schemes.ts'
import { ApiMisuse } from '../errors.ts'
import type { Certificate } from './certificate.ts'
import { certificatesFromPem } from './certificate-pem.ts'
import { keyAlgorithmName } from './object-identifiers.ts'
import { type PrivateKeyComponents, parsePrivateKey } from './private-key.ts'

/** A certificate and the private key that belongs to it: what a peer authenticates itself with. */
export interface CertifiedKey {
  /** DER, the leaf first, each certified by the next (RFC 5246 §7.4.2). */
  readonly certificateList: readonly Uint8Array[]
  readonly leaf: Certificate
  readonly key: PrivateKey
  /** An OCSPResponse in DER, to be stapled where a client asks for it (RFC 6066 §8). */
  readonly ocspResponse?: Uint8Array | undefined
  /** SerializedSCTs, to be sent where a client asks for them (RFC 6962 §3.3). */
  readonly signedCertificateTimestamps?: readonly Uint8Array[] | undefined
  /** What this key signs with, the best first; by default what the connection's configuration says. */
  readonly signingSchemes?: readonly SignatureScheme[] | undefined
}

/**
 * Puts a certificate chain (PEM, leaf first) and its private key (PEM) together. `makeKey` builds the key that
 * will do the work, for one `privateKey` of providers/noble: this room knows no provider.
 * Throws ApiMisuse when one of them cannot be read, is of a type we do not do, or when they do not belong together.
 */
export function certifiedKey(
  certificatePem: string,
  keyPem: string,
  makeKey: (components: PrivateKeyComponents) => PrivateKey,
): CertifiedKey {
  return certify(certificatesFromPem(certificatePem, 'certificate'), makeKey(parsePrivateKey(keyPem)))
}

/** The same of a chain and a key that have been read. Throws ApiMisuse when they do not belong together. */
export function certify(chain: readonly Certificate[], key: PrivateKey): CertifiedKey {
  const leaf = chain[0]!
  if (!isSameKey(usableKeyOf(leaf), key.publicKey)) {
    const owner = chain.findIndex(other => isSameKey(other.subjectPublicKey, key.publicKey))
    const advice = owner < 0 ? 'give the key it was made for' : `certificate ${owner + 1} does: put it first`
    throw new ApiMisuse(
      `certificate: the one for ${leaf.subject.text} does not fit the private key; ${advice}`,
    )
  }
  return { certificateList: chain.map(({ raw }) => raw), leaf, key }
}

/** The public key of a certificate of our own; throws ApiMisuse for one of a type that we do not do. */
export function usableKeyOf({ subject, subjectPublicKey: key }: Certificate): PublicKey {
  if (key.type !== 'unsupported') return key
  const came = `has a key of type ${keyAlgorithmName(key.algorithm)}`
  throw new ApiMisuse(`certificate: the one for ${subject.text} ${came}, wanted RSA, EC or Ed25519`)
}

/** Whether a certificate's key is the public half of a private one. */
export function isSameKey(key: Certificate['subjectPublicKey'], other: PublicKey): boolean {
  if (key.type === 'ec') return other.type === 'ec' && equalBytes(key.point, other.point)
  if (key.type === 'ed25519') return other.type === 'ed25519' && equalBytes(key.bytes, other.bytes)
  if (key.type === 'unsupported' || key.type !== other.type) return false
  return key.modulus === other.modulus && key.publicExponent === other.publicExponent
}
