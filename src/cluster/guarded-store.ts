import type { BreakerState } from './circuit-breaker.ts'
import type { ClusterLog } from './cluster-log.ts'
import { NodeGuards } from './node-guard.ts'
import type { SessionStore } from './session-store.ts'
import { defaultStoreTimeouts, type StoreTimeouts, withinBudget } from './time-budget.ts'

export interface GuardedStoreOptions {
  /** ms since 1970. */
  readonly now: () => number
  readonly timeouts?: Partial<StoreTimeouts>
  /** Which of the engine's servers holds a key: each has a breaker of its own. One for all by default. */
  readonly shardOf?: (storageKey: Uint8Array) => string
  readonly log?: ClusterLog
}

/** Any store, with a time for each of its promises and a breaker before it: an engine that hangs costs its clients nothing after the first few. */
export class GuardedStore implements SessionStore {
  readonly #store: SessionStore
  readonly #timeouts: StoreTimeouts
  readonly #shardOf: (storageKey: Uint8Array) => string
  readonly #guards: NodeGuards

  constructor(store: SessionStore, { now, timeouts, shardOf = () => 'store', log }: GuardedStoreOptions) {
    this.#store = store
    this.#timeouts = { ...defaultStoreTimeouts, ...timeouts }
    this.#shardOf = shardOf
    this.#guards = new NodeGuards({ now, log })
  }

  get(storageKey: Uint8Array): Promise<Uint8Array | undefined> {
    const work = (end: AbortSignal) => this.#store.get(storageKey, end)
    return this.#guardOf(storageKey).run(() => withinBudget(this.#timeouts.readTimeoutMs, work))
  }

  put(storageKey: Uint8Array, sealed: Uint8Array, lifetimeMs: number): Promise<void> {
    const work = () => this.#store.put(storageKey, sealed, lifetimeMs)
    return this.#guardOf(storageKey).run(() => withinBudget(this.#timeouts.writeTimeoutMs, work))
  }

  delete(storageKey: Uint8Array): Promise<void> {
    const work = () => this.#store.delete(storageKey)
    // Tried in any case: nobody makes up for a deletion later.
    const terms = { insists: true }
    return this.#guardOf(storageKey).run(() => withinBudget(this.#timeouts.writeTimeoutMs, work), terms)
  }

  /** The breaker of every shard that was asked. */
  get breakers(): ReadonlyMap<string, BreakerState> {
    return this.#guards.states
  }

  async close(): Promise<void> {
    await this.#store.close?.()
  }

  #guardOf(storageKey: Uint8Array) {
    return this.#guards.of(this.#shardOf(storageKey))
  }
}
