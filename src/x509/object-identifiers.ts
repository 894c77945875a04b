import type { EcCurve, HashAlgorithm } from '../crypto/provider.ts'

/** The object identifiers we know by name, dotted (RFC 5280 §4.2, RFC 8017 appendix A, RFC 5480 §2.1.1, RFC 8410 §3). */
export const Oid = {
  rsaEncryption: '1.2.840.113549.1.1.1',
  md5WithRSAEncryption: '1.2.840.113549.1.1.4',
  sha1WithRSAEncryption: '1.2.840.113549.1.1.5',
  mgf1: '1.2.840.113549.1.1.8',
  rsassaPss: '1.2.840.113549.1.1.10',
  sha256WithRSAEncryption: '1.2.840.113549.1.1.11',
  sha384WithRSAEncryption: '1.2.840.113549.1.1.12',
  sha512WithRSAEncryption: '1.2.840.113549.1.1.13',
  ecPublicKey: '1.2.840.10045.2.1',
  ecdsaWithSHA1: '1.2.840.10045.4.1',
  ecdsaWithSHA256: '1.2.840.10045.4.3.2',
  ecdsaWithSHA384: '1.2.840.10045.4.3.3',
  ecdsaWithSHA512: '1.2.840.10045.4.3.4',
  ed25519: '1.3.101.112',
  ed448: '1.3.101.113',
  secp256r1: '1.2.840.10045.3.1.7',
  secp384r1: '1.3.132.0.34',
  secp521r1: '1.3.132.0.35',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extKeyUsage: '2.5.29.37',
  subjectAltName: '2.5.29.17',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const

/** The hash of each RSASSA-PKCS1-v1_5 signature algorithm (RFC 4055 §5, RFC 3279 §2.2.1). */
export const rsaSignatureHash: Readonly<Record<string, HashAlgorithm | undefined>> = {
  [Oid.sha1WithRSAEncryption]: 'sha1',
  [Oid.sha256WithRSAEncryption]: 'sha256',
  [Oid.sha384WithRSAEncryption]: 'sha384',
  [Oid.sha512WithRSAEncryption]: 'sha512',
}

/** The hash of each ECDSA signature algorithm (RFC 5758 §3.2, RFC 3279 §2.2.3). */
export const ecdsaSignatureHash: Readonly<Record<string, HashAlgorithm | undefined>> = {
  [Oid.ecdsaWithSHA1]: 'sha1',
  [Oid.ecdsaWithSHA256]: 'sha256',
  [Oid.ecdsaWithSHA384]: 'sha384',
  [Oid.ecdsaWithSHA512]: 'sha512',
}

/** The hashes of RSASSA-PSS (RFC 4055 §2.1); with SHA-1 TLS has no scheme. */
export const pssHash: Readonly<Record<string, HashAlgorithm | undefined>> = {
  [Oid.sha256]: 'sha256',
  [Oid.sha384]: 'sha384',
  [Oid.sha512]: 'sha512',
}

/** The named curves (RFC 5480 §2.1.1.1). */
export const namedCurves: Readonly<Record<string, EcCurve | undefined>> = {
  [Oid.secp256r1]: 'secp256r1',
  [Oid.secp384r1]: 'secp384r1',
  [Oid.secp521r1]: 'secp521r1',
}

/** What people call the key of an algorithm or curve that we do not do; its number where it has no name here. */
export function keyAlgorithmName(oid: string): string {
  const names: Readonly<Record<string, string | undefined>> = {
    [Oid.rsaEncryption]: 'RSA',
    [Oid.rsassaPss]: 'RSA-PSS',
    [Oid.ecPublicKey]: 'EC',
    [Oid.ed25519]: 'Ed25519',
    [Oid.ed448]: 'Ed448',
    '1.3.132.0.10': 'EC on secp256k1',
    '1.2.840.10040.4.1': 'DSA',
  }
  return names[oid] ?? oid
}
