import { randomFillSync } from 'node:crypto'
import type { CryptoProvider, RandomBytes } from '../crypto/provider.ts'
import { ApiMisuse } from '../errors.ts'
import type { CommonConfig } from '../handshake/config.ts'
import { nobleProvider, privateKey } from '../providers/noble/index.ts'
import type { Certificate } from '../x509/certificate.ts'
import { certificatesFromPem } from '../x509/certificate-pem.ts'
import { type CertifiedKey, certifiedKey } from '../x509/certified-key.ts'
import { type AlgorithmOptions, type Algorithms, readAlgorithms } from './algorithms.ts'

/** A PEM text, or its bytes. */
export type Pem = string | Uint8Array

export interface SecureContextOptions extends AlgorithmOptions {
  /** Certificate chains, leaf first, of any kind side by side; as many as keys, in the same order. */
  readonly cert?: Pem | readonly Pem[]
  /** Private keys for RSA, RSASSA-PSS, ECDSA or Ed25519: PKCS #1, SEC 1 or PKCS #8, not encrypted. */
  readonly key?: Pem | readonly Pem[]
  /** OCSPResponses in DER, in the order of `cert`: a server staples them for clients that ask (RFC 6066 §8). */
  readonly ocspResponse?: Uint8Array | readonly (Uint8Array | undefined)[]
  /** SerializedSCTs of each certificate, in the order of `cert`: a server shows them to clients that ask (RFC 6962 §3.3). */
  readonly signedCertificateTimestamps?: readonly (readonly Uint8Array[] | undefined)[]
  /** The certificates to trust: a client's for servers, a server's for clients. */
  readonly ca?: Pem | readonly Pem[]
  /** Server: our order of suites and groups decides, not the client's. True by default. */
  readonly honorCipherOrder?: boolean
  readonly provider?: CryptoProvider
  /** Where randomness comes from; node:crypto by default. */
  readonly random?: RandomBytes
  /** Milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

/** Keys, anchors and algorithms, read once and used by many connections. */
export interface SecureContext extends Algorithms {
  readonly certifiedKeys: readonly CertifiedKey[]
  readonly anchors: readonly Certificate[]
  readonly preferClientOrder: boolean
  readonly provider: CryptoProvider
  readonly random: RandomBytes
  readonly now: () => number
}

/** Reads certificates, keys and algorithms; throws ApiMisuse with one line that says what to do. */
export function createSecureContext(options: SecureContextOptions = {}): SecureContext {
  const provider = options.provider ?? nobleProvider
  const random = options.random ?? (length => randomFillSync(new Uint8Array(length)))
  const pairs = pairKeys(listOf(options.cert), listOf(options.key), random)
  return {
    ...readAlgorithms(options, provider),
    certifiedKeys: withTimestamps(
      withStaples(pairs, options.ocspResponse),
      options.signedCertificateTimestamps,
    ),
    anchors: listOf(options.ca).flatMap(pem => certificatesFromPem(pem, 'ca')),
    preferClientOrder: options.honorCipherOrder === false,
    provider,
    random,
    now: options.now ?? Date.now,
  }
}

/** What the configuration of either role takes from a context. */
export function commonConfig(context: SecureContext): CommonConfig {
  const { provider, random, now, cipherSuites, groups, signatureSchemes } = context
  const { requireExtendedMasterSecret } = context
  return { provider, random, now, cipherSuites, groups, signatureSchemes, requireExtendedMasterSecret }
}

function pairKeys(
  certificates: readonly string[],
  keys: readonly string[],
  random: RandomBytes,
): CertifiedKey[] {
  if (certificates.length !== keys.length) {
    throw new ApiMisuse(
      `${certificates.length} certificates and ${keys.length} keys were given: give one key for each certificate, in the same order`,
    )
  }
  return certificates.map((certificate, i) =>
    strong(certifiedKey(certificate, keys[i]!, components => privateKey(components, random))),
  )
}

const minModulusBits = 2048

/** Peers refuse a short RSA key (RFC 9325 §4.5): whoever has one learns it at the start, and not from his users. */
function strong(certified: CertifiedKey): CertifiedKey {
  const { publicKey } = certified.key
  const bits = 'modulus' in publicKey ? publicKey.modulus.toString(2).length : minModulusBits
  if (bits < minModulusBits)
    throw new ApiMisuse(
      `private key: an RSA key of ${bits} bits, wanted ${minModulusBits} or more; make one: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem`,
    )
  return certified
}

function withStaples(
  certifiedKeys: readonly CertifiedKey[],
  responses: SecureContextOptions['ocspResponse'] = [],
): CertifiedKey[] {
  const list = responses instanceof Uint8Array ? [responses] : responses
  if (list.length > certifiedKeys.length)
    throw new ApiMisuse(
      `${certifiedKeys.length} certificates and ${list.length} OCSP responses were given: give one for each, in the same order`,
    )
  return certifiedKeys.map((certified, i) => ({ ...certified, ocspResponse: readStaple(list[i]) }))
}

/** What a log has signed is for the client to judge; the server hands it on (RFC 6962 §3.3). */
function withTimestamps(
  certifiedKeys: readonly CertifiedKey[],
  lists: SecureContextOptions['signedCertificateTimestamps'] = [],
): CertifiedKey[] {
  if (lists.length > certifiedKeys.length)
    throw new ApiMisuse(
      `${certifiedKeys.length} certificates and ${lists.length} lists of timestamps were given: give one for each, in the same order`,
    )
  if (lists.some(list => list?.some(timestamp => timestamp.length === 0)))
    throw new ApiMisuse('signedCertificateTimestamps: wanted SerializedSCTs, which are not empty')
  return certifiedKeys.map((certified, i) => ({ ...certified, signedCertificateTimestamps: lists[i] }))
}

const derSequence = 0x30

/** Whether a response says anything of the certificate is the client's to judge; that it is none at all shows at once. */
function readStaple(response: Uint8Array | undefined): Uint8Array | undefined {
  if (response && response[0] !== derSequence)
    throw new ApiMisuse(
      'ocspResponse: wanted an OCSPResponse in DER, as openssl ocsp -respout writes it; it starts with another byte',
    )
  return response && Uint8Array.from(response)
}

function listOf(pem: Pem | readonly Pem[] | undefined): string[] {
  if (pem === undefined) return []
  const list = typeof pem === 'string' || pem instanceof Uint8Array ? [pem] : pem
  return list.map(text => (typeof text === 'string' ? text : Buffer.from(text).toString('latin1')))
}
