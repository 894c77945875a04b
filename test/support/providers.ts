import type { CryptoProvider, PrivateKey, RandomBytes } from '../../src/crypto/provider.ts'
import { privateKey as noblePrivateKey, nobleProvider } from '../../src/providers/noble/index.ts'
import { privateKey as nodePrivateKey, nodeProvider } from '../../src/providers/node/index.ts'
import type { PrivateKeyComponents } from '../../src/x509/private-key.ts'
import { nodeCryptoProvider } from './node-crypto-provider.ts'

/** Every provider the tests run against, as rows for `describe.each`: those that we ship, and one of the tests' own. */
export const providers: readonly { name: string; provider: CryptoProvider }[] = [
  nobleProvider,
  nodeProvider,
  nodeCryptoProvider,
].map(provider => ({ name: provider.name, provider }))

/** What one of our rooms under providers/ has to offer. */
export interface ProviderRoom {
  readonly name: 'noble' | 'node'
  readonly provider: CryptoProvider
  readonly privateKey: (components: PrivateKeyComponents, random?: RandomBytes) => PrivateKey
}

/** The providers that we ship, with the private keys that come with them, as rows for `describe.each`. */
export const providerRooms: readonly ProviderRoom[] = [
  { name: 'noble', provider: nobleProvider, privateKey: noblePrivateKey },
  { name: 'node', provider: nodeProvider, privateKey: nodePrivateKey },
]
