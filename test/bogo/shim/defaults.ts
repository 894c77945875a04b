/** What BoringSSL does unless a flag says otherwise, and so what the runner expects of a shim that is told nothing. */
import { randomBytes } from 'node:crypto'
import type { NamedGroup } from '../../../src/crypto/named-groups.ts'
import type { SignatureScheme } from '../../../src/crypto/signature-schemes.ts'

/** Signatures that are accepted. No Ed25519, and SHA-1 with RSA alone. */
export const defaultVerifySchemes: readonly SignatureScheme[] = [
  'ecdsa_secp256r1_sha256',
  'rsa_pss_rsae_sha256',
  'rsa_pkcs1_sha256',
  'ecdsa_secp384r1_sha384',
  'rsa_pss_rsae_sha384',
  'rsa_pkcs1_sha384',
  'rsa_pss_rsae_sha512',
  'rsa_pkcs1_sha512',
  'rsa_pkcs1_sha1',
]

/** Signatures that are made. */
export const defaultSigningSchemes: readonly SignatureScheme[] = [
  'ed25519',
  'ecdsa_secp256r1_sha256',
  'rsa_pss_rsae_sha256',
  'rsa_pkcs1_sha256',
  'ecdsa_secp384r1_sha384',
  'rsa_pss_rsae_sha384',
  'rsa_pkcs1_sha384',
  'ecdsa_secp521r1_sha512',
  'rsa_pss_rsae_sha512',
  'rsa_pkcs1_sha512',
  'ecdsa_sha1',
  'rsa_pkcs1_sha1',
]

/** P-521 has to be asked for. */
export const defaultGroups: readonly NamedGroup[] = ['x25519', 'secp256r1', 'secp384r1']

/** Seconds that a session lives. */
export const sessionLifetimeSeconds = 7200

export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length))
