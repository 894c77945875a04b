import type { HashAlgorithm } from '../crypto/provider.ts'

/** The object identifiers we know by name, dotted (RFC 5280 §4.2, RFC 8017 appendix A, RFC 5480 §2.1.1). */
export const Oid = {
  rsaEncryption: '1.2.840.113549.1.1.1',
  sha1WithRSAEncryption: '1.2.840.113549.1.1.5',
  sha256WithRSAEncryption: '1.2.840.113549.1.1.11',
  sha384WithRSAEncryption: '1.2.840.113549.1.1.12',
  sha512WithRSAEncryption: '1.2.840.113549.1.1.13',
  ecPublicKey: '1.2.840.10045.2.1',
  ed25519: '1.3.101.112',
  ed448: '1.3.101.113',
  rsassaPss: '1.2.840.113549.1.1.10',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extKeyUsage: '2.5.29.37',
  subjectAltName: '2.5.29.17',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const

/** The hash of each RSASSA-PKCS1-v1_5 signature algorithm (RFC 4055 §5, RFC 3279 §2.2.1). */
export const rsaSignatureHash: Readonly<Record<string, HashAlgorithm | undefined>> = {
  [Oid.sha1WithRSAEncryption]: 'sha1',
  [Oid.sha256WithRSAEncryption]: 'sha256',
  [Oid.sha384WithRSAEncryption]: 'sha384',
  [Oid.sha512WithRSAEncryption]: 'sha512',
}

/** What people call the key of an algorithm that we do not do; its number where it has no name here. */
export function keyAlgorithmName(oid: string): string {
  const names: Readonly<Record<string, string | undefined>> = {
    [Oid.rsaEncryption]: 'RSA',
    [Oid.rsassaPss]: 'RSA-PSS',
    [Oid.ecPublicKey]: 'EC',
    [Oid.ed25519]: 'Ed25519',
    [Oid.ed448]: 'Ed448',
  }
  return names[oid] ?? oid
}
