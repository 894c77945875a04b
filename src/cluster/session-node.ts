/**
 * A node that stores sealed records for a cluster, over HTTP on a port of its own, never the public one:
 *
 *     PUT    /v1/sessions/{43 base64url}   204, or 409 when there are other bytes, or 410
 *     GET    /v1/sessions/{43 base64url}   200 with the record, 404, or 410
 *     DELETE /v1/sessions/{43 base64url}   204, and 410 for who asks afterwards
 *     GET    /healthz                      200, or 503 while it shuts down, without authentication
 *     GET    /metrics                      200, without authentication
 *
 * docs/session-node.openapi.yaml has every status of each. It holds nothing that it could open, in memory alone:
 * a node that restarts is empty, and its sessions are full handshakes.
 */
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { CryptoProvider } from '../crypto/provider.ts'
import { ApiMisuse } from '../errors.ts'
import { maxLifetimeSeconds } from '../session/session.ts'
import { type ClusterLog, silentLog } from './cluster-log.ts'
import { ForeignDigests } from './foreign-digests.ts'
import { clusterHealth, type NodeHealth } from './health.ts'
import { type HttpLimits, HttpService, noKeepAlive, pathOf, type Reply } from './http-service.ts'
import type { ClusterKeys } from './keys.ts'
import { LogThrottle } from './log-throttle.ts'
import type { Membership } from './membership.ts'
import { ClusterMetrics } from './metrics.ts'
import type { NodeTls } from './node-tls.ts'
import { NonceMemory } from './nonce-memory.ts'
import { type RecordLimits, RecordMemory } from './record-memory.ts'
import {
  digestHeader,
  lifetimeHeader,
  nonceMemoryMs,
  type SignatureFault,
  signatureScheme,
  verifyRequest,
} from './request-signature.ts'
import { maxSealedBytes } from './sealed-record.ts'
import { StatusPages } from './status-pages.ts'

export interface SessionNodeOptions {
  /** Followed as it changes: its digest is compared with that of every request, and returned. */
  readonly membership: Membership
  /** Which of the nodes of `membership` this one is. */
  readonly nodeId: string
  /** Followed as they change. */
  readonly keys: ClusterKeys
  readonly provider: CryptoProvider
  /** ms since 1970. */
  readonly now: () => number
  readonly limits?: Partial<SessionNodeLimits>
  /** With it the node listens with https and serves nobody who does not show a certificate of `ca`. */
  readonly tls?: NodeTls | undefined
  readonly log?: ClusterLog
  /** What `/metrics` shows beside this node; without it, this node alone. */
  readonly metrics?: ClusterMetrics
}

export interface SessionNodeLimits extends RecordLimits, HttpLimits {
  /** Requests that may be accepted in 60 s: beyond it is 503, never a request that could be a replay. */
  readonly maxNonces: number
}

export const defaultSessionNodeLimits: SessionNodeLimits = {
  maxRecords: 100_000,
  maxBytes: 64 * 1024 * 1024,
  maxTombstones: 100_000,
  maxNonces: 262_144,
  maxConnections: 1024,
  maxHeaderBytes: 8192,
  requestTimeoutMs: 2000,
  keepAliveTimeoutMs: 65_000,
}

/** What happened so far, each a count from zero. */
export interface SessionNodeCounters {
  /** Every reply, by method and status such as `GET 200`; `other` for other methods, and for what was no request. */
  readonly replies: Record<string, number>
  readonly get: { hit: number; miss: number; gone: number }
  readonly put: { stored: number; same: number; other: number; deleted: number }
  readonly delete: { deleted: number; missing: number }
  /** 401, by reason: `clock_skew` is where clocks that differ show first, `wrong_mac` a wrong key or target. */
  readonly unauthorized: Record<SignatureFault | 'replayed', number>
  nonces_full: number
  /** Requests of servers whose cluster_info is not this node's. */
  cluster_digest_mismatch: number
  /** Connections that got no reply: one too many, or TLS that failed, as without a certificate of the cluster. */
  readonly refused_connections: { too_many: number; tls: number }
}

export interface SessionNode {
  readonly counters: SessionNodeCounters
  /** `store_entries`, `store_bytes`, `store_evictions`, and the tombstones, as of now. */
  readonly memory: {
    readonly entries: number
    readonly bytes: number
    readonly evictions: number
    readonly tombstones: number
  }
  /** What `/healthz` says. */
  readonly health: NodeHealth
  /** Port 0 takes a free one. Rejects when the address cannot be had. */
  listen(host: string, port: number): Promise<AddressInfo>
  /** Where it listens; `undefined` before and after. */
  address(): AddressInfo | undefined
  /**
   * Stops listening, drops idle connections at once, answers requests that are under way for up to `graceMs`, 200
   * by default, and drops what is left. `/healthz` says 503 meanwhile to whoever is still connected.
   */
  close(graceMs?: number): Promise<void>
}

/** Throws ApiMisuse when `nodeId` is none of the nodes of `membership`. */
export function createSessionNode(options: SessionNodeOptions): SessionNode {
  const { nodes } = options.membership.info
  if (!nodes.some(node => node.id === options.nodeId)) {
    throw new ApiMisuse(
      `${options.nodeId}: no such node in cluster_info; known are ${nodes.map(n => n.id).join(', ')}`,
    )
  }
  return new HttpSessionNode(options)
}

const methods = ['GET', 'PUT', 'DELETE'] as const
type Method = (typeof methods)[number]
/** Any other method is counted as one, or strangers would make the list of counters long. */
const countedMethods = [...methods, 'HEAD']

// The last character of 32 bytes in base64url has two bits to spare: only one spelling is a path.
const sessionPath = /^\/v1\/sessions\/([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$/

class HttpSessionNode implements SessionNode {
  readonly counters: SessionNodeCounters = {
    replies: {},
    get: { hit: 0, miss: 0, gone: 0 },
    put: { stored: 0, same: 0, other: 0, deleted: 0 },
    delete: { deleted: 0, missing: 0 },
    unauthorized: { malformed: 0, unknown_epoch: 0, wrong_mac: 0, clock_skew: 0, replayed: 0 },
    nonces_full: 0,
    cluster_digest_mismatch: 0,
    refused_connections: { too_many: 0, tls: 0 },
  }
  readonly #options: SessionNodeOptions
  readonly #records: RecordMemory
  readonly #nonces: NonceMemory
  readonly #service: HttpService
  readonly #pages: StatusPages
  readonly #log: ClusterLog
  readonly #throttle: LogThrottle
  readonly #foreignDigests = new ForeignDigests()

  constructor(options: SessionNodeOptions) {
    const { now, keys, tls, log = silentLog, metrics = new ClusterMetrics({ now }) } = options
    const limits = { ...defaultSessionNodeLimits, ...options.limits }
    this.#options = options
    this.#log = log
    this.#throttle = new LogThrottle(log, now)
    this.#records = new RecordMemory(limits, now)
    this.#nonces = new NonceMemory({ memoryMs: nonceMemoryMs, maxNonces: limits.maxNonces })
    this.#service = new HttpService({
      ...{ limits, tls, answer: request => this.#answerTo(request) },
      headers: () => ({ [digestHeader]: options.membership.digest }),
      onReply: (method, status) => this.#countReply(method, status),
      onRefusedConnection: (why, code) => this.#countRefusedConnection(why, code),
    })
    options.membership.onChange(() => this.#foreignDigests.forget())
    this.#pages = new StatusPages({
      health: () => this.health,
      isDraining: () => this.#service.isDraining,
      metrics,
    })
    metrics.watchNode(this)
    metrics.watchKeys(keys)
  }

  get memory() {
    const { entries, bytes, evictions, tombstones } = this.#records
    return { entries, bytes, evictions, tombstones }
  }

  get health(): NodeHealth {
    const { entries, bytes } = this.#records
    return { ...clusterHealth(this.#options), entries, bytes }
  }

  async listen(host: string, port: number): Promise<AddressInfo> {
    const address = await this.#service.listen(host, port)
    const { nodeId: node, tls } = this.#options
    const scheme = tls === undefined ? 'http' : 'https'
    this.#log.info({ node, host: address.address, port: address.port, scheme }, 'session node listens')
    return address
  }

  address(): AddressInfo | undefined {
    return this.#service.address()
  }

  async close(graceMs?: number): Promise<void> {
    const { nodeId: node } = this.#options
    this.#log.info({ node, entries: this.memory.entries }, 'session node shuts down')
    await this.#service.close(graceMs)
    this.#log.info({ node }, 'session node has shut down')
  }

  async #answerTo(request: IncomingMessage): Promise<Reply> {
    const { method = '' } = request
    const path = pathOf(request)
    const page = this.#pages.answer(method, path)
    if (page !== undefined) return page
    const storageKey = sessionPath.exec(path)?.[1]
    if (storageKey === undefined) return refusal(404)
    if (!isMethod(method)) return refusal(405, { allow: methods.join(', ') })
    const body = await readBody(request)
    if (body === 'too_long') return refusal(413)
    const refused = this.#refuseStranger(request, { method, path, body })
    if (refused !== undefined) return refused
    this.#compareDigests(headerOf(request, digestHeader))
    switch (method) {
      case 'GET':
        return this.#read(storageKey)
      case 'PUT':
        return this.#write(storageKey, request, body)
      case 'DELETE':
        this.counters.delete[this.#records.delete(storageKey)]++
        return { status: 204 }
    }
  }

  /** 401 unless a server of the cluster signed this request for this node, now, and for the first time. */
  #refuseStranger(
    request: IncomingMessage,
    asked: { method: string; path: string; body: Uint8Array },
  ): Reply | undefined {
    const { nodeId, keys, provider, now } = this.#options
    const nowMs = now()
    const lifetime = headerOf(request, lifetimeHeader)
    const signed = { ...asked, nodeId, lifetime, digest: headerOf(request, digestHeader) }
    const proof = verifyRequest(signed, request.headers.authorization, { keys, provider, nowMs })
    const admission = typeof proof === 'string' ? proof : this.#nonces.admit(proof.nonce, nowMs)
    if (admission === 'new') return undefined
    if (admission === 'full') {
      this.counters.nonces_full++
      this.#throttle.warn('503: more requests in 60 s than nonces are kept of', '')
      return { status: 503 }
    }
    this.counters.unauthorized[admission]++
    this.#throttle.warn('401: a request that no server of the cluster signed', admission, {
      reason: admission,
    })
    return { status: 401, headers: { 'www-authenticate': signatureScheme, ...noKeepAlive } }
  }

  #compareDigests(theirs: string): void {
    const { digest: ours, info } = this.#options.membership
    if (theirs === ours) return
    this.counters.cluster_digest_mismatch++
    const shown = this.#foreignDigests.news(theirs)
    if (shown === undefined) return
    this.#log.warn({ ours, theirs: shown, revision: info.revision }, 'a server has another cluster_info')
  }

  #read(storageKey: string): Reply {
    const found = this.#records.read(storageKey)
    this.counters.get[found === 'missing' ? 'miss' : found === 'deleted' ? 'gone' : 'hit']++
    if (found === 'missing') return { status: 404 }
    if (found === 'deleted') return { status: 410 }
    return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: found }
  }

  #write(storageKey: string, request: IncomingMessage, body: Uint8Array): Reply {
    if (request.headers['content-type'] !== 'application/octet-stream') return refusal(415)
    const lifetimeMs = lifetimeOf(headerOf(request, lifetimeHeader))
    if (lifetimeMs === undefined || body.length === 0) return refusal(400)
    const written = this.#records.write(storageKey, body, lifetimeMs)
    this.counters.put[written]++
    return { status: { stored: 204, same: 204, other: 409, deleted: 410 }[written] }
  }

  #countReply(method: string, status: number): void {
    const name = `${countedMethods.includes(method) ? method : 'other'} ${status}`
    this.counters.replies[name] = (this.counters.replies[name] ?? 0) + 1
    this.#log.debug({ method: name.split(' ')[0], status }, 'answered')
  }

  #countRefusedConnection(why: 'too_many' | 'tls', code: string | undefined): void {
    this.counters.refused_connections[why]++
    this.#throttle.warn('connection refused', why, { reason: why, code })
  }
}

/** Whoever is told that his request is wrong has none but that on his connection. */
function refusal(status: 400 | 404 | 405 | 413 | 415, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { ...headers, ...noKeepAlive } }
}

/** Reads at most `maxSealedBytes`; of what is longer no more is taken. Rejects when the sender goes away. */
async function readBody(request: IncomingMessage): Promise<Uint8Array | 'too_long'> {
  const parts: Buffer[] = []
  let length = 0
  // To stop in mid-body would destroy the socket, and whether a 413 got out before that would be luck.
  const body: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false })
  for await (const part of body) {
    length += part.length
    if (length > maxSealedBytes) return 'too_long'
    parts.push(part)
  }
  return new Uint8Array(Buffer.concat(parts))
}

/** A header as it came, '' when it did not. */
function headerOf(request: IncomingMessage, name: string): string {
  const value = request.headers[name]
  return typeof value === 'string' && /^[\x20-\x7e]*$/.test(value) ? value : ''
}

/** A lifetime of 1 ms to 24 h, the longest that a session has. */
function lifetimeOf(header: string): number | undefined {
  if (!/^[1-9]\d{0,8}$/.test(header)) return undefined
  const lifetimeMs = Number(header)
  return lifetimeMs <= maxLifetimeSeconds * 1000 ? lifetimeMs : undefined
}

function isMethod(method: string): method is Method {
  return (methods as readonly string[]).includes(method)
}
