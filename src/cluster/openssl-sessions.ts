import { asciiBytes, concatBytes, equalBytes } from '../bytes.ts'
import type { RandomBytes } from '../crypto/provider.ts'
import type { MissReason } from '../handshake/effects.ts'
import { clockSkewToleranceMs, hasExpired, maxLifetimeSeconds } from '../session/session.ts'
import type { EpochKeys } from './epoch-keys.ts'
import type { ClusterKeys } from './keys.ts'
import {
  decodeOpensslRecord,
  encodeOpensslRecord,
  type OpensslRecord,
  readOpensslSession,
} from './openssl-session.ts'
import { openPlaintext, type Sealing, sealPlaintext } from './sealed-record.ts'
import { sessionIdBytes } from './session-ids.ts'
import type { Miss, SharedRecords, SharedRecordsCounters } from './shared-records.ts'

export interface OpensslSessionsOptions {
  readonly keys: ClusterKeys
  readonly records: SharedRecords
  readonly counters: SharedRecordsCounters & {
    readonly lookups: Record<'hit' | MissReason, number>
    forgotten: number
  }
  /** For the nonces of seals. */
  readonly random: RandomBytes
  /** ms since 1970. */
  readonly now: () => number
}

/** An SSL_SESSION in DER, for whoever asked to wipe once OpenSSL has read it; or why there is none. */
export type OpensslLookup = { readonly der: Uint8Array } | Miss

/**
 * Sessions of node:tls servers, in the store and under the keys of a cluster (attach-session-store.ts). OpenSSL draws
 * their IDs, all 32 bytes at random: an ID does not say whose it is, so every one that a client offers is a look-up,
 * nor in which key epoch it was drawn, so while keys rotate it is one for each epoch that is open.
 */
export class OpensslSessions {
  readonly #keys: ClusterKeys
  readonly #records: SharedRecords
  readonly #counters: OpensslSessionsOptions['counters']
  readonly #random: RandomBytes
  readonly #now: () => number

  constructor({ keys, records, counters, random, now }: OpensslSessionsOptions) {
    this.#keys = keys
    this.#records = records
    this.#counters = counters
    this.#random = random
    this.#now = now
  }

  /** The session of an ID that was made under these terms. Never rejects; `signal` ends it. */
  async load(id: Uint8Array, policyHash: Uint8Array, signal: AbortSignal): Promise<OpensslLookup> {
    const lookup = id.length === sessionIdBytes ? await this.#find(id, policyHash, signal) : foreign
    this.#counters.lookups['der' in lookup ? 'hit' : lookup.miss]++
    return lookup
  }

  /**
   * Seals a session and sends it to its owners; never throws. Left out are those of TLS 1.3, which node:tls has no
   * event to take up again by, and those without an ID, which the client has in a ticket.
   */
  save(der: Uint8Array, policyHash: Uint8Array): void {
    try {
      const session = readOpensslSession(der)
      if (session.protocolVersion > 0x0303 || session.id.length === 0) return
      const nowMs = this.#now()
      const keys = this.#keys.current(nowMs)
      if (keys === undefined || hasExpired(session, nowMs)) return this.#leaveOut()
      const storageKey = storageKeyOf(keys, session.id)
      const sealed = this.#seal({ ...session, policyHash, der }, { keys, storageKey, random: this.#random })
      const restMs = Math.ceil(session.createdMs + session.lifetimeSeconds * 1000 - nowMs)
      this.#records.put(storageKey, sealed, Math.min(restMs, maxLifetimeSeconds * 1000))
    } catch {
      // No SSL_SESSION, or one that no record can hold. Nobody is there to catch it, and the connection is none the worse.
      this.#leaveOut()
    }
  }

  /** Deletes a session from its owners; this server will not give it out whatever becomes of that. */
  forget(id: Uint8Array): void {
    this.#counters.forgotten++
    for (const keys of this.#openEpochs()) this.#records.delete(storageKeyOf(keys, id))
  }

  async #find(id: Uint8Array, policyHash: Uint8Array, signal: AbortSignal): Promise<OpensslLookup> {
    const lookups = this.#openEpochs().map(keys => {
      const storageKey = storageKeyOf(keys, id)
      return this.#records.read(storageKey, signal, sealed => this.#open(sealed, storageKey, policyHash))
    })
    try {
      return await Promise.any(lookups.map(hitOf))
    } catch {
      const misses = (await Promise.all(lookups)) as Miss[]
      return misses.find(({ miss }) => miss !== 'miss') ?? { miss: misses.length === 0 ? 'epoch' : 'miss' }
    }
  }

  #seal(record: OpensslRecord, sealing: Sealing): Uint8Array {
    const plaintext = encodeOpensslRecord(record)
    try {
      return sealPlaintext('opensslSession', plaintext, sealing)
    } finally {
      plaintext.fill(0)
    }
  }

  #open(sealed: Uint8Array, storageKey: Uint8Array, policyHash: Uint8Array): OpensslLookup {
    const nowMs = this.#now()
    const opened = openPlaintext('opensslSession', sealed, { keys: this.#keys, storageKey, nowMs })
    if ('miss' in opened) return opened
    try {
      const record = decodeOpensslRecord(opened.plaintext)
      if (hasExpired(record, nowMs)) return { miss: 'expired' }
      return equalBytes(record.policyHash, policyHash)
        ? { der: Uint8Array.from(record.der) }
        : { miss: 'policy' }
    } finally {
      opened.plaintext.fill(0)
    }
  }

  /** Those that a session may have been stored in: a server whose clock is ahead of ours may have begun the next. */
  #openEpochs(): readonly EpochKeys[] {
    const nowMs = this.#now()
    return this.#keys.live(nowMs).filter(({ notBeforeMs }) => notBeforeMs <= nowMs + clockSkewToleranceMs)
  }

  #leaveOut(): void {
    this.#counters.store_put_total.unstorable++
  }
}

const foreign: Miss = { miss: 'foreign_id' }

const label = asciiBytes('OpenSSL session ')

/** Of more bytes than an ID of ours has: the same 32 bytes, drawn by a server of each kind, lie in two places. */
export function storageKeyOf(keys: EpochKeys, id: Uint8Array): Uint8Array {
  return keys.storageKey(concatBytes(label, id))
}

async function hitOf(lookup: Promise<OpensslLookup>): Promise<OpensslLookup> {
  const found = await lookup
  if ('miss' in found) throw new Error(found.miss)
  return found
}
