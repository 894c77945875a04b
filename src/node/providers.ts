/** Who does the arithmetic, and who makes private keys that work. */
import type { CryptoProvider, RandomBytes } from '../crypto/provider.ts'
import { privateKey as nobleKey, nobleProvider } from '../providers/noble/index.ts'
import { privateKey as nodeKey, privateKeyOf as nodeKeyOf, nodeProvider } from '../providers/node/index.ts'
import { componentsOf, type KeyMaker } from './key-input.ts'
import { type KeyWorkers, sharedKeyWorkers } from './key-workers.ts'
import { wrongType } from './option-types.ts'

export type ProviderChoice = 'noble' | 'node' | CryptoProvider

/** The provider of the option. Throws ERR_INVALID_ARG_TYPE for what is none. */
export function providerOf(choice: unknown): CryptoProvider {
  if (choice === undefined || choice === null || choice === 'noble') return nobleProvider
  if (choice === 'node') return nodeProvider
  if (typeof choice === 'object' && 'cipherSuites' in choice) return choice as CryptoProvider
  throw wrongType('provider', "'noble', 'node' or a CryptoProvider", choice)
}

/** How many threads do what needs a private key, or which. */
export type KeyWorkersChoice = number | KeyWorkers

/**
 * Keys that work in the threads of the option `keyWorkers`. Without it, here: of the provider's own kind; a provider that somebody else
 * wrote has none, and gets those of noble. Throws ERR_INVALID_ARG_TYPE or ERR_OUT_OF_RANGE for an option that is none.
 */
export function keyMakerOf(provider: CryptoProvider, random: RandomBytes, workers?: unknown): KeyMaker {
  const name = provider === nodeProvider ? 'node' : 'noble'
  if (typeof workers === 'number') return sharedKeyWorkers(workers, name)
  if (isKeyWorkers(workers)) return workers
  if (workers !== undefined && workers !== null)
    throw wrongType('keyWorkers', 'a number of threads or what keyWorkers() gave', workers)
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

function isKeyWorkers(workers: unknown): workers is KeyWorkers {
  return typeof workers === 'object' && workers !== null && 'fromComponents' in workers
}
