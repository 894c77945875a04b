import { type CipherSuiteName, cipherSuite, findCipherSuite } from '../crypto/cipher-suites.ts'
import { findNamedGroup, type NamedGroup, namedGroups } from '../crypto/named-groups.ts'
import type { CryptoProvider } from '../crypto/provider.ts'
import { findSignatureScheme, type SignatureScheme, usesShortHash } from '../crypto/signature-schemes.ts'
import { ApiMisuse } from '../errors.ts'

export interface AlgorithmOptions {
  /** Names of cipher suites, the RFC's or OpenSSL's, joined by colons, in order of preference. */
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

/** Reads the lists; throws ApiMisuse for a name that is none, that the provider cannot do, or that the policy leaves out. */
export function readAlgorithms(options: AlgorithmOptions, provider: CryptoProvider): Algorithms {
  const { ciphers, ecdhCurve = 'auto', sigalgs, policy = 'default' } = options
  const isModern = policy === 'modern'
  const cipherSuites = ciphers === undefined ? undefined : namesIn(ciphers, suitesOf(provider))
  const signatureSchemes = sigalgs === undefined ? undefined : namesIn(sigalgs, schemesOf(provider))
  if (isModern) {
    refuseOutdated(cipherSuites?.find(suite => !isModernSuite(suite)))
    refuseOutdated(signatureSchemes?.find(usesShortHash))
  }
  const algorithms = {
    cipherSuites: cipherSuites ?? provider.cipherSuites.filter(suite => !isModern || isModernSuite(suite)),
    groups: ecdhCurve === 'auto' ? provider.groups : namesIn(ecdhCurve, groupsOf(provider)),
    signatureSchemes,
    requireExtendedMasterSecret: isModern,
  }
  refuseWithoutGroup(algorithms)
  return algorithms
}

/** A sort of names: how people call it, how one is found, and which there are. */
interface Vocabulary<T extends string> {
  readonly what: string
  readonly find: (name: string) => T | undefined
  readonly known: readonly T[]
}

const suitesOf = ({ cipherSuites: known }: CryptoProvider): Vocabulary<CipherSuiteName> => ({
  what: 'cipher suite',
  find: findCipherSuite,
  known,
})
const groupsOf = ({ groups: known }: CryptoProvider): Vocabulary<NamedGroup> => ({
  what: 'group',
  find: findNamedGroup,
  known,
})
const schemesOf = ({ signatureSchemes: known }: CryptoProvider): Vocabulary<SignatureScheme> => ({
  what: 'signature scheme',
  find: findSignatureScheme,
  known,
})

function namesIn<T extends string>(list: string, { what, find, known }: Vocabulary<T>): T[] {
  const names = list.split(':').map(name => {
    const found = find(name.trim())
    if (found && known.includes(found)) return found
    throw new ApiMisuse(`no ${what} is called ${JSON.stringify(name)}: choose from ${known.join(', ')}`)
  })
  return [...new Set(names)]
}

function refuseWithoutGroup({ cipherSuites, groups }: Algorithms): void {
  const isPossible = cipherSuites.map(cipherSuite).some(({ keyExchange }) => {
    return keyExchange === 'rsa' || groups.some(name => namedGroups[name].kind === keyExchange)
  })
  if (!isPossible)
    throw new ApiMisuse(
      `none of the cipher suites has a group among ${groups.join(', ')}: give others in ciphers, or in ecdhCurve`,
    )
}

function isModernSuite(name: CipherSuiteName): boolean {
  const { keyExchange, cipher } = cipherSuite(name)
  return keyExchange !== 'rsa' && cipher.mode !== 'cbc'
}

function refuseOutdated(name: string | undefined): void {
  if (name !== undefined)
    throw new ApiMisuse(`policy "modern" leaves ${name} out: take it off the list, or the policy away`)
}
