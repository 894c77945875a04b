/** Who does the arithmetic, and who makes private keys that work. */
import type { CryptoProvider, RandomBytes } from '../crypto/provider.ts'
import { privateKey as nobleKey, nobleProvider } from '../providers/noble/index.ts'
import { privateKey as nodeKey, privateKeyOf as nodeKeyOf, nodeProvider } from '../providers/node/index.ts'
import { componentsOf, type KeyMaker } from './key-input.ts'
import { wrongType } from './option-types.ts'

export type ProviderChoice = 'noble' | 'node' | CryptoProvider

/** The provider of the option. Throws ERR_INVALID_ARG_TYPE for what is none. */
export function providerOf(choice: unknown): CryptoProvider {
  if (choice === undefined || choice === null || choice === 'noble') return nobleProvider
  if (choice === 'node') return nodeProvider
  if (typeof choice === 'object' && 'cipherSuites' in choice) return choice as CryptoProvider
  throw wrongType('provider', "'noble', 'node' or a CryptoProvider", choice)
}

/** Keys of the provider's own kind; a provider that somebody else wrote has none, and gets those of noble. */
export function keyMakerOf(provider: CryptoProvider, random: RandomBytes): KeyMaker {
  if (provider === nodeProvider)
    return {
      fromComponents: components => nodeKey(components, random),
      fromKeyObject: key => nodeKeyOf(key, random),
    }
  return {
    fromComponents: components => nobleKey(components, random),
    fromKeyObject: key => nobleKey(componentsOf(key), random),
  }
}
