import type { CryptoProvider } from '../../src/crypto/provider.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { nodeCryptoProvider } from './node-crypto-provider.ts'

/** Every provider the tests run against, as rows for `describe.each`. */
export const providers: readonly { name: string; provider: CryptoProvider }[] = [
  nobleProvider,
  nodeCryptoProvider,
].map(provider => ({ name: provider.name, provider }))
