import { Pool } from 'undici'
import type { ClusterNode } from './cluster-info.ts'
import { type NodeTls, nodeClientTls } from './node-tls.ts'
import { digestHeader } from './request-signature.ts'
import { maxSealedBytes } from './sealed-record.ts'
import { StoreFailure } from './session-store.ts'

/** A request to a session node, as it goes out. */
export interface NodeRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | undefined
}

/** What a node answered. */
export interface NodeReply {
  readonly status: number
  /** '' when there is none. */
  readonly contentType: string
  /** The digest of the node's own cluster_info, when it says one. */
  readonly digest: string | undefined
  /** At most `maxSealedBytes`. */
  readonly body: Uint8Array
}

/** How requests reach a node. */
export interface NodeTransport {
  /** Rejects when there is no whole answer; with `ConnectionClosed` when a kept connection was closed as we wrote. */
  send(node: ClusterNode, request: NodeRequest, end: AbortSignal): Promise<NodeReply>
  /** Drops the connections to every other address than these: nodes come and go. */
  keepOnly(nodes: readonly ClusterNode[]): void
  /** Drops every connection; what is under way rejects. */
  close(): Promise<void>
}

/** The request may not have reached the node: it may be sent again. */
export class ConnectionClosed extends StoreFailure {}

export interface HttpTransportOptions {
  readonly connectionsPerNode: number
  /** The longest that any request may take. */
  readonly timeoutMs: number
  /** What nodes with an https url are shown, and verified by. */
  readonly tls?: NodeTls | undefined
}

/** Over HTTP. Connections are kept and carry one request at a time: a late answer cannot meet the next request. */
export class HttpTransport implements NodeTransport {
  readonly #options: HttpTransportOptions
  /** By address: a node that moved is reached at its new one. */
  readonly #pools = new Map<string, Pool>()
  #isClosed = false

  constructor(options: HttpTransportOptions) {
    this.#options = options
  }

  async send(node: ClusterNode, request: NodeRequest, end: AbortSignal): Promise<NodeReply> {
    try {
      const { method, path, headers, body = null } = request
      const reply = await this.#poolOf(node).request({ method, path, headers, body, signal: end })
      return {
        status: reply.statusCode,
        contentType: headerOf(reply.headers, 'content-type') ?? '',
        digest: headerOf(reply.headers, digestHeader),
        body: await readReply(reply.body),
      }
    } catch (error) {
      throw failureOf(node, error)
    }
  }

  keepOnly(nodes: readonly ClusterNode[]): void {
    const urls = new Set(nodes.map(node => node.url))
    for (const [url, pool] of this.#pools) {
      if (urls.has(url)) continue
      this.#pools.delete(url)
      // What is under way may end; it has a time of its own.
      void pool.close().catch(() => {})
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const pools = [...this.#pools.values()]
    this.#pools.clear()
    await Promise.all(pools.map(pool => pool.destroy()))
  }

  #poolOf({ url }: ClusterNode): Pool {
    const pool = this.#pools.get(url) ?? this.#openPool(url)
    this.#pools.set(url, pool)
    return pool
  }

  #openPool(url: string): Pool {
    if (this.#isClosed) throw new StoreFailure('error', 'the store is closed')
    // A list may come to say https while everything runs: any certificate that the system trusts would do then.
    if (this.#options.tls === undefined && url.startsWith('https:'))
      throw new StoreFailure('error', 'https without certificates of the cluster: restart with them')
    const { connectionsPerNode, timeoutMs, tls } = this.#options
    return new Pool(url, {
      connections: connectionsPerNode,
      pipelining: 1,
      keepAliveTimeout: 60_000,
      connectTimeout: timeoutMs,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxHeaderSize: 8192,
      maxResponseSize: maxSealedBytes,
      ...(tls && { connect: nodeClientTls(tls) }),
    })
  }
}

function headerOf(headers: Record<string, string | string[] | undefined>, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
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

/** Whatever was thrown, as a StoreFailure. Of a library's error only the code is kept: its cause may hold headers. */
function failureOf(node: ClusterNode, error: unknown): StoreFailure {
  if (error instanceof StoreFailure) return error
  const code = codeOf(error)
  const message = `node ${node.id}: ${code}`
  if (['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(code)) return new ConnectionClosed('error', message)
  return new StoreFailure(/TIMED?OUT/.test(code) ? 'timeout' : 'error', message)
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : error instanceof Error ? error.name : 'not an error'
}
