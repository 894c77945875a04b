import { LRUCache } from 'lru-cache'
import { equalBytes } from '../bytes.ts'
import { nonceMemoryMs } from './request-signature.ts'

export interface RecordLimits {
  readonly maxRecords: number
  /** Of the records themselves. */
  readonly maxBytes: number
  readonly maxTombstones: number
}

/**
 * The sealed records of one node, in memory only: the least recently used give way, each goes when its time is
 * over, and a deleted one leaves a tombstone so that a late PUT does not bring it back.
 */
export class RecordMemory {
  readonly #records: LRUCache<string, Uint8Array>
  readonly #tombstones: LRUCache<string, true>
  readonly #limits: RecordLimits
  readonly #now: () => number
  #evictions = 0
  #purgedMs = 0

  /** @param now ms since 1970: 0 would be no time at all to lru-cache */
  constructor(limits: RecordLimits, now: () => number) {
    const { maxRecords, maxBytes, maxTombstones } = limits
    this.#limits = limits
    this.#now = now
    const clock = { perf: { now }, ttlResolution: 0 }
    this.#records = new LRUCache({
      ...clock,
      max: maxRecords,
      maxSize: maxBytes,
      sizeCalculation: record => record.length,
      dispose: (_record, _key, reason) => {
        if (reason === 'evict') this.#evictions++
      },
    })
    this.#tombstones = new LRUCache({ ...clock, max: maxTombstones })
  }

  read(key: string): Uint8Array | 'missing' | 'deleted' {
    if (this.#tombstones.has(key)) return 'deleted'
    return this.#records.get(key) ?? 'missing'
  }

  /** The first write wins: the same bytes again change nothing, not even the time that is left. */
  write(key: string, record: Uint8Array, lifetimeMs: number): 'stored' | 'same' | 'other' | 'deleted' {
    if (this.#tombstones.has(key)) return 'deleted'
    const live = this.#records.peek(key)
    if (live !== undefined) return equalBytes(live, record) ? 'same' : 'other'
    const { maxRecords, maxBytes } = this.#limits
    const isFull = this.#records.size >= maxRecords || this.#records.calculatedSize + record.length > maxBytes
    if (isFull) this.#purge()
    this.#records.set(key, record, { ttl: lifetimeMs })
    return 'stored'
  }

  /**
   * Deletes, and leaves a tombstone for the time the record had left. Where there was none, its PUT may be on
   * its way, and is good for as long as its signature is.
   */
  delete(key: string): 'deleted' | 'missing' {
    const live = this.#records.peek(key) !== undefined
    const ttl = live ? this.#records.getRemainingTTL(key) : nonceMemoryMs
    // A tombstone that is there may stand for longer than this one would.
    if (!this.#tombstones.has(key)) this.#tombstones.set(key, true, { ttl: Math.max(1, ttl) })
    this.#records.delete(key)
    return live ? 'deleted' : 'missing'
  }

  get entries(): number {
    this.#purge()
    return this.#records.size
  }

  get bytes(): number {
    this.#purge()
    return this.#records.calculatedSize
  }

  get tombstones(): number {
    return this.#tombstones.size
  }

  get evictions(): number {
    return this.#evictions
  }

  /** What is over would lie there until somebody asked for it, be counted, and be evicted before its time; once a second is enough. */
  #purge(): void {
    const nowMs = this.#now()
    if (Math.abs(nowMs - this.#purgedMs) < 1000) return
    this.#purgedMs = nowMs
    this.#records.purgeStale()
  }
}
