import { bitLength } from './finite-fields.ts'
import type { HashAlgorithm, PublicKey } from './provider.ts'

/** How a scheme signs, and with which sort of key. */
export interface SignatureSchemeRow {
  /** Both bytes on the wire: HashAlgorithm and SignatureAlgorithm (RFC 5246 §7.4.1.4.1), or one SignatureScheme (RFC 8446 §4.2.3). */
  readonly number: number
  readonly keyType: 'rsa' | 'rsa-pss' | 'ec' | 'ed25519'
  readonly algorithm: 'pkcs1' | 'pss' | 'ecdsa' | 'eddsa'
  /** Ed25519 hashes by itself. */
  readonly hash: HashAlgorithm | undefined
}

const pkcs1 = (number: number, hash: HashAlgorithm) =>
  ({ number, keyType: 'rsa', algorithm: 'pkcs1', hash }) as const
const ecdsa = (number: number, hash: HashAlgorithm) =>
  ({ number, keyType: 'ec', algorithm: 'ecdsa', hash }) as const
const pss = (number: number, keyType: 'rsa' | 'rsa-pss', hash: HashAlgorithm) =>
  ({ number, keyType, algorithm: 'pss', hash }) as const

/**
 * The signatures we do, by the names of RFC 8446 §4.2.3. Mind that in TLS 1.2 an ECDSA scheme names its hash alone:
 * `ecdsa_secp256r1_sha256` is ECDSA with SHA-256 on whatever curve the key is on (RFC 8446 §4.2.3, RFC 8422 §5.10).
 */
export const signatureSchemes = {
  rsa_pkcs1_sha1: pkcs1(0x0201, 'sha1'),
  ecdsa_sha1: ecdsa(0x0203, 'sha1'),
  rsa_pkcs1_sha224: pkcs1(0x0301, 'sha224'),
  ecdsa_sha224: ecdsa(0x0303, 'sha224'),
  rsa_pkcs1_sha256: pkcs1(0x0401, 'sha256'),
  ecdsa_secp256r1_sha256: ecdsa(0x0403, 'sha256'),
  rsa_pkcs1_sha384: pkcs1(0x0501, 'sha384'),
  ecdsa_secp384r1_sha384: ecdsa(0x0503, 'sha384'),
  rsa_pkcs1_sha512: pkcs1(0x0601, 'sha512'),
  ecdsa_secp521r1_sha512: ecdsa(0x0603, 'sha512'),
  rsa_pss_rsae_sha256: pss(0x0804, 'rsa', 'sha256'),
  rsa_pss_rsae_sha384: pss(0x0805, 'rsa', 'sha384'),
  rsa_pss_rsae_sha512: pss(0x0806, 'rsa', 'sha512'),
  ed25519: { number: 0x0807, keyType: 'ed25519', algorithm: 'eddsa', hash: undefined },
  rsa_pss_pss_sha256: pss(0x0809, 'rsa-pss', 'sha256'),
  rsa_pss_pss_sha384: pss(0x080a, 'rsa-pss', 'sha384'),
  rsa_pss_pss_sha512: pss(0x080b, 'rsa-pss', 'sha512'),
} as const satisfies Record<string, SignatureSchemeRow>

export type SignatureScheme = keyof typeof signatureSchemes

/** The row of a name. */
export function signatureScheme(name: SignatureScheme): SignatureSchemeRow {
  return signatureSchemes[name]
}

/** All names, in the table's order. */
export const signatureSchemeNames = Object.keys(signatureSchemes) as readonly SignatureScheme[]

/** An order of preference for providers: by strength and size, which no provider changes; SHA-224 and SHA-1 are last. */
export const preferredSignatureSchemes: readonly SignatureScheme[] = [
  'ecdsa_secp256r1_sha256',
  'ed25519',
  'rsa_pss_rsae_sha256',
  'rsa_pkcs1_sha256',
  'ecdsa_secp384r1_sha384',
  'rsa_pss_rsae_sha384',
  'rsa_pkcs1_sha384',
  'ecdsa_secp521r1_sha512',
  'rsa_pss_rsae_sha512',
  'rsa_pkcs1_sha512',
  'rsa_pss_pss_sha256',
  'rsa_pss_pss_sha384',
  'rsa_pss_pss_sha512',
  'ecdsa_sha224',
  'rsa_pkcs1_sha224',
  'ecdsa_sha1',
  'rsa_pkcs1_sha1',
]

/**
 * The scheme that an RFC's name, OpenSSL's (`RSA+SHA256`, `RSA-PSS+SHA256` for the sort that any RSA key makes) or neither stands
 * for; names are compared without case.
 */
export function findSignatureScheme(name: string): SignatureScheme | undefined {
  const wanted = name.toLowerCase()
  return signatureSchemeNames.find(scheme => scheme === wanted || opensslNames(scheme).includes(wanted))
}

function opensslNames(name: SignatureScheme): string[] {
  const { algorithm, hash } = signatureScheme(name)
  if (algorithm === 'eddsa') return []
  return [opensslSchemeName(name).toLowerCase(), ...(algorithm === 'pss' ? [`pss+${hash}`] : [])]
}

/** What OpenSSL calls a scheme: `RSA-PSS+SHA256`, for either sort of key; of Ed25519, which hashes by itself, `Ed25519+UNDEF`. */
export function opensslSchemeName(name: SignatureScheme): string {
  const { algorithm, hash } = signatureScheme(name)
  const signature = { pkcs1: 'RSA', pss: 'RSA-PSS', ecdsa: 'ECDSA', eddsa: 'Ed25519' }[algorithm]
  return `${signature}+${hash?.toUpperCase() ?? 'UNDEF'}`
}

/** SHA-1 and SHA-224: nobody signs with them today unless a configuration names them for an old peer (RFC 9155 §2). */
export function usesShortHash(name: SignatureScheme): boolean {
  const { hash } = signatureScheme(name)
  return hash === 'sha1' || hash === 'sha224'
}

/** Bytes of each digest (FIPS 180-4 §1). */
export const hashLength: Readonly<Record<HashAlgorithm, number>> = {
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
}

/** Bytes of DER before the digest in DigestInfo (RFC 8017 §9.2, note 1). */
const digestInfoOverhead = (hash: HashAlgorithm) => (hash === 'sha1' ? 15 : 19)

/**
 * Whether a key can make signatures of a scheme at all: it is of the scheme's type, long enough for the encoding if it is
 * RSA (RFC 8017 §9.1.1 and §9.2, step 3), and allowed the hash if its certificate says which (RFC 4055 §1.2).
 */
export function canSign(key: PublicKey, name: SignatureScheme): boolean {
  const { keyType, algorithm, hash } = signatureScheme(name)
  if (key.type !== keyType) return false
  if (key.type === 'ec' || key.type === 'ed25519' || !hash) return true
  if (algorithm === 'pkcs1') return key.modulusLength >= digestInfoOverhead(hash) + hashLength[hash] + 11
  // The salt is as long as the hash; the encoding is one bit shorter than the modulus.
  const room = Math.ceil((bitLength(key.modulus) - 1) / 8)
  return room >= 2 * hashLength[hash] + 2 && (key.pssHash === undefined || key.pssHash === hash)
}
