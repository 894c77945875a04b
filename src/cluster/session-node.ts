/**
 * A node that stores sealed records for a cluster, over HTTP on a port of its own, never the public one:
 *
 *     PUT    /v1/sessions/{43 base64url}   204, or 409 when there are other bytes, or 410
 *     GET    /v1/sessions/{43 base64url}   200 with the record, 404, or 410
 *     DELETE /v1/sessions/{43 base64url}   204, and 410 for who asks afterwards
 *     GET    /healthz                      200, without authentication
 *
 * It holds nothing that it could open, in memory alone: a node that restarts is empty, and its sessions are
 * full handshakes.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { emptyBytes } from '../bytes.ts'
import type { CryptoProvider } from '../crypto/provider.ts'
import { ApiMisuse } from '../errors.ts'
import { maxLifetimeSeconds } from '../session/session.ts'
import { type ClusterInfo, clusterDigest } from './cluster-info.ts'
import type { ClusterKeys } from './keys.ts'
import { NonceMemory } from './nonce-memory.ts'
import { RecordMemory } from './record-memory.ts'
import {
  digestHeader,
  lifetimeHeader,
  nonceMemoryMs,
  type SignatureFault,
  signatureScheme,
  verifyRequest,
} from './request-signature.ts'
import { maxSealedBytes } from './sealed-record.ts'

export interface SessionNodeOptions {
  readonly info: ClusterInfo
  /** Which of the nodes in `info` this one is. */
  readonly nodeId: string
  readonly keys: ClusterKeys
  readonly provider: CryptoProvider
  /** ms since 1970. */
  readonly now: () => number
  readonly limits?: Partial<SessionNodeLimits>
}

export interface SessionNodeLimits {
  readonly maxRecords: number
  readonly maxBytes: number
  readonly maxTombstones: number
  /** Requests that may be accepted in 60 s: beyond it is 503, never a request that could be a replay. */
  readonly maxNonces: number
  readonly maxConnections: number
  readonly maxHeaderBytes: number
  /** From a request's first byte to its last. */
  readonly requestTimeoutMs: number
  /** How long an idle connection is kept for its client. */
  readonly keepAliveTimeoutMs: number
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
  readonly get: { hit: number; miss: number; gone: number }
  readonly put: { stored: number; same: number; other: number; deleted: number }
  readonly delete: { deleted: number; missing: number }
  /** 401, by reason: `clock_skew` is where clocks that differ show first, `wrong_mac` a wrong key or target. */
  readonly unauthorized: Record<SignatureFault | 'replayed', number>
  /** Requests that were not understood, by status; 404 here is a path that is none of ours. */
  readonly refused: Record<RefusalStatus, number>
  nonces_full: number
  /** Requests of servers whose cluster_info is not this node's. */
  cluster_digest_mismatch: number
}

/** Statuses of requests that say something wrong, whoever signed them. */
type RefusalStatus = 400 | 404 | 405 | 413 | 415

export interface SessionNode {
  readonly counters: SessionNodeCounters
  /** `store_entries`, `store_bytes`, `store_evictions`, and the tombstones, as of now. */
  readonly memory: {
    readonly entries: number
    readonly bytes: number
    readonly evictions: number
    readonly tombstones: number
  }
  /** Port 0 takes a free one. Rejects when the address cannot be had. */
  listen(host: string, port: number): Promise<AddressInfo>
  /** Where it listens; `undefined` before and after. */
  address(): AddressInfo | undefined
  /** Stops listening and drops every connection. */
  close(): Promise<void>
}

/** Throws ApiMisuse when `nodeId` is none of the nodes in `info`. */
export function createSessionNode(options: SessionNodeOptions): SessionNode {
  const { info, nodeId } = options
  if (!info.nodes.some(node => node.id === nodeId)) {
    throw new ApiMisuse(
      `${nodeId}: no such node in cluster_info; known are ${info.nodes.map(n => n.id).join(', ')}`,
    )
  }
  return new HttpSessionNode(options)
}

/** What a request is answered with. */
interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

/** Connections are few: who shows no good signature has none beyond his reply, or strangers would soon hold them all. */
const noKeepAlive = { connection: 'close' }

const methods = ['GET', 'PUT', 'DELETE'] as const
type Method = (typeof methods)[number]

// The last character of 32 bytes in base64url has two bits to spare: only one spelling is a path.
const sessionPath = /^\/v1\/sessions\/([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$/

class HttpSessionNode implements SessionNode {
  readonly counters: SessionNodeCounters = {
    get: { hit: 0, miss: 0, gone: 0 },
    put: { stored: 0, same: 0, other: 0, deleted: 0 },
    delete: { deleted: 0, missing: 0 },
    unauthorized: { malformed: 0, unknown_epoch: 0, wrong_mac: 0, clock_skew: 0, replayed: 0 },
    refused: { 400: 0, 404: 0, 405: 0, 413: 0, 415: 0 },
    nonces_full: 0,
    cluster_digest_mismatch: 0,
  }
  readonly #nodeId: string
  readonly #digest: string
  readonly #keys: ClusterKeys
  readonly #provider: CryptoProvider
  readonly #now: () => number
  readonly #records: RecordMemory
  readonly #nonces: NonceMemory
  readonly #server: Server

  constructor({ info, nodeId, keys, provider, now, limits }: SessionNodeOptions) {
    const bounds = { ...defaultSessionNodeLimits, ...limits }
    this.#nodeId = nodeId
    this.#digest = clusterDigest(info, bytes => provider.hash('sha256').update(bytes).digest())
    this.#keys = keys
    this.#provider = provider
    this.#now = now
    this.#records = new RecordMemory(bounds, now)
    this.#nonces = new NonceMemory({ memoryMs: nonceMemoryMs, maxNonces: bounds.maxNonces })
    this.#server = serverOf(bounds, (request, response) => void this.#serve(request, response))
  }

  get memory() {
    const { entries, bytes, evictions, tombstones } = this.#records
    return { entries, bytes, evictions, tombstones }
  }

  listen(host: string, port: number): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject)
        resolve(this.#server.address() as AddressInfo)
      })
    })
  }

  address(): AddressInfo | undefined {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address : undefined
  }

  close(): Promise<void> {
    return new Promise(resolve => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      this.#send(response, await this.#replyTo(request))
    } catch {
      // The sender went away in mid-request, or took too long: there is nobody to answer.
      response.destroy()
    }
  }

  async #replyTo(request: IncomingMessage): Promise<Reply> {
    const { method = '', url = '' } = request
    if (url === '/healthz')
      return method === 'GET' ? { status: 200, headers: noKeepAlive } : this.#refuse(405, { allow: 'GET' })
    const storageKey = sessionPath.exec(url)?.[1]
    if (storageKey === undefined) return this.#refuse(404)
    if (!isMethod(method)) return this.#refuse(405, { allow: methods.join(', ') })
    const body = await readBody(request)
    if (body === 'too_long') return this.#refuse(413)
    const refusal = this.#refuseStranger(request, body)
    if (refusal !== undefined) return refusal
    if (headerOf(request, digestHeader) !== this.#digest) this.counters.cluster_digest_mismatch++
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
  #refuseStranger(request: IncomingMessage, body: Uint8Array): Reply | undefined {
    const nowMs = this.#now()
    const signed = {
      method: request.method ?? '',
      path: request.url ?? '',
      nodeId: this.#nodeId,
      lifetime: headerOf(request, lifetimeHeader),
      digest: headerOf(request, digestHeader),
      body,
    }
    const verifier = { keys: this.#keys, provider: this.#provider, nowMs }
    const proof = verifyRequest(signed, request.headers.authorization, verifier)
    const admission = typeof proof === 'string' ? proof : this.#nonces.admit(proof.nonce, nowMs)
    if (admission === 'new') return undefined
    if (admission === 'full') {
      this.counters.nonces_full++
      return { status: 503 }
    }
    this.counters.unauthorized[admission]++
    return { status: 401, headers: { 'www-authenticate': signatureScheme, ...noKeepAlive } }
  }

  #read(storageKey: string): Reply {
    const found = this.#records.read(storageKey)
    this.counters.get[found === 'missing' ? 'miss' : found === 'deleted' ? 'gone' : 'hit']++
    if (found === 'missing') return { status: 404 }
    if (found === 'deleted') return { status: 410 }
    return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: found }
  }

  #write(storageKey: string, request: IncomingMessage, body: Uint8Array): Reply {
    if (request.headers['content-type'] !== 'application/octet-stream') return this.#refuse(415)
    const lifetimeMs = lifetimeOf(headerOf(request, lifetimeHeader))
    if (lifetimeMs === undefined || body.length === 0) return this.#refuse(400)
    const written = this.#records.write(storageKey, body, lifetimeMs)
    this.counters.put[written]++
    return { status: { stored: 204, same: 204, other: 409, deleted: 410 }[written] }
  }

  #send(response: ServerResponse, { status, headers = {}, body = emptyBytes }: Reply): void {
    // RFC 9110 §8.6: a 204 has no content-length.
    const length: Record<string, string> = status === 204 ? {} : { 'content-length': String(body.length) }
    response.writeHead(status, { ...headers, ...length, [digestHeader]: this.#digest })
    response.end(body)
  }

  #refuse(status: RefusalStatus, headers: Readonly<Record<string, string>> = {}): Reply {
    this.counters.refused[status]++
    return { status, headers: { ...headers, ...noKeepAlive } }
  }
}

function serverOf(
  limits: SessionNodeLimits,
  serve: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const server = createServer(
    {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.requestTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      // How often Node looks for requests that take too long.
      connectionsCheckingInterval: Math.max(10, Math.floor(limits.requestTimeoutMs / 4)),
    },
    serve,
  )
  server.maxConnections = limits.maxConnections
  return server
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
