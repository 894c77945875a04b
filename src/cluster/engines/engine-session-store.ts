/**
 * The session store of a cluster in an engine that an operator has already. The engine places, replicates and
 * evicts by itself; here is what a session node does besides: the first write wins, a deleted record leaves a
 * tombstone, every promise settles within its time, and a server that does not answer is not asked for a while.
 */
import { asciiBytes, equalBytes } from '../../bytes.ts'
import { toBase64url } from '../base64url.ts'
import { type ClusterLog, silentLog } from '../cluster-log.ts'
import { NodeGuard } from '../node-guard.ts'
import { nonceMemoryMs } from '../request-signature.ts'
import { maxSealedBytes } from '../sealed-record.ts'
import { type SessionStore, StoreFailure } from '../session-store.ts'
import { withinBudget } from '../time-budget.ts'
import { engineFailure, isRefusal } from './engine-failure.ts'
import { keyPrefix, type SessionEngine } from './session-engine.ts'

export interface EngineSessionStoreOptions {
  readonly engine: SessionEngine
  /** ms since 1970. */
  readonly now: () => number
  readonly limits?: Partial<EngineSessionStoreLimits>
  readonly log?: ClusterLog
}

export interface EngineSessionStoreLimits {
  /** For a look-up: a client waits for it. */
  readonly readTimeoutMs: number
  /** For a PUT or DELETE, all that it takes together: nobody waits for it. */
  readonly writeTimeoutMs: number
}

export const defaultEngineSessionStoreLimits: EngineSessionStoreLimits = {
  readTimeoutMs: 50,
  writeTimeoutMs: 1000,
}

export interface EngineSessionStoreCounters {
  /** Look-ups, PUTs and DELETEs that were asked of the engine. */
  requests: number
}

/** Shorter than any record: a value of its own, which no seal can be taken for. */
const tombstone = asciiBytes('gone')

/** An engine as a store of sealed records. */
export class EngineSessionStore implements SessionStore {
  readonly counters: EngineSessionStoreCounters = { requests: 0 }
  readonly #engine: SessionEngine
  readonly #now: () => number
  readonly #limits: EngineSessionStoreLimits
  readonly #log: ClusterLog
  /** One for each server of the engine: who is down must not keep us from the others. */
  readonly #guards = new Map<string, NodeGuard>()

  constructor({ engine, now, limits, log = silentLog }: EngineSessionStoreOptions) {
    this.#engine = engine
    this.#now = now
    this.#limits = { ...defaultEngineSessionStoreLimits, ...limits }
    this.#log = log
  }

  get(storageKey: Uint8Array, signal: AbortSignal): Promise<Uint8Array | undefined> {
    return this.#ask(storageKey, { timeoutMs: this.#limits.readTimeoutMs, signal }, async key => {
      const found = await this.#engine.get(key)
      return found === undefined || isTombstone(found) ? undefined : checkedRecord(found)
    })
  }

  /** The first write wins: the same bytes again are stored already, others are a conflict. */
  put(storageKey: Uint8Array, sealed: Uint8Array, lifetimeMs: number): Promise<void> {
    return this.#ask(storageKey, { timeoutMs: this.#limits.writeTimeoutMs }, async key => {
      // What was there may be over before it is read; to find that twice takes a clock that runs wild.
      for (let tries = 0; tries < 2; tries++) {
        if (await this.#engine.add(key, sealed, lifetimeMs)) return
        const found = await this.#engine.get(key)
        if (found === undefined) continue
        if (isTombstone(found)) throw new StoreFailure('gone', `${this.#engine.name}: the record was deleted`)
        if (equalBytes(found, sealed)) return
        throw new StoreFailure('conflict', `${this.#engine.name}: there is another record`)
      }
      throw new StoreFailure('error', `${this.#engine.name}: neither stores a record nor has one`)
    })
  }

  /**
   * Leaves a tombstone for the time the record had left. Where there was none, its PUT may be on its way, and the
   * tombstone stays for a minute (docs/decisions/0011).
   */
  delete(storageKey: Uint8Array): Promise<void> {
    return this.#ask(storageKey, { timeoutMs: this.#limits.writeTimeoutMs }, async key => {
      if (await this.#engine.replace(key, tombstone)) return
      if (await this.#engine.add(key, tombstone, nonceMemoryMs)) return
      // A PUT came between the two.
      await this.#engine.replace(key, tombstone)
    })
  }

  /** Opens the connections before the first client waits for them. Never rejects: an engine that is not there costs sessions, not service. */
  async warmUp(): Promise<void> {
    const timeoutMs = this.#limits.writeTimeoutMs
    try {
      await withinBudget({ timeoutMs }, async () => this.#engine.connect?.())
    } catch (error) {
      const { message } = engineFailure(this.#engine.name, error)
      this.#log.warn({}, `${message}: until it answers, handshakes are full ones`)
    }
  }

  async close(): Promise<void> {
    await this.#engine.close?.()
  }

  async #ask<T>(
    storageKey: Uint8Array,
    budget: { readonly timeoutMs: number; readonly signal?: AbortSignal },
    work: (key: string) => Promise<T>,
  ): Promise<T> {
    const key = `${keyPrefix}${toBase64url(storageKey)}`
    const guard = this.#guardOf(this.#engine.serverOf?.(key) ?? this.#engine.name)
    this.counters.requests++
    const outcome = await guard.run(() => withinBudget(budget, () => this.#answered(work(key))))
    if ('refusal' in outcome) throw outcome.refusal
    return outcome.value
  }

  /** A refusal is an answer too: a Redis that is full still has the records that it has. */
  async #answered<T>(work: Promise<T>): Promise<{ value: T } | { refusal: StoreFailure }> {
    try {
      return { value: await work }
    } catch (error) {
      const failure = engineFailure(this.#engine.name, error)
      if (isRefusal(error)) return { refusal: failure }
      throw failure
    }
  }

  #guardOf(server: string): NodeGuard {
    const known = this.#guards.get(server)
    if (known !== undefined) return known
    const guard = new NodeGuard({ name: server, now: this.#now })
    this.#guards.set(server, guard)
    return guard
  }
}

function isTombstone(value: Uint8Array): boolean {
  return equalBytes(value, tombstone)
}

/** A copy that is nobody else's buffer. Whoever else writes into the engine may have written anything. */
function checkedRecord(value: Uint8Array): Uint8Array {
  if (value.length <= maxSealedBytes) return new Uint8Array(value)
  throw new StoreFailure('error', `need at most ${maxSealedBytes} bytes, have ${value.length}`)
}
