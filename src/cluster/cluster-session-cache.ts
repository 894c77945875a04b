/**
 * The sessions of a cluster as one server sees them: whoever did the full handshake, any server resumes. The
 * store is asked only about IDs of our own making; nothing here ever throws into a handshake. A session whose
 * owner is this very server goes over HTTP like any other: that happens where it is the only node, or another
 * server drew the ID.
 */
import { emptyBytes } from '../bytes.ts'
import type { RandomBytes } from '../crypto/provider.ts'
import type { SessionCache } from '../driver/session-cache.ts'
import type { Lookup, MissReason } from '../handshake/effects.ts'
import { hasExpired, maxLifetimeSeconds, type Session } from '../session/session.ts'
import { maxPeerCertificateBytes } from '../session/session-record.ts'
import type { SessionTickets } from '../session/session-ticket.ts'
import type { EpochKeys } from './epoch-keys.ts'
import type { ClusterKeys } from './keys.ts'
import { OpensslSessions } from './openssl-sessions.ts'
import type { OwnerChoice } from './owner-choice.ts'
import { openSession, sealSession } from './sealed-record.ts'
import { type DrawnId, SessionIds } from './session-ids.ts'
import type { SessionStore } from './session-store.ts'
import { SharedRecords, type SharedRecordsCounters, zeroRecordsCounters } from './shared-records.ts'
import { clusterTickets } from './ticket-keys.ts'

export interface ClusterSessionCacheOptions {
  readonly keys: ClusterKeys
  readonly store: SessionStore
  /** Which owner a new session should have; a store that places by itself has none to choose from. */
  readonly owners?: OwnerChoice | undefined
  /** For the nonces of seals; the random bytes of an ID are handed to `drawId`. */
  readonly random: RandomBytes
  /** ms since 1970. */
  readonly now: () => number
}

export interface ClusterSessionCacheCounters extends SharedRecordsCounters {
  drawn: number
  /** IDs thrown away because their owner did not suit. */
  redrawn: number
  /** IDs that had to be taken with an owner that does not suit. */
  unsuited: number
  readonly lookups: Record<'hit' | MissReason, number>
  /** Sessions forgotten after a fatal alert: by a client's fault, or by somebody who saw its ID (SECURITY.md). */
  forgotten: number
}

/** What a TLS server of a cluster asks of its sessions; every failure in here is a miss. */
export class ClusterSessionCache implements SessionCache {
  readonly counters: ClusterSessionCacheCounters = {
    drawn: 0,
    redrawn: 0,
    unsuited: 0,
    lookups: zeroLookups(),
    forgotten: 0,
    ...zeroRecordsCounters(),
  }
  /** Under the cluster's key: what one server seals, any other opens. */
  readonly tickets: SessionTickets
  /** Sessions of node:tls servers, which lie beside ours: `attachSessionStore` asks here. */
  readonly openssl: OpensslSessions
  readonly #keys: ClusterKeys
  readonly #records: SharedRecords
  readonly #random: RandomBytes
  readonly #now: () => number
  readonly #ids: SessionIds
  readonly #owners: OwnerChoice | undefined

  constructor({ keys, store, owners, random, now }: ClusterSessionCacheOptions) {
    this.#keys = keys
    const { counters } = this
    const records = new SharedRecords({ store, counters })
    this.#records = records
    this.openssl = new OpensslSessions({ keys, records, counters, random, now })
    this.#random = random
    this.#now = now
    this.#ids = new SessionIds({ keys, now })
    this.tickets = clusterTickets({ keys, now })
    this.#owners = owners
  }

  /** A new ID whose owner suits (`OwnerChoice`). Empty when no node is active or no key epoch has begun. */
  drawId(random: RandomBytes): Uint8Array {
    const drawn = this.#owners ? this.#drawFor(this.#owners, random) : this.#ids.draw(random, () => 0, 1)
    if (drawn === undefined) return emptyBytes
    this.counters.drawn++
    this.counters.redrawn += drawn.suited ? drawn.unsuited : drawn.unsuited - 1
    if (!drawn.suited) this.counters.unsuited++
    return drawn.id
  }

  /** An ID that is not ours is answered at once, without I/O; for one that is, the store is asked. Never rejects. */
  load(id: Uint8Array, signal: AbortSignal): Lookup | Promise<Lookup> {
    const keys = this.#ids.check(id)
    if (typeof keys === 'string') return this.#counted({ miss: keys })
    const storageKey = keys.storageKey(id)
    const open = (sealed: Uint8Array) => this.#open(sealed, storageKey)
    return this.#records.read(storageKey, signal, open).then(lookup => this.#counted(lookup))
  }

  /** Seals the session and sends it to its owners. A session that is over, or too large, is not stored. */
  save(id: Uint8Array, session: Session): void {
    const keys = this.#ids.check(id)
    const nowMs = this.#now()
    const sealing = this.#keys.current(nowMs)
    if (typeof keys === 'string' || sealing === undefined || !isStorable(session, nowMs)) {
      this.counters.store_put_total.unstorable++
      return
    }
    const storageKey = keys.storageKey(id)
    const sealed = this.#seal(session, sealing, storageKey)
    if (sealed === undefined) return
    // A creation time a little ahead of our clock must not ask a node for more than it gives.
    const restMs = Math.ceil(session.createdMs + session.lifetimeSeconds * 1000 - nowMs)
    const lifetimeMs = Math.min(restMs, maxLifetimeSeconds * 1000)
    this.#records.put(storageKey, sealed, lifetimeMs)
  }

  /** Deletes the session from its owners, after a PUT of ours that may be under way; this server will not resume it whatever becomes of that. */
  forget(id: Uint8Array): void {
    const keys = this.#ids.check(id)
    if (typeof keys === 'string') return
    this.counters.forgotten++
    this.#records.delete(keys.storageKey(id))
  }

  /** The node ID of the first owner; `undefined` for an ID that is not ours, and where the store places by itself. */
  ownerOf(id: Uint8Array): string | undefined {
    const keys = this.#ids.check(id)
    return typeof keys === 'string' ? undefined : this.#owners?.ownerOf(keys.storageKey(id))
  }

  /** Waits for what is under way, `timeoutMs` at most: a server that shuts down hands its sessions over first. Returns how many were left. */
  flush(timeoutMs = 200): Promise<number> {
    return this.#records.flush(timeoutMs)
  }

  #drawFor(owners: OwnerChoice, random: RandomBytes): DrawnId | undefined {
    const suitable = owners.suitable()
    if (suitable.size === 0) return undefined
    const loadOf = (storageKey: Uint8Array) => {
      const owner = owners.ownerOf(storageKey)
      return suitable.has(owner) ? owners.loadOf(owner) : undefined
    }
    const drawn = this.#ids.draw(random, loadOf, Math.min(2, suitable.size))
    if (drawn !== undefined) owners.choose(owners.ownerOf(drawn.storageKey))
    return drawn
  }

  #open(sealed: Uint8Array, storageKey: Uint8Array): Lookup {
    const nowMs = this.#now()
    const lookup = openSession(sealed, { keys: this.#keys, storageKey, nowMs })
    if ('miss' in lookup || !hasExpired(lookup.session, nowMs)) return lookup
    lookup.session.masterSecret.wipe()
    return { miss: 'expired' }
  }

  #counted(lookup: Lookup): Lookup {
    this.counters.lookups['session' in lookup ? 'hit' : lookup.miss]++
    return lookup
  }

  #seal(session: Session, keys: EpochKeys, storageKey: Uint8Array): Uint8Array | undefined {
    try {
      return sealSession(session, { keys, storageKey, random: this.#random })
    } catch {
      // A field that no record can hold. Nobody is there to catch it, and the connection is none the worse.
      this.counters.store_put_total.unstorable++
      return undefined
    }
  }
}

function isStorable(session: Session, nowMs: number): boolean {
  return (
    session.lifetimeSeconds <= maxLifetimeSeconds &&
    session.peerCertificate.length <= maxPeerCertificateBytes &&
    !hasExpired(session, nowMs)
  )
}

function zeroLookups(): ClusterSessionCacheCounters['lookups'] {
  return {
    hit: 0,
    miss: 0,
    expired: 0,
    foreign_id: 0,
    epoch: 0,
    auth: 0,
    policy: 0,
    server_name: 0,
    ems: 0,
    suite: 0,
    timeout: 0,
    breaker: 0,
    error: 0,
  }
}
