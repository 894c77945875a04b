import type { CryptoProvider } from '../../crypto/provider.ts'
import { connectMemcached } from './connect-memcached.ts'
import { connectRedis } from './connect-redis.ts'
import { EngineSessionStore } from './engine-session-store.ts'
import type { StoreAddress } from './store-url.ts'

/** An address of an engine: all but `http`, which is session nodes. */
export type EngineAddress = Exclude<StoreAddress, { kind: 'http' }>

export interface ConnectStoreOptions {
  readonly provider: CryptoProvider
  /** ms since 1970. */
  readonly now: () => number
}

/** The store at an address that `parseStoreUrl` read. Throws ApiMisuse when the engine's client is not installed. */
export async function connectStore(
  address: EngineAddress,
  options: ConnectStoreOptions,
): Promise<EngineSessionStore> {
  const engine = address.kind === 'memcached' ? connectMemcached(address, options) : connectRedis(address)
  return new EngineSessionStore(await engine)
}
