/**
 * The session store of a cluster: its session nodes over HTTP. Every promise settles within its time, whatever
 * a node does or does not do, and rejects with a StoreFailure when no answer was had.
 */
import { emptyBytes } from '../bytes.ts'
import type { CryptoProvider, RandomBytes } from '../crypto/provider.ts'
import { toBase64url } from './base64url.ts'
import type { BreakerState } from './circuit-breaker.ts'
import type { ClusterNode } from './cluster-info.ts'
import { type ClusterLog, silentLog } from './cluster-log.ts'
import { ForeignDigests } from './foreign-digests.ts'
import type { ClusterKeys } from './keys.ts'
import type { Membership } from './membership.ts'
import { NodeGuards } from './node-guard.ts'
import type { NodeTls } from './node-tls.ts'
import { ConnectionClosed, HttpTransport, type NodeReply, type NodeTransport } from './node-transport.ts'
import { digestHeader, lifetimeHeader, signRequest } from './request-signature.ts'
import { type SessionStore, StoreFailure } from './session-store.ts'
import { defaultStoreTimeouts, type StoreTimeouts, untilAborted, withinBudget } from './time-budget.ts'

export interface HttpSessionStoreOptions {
  readonly membership: Membership
  readonly keys: ClusterKeys
  readonly provider: CryptoProvider
  readonly random: RandomBytes
  /** ms since 1970. */
  readonly now: () => number
  readonly limits?: Partial<HttpSessionStoreLimits>
  /** HTTP by default. */
  readonly transport?: NodeTransport
  /** What nodes with an https url are shown, and verified by. */
  readonly tls?: NodeTls | undefined
  readonly log?: ClusterLog
}

/** Times are for all owners together in a look-up, and for each of them in a PUT or DELETE. */
export interface HttpSessionStoreLimits extends StoreTimeouts {
  /** How long a record that is here waits for the word of the other owners, one of whom may know that it was deleted. */
  readonly hedgeMs: number
  readonly connectionsPerNode: number
  readonly maxInFlightPerNode: number
  /** After so many failures in a row a node is not asked for a while. */
  readonly breakerThreshold: number
  readonly breakerCoolDownMs: number
}

export const defaultHttpSessionStoreLimits: HttpSessionStoreLimits = {
  ...defaultStoreTimeouts,
  hedgeMs: 5,
  connectionsPerNode: 32,
  maxInFlightPerNode: 256,
  breakerThreshold: 3,
  breakerCoolDownMs: 1000,
}

export interface HttpSessionStoreCounters {
  requests: number
  /** Requests sent again since a kept connection was closed under them. */
  retries: number
  /** Owners that did not take a PUT which another one took. */
  replica_put_failures: number
  /** Records that were taken without the word of every owner. */
  hedged_reads: number
  /** Replies of nodes whose cluster_info is not ours. */
  cluster_digest_mismatch: number
}

/** What is asked of one node. */
interface Question {
  readonly method: 'GET' | 'PUT' | 'DELETE'
  readonly storageKey: Uint8Array
  readonly body?: Uint8Array
  readonly lifetimeMs?: number
}

/** A record, or that there is none; `gone` is more than that: it was deleted. */
type Found = Uint8Array | 'missing' | 'gone'

/** The session nodes of a cluster as one store. */
export class HttpSessionStore implements SessionStore {
  readonly counters: HttpSessionStoreCounters = {
    requests: 0,
    retries: 0,
    replica_put_failures: 0,
    hedged_reads: 0,
    cluster_digest_mismatch: 0,
  }
  readonly #membership: Membership
  readonly #keys: ClusterKeys
  readonly #provider: CryptoProvider
  readonly #random: RandomBytes
  readonly #now: () => number
  readonly #limits: HttpSessionStoreLimits
  readonly #transport: NodeTransport
  readonly #log: ClusterLog
  readonly #guards: NodeGuards
  readonly #foreignDigests = new ForeignDigests()

  constructor({ membership, keys, provider, random, now, limits, ...options }: HttpSessionStoreOptions) {
    this.#membership = membership
    this.#keys = keys
    this.#provider = provider
    this.#random = random
    this.#now = now
    this.#limits = { ...defaultHttpSessionStoreLimits, ...limits }
    const { connectionsPerNode, writeTimeoutMs } = this.#limits
    this.#transport =
      options.transport ??
      new HttpTransport({ connectionsPerNode, timeoutMs: writeTimeoutMs, tls: options.tls })
    this.#log = options.log ?? silentLog
    this.#guards = new NodeGuards({
      ...{ now, log: options.log, called: nodeName, maxInFlight: this.#limits.maxInFlightPerNode },
      ...{ threshold: this.#limits.breakerThreshold, coolDownMs: this.#limits.breakerCoolDownMs },
    })
    membership.onChange(() => {
      this.#transport.keepOnly(membership.reachable)
      this.#foreignDigests.forget()
    })
  }

  /**
   * Asks all owners, those of before a change of the list too, within one budget. One that knows of a deletion
   * ends the read; a record is taken when every other has answered, or shortly after it came.
   */
  get(storageKey: Uint8Array, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const owners = this.#holdersOf(storageKey)
    return untilAborted(signal, () => this.#readAny(owners, storageKey))
  }

  /**
   * Writes to all owners that are active; where they began to drain since the ID was drawn, to those. Rejects when
   * none of them took it, or when one knows better.
   */
  async put(storageKey: Uint8Array, sealed: Uint8Array, lifetimeMs: number): Promise<void> {
    const all = this.#membership.ownersOf(storageKey)
    const active = all.filter(node => node.state === 'active')
    const owners = active.length > 0 ? active : all.filter(node => node.state === 'draining')
    if (owners.length === 0) throw new StoreFailure('error', 'every owner of this key is down')
    const failures = await this.#writeAll(
      owners,
      { method: 'PUT', storageKey, body: sealed, lifetimeMs },
      [204],
    )
    // Who has other bytes, or knows that the session was forgotten, is believed at once.
    const verdict = failures.find(failure => failure.reason === 'conflict' || failure.reason === 'gone')
    if (verdict !== undefined) throw verdict
    if (failures.length === owners.length) throw failures[0]!
    this.counters.replica_put_failures += failures.length
  }

  /**
   * Deletes from all owners that are not down, those of before a change of the list too. Rejects when one of
   * them could not be told: it may still serve the record, until its time is over.
   */
  async delete(storageKey: Uint8Array): Promise<void> {
    const owners = this.#holdersOf(storageKey)
    const failures = await this.#writeAll(owners, { method: 'DELETE', storageKey }, [204, 404, 410])
    if (failures.length > 0) throw failures[0]!
  }

  /** Whether the node would be asked now: not while its breaker is open. */
  isAvailable(nodeId: string): boolean {
    return this.#guards.of(nodeId).isAvailable
  }

  /** The breaker of every node in the list. */
  get breakers(): ReadonlyMap<string, BreakerState> {
    return new Map(this.#membership.info.nodes.map(({ id }) => [id, this.#guards.of(id).state] as const))
  }

  /**
   * Asks every node for a record that nobody has: connections are opened and code is compiled before the first
   * client waits for it. A node that is not there yet does no harm; never rejects.
   */
  async warmUp(): Promise<void> {
    const nodes = this.#membership.info.nodes.filter(node => node.state !== 'down')
    await this.#writeAll(nodes, { method: 'GET', storageKey: this.#random(32) }, [404])
  }

  /** Drops every connection; what is under way rejects. */
  async close(): Promise<void> {
    await this.#transport.close()
  }

  /** Who may have a record and is not down: its owners, and those of before the list changed. */
  #holdersOf(storageKey: Uint8Array): readonly ClusterNode[] {
    const owners = this.#membership.ownersOf(storageKey)
    const former = this.#membership.formerOwnersOf(storageKey)
    return [...owners, ...former].filter(node => node.state !== 'down')
  }

  /**
   * An owner that failed may have had the record, so where nobody else has it, the failure is the answer and not a
   * miss. Nodes that are still busy when the answer is known go on to the end of their budget: that tells their guards.
   */
  #readAny(owners: readonly ClusterNode[], storageKey: Uint8Array): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      let record: Uint8Array | undefined
      let failure: StoreFailure | undefined
      let waitingFor = owners.length
      let hedge: NodeJS.Timeout | undefined
      let isOver = false
      const conclude = () => {
        isOver = true
        clearTimeout(hedge)
        if (record === undefined && failure !== undefined) reject(failure)
        else resolve(record)
      }
      if (waitingFor === 0) conclude()
      const hear = (found: Found) => {
        if (isOver || found === 'missing') return
        if (found === 'gone') {
          record = undefined
          failure = undefined
          return conclude()
        }
        record ??= found
        hedge ??= setTimeout(() => {
          this.counters.hedged_reads++
          conclude()
        }, this.#limits.hedgeMs)
      }
      for (const node of owners) {
        this.#read(node, storageKey)
          .then(hear, error => {
            failure ??= failureOf(error)
          })
          .finally(() => {
            if (--waitingFor === 0) conclude()
          })
      }
    })
  }

  #read(node: ClusterNode, storageKey: Uint8Array): Promise<Found> {
    return this.#ask(node, { timeoutMs: this.#limits.readTimeoutMs }, async end => {
      const reply = await this.#sendTwice(node, { method: 'GET', storageKey }, end)
      if (reply.status === 404) return 'missing'
      if (reply.status === 410) return 'gone'
      return recordOf(node, reply)
    })
  }

  /** Asks all nodes at once, each within the time for writes; the failures, where the status is not one of `good`. */
  async #writeAll(
    nodes: readonly ClusterNode[],
    question: Question,
    good: readonly number[],
  ): Promise<readonly StoreFailure[]> {
    // A deletion is tried in any case: nobody makes up for it later.
    const terms = { timeoutMs: this.#limits.writeTimeoutMs, insists: question.method === 'DELETE' }
    const asked = nodes.map(node =>
      this.#ask(node, terms, async end => {
        const { status } = await this.#sendTwice(node, question, end)
        if (!good.includes(status)) throw refusalOf(node, status)
      }).catch(failureOf),
    )
    return (await Promise.all(asked)).filter(failure => failure !== undefined)
  }

  /** Where the node's guard lets it through, and within a time of its own. */
  #ask<T>(
    { id }: ClusterNode,
    { timeoutMs, insists = false }: { timeoutMs: number; insists?: boolean },
    work: (end: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.#guards.of(id).run(() => withinBudget(timeoutMs, work), { insists })
  }

  /**
   * One request, and one more when a kept connection was closed as we wrote (every request of ours may be
   * repeated: the same bytes, signed anew).
   */
  async #sendTwice(node: ClusterNode, question: Question, end: AbortSignal): Promise<NodeReply> {
    try {
      return await this.#send(node, question, end)
    } catch (error) {
      if (end.aborted || !(error instanceof ConnectionClosed)) throw error
      this.counters.retries++
      return this.#send(node, question, end)
    }
  }

  async #send(node: ClusterNode, question: Question, end: AbortSignal): Promise<NodeReply> {
    const { method, body } = question
    const path = `/v1/sessions/${toBase64url(question.storageKey)}`
    const headers = this.#headersOf(node, question, path)
    this.counters.requests++
    const reply = await this.#transport.send(node, { method, path, headers, body }, end)
    this.#compareDigest(node, reply.digest)
    return reply
  }

  #headersOf(node: ClusterNode, question: Question, path: string): Record<string, string> {
    const nowMs = this.#now()
    const keys = this.#keys.current(nowMs)
    if (keys === undefined) throw new StoreFailure('error', 'no epoch of the cluster key has begun')
    const { method, body, lifetimeMs } = question
    const lifetime = lifetimeMs === undefined ? '' : String(lifetimeMs)
    const { digest } = this.#membership
    const signed = { method, path, nodeId: node.id, lifetime, digest, body: body ?? emptyBytes }
    const signer = { keys, provider: this.#provider, random: this.#random, nowMs }
    return {
      authorization: signRequest(signed, signer),
      [digestHeader]: digest,
      ...(lifetime === '' ? {} : { [lifetimeHeader]: lifetime }),
      ...(body === undefined ? {} : { 'content-type': 'application/octet-stream' }),
    }
  }

  #compareDigest({ id }: ClusterNode, theirs: string | undefined): void {
    const ours = this.#membership.digest
    if (theirs === undefined || theirs === ours) return
    this.counters.cluster_digest_mismatch++
    const shown = this.#foreignDigests.news(theirs, id)
    if (shown === undefined) return
    const fields = { node: id, ours, theirs: shown }
    this.#log.warn(fields, `${nodeName(id)} has another cluster_info than this server`)
  }
}

function nodeName(id: string): string {
  return `session node ${id}`
}

function recordOf(node: ClusterNode, { status, contentType, body }: NodeReply): Uint8Array {
  if (status !== 200) throw refusalOf(node, status)
  // A captive portal says 200 too, and means a page.
  if (contentType !== 'application/octet-stream' || body.length === 0) {
    throw new StoreFailure(
      'error',
      `node ${node.id}: need a record, have ${body.length} bytes of another type`,
    )
  }
  return body
}

function refusalOf(node: ClusterNode, status: number): StoreFailure {
  const reason = status === 409 ? 'conflict' : status === 410 ? 'gone' : 'error'
  return new StoreFailure(reason, `node ${node.id}: status ${status}`)
}

function failureOf(error: unknown): StoreFailure {
  return error instanceof StoreFailure ? error : new StoreFailure('error', 'an error of another kind')
}
