/**
 * Sealed records on their way to a store and back, for whatever session is in them. Nothing here throws into a
 * handshake: a look-up that fails is a miss with a reason, a write that fails is counted.
 */
import { LRUCache } from 'lru-cache'
import type { MissReason } from '../handshake/effects.ts'
import { toBase64url } from './base64url.ts'
import { type SessionStore, StoreFailure, type StoreFailureReason } from './session-store.ts'
import { SingleFlight, startedNow } from './single-flight.ts'

export interface SharedRecordsCounters {
  /** `unstorable`: a session that is over, or does not fit a record, or whose ID is not ours. */
  readonly store_put_total: Record<'ok' | 'unstorable' | StoreFailureReason, number>
  readonly store_delete_total: Record<'ok' | StoreFailureReason, number>
  /** Look-ups that waited for the answer to another's. */
  shared_lookups: number
}

export interface Miss {
  readonly miss: MissReason
}

/** So many forgotten sessions are remembered here, in case an owner could not be told. */
const maxForgotten = 16_384

/** The records of one server: asked for once however many want one, written in order, and gone when they are forgotten. */
export class SharedRecords {
  readonly #store: SessionStore
  readonly #counters: SharedRecordsCounters
  readonly #reads = new SingleFlight<Uint8Array | undefined>()
  readonly #forgotten = new LRUCache<string, true>({ max: maxForgotten })
  /** The last PUT or DELETE under way for each storage key. */
  readonly #underWay = new Map<string, Promise<void>>()

  constructor({ store, counters }: { store: SessionStore; counters: SharedRecordsCounters }) {
    this.#store = store
    this.#counters = counters
  }

  /** What `open` makes of the record, or why there is none. Never rejects; `signal` ends it. */
  async read<T extends object>(
    storageKey: Uint8Array,
    signal: AbortSignal,
    open: (sealed: Uint8Array) => T | Miss,
  ): Promise<T | Miss> {
    const name = toBase64url(storageKey)
    if (this.#forgotten.has(name)) return { miss: 'miss' }
    try {
      let isOwn = false
      const sealed = await this.#reads.run(name, signal, end => {
        isOwn = true
        return this.#store.get(storageKey, end)
      })
      if (!isOwn) this.#counters.shared_lookups++
      // It may have been forgotten meanwhile.
      if (sealed === undefined || this.#forgotten.has(name)) return { miss: 'miss' }
      return open(sealed)
    } catch (error) {
      return { miss: signal.aborted ? 'timeout' : missReasonOf(error) }
    }
  }

  /**
   * Sends a record to its owners; nobody waits. Two sessions under one ID, as from a virtual machine that was copied
   * with its random numbers: nobody can tell whose client returns with it, so neither is kept, and both draw another
   * with their next full handshake.
   */
  put(storageKey: Uint8Array, sealed: Uint8Array, lifetimeMs: number): void {
    this.#afterOthers(storageKey, this.#counters.store_put_total, async () => {
      try {
        await this.#store.put(storageKey, sealed, lifetimeMs)
      } catch (error) {
        if (reasonOf(error) === 'conflict') this.delete(storageKey)
        throw error
      }
    })
  }

  /** Deletes a record from its owners, after a PUT of ours that may be under way; here it is gone whatever becomes of that. */
  delete(storageKey: Uint8Array): void {
    this.#forgotten.set(toBase64url(storageKey), true)
    this.#afterOthers(storageKey, this.#counters.store_delete_total, () => this.#store.delete(storageKey))
  }

  /** Waits for what is under way, `timeoutMs` at most. Returns how many were left. */
  async flush(timeoutMs: number): Promise<number> {
    let isOver = false
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<void>(resolve => {
      timer = setTimeout(() => {
        isOver = true
        resolve()
      }, timeoutMs)
    })
    // What ends may be followed by more: a DELETE after a PUT that met another session.
    while (this.#underWay.size > 0 && !isOver) {
      await Promise.race([Promise.all(this.#underWay.values()), timeout])
    }
    clearTimeout(timer)
    return this.#underWay.size
  }

  /**
   * Starts `operation` once what is under way for the key is done: a DELETE never overtakes the PUT it is
   * meant for. Its failure is counted, and goes no further.
   */
  #afterOthers(
    storageKey: Uint8Array,
    totals: Record<'ok' | StoreFailureReason, number>,
    operation: () => Promise<void>,
  ): void {
    const name = toBase64url(storageKey)
    const earlier = this.#underWay.get(name)
    const count = (result: 'ok' | StoreFailureReason) => {
      totals[result]++
    }
    const started = earlier === undefined ? startedNow(operation) : earlier.then(operation)
    const ended: Promise<void> = started
      .then(
        () => count('ok'),
        error => count(reasonOf(error)),
      )
      .then(() => {
        if (this.#underWay.get(name) === ended) this.#underWay.delete(name)
      })
    this.#underWay.set(name, ended)
  }
}

/** All of it from zero. */
export function zeroRecordsCounters(): SharedRecordsCounters {
  return {
    store_put_total: { unstorable: 0, ...zeroResults() },
    store_delete_total: zeroResults(),
    shared_lookups: 0,
  }
}

function reasonOf(error: unknown): StoreFailureReason {
  return error instanceof StoreFailure ? error.reason : 'error'
}

/** The word for a look-up that failed. */
function missReasonOf(error: unknown): MissReason {
  const reason = reasonOf(error)
  return reason === 'timeout' || reason === 'breaker' ? reason : 'error'
}

function zeroResults(): Record<'ok' | StoreFailureReason, number> {
  return { ok: 0, timeout: 0, conflict: 0, gone: 0, breaker: 0, error: 0 }
}
