/** Certificates and keys for the handshake tests, as the code under test takes them and as node:crypto does. */
import { constants, createPrivateKey, type KeyObject, sign, verify, X509Certificate } from 'node:crypto'
import { privateKey } from '../../src/providers/noble/index.ts'
import { certificatesFromPem } from '../../src/x509/certificate-pem.ts'
import { type CertifiedKey, certifiedKey } from '../../src/x509/certified-key.ts'
import { type Bytes, cat } from './by-hand.ts'
import { fixture, seededRandom } from './fixtures.ts'

const sound = ['server', 'ec', 'ec384', 'ec521', 'ed25519', 'rsa-pss'] as const
const soundClients = ['client-rsa', 'client-ec', 'client-ed25519', 'client-rsa-pss'] as const
/** Something is wrong with each of these: what its key is for, whom it is for, when, or by whom. */
const unsound = [
  'rsa-signing',
  'rsa-encrypting',
  'ec-agreeing',
  'client-encrypting',
  'client-not-for-clients',
  'client-expired',
  'client-stranger',
] as const

/** Files of test/fixtures, and of its folder handshake. */
export type IdentityName = (typeof sound)[number] | (typeof soundClients)[number] | (typeof unsound)[number]

const path = (name: IdentityName, suffix: string) =>
  `${unsound.some(each => each === name) ? 'handshake/' : ''}${name}.${suffix}`

const certifiedKeys = new Map<IdentityName, CertifiedKey>()

/** For our own side. */
export function identity(name: IdentityName): CertifiedKey {
  const known = certifiedKeys.get(name)
  if (known) return known
  const made = certifiedKey(fixture(path(name, 'pem')), fixture(path(name, 'key')), components =>
    privateKey(components, seededRandom(`blinding ${name}`)),
  )
  certifiedKeys.set(name, made)
  return made
}

/** The distinguished name of the sound clients' authority, in DER. */
export const clientAuthorityName = (): Uint8Array =>
  certificatesFromPem(fixture('client-ca.pem'), 'ca')[0]!.subject.raw

/** For a peer by hand. */
export const keyObject = (name: IdentityName): KeyObject => createPrivateKey(fixture(path(name, 'key')))
export const certificateDer = (name: IdentityName): Bytes =>
  cat(new X509Certificate(fixture(path(name, 'pem'))).raw)

/** How node:crypto signs with each scheme (RFC 5246 §7.4.1.4.1, RFC 8446 §4.2.3). */
const schemes: Readonly<Record<number, readonly [hash: string | null, padding?: 'pkcs1' | 'pss']>> = {
  513: ['sha1', 'pkcs1'],
  515: ['sha1'],
  1025: ['sha256', 'pkcs1'],
  1027: ['sha256'],
  1281: ['sha384', 'pkcs1'],
  1283: ['sha384'],
  1537: ['sha512', 'pkcs1'],
  1539: ['sha512'],
  2052: ['sha256', 'pss'],
  2053: ['sha384', 'pss'],
  2054: ['sha512', 'pss'],
  2055: [null],
  2057: ['sha256', 'pss'],
  2058: ['sha384', 'pss'],
  2059: ['sha512', 'pss'],
}

function keyAndPadding(key: KeyObject, padding: 'pkcs1' | 'pss' | undefined) {
  if (padding === 'pkcs1') return { key, padding: constants.RSA_PKCS1_PADDING }
  if (padding !== 'pss') return { key }
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
}

export function signByHand(key: KeyObject, scheme: number, content: Uint8Array): Bytes {
  const [hash, padding] = schemes[scheme]!
  return cat(sign(hash, content, keyAndPadding(key, padding)))
}

/** Throws when the signature is not one of this certificate's key. */
export function verifyByHand(
  der: Uint8Array,
  scheme: number,
  content: Uint8Array,
  signature: Uint8Array,
): void {
  const [hash, padding] = schemes[scheme]!
  const { publicKey } = new X509Certificate(Buffer.from(der))
  if (!verify(hash, content, keyAndPadding(publicKey, padding), signature))
    throw new Error(`the peer sent a signature of 0x${scheme.toString(16)} that does not verify`)
}

/** What a key of this type signs with when nobody says otherwise. */
export function usualScheme(key: KeyObject): number {
  const type = key.asymmetricKeyType
  return type === 'ec' ? 0x0403 : type === 'ed25519' ? 0x0807 : type === 'rsa-pss' ? 0x0809 : 0x0401
}
