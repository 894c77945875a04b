/**
 * The session store of a cluster in an engine that an operator has already. The engine places, replicates and
 * evicts by itself; here is what a session node does besides: the first write wins, and a deleted record leaves a
 * tombstone. What an engine's promises take is bounded by the `GuardedStore` in front of this one.
 */
import { asciiBytes, equalBytes } from '../../bytes.ts'
import { toBase64url } from '../base64url.ts'
import { nonceMemoryMs } from '../request-signature.ts'
import { maxSealedBytes } from '../sealed-record.ts'
import { type SessionStore, StoreFailure } from '../session-store.ts'
import { engineFailure } from './engine-failure.ts'
import { keyPrefix, type SessionEngine } from './session-engine.ts'

export interface EngineSessionStoreCounters {
  /** Look-ups, PUTs and DELETEs that were asked of the engine. */
  requests: number
}

/** Shorter than any record: a value that no sealed record can be. */
const tombstone = asciiBytes('gone')

/** An engine as a store of sealed records. */
export class EngineSessionStore implements SessionStore {
  readonly counters: EngineSessionStoreCounters = { requests: 0 }
  readonly #engine: SessionEngine

  constructor(engine: SessionEngine) {
    this.#engine = engine
  }

  /** What errors call the engine. */
  get name(): string {
    return this.#engine.name
  }

  get(storageKey: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#ask(storageKey, async key => {
      const found = await this.#engine.get(key)
      return found === undefined || isTombstone(found) ? undefined : this.#checked(found)
    })
  }

  /** The first write wins: the same bytes again are stored already, others are a conflict. */
  put(storageKey: Uint8Array, sealed: Uint8Array, lifetimeMs: number): Promise<void> {
    return this.#ask(storageKey, async key => {
      // What was there may be over before it is read; that happens once, not twice.
      for (let tries = 0; tries < 2; tries++) {
        if (await this.#engine.add(key, sealed, lifetimeMs)) return
        const found = await this.#engine.get(key)
        if (found === undefined) continue
        if (isTombstone(found)) throw new StoreFailure('gone', `${this.name}: the record was deleted`)
        if (equalBytes(found, sealed)) return
        throw new StoreFailure('conflict', `${this.name}: there is another record`)
      }
      throw new StoreFailure('error', `${this.name}: takes no record, since it has one, and does not have it`)
    })
  }

  /**
   * Leaves a tombstone for the time the record had left. Where there was none its PUT may be on its way, and the
   * tombstone stays for a minute (docs/decisions/0011).
   */
  delete(storageKey: Uint8Array): Promise<void> {
    return this.#ask(storageKey, async key => {
      if (await this.#engine.replace(key, tombstone)) return
      if (await this.#engine.add(key, tombstone, nonceMemoryMs)) return
      // A PUT came between the two.
      await this.#engine.replace(key, tombstone)
    })
  }

  /** Which of the engine's servers has a key, where the engine knows. */
  shardOf(storageKey: Uint8Array): string {
    return this.#engine.serverOf?.(engineKey(storageKey)) ?? this.name
  }

  /** Opens the connections to all servers of the engine. Rejects with a StoreFailure when one cannot be had. */
  async connect(): Promise<void> {
    await this.#failing(async () => this.#engine.connect?.())
  }

  async close(): Promise<void> {
    await this.#engine.close?.()
  }

  #ask<T>(storageKey: Uint8Array, work: (key: string) => Promise<T>): Promise<T> {
    this.counters.requests++
    return this.#failing(() => work(engineKey(storageKey)))
  }

  async #failing<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw engineFailure(this.name, error)
    }
  }

  /** A copy that is nobody else's buffer. Whoever else writes into the engine may have written anything. */
  #checked(value: Uint8Array): Uint8Array {
    if (value.length <= maxSealedBytes) return new Uint8Array(value)
    throw new StoreFailure(
      'error',
      `${this.name}: need ${maxSealedBytes} bytes at most, have ${value.length}`,
    )
  }
}

function engineKey(storageKey: Uint8Array): string {
  return `${keyPrefix}${toBase64url(storageKey)}`
}

function isTombstone(value: Uint8Array): boolean {
  return equalBytes(value, tombstone)
}
