/** Who does the arithmetic, and who makes private keys that work. */
import type { CryptoProvider, RandomBytes } from '../crypto/provider.ts'
import { privateKey as nobleKey, nobleProvider } from '../providers/noble/index.ts'
import { componentsOf, type KeyMaker } from './key-input.ts'
import { wrongType } from './option-types.ts'

export type ProviderChoice = 'noble' | CryptoProvider

/** The provider of the option. Throws ERR_INVALID_ARG_TYPE for what is none. */
export function providerOf(choice: unknown): CryptoProvider {
  if (choice === undefined || choice === null || choice === 'noble') return nobleProvider
  if (typeof choice === 'object' && 'cipherSuites' in choice) return choice as CryptoProvider
  throw wrongType('provider', "'noble', 'node' or a CryptoProvider", choice)
}

/** Keys of the provider's own kind; a provider that somebody else wrote has none, and gets those of noble. */
export function keyMakerOf(_provider: CryptoProvider, random: RandomBytes): KeyMaker {
  return {
    fromComponents: components => nobleKey(components, random),
    fromKeyObject: key => nobleKey(componentsOf(key), random),
  }
}
