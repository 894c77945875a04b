/**
 * The session store of a cluster: its session nodes over HTTP. Every promise settles within its time, whatever
 * a node does or does not do, and rejects with a StoreFailure when no answer was had.
 */
import { Pool } from 'undici'
import { emptyBytes } from '../bytes.ts'
import type { CryptoProvider, RandomBytes } from '../crypto/provider.ts'
import { toBase64url } from './base64url.ts'
import type { ClusterNode } from './cluster-info.ts'
import type { ClusterKeys } from './keys.ts'
import type { Membership } from './membership.ts'
import { digestHeader, lifetimeHeader, signRequest } from './request-signature.ts'
import { maxSealedBytes } from './sealed-record.ts'
import { type SessionStore, StoreFailure } from './session-store.ts'
import { withinBudget } from './time-budget.ts'

export interface HttpSessionStoreOptions {
  readonly membership: Membership
  readonly keys: ClusterKeys
  readonly provider: CryptoProvider
  readonly random: RandomBytes
  /** ms since 1970. */
  readonly now: () => number
  readonly limits?: Partial<HttpSessionStoreLimits>
}

export interface HttpSessionStoreLimits {
  /** For a whole look-up, all owners together: a client waits for it. */
  readonly readTimeoutMs: number
  /** For a PUT or DELETE, at each owner: nobody waits for it. */
  readonly writeTimeoutMs: number
  readonly connectionsPerNode: number
}

export const defaultHttpSessionStoreLimits: HttpSessionStoreLimits = {
  readTimeoutMs: 50,
  writeTimeoutMs: 1000,
  connectionsPerNode: 32,
}

export interface HttpSessionStoreCounters {
  requests: number
  /** Requests sent again since a kept connection was closed under them. */
  retries: number
  /** Owners that did not take a PUT which another one took. */
  replica_put_failures: number
  /** Replies of nodes whose cluster_info is not ours. */
  cluster_digest_mismatch: number
}

/** What is asked of one node. */
interface NodeRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE'
  readonly storageKey: Uint8Array
  readonly body?: Uint8Array
  readonly lifetimeMs?: number
}

interface NodeReply {
  readonly status: number
  readonly contentType: string
  readonly body: Uint8Array
}

/** The session nodes of a cluster as one store. */
export class HttpSessionStore implements SessionStore {
  readonly counters: HttpSessionStoreCounters = {
    requests: 0,
    retries: 0,
    replica_put_failures: 0,
    cluster_digest_mismatch: 0,
  }
  readonly #membership: Membership
  readonly #keys: ClusterKeys
  readonly #provider: CryptoProvider
  readonly #random: RandomBytes
  readonly #now: () => number
  readonly #limits: HttpSessionStoreLimits
  readonly #pools: ReadonlyMap<string, Pool>

  constructor({ membership, keys, provider, random, now, limits }: HttpSessionStoreOptions) {
    this.#membership = membership
    this.#keys = keys
    this.#provider = provider
    this.#random = random
    this.#now = now
    this.#limits = { ...defaultHttpSessionStoreLimits, ...limits }
    this.#pools = new Map(membership.info.nodes.map(node => [node.id, poolOf(node, this.#limits)]))
  }

  /** Asks the owners that are not down, one after the other, within one budget. */
  get(storageKey: Uint8Array, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const owners = this.#ownersOf(storageKey, ['active', 'draining'])
    return withinBudget({ timeoutMs: this.#limits.readTimeoutMs, signal }, end =>
      this.#readFirst(owners, storageKey, end),
    )
  }

  /** Writes to all owners that are active. Rejects when none of them took it, or when one knows better. */
  async put(storageKey: Uint8Array, sealed: Uint8Array, lifetimeMs: number): Promise<void> {
    const owners = this.#ownersOf(storageKey, ['active'])
    if (owners.length === 0) throw new StoreFailure('error', 'no owner of this key is active')
    const failures = await this.#askAll(
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
   * Deletes from all owners that are not down. Rejects when one of them could not be told: it may still serve
   * the record, until its time is over.
   */
  async delete(storageKey: Uint8Array): Promise<void> {
    const owners = this.#ownersOf(storageKey, ['active', 'draining'])
    const failures = await this.#askAll(owners, { method: 'DELETE', storageKey }, [204, 404, 410])
    if (failures.length > 0) throw failures[0]!
  }

  /**
   * Asks every node for a record that nobody has: connections are opened and code is compiled before the first
   * client waits for it. A node that is not there yet does no harm; never rejects.
   */
  async warmUp(): Promise<void> {
    const nodes = this.#membership.info.nodes.filter(node => node.state !== 'down')
    const request: NodeRequest = { method: 'GET', storageKey: this.#random(32) }
    await this.#askAll(nodes, request, [404])
  }

  /** Drops every connection; what is under way rejects. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map(pool => pool.destroy()))
  }

  #ownersOf(storageKey: Uint8Array, states: readonly ClusterNode['state'][]): readonly ClusterNode[] {
    return this.#membership.ownersOf(storageKey).filter(node => states.includes(node.state))
  }

  /**
   * A record from the first owner that has one. A 410 ends the read: the session was forgotten. An owner that
   * failed may have had it, so where nobody else has it, the failure is the answer and not a miss.
   */
  async #readFirst(
    owners: readonly ClusterNode[],
    storageKey: Uint8Array,
    end: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    let failure: StoreFailure | undefined
    for (const node of owners) {
      try {
        const reply = await this.#ask(node, { method: 'GET', storageKey }, end)
        if (reply.status === 410) return undefined
        if (reply.status !== 404) return recordOf(node, reply)
      } catch (error) {
        failure ??= failureOf(node, error)
        if (end.aborted) break
      }
    }
    if (failure !== undefined) throw failure
    return undefined
  }

  /** Asks all nodes at once, each within the time for writes; the failures, where the status is not one of `good`. */
  async #askAll(
    nodes: readonly ClusterNode[],
    request: NodeRequest,
    good: readonly number[],
  ): Promise<readonly StoreFailure[]> {
    const asked = nodes.map(async node => {
      try {
        const reply = await withinBudget({ timeoutMs: this.#limits.writeTimeoutMs }, end =>
          this.#ask(node, request, end),
        )
        return good.includes(reply.status) ? undefined : refusalOf(node, reply.status)
      } catch (error) {
        return failureOf(node, error)
      }
    })
    return (await Promise.all(asked)).filter(failure => failure !== undefined)
  }

  /**
   * One request, and one more when a kept connection was closed as we wrote (every request of ours may be
   * repeated: the same bytes, signed anew). Rejects with whatever undici rejects with.
   */
  async #ask(node: ClusterNode, request: NodeRequest, end: AbortSignal): Promise<NodeReply> {
    try {
      return await this.#send(node, request, end)
    } catch (error) {
      if (end.aborted || !isClosedConnection(error)) throw error
      this.counters.retries++
      return this.#send(node, request, end)
    }
  }

  async #send(node: ClusterNode, request: NodeRequest, end: AbortSignal): Promise<NodeReply> {
    const path = `/v1/sessions/${toBase64url(request.storageKey)}`
    const headers = this.#headersOf(node, request, path)
    this.counters.requests++
    const reply = await this.#pools.get(node.id)!.request({
      path,
      method: request.method,
      headers,
      body: request.body ?? null,
      signal: end,
    })
    const theirs = reply.headers[digestHeader]
    if (theirs !== undefined && theirs !== this.#membership.digest) this.counters.cluster_digest_mismatch++
    const contentType = reply.headers['content-type']
    return {
      status: reply.statusCode,
      contentType: typeof contentType === 'string' ? contentType : '',
      body: await readReply(reply.body),
    }
  }

  #headersOf(node: ClusterNode, request: NodeRequest, path: string): Record<string, string> {
    const nowMs = this.#now()
    const keys = this.#keys.current(nowMs)
    if (keys === undefined) throw new StoreFailure('error', 'no epoch of the cluster key has begun')
    const lifetime = request.lifetimeMs === undefined ? '' : String(request.lifetimeMs)
    const { digest } = this.#membership
    const signed = {
      method: request.method,
      path,
      nodeId: node.id,
      lifetime,
      digest,
      body: request.body ?? emptyBytes,
    }
    const signer = { keys, provider: this.#provider, random: this.#random, nowMs }
    return {
      authorization: signRequest(signed, signer),
      [digestHeader]: digest,
      ...(lifetime === '' ? {} : { [lifetimeHeader]: lifetime }),
      ...(request.body === undefined ? {} : { 'content-type': 'application/octet-stream' }),
    }
  }
}

/** Connections are kept and carry one request at a time: a late answer cannot meet the next request. */
function poolOf(node: ClusterNode, limits: HttpSessionStoreLimits): Pool {
  return new Pool(node.url, {
    connections: limits.connectionsPerNode,
    pipelining: 1,
    keepAliveTimeout: 60_000,
    connectTimeout: limits.writeTimeoutMs,
    headersTimeout: limits.writeTimeoutMs,
    bodyTimeout: limits.writeTimeoutMs,
    maxHeaderSize: 8192,
    maxResponseSize: maxSealedBytes,
  })
}

/** All of a reply, which the pool cuts off at `maxSealedBytes`; counted here once more. */
async function readReply(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of body) {
    length += part.length
    if (length > maxSealedBytes)
      throw new StoreFailure('error', `a reply of more than ${maxSealedBytes} bytes`)
    parts.push(part)
  }
  return new Uint8Array(Buffer.concat(parts))
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

/** Whatever was thrown, as a StoreFailure. Of a library's error only the code is kept: its cause may hold headers. */
function failureOf(node: ClusterNode, error: unknown): StoreFailure {
  if (error instanceof StoreFailure) return error
  const code = codeOf(error)
  return new StoreFailure(/TIMED?OUT/.test(code) ? 'timeout' : 'error', `node ${node.id}: ${code}`)
}

function isClosedConnection(error: unknown): boolean {
  return ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(codeOf(error))
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : error instanceof Error ? error.name : 'not an error'
}
