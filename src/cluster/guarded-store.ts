import type { BreakerState } from './circuit-breaker.ts'
import { type ClusterLog, silentLog } from './cluster-log.ts'
import { NodeGuard } from './node-guard.ts'
import type { SessionStore } from './session-store.ts'
import { withinBudget } from './time-budget.ts'

export interface GuardedStoreOptions {
  /** ms since 1970. */
  readonly now: () => number
  /** For a look-up: a client waits for it. */
  readonly readTimeoutMs?: number
  readonly writeTimeoutMs?: number
  /** Which of the engine's servers holds a key: each has a breaker of its own. One for all by default. */
  readonly shardOf?: (storageKey: Uint8Array) => string
  readonly log?: ClusterLog
}

/** Any store, with a time for each of its promises and a breaker before it: an engine that hangs costs its clients nothing after the first few. */
export class GuardedStore implements SessionStore {
  readonly #store: SessionStore
  readonly #now: () => number
  readonly #readTimeoutMs: number
  readonly #writeTimeoutMs: number
  readonly #shardOf: (storageKey: Uint8Array) => string
  readonly #log: ClusterLog
  readonly #guards = new Map<string, NodeGuard>()

  constructor(store: SessionStore, { now, ...options }: GuardedStoreOptions) {
    this.#store = store
    this.#now = now
    this.#readTimeoutMs = options.readTimeoutMs ?? 50
    this.#writeTimeoutMs = options.writeTimeoutMs ?? 1000
    this.#shardOf = options.shardOf ?? (() => 'store')
    this.#log = options.log ?? silentLog
  }

  get(storageKey: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#guarded(storageKey, this.#readTimeoutMs, end => this.#store.get(storageKey, end))
  }

  put(storageKey: Uint8Array, sealed: Uint8Array, lifetimeMs: number): Promise<void> {
    return this.#guarded(storageKey, this.#writeTimeoutMs, () =>
      this.#store.put(storageKey, sealed, lifetimeMs),
    )
  }

  delete(storageKey: Uint8Array): Promise<void> {
    // Tried in any case: nobody makes up for a deletion later.
    const work = () => this.#store.delete(storageKey)
    return this.#guardOf(this.#shardOf(storageKey)).run(() => withinBudget(this.#writeTimeoutMs, work), {
      insists: true,
    })
  }

  /** The breaker of every shard that was asked. */
  get breakers(): ReadonlyMap<string, BreakerState> {
    return new Map([...this.#guards].map(([name, { state }]) => [name, state]))
  }

  async close(): Promise<void> {
    await this.#store.close?.()
  }

  #guarded<T>(storageKey: Uint8Array, timeoutMs: number, work: (end: AbortSignal) => Promise<T>): Promise<T> {
    return this.#guardOf(this.#shardOf(storageKey)).run(() => withinBudget(timeoutMs, work))
  }

  #guardOf(name: string): NodeGuard {
    const guard =
      this.#guards.get(name) ??
      new NodeGuard({
        name,
        now: this.#now,
        onChange: state => this.#log.warn({ store: name, breaker: state }, `${name}: breaker ${state}`),
      })
    this.#guards.set(name, guard)
    return guard
  }
}
