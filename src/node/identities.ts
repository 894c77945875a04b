/** Certificates and the keys that belong to them, put together by their public keys. */
import { equalBytes } from '../bytes.ts'
import { bitLength } from '../crypto/finite-fields.ts'
import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts'
import { ApiMisuse } from '../errors.ts'
import { readPkcs12 } from '../pki/pkcs12.ts'
import { type Certificate, parseCertificate } from '../x509/certificate.ts'
import { certificatesFromPem } from '../x509/certificate-pem.ts'
import { type CertifiedKey, certify, isSameKey, usableKeyOf } from '../x509/certified-key.ts'
import { parsePrivateKeyInfo } from '../x509/private-key.ts'
import { schemeOf } from '../x509/signature-algorithm.ts'
import { type KeyInput, type KeyMaker, type KeySource, readKeys } from './key-input.ts'
import { listOf, type Pem, readBytes, readPems, readText, underCode } from './option-types.ts'
import { type PrivateKeySigner, signerKey } from './private-key-signer.ts'

export interface IdentityOptions {
  /** Certificate chains, leaf first, of any kind side by side. */
  readonly cert?: Pem | readonly Pem[] | undefined
  /**
   * Private keys for RSA, RSASSA-PSS, ECDSA or Ed25519: PEM of PKCS #1, SEC 1 or PKCS #8, encrypted or not; a KeyObject; or a signer.
   * Which belongs to which certificate their public keys say, and of signers their order.
   */
  readonly key?: KeyInput | readonly KeyInput[] | undefined
  /** PKCS #12 files, each with a key, its certificate and the authorities of it: those that are self-signed are trusted, as in `ca`. */
  readonly pfx?: PfxInput | readonly PfxInput[] | undefined
  /** Of all keys and files that have none of their own. */
  readonly passphrase?: string | undefined
}

/** The bytes of a file; a string has one character a byte. */
export type PfxInput = string | Uint8Array | PfxWithPassphrase

export interface PfxWithPassphrase {
  readonly buf: string | Uint8Array
  readonly passphrase?: string | undefined
}

export interface Identities {
  readonly certifiedKeys: readonly CertifiedKey[]
  /** Self-signed certificates that came in PKCS #12 files. */
  readonly authorities: readonly Certificate[]
}

/** Reads certificates and keys; throws ApiMisuse with one line that says what to do. */
export function readIdentities(
  options: IdentityOptions,
  maker: KeyMaker,
  provider: Pick<CryptoProvider, 'verify'>,
): Identities {
  const passphrase = readText('passphrase', options.passphrase)
  const chains = readPems('cert', options.cert).map(readChain)
  const keys = readKeys(options.key, passphrase, maker)
  const files = listOf(options.pfx).map(input => readFile(input, passphrase, { maker, provider }))
  return {
    certifiedKeys: [...pair(chains, keys, provider), ...files.map(({ certified }) => certified)].map(strong),
    authorities: files.flatMap(({ authorities }) => authorities),
  }
}

/**
 * A certificate that came alone, with those above it that are among `authorities`, the root left out: as OpenSSL has it, so that an
 * intermediate certificate may stand in `ca`, where many people have it.
 */
export function withIssuers(
  certified: CertifiedKey,
  authorities: readonly Certificate[],
  provider: Pick<CryptoProvider, 'verify'>,
): CertifiedKey {
  if (certified.certificateList.length > 1) return certified
  const issuers = issuersOf(
    certified.leaf,
    authorities.filter(authority => !isSelfIssued(authority)),
    provider,
  )
  return { ...certified, certificateList: [certified.leaf, ...issuers].map(({ raw }) => raw) }
}

function readChain(pem: string): Certificate[] {
  const read = () => certificatesFromPem(pem, 'certificate')
  return pem.includes('-----BEGIN CERTIFICATE-----') ? read() : underCode('ERR_OSSL_PEM_NO_START_LINE', read)
}

/** Each certificate with its key, and one key may serve several, given once or for each. One that fits none is a mistake: it would lie there unused. */
function pair(
  chains: readonly Certificate[][],
  sources: readonly KeySource[],
  provider: Pick<CryptoProvider, 'verify'>,
): CertifiedKey[] {
  const keys = sources.flatMap(source => ('key' in source ? [source.key] : []))
  const signers = sources.flatMap(source => ('signer' in source ? [source.signer] : []))
  const fits = ({ publicKey }: PrivateKey) =>
    chains.some(chain => isSameKey(chain[0]!.subjectPublicKey, publicKey))
  const certifiedKeys = chains.map((chain, i) => {
    const key = keys.find(({ publicKey }) => isSameKey(chain[0]!.subjectPublicKey, publicKey))
    const signer = key ? undefined : signers.shift()
    if (signer) return certifySigner(chain, signer, provider)
    if (!key && sources.length !== chains.length) throw unpaired(chains, sources)
    // Where none fits, the one in its place is what was meant, and `certify` says what is wrong with it.
    const meant = key ?? keys[i] ?? keys[0]!
    return underCode('ERR_OSSL_X509_KEY_VALUES_MISMATCH', () => certify(chain, meant))
  })
  if (!keys.every(fits) || signers.length > 0) throw unpaired(chains, sources)
  return certifiedKeys
}

function certifySigner(
  chain: readonly Certificate[],
  signer: PrivateKeySigner,
  provider: Pick<CryptoProvider, 'verify'>,
): CertifiedKey {
  const certified = certify(chain, signerKey(signer, usableKeyOf(chain[0]!), provider))
  return signer.schemes ? { ...certified, signingSchemes: signer.schemes } : certified
}

function unpaired(chains: readonly unknown[], sources: readonly unknown[]): ApiMisuse {
  return new ApiMisuse(
    `${chains.length} certificates and ${sources.length} keys were given, not all of which belong together: give one key for each certificate`,
  )
}

/** What a file needs that is neither in it nor of its reader. */
interface Helpers {
  readonly maker: KeyMaker
  readonly provider: Pick<CryptoProvider, 'verify'>
}

function readFile(input: unknown, passphrase: string | undefined, helpers: Helpers) {
  const { buf, passphrase: own }: { buf: unknown; passphrase?: unknown } =
    typeof input === 'object' && input !== null && 'buf' in input ? input : { buf: input }
  const bytes = typeof buf === 'string' ? Buffer.from(buf, 'latin1') : readBytes('pfx', buf)
  // Node has no code of its own for a file that does not open.
  return underCode('ERR_CRYPTO_OPERATION_FAILED', () =>
    identityOf(bytes, readText('pfx.passphrase', own) ?? passphrase, helpers),
  )
}

/** The one key of a PKCS #12 file with its certificate, and with those above it that are not the root: a client has that one. */
function identityOf(file: Uint8Array, passphrase: string | undefined, { maker, provider }: Helpers) {
  const { privateKeys, certificates } = readPkcs12(file, passphrase)
  if (privateKeys.length !== 1)
    throw new ApiMisuse(`pfx: it holds ${privateKeys.length} private keys, wanted one and its certificate`)
  const components = parsePrivateKeyInfo(privateKeys[0]!)
  privateKeys[0]!.fill(0)
  const key = maker.fromComponents(components)
  const found = certificates.map(der => parseOwn(der))
  const leaf = found.find(({ subjectPublicKey }) => isSameKey(subjectPublicKey, key.publicKey))
  if (!leaf) throw new ApiMisuse('pfx: none of its certificates belongs to its private key')
  const others = found.filter(certificate => certificate !== leaf)
  const chain = [
    leaf,
    ...issuersOf(
      leaf,
      others.filter(certificate => !isSelfIssued(certificate)),
      provider,
    ),
  ]
  return { certified: certify(chain, key), authorities: others.filter(isSelfIssued) }
}

function parseOwn(der: Uint8Array): Certificate {
  try {
    return parseCertificate(der)
  } catch (error) {
    throw new ApiMisuse(`pfx: a certificate in it is damaged (${(error as Error).message})`)
  }
}

/** By their names; where two have one name, as before and after a change of keys, by what they signed. */
function issuersOf(
  certificate: Certificate,
  others: readonly Certificate[],
  provider: Pick<CryptoProvider, 'verify'>,
): Certificate[] {
  const named = others.filter(({ subject }) => equalBytes(subject.raw, certificate.issuer.raw))
  const isSigner = (other: Certificate) => hasSigned(other, certificate, provider)
  const next = named.length > 1 ? (named.find(isSigner) ?? named[0]) : named[0]
  if (!next) return []
  const rest = others.filter(other => other !== next)
  return [next, ...issuersOf(next, rest, provider)]
}

function hasSigned(
  { subjectPublicKey: key }: Certificate,
  { signatureAlgorithm: algorithm, tbsCertificate, signature }: Certificate,
  { verify }: Pick<CryptoProvider, 'verify'>,
): boolean {
  if (key.type === 'unsupported' || algorithm.type === 'unsupported') return false
  const scheme = schemeOf(algorithm, key)
  return scheme !== undefined && verify(scheme, key, tbsCertificate, signature)
}

/** Whether its subject made it itself, as a root's (RFC 5280 §3.2). */
export function isSelfIssued({ subject, issuer }: Certificate): boolean {
  return equalBytes(subject.raw, issuer.raw)
}

const minModulusBits = 2048

/** Peers refuse a short RSA key (RFC 9325 §4.5): whoever has one learns it at the start, and not from his users. */
function strong(certified: CertifiedKey): CertifiedKey {
  const { publicKey } = certified.key
  const bits = 'modulus' in publicKey ? bitLength(publicKey.modulus) : minModulusBits
  if (bits < minModulusBits)
    throw new ApiMisuse(
      `private key: an RSA key of ${bits} bits, wanted ${minModulusBits} or more; make one: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem`,
    )
  return certified
}
