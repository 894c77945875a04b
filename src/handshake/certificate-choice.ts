/** Which certificate can serve: a pure question, so that whoever has several may ask it of each. */
import { equalBytes } from '../bytes.ts'
import { type CipherSuite, type CipherSuiteName, cipherSuite } from '../crypto/cipher-suites.ts'
import { canSign, type SignatureScheme } from '../crypto/signature-schemes.ts'
import { type Certificate, parseCertificate } from '../x509/certificate.ts'
import type { CertifiedKey } from '../x509/certified-key.ts'
import { allowsKeyUsage } from '../x509/verify.ts'
import type { CertificateWanted } from './effects.ts'

/** A suite that a certificate can serve, and what it would sign with; RSA key exchange signs nothing. */
export interface UsableSuite {
  readonly suite: CipherSuiteName
  readonly scheme: SignatureScheme | undefined
}

/** The suites of a server's question that `certified` can serve, in the question's order. */
export function usableSuites(certified: CertifiedKey, wanted: CertificateWanted): UsableSuite[] {
  return wanted.cipherSuites.flatMap((name): UsableSuite[] => {
    const suite = cipherSuite(name)
    if (!fitsSuite(certified, suite, wanted)) return []
    if (suite.keyExchange === 'rsa') return [{ suite: name, scheme: undefined }]
    const scheme = selectScheme(certified, wanted)
    return scheme ? [{ suite: name, scheme }] : []
  })
}

/** Whether the key is of the suite's kind, whatever may be signed with it. */
export function fitsSuite(
  { leaf, key }: CertifiedKey,
  suite: CipherSuite,
  { groups }: CertificateWanted,
): boolean {
  const { publicKey } = key
  if (suite.keyExchange === 'rsa')
    return publicKey.type === 'rsa' && key.decryptRaw !== undefined && allowsKeyUsage(leaf, 'keyEncipherment')
  if (!isOfKind(publicKey, suite.authentication) || !allowsKeyUsage(leaf, 'digitalSignature')) return false
  // The client must be able to compute on the certificate's curve, too (RFC 8422 §5.1).
  return publicKey.type !== 'ec' || groups === undefined || groups.includes(publicKey.curve)
}

/** Whether a key is of the kind that a suite's name says (RFC 8422 §2: ECDSA stands for EdDSA as well). */
export function isOfKind(
  { type }: Certificate['subjectPublicKey'],
  authentication: 'rsa' | 'ecdsa',
): boolean {
  return authentication === 'rsa' ? type === 'rsa' || type === 'rsa-pss' : type === 'ec' || type === 'ed25519'
}

/**
 * What a client's certificate would sign with, `undefined` when the server has no use for it: not of a type or for a signature
 * that CertificateRequest names (RFC 5246 §7.4.4, §7.4.8). Whose it is, is the chooser's to judge: see `isIssuedByOneOf`.
 */
export function usableClientScheme(
  certified: CertifiedKey,
  wanted: CertificateWanted,
): SignatureScheme | undefined {
  const type = isOfKind(certified.key.publicKey, 'rsa') ? 'rsa_sign' : 'ecdsa_sign'
  if (!wanted.certificateTypes?.includes(type) || !allowsKeyUsage(certified.leaf, 'digitalSignature'))
    return undefined
  return selectScheme(certified, wanted)
}

/** Whether one of the authorities, distinguished names in DER, issued a certificate of the chain, as it SHOULD (RFC 5246 §7.4.6). */
export function isIssuedByOneOf(
  { certificateList }: CertifiedKey,
  authorities: readonly Uint8Array[],
): boolean {
  const issuers = certificateList.map(der => parseCertificate(der).issuer.raw)
  return issuers.some(issuer => authorities.some(authority => equalBytes(authority, issuer)))
}

/** Our own order decides (RFC 5246 §7.4.1.4.1 leaves it open). */
function selectScheme(
  { key, signingSchemes }: CertifiedKey,
  wanted: CertificateWanted,
): SignatureScheme | undefined {
  return (signingSchemes ?? wanted.signingSchemes).find(
    scheme => canSign(key.publicKey, scheme) && wanted.schemes.includes(scheme),
  )
}
