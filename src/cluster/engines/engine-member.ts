import type { RandomBytes } from '../../crypto/provider.ts'
import { type ClusterLog, silentLog } from '../cluster-log.ts'
import { ClusterSessionCache } from '../cluster-session-cache.ts'
import { GuardedStore } from '../guarded-store.ts'
import type { ClusterKeys } from '../keys.ts'
import { defaultStoreTimeouts, type StoreTimeouts, withinBudget } from '../time-budget.ts'
import { engineFailure } from './engine-failure.ts'
import type { EngineSessionStore } from './engine-session-store.ts'

export interface EngineMemberOptions {
  readonly engine: EngineSessionStore
  readonly keys: ClusterKeys
  readonly random: RandomBytes
  /** ms since 1970. */
  readonly now: () => number
  /** For a PUT or DELETE: for all that it takes together. */
  readonly timeouts?: Partial<StoreTimeouts>
  readonly log?: ClusterLog
}

/** A server's part in a cluster whose sessions live in an engine: there is no list of nodes, and no owner. */
export interface EngineMember {
  /** What the TLS server asks. */
  readonly sessionCache: ClusterSessionCache
  /** The engine within time limits, with a breaker for each of its servers. */
  readonly store: GuardedStore
  /** The engine as it is. */
  readonly engine: EngineSessionStore
  /** The cluster's keys; `replaceWith` rotates them while everything runs. */
  readonly keys: ClusterKeys
  /** Opens the connections, so that the first client to resume does not wait for that. Never rejects: an engine that is not there costs resumption, not service. */
  warmUp(): Promise<void>
  /** Waits up to `timeoutMs`, 200 by default, for sessions on their way to the engine, then drops the connections. */
  close(timeoutMs?: number): Promise<void>
}

/** Makes the session cache of a server whose sessions live in an engine. */
export function joinEngine(options: EngineMemberOptions): EngineMember {
  const { engine, keys, random, now, log = silentLog } = options
  const timeouts = { ...defaultStoreTimeouts, ...options.timeouts }
  const shardOf = (storageKey: Uint8Array) => engine.shardOf(storageKey)
  const store = new GuardedStore(engine, { now, timeouts, shardOf, log })
  const sessionCache = new ClusterSessionCache({ keys, store, random, now })
  return {
    ...{ sessionCache, store, engine, keys },
    warmUp: async () => {
      try {
        await withinBudget(timeouts.writeTimeoutMs, () => engine.connect())
      } catch (error) {
        const { message } = engineFailure(engine.name, error)
        log.warn({ store: engine.name }, `${message}; until it answers every handshake is a full one`)
      }
    },
    close: async timeoutMs => {
      await sessionCache.flush(timeoutMs)
      await store.close()
    },
  }
}
