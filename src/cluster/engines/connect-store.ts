import type { CryptoProvider } from '../../crypto/provider.ts'
import type { ClusterLog } from '../cluster-log.ts'
import { connectMemcached } from './connect-memcached.ts'
import { connectRedis } from './connect-redis.ts'
import { EngineSessionStore, type EngineSessionStoreLimits } from './engine-session-store.ts'
import type { StoreAddress } from './store-url.ts'

export interface ConnectStoreOptions {
  readonly provider: CryptoProvider
  /** ms since 1970. */
  readonly now: () => number
  readonly limits?: Partial<EngineSessionStoreLimits>
  readonly log?: ClusterLog
}

/** An address of an engine: all but `http`, which is session nodes. */
export type EngineAddress = Exclude<StoreAddress, { kind: 'http' }>

/** The store at an address that `parseStoreUrl` read. Throws ApiMisuse when the engine's client is not installed. */
export async function connectStore(
  address: EngineAddress,
  { provider, ...options }: ConnectStoreOptions,
): Promise<EngineSessionStore> {
  const { now } = options
  const engine =
    address.kind === 'memcached'
      ? await connectMemcached(address, { provider, now })
      : await connectRedis(address)
  return new EngineSessionStore({ engine, ...options })
}
