import { type CipherSuiteName, cipherSuite } from '../crypto/cipher-suites.ts'
import { findNamedGroup, type NamedGroup, namedGroups } from '../crypto/named-groups.ts'
import type { CryptoProvider } from '../crypto/provider.ts'
import { findSignatureScheme, type SignatureScheme, usesShortHash } from '../crypto/signature-schemes.ts'
import { apiMisuse } from './api-misuse.ts'
import { readCipherString } from './cipher-string.ts'
import { readText } from './option-types.ts'

export interface AlgorithmOptions {
  /**
   * Names of cipher suites, the RFC's or OpenSSL's, joined by colons, in order of preference; or a list in OpenSSL's language, such as
   * `ECDHE+AESGCM:!SHA`. What is not done here, TLS 1.3 among it, is passed over while something is left.
   */
  readonly ciphers?: string | undefined
  /**
   * Names of groups for ECDHE and DHE, the RFC's or OpenSSL's, joined by colons, in order of preference: `X25519:P-256`. Without
   * a finite field such as `ffdhe2048` among them there is no DHE. 'auto', the default: all that the provider has.
   */
  readonly ecdhCurve?: string | undefined
  /** Signatures to make and to take, names of OpenSSL (`RSA+SHA256`) or of RFC 8446, joined by colons; SHA-1 and SHA-224 only if they are named. */
  readonly sigalgs?: string | undefined
  /** 'modern' leaves out RSA key exchange, CBC, SHA-1 and SHA-224, and insists on extended master secret. */
  readonly policy?: 'default' | 'modern' | undefined
}

/** What may be negotiated, the best first. */
export interface Algorithms {
  readonly cipherSuites: readonly CipherSuiteName[]
  readonly groups: readonly NamedGroup[]
  /** `undefined`: the provider's without SHA-1 and SHA-224. */
  readonly signatureSchemes: readonly SignatureScheme[] | undefined
  readonly requireExtendedMasterSecret: boolean
}

/**
 * Reads the lists; throws ApiMisuse, with Node's code where it has one, for a name that is none, that the provider cannot do, or that
 * the policy leaves out. An empty list of suites is the default, as in node:tls.
 */
export function readAlgorithms(options: AlgorithmOptions, provider: CryptoProvider): Algorithms {
  const ciphers = readText('ciphers', options.ciphers)
  const ecdhCurve = readText('ecdhCurve', options.ecdhCurve) ?? 'auto'
  const sigalgs = readText('sigalgs', options.sigalgs)
  const isModern = readPolicy(options.policy) === 'modern'
  const grouped = provider.cipherSuites.filter(suite => !isModern || isModernSuite(suite))
  const cipherSuites = ciphers
    ? readCipherString(ciphers, { named: provider.cipherSuites, grouped })
    : undefined
  const signatureSchemes = sigalgs === undefined ? undefined : namesIn(sigalgs, schemesOf(provider))
  if (isModern) {
    refuseOutdated(cipherSuites?.find(suite => !isModernSuite(suite)))
    refuseOutdated(signatureSchemes?.find(usesShortHash))
  }
  const algorithms = {
    cipherSuites: cipherSuites ?? grouped,
    groups: ecdhCurve === 'auto' ? provider.groups : namesIn(ecdhCurve, groupsOf(provider)),
    signatureSchemes,
    requireExtendedMasterSecret: isModern,
  }
  refuseWithoutGroup(algorithms)
  return algorithms
}

/** A misspelt policy that is passed over would allow what its user means to leave out. */
function readPolicy(policy: unknown): string | undefined {
  const name = readText('policy', policy)
  if (name !== undefined && name !== 'default' && name !== 'modern')
    throw apiMisuse(
      'ERR_INVALID_ARG_VALUE',
      `policy: came ${JSON.stringify(name)}, wanted 'default' or 'modern'`,
    )
  return name
}

/** A sort of names: how people call it, how one is found, and which there are. */
interface Vocabulary<T extends string> {
  readonly what: string
  readonly find: (name: string) => T | undefined
  readonly known: readonly T[]
  /** Node's code for one that is not among them. */
  readonly code: string
}

const groupsOf = ({ groups: known }: CryptoProvider): Vocabulary<NamedGroup> => ({
  what: 'group',
  find: findNamedGroup,
  known,
  code: 'ERR_CRYPTO_OPERATION_FAILED',
})
const schemesOf = ({ signatureSchemes: known }: CryptoProvider): Vocabulary<SignatureScheme> => ({
  what: 'signature scheme',
  find: findSignatureScheme,
  known,
  code: 'ERR_INVALID_ARG_VALUE',
})

function namesIn<T extends string>(list: string, { what, find, known, code }: Vocabulary<T>): T[] {
  const names = list.split(':').map(name => {
    const found = find(name.trim())
    if (found && known.includes(found)) return found
    throw apiMisuse(code, `no ${what} is called ${JSON.stringify(name)}: choose from ${known.join(', ')}`)
  })
  return [...new Set(names)]
}

function refuseWithoutGroup({ cipherSuites, groups }: Algorithms): void {
  const isPossible = cipherSuites.map(cipherSuite).some(({ keyExchange }) => {
    return keyExchange === 'rsa' || groups.some(name => namedGroups[name].kind === keyExchange)
  })
  if (!isPossible)
    throw apiMisuse(
      'ERR_SSL_NO_CIPHER_MATCH',
      `none of the cipher suites has a group among ${groups.join(', ')}: give others in ciphers, or in ecdhCurve`,
    )
}

function isModernSuite(name: CipherSuiteName): boolean {
  const { keyExchange, cipher } = cipherSuite(name)
  return keyExchange !== 'rsa' && cipher.mode !== 'cbc'
}

function refuseOutdated(name: string | undefined): void {
  if (name !== undefined)
    throw apiMisuse(
      'ERR_INVALID_ARG_VALUE',
      `policy "modern" leaves ${name} out: take it off the list, or the policy away`,
    )
}
