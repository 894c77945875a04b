import { randomFillSync } from 'node:crypto'
import type { CryptoProvider, RandomBytes } from '../crypto/provider.ts'
import { ApiMisuse } from '../errors.ts'
import type { CommonConfig } from '../handshake/config.ts'
import type { Certificate } from '../x509/certificate.ts'
import type { CertifiedKey } from '../x509/certified-key.ts'
import { type AlgorithmOptions, type Algorithms, readAlgorithms } from './algorithms.ts'
import { apiMisuse } from './api-misuse.ts'
import { type IdentityOptions, isSelfIssued, readIdentities, withIssuers } from './identities.ts'
import { type Pem, wrongType } from './option-types.ts'
import { requireOurVersion, type VersionOptions } from './protocol-versions.ts'
import { type KeyWorkersChoice, keyMakerOf, type ProviderChoice, providerOf } from './providers.ts'
import { readSessionTerms, type SessionOptions, type SessionTerms } from './session-terms.ts'
import { defaultRoots, readAuthorities } from './trust-anchors.ts'

export type { Pem }

export interface SecureContextOptions
  extends AlgorithmOptions,
    IdentityOptions,
    VersionOptions,
    SessionOptions {
  /** OCSPResponses in DER, in the order of `cert`: a server staples them for clients that ask (RFC 6066 §8). */
  readonly ocspResponse?: Uint8Array | readonly (Uint8Array | undefined)[] | undefined
  /** SerializedSCTs of each certificate, in the order of `cert`: a server shows them to clients that ask (RFC 6962 §3.3). */
  readonly signedCertificateTimestamps?: readonly (readonly Uint8Array[] | undefined)[] | undefined
  /**
   * The certificates to trust: a client's for servers, by default the roots that Node comes with; a server's for clients, by default
   * none. An empty list trusts nobody. A certificate of our own that came alone is sent with its issuers from here.
   */
  readonly ca?: Pem | readonly Pem[] | undefined
  /** Whether a certificate in `ca` that is not self-signed is trusted too: true by default. */
  readonly allowPartialTrustChain?: boolean | undefined
  /** Server: our order of suites and groups decides, not the client's. True by default. */
  readonly honorCipherOrder?: boolean | undefined
  /** 'auto', which is always so: the groups of RFC 7919. Own parameters are refused. */
  readonly dhparam?: string | Uint8Array | undefined
  /** Who does the arithmetic: 'noble', in TypeScript, by default; 'node', OpenSSL; or one of your own. */
  readonly provider?: ProviderChoice | undefined
  /**
   * How many worker threads do what needs the private keys, so that the event loop does not wait for them: all contexts with the same
   * number share them. Or a pool of your own, from `keyWorkers()`. By default there are none.
   */
  readonly keyWorkers?: KeyWorkersChoice | undefined
  /** Where randomness comes from; node:crypto by default. */
  readonly random?: RandomBytes | undefined
  /** Milliseconds since 1970; Date.now by default. */
  readonly now?: (() => number) | undefined
}

/** Keys, anchors and algorithms, read once and used by many connections. */
export interface SecureContext extends Algorithms {
  readonly certifiedKeys: readonly CertifiedKey[]
  /** Whom we were told to trust: the option `ca`, and the authorities of `pfx`. */
  readonly anchors: readonly Certificate[]
  /** By whom a client judges servers: `anchors`, and where no `ca` was given the roots that Node comes with, read at first use. */
  readonly serverAnchors: readonly Certificate[]
  readonly preferClientOrder: boolean
  readonly sessions: SessionTerms
  readonly provider: CryptoProvider
  readonly random: RandomBytes
  readonly now: () => number
}

/**
 * Reads certificates, keys and algorithms; throws ApiMisuse with one line that says what to do, and with Node's code where Node has
 * one. No message holds a key or a passphrase.
 */
export function createSecureContext(options: SecureContextOptions | null = {}): SecureContext {
  if (typeof options !== 'object') throw wrongType('options', 'an object', options)
  const given = options ?? {}
  requireOurVersion(given)
  refuseUnsupported(given)
  const provider = providerOf(given.provider)
  const random = given.random ?? (length => randomFillSync(new Uint8Array(length)))
  const identities = readIdentities(given, keyMakerOf(provider, random, given.keyWorkers), provider)
  const ca = readAuthorities(given.ca)
  const authorities = [...(ca ?? []), ...identities.authorities]
  const certifiedKeys = identities.certifiedKeys.map(certified =>
    withIssuers(certified, authorities, provider),
  )
  const anchors = given.allowPartialTrustChain === false ? authorities.filter(isSelfIssued) : authorities
  return {
    ...readAlgorithms(given, provider),
    certifiedKeys: withTimestamps(
      withStaples(certifiedKeys, given.ocspResponse),
      given.signedCertificateTimestamps,
    ),
    anchors,
    get serverAnchors() {
      return ca ? anchors : [...anchors, ...defaultRoots()]
    },
    preferClientOrder: given.honorCipherOrder === false,
    sessions: readSessionTerms(given),
    provider,
    random,
    now: given.now ?? Date.now,
  }
}

/** Options of node:tls that would be a danger if they were silently passed over: somebody relies on them. */
function refuseUnsupported(options: object): void {
  const advice: Readonly<Record<string, string>> = {
    crl: 'no revocation lists are read here: leave it out, and see requestOCSP',
    pskCallback: 'no suites with pre-shared keys are done here: use certificates',
    privateKeyEngine: 'no engines of OpenSSL are loaded here: give a signer as key, { sign, decrypt }',
    privateKeyIdentifier: 'no engines of OpenSSL are loaded here: give a signer as key, { sign, decrypt }',
    clientCertEngine: 'no engines of OpenSSL are loaded here: give a signer as key, { sign, decrypt }',
  }
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || value === null) continue
    const why = advice[name]
    if (why) throw apiMisuse('ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', `${name}: ${why}`)
    if (name === 'dhparam' && value !== 'auto')
      throw apiMisuse(
        'ERR_INVALID_ARG_VALUE',
        "dhparam: wanted 'auto': the groups are those of RFC 7919, which clients know",
      )
  }
}

/** Whether a value is a context of ours. */
export function isSecureContext(value: unknown): value is SecureContext {
  return typeof value === 'object' && value !== null && 'certifiedKeys' in value && 'anchors' in value
}

/**
 * A context that an application hands over. Throws ERR_TLS_INVALID_CONTEXT for anything else, a context of node:tls among it: its keys
 * are inside of OpenSSL, and nothing gets them out. `source` says where it came from.
 */
export function requireSecureContext(value: unknown, source: string): SecureContext {
  if (isSecureContext(value)) return value
  const isForeign = typeof value === 'object' && value !== null && 'context' in value
  const came = isForeign ? 'a SecureContext of node:tls' : 'something else'
  throw apiMisuse(
    'ERR_TLS_INVALID_CONTEXT',
    `${source}: came ${came}, wanted one that createSecureContext of ringtls/node made`,
  )
}

/** The same, made of options where it is those that came. */
export function secureContextOf(value: SecureContext | SecureContextOptions, source: string): SecureContext {
  const isOptions = typeof value === 'object' && value !== null && !('context' in value)
  return isSecureContext(value) || !isOptions
    ? requireSecureContext(value, source)
    : createSecureContext(value)
}

/** What the configuration of either role takes from a context. */
export function commonConfig(context: SecureContext): CommonConfig {
  const { provider, random, now, cipherSuites, groups, signatureSchemes } = context
  const { requireExtendedMasterSecret } = context
  return { provider, random, now, cipherSuites, groups, signatureSchemes, requireExtendedMasterSecret }
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
