/**
 * Small requests and small replies over HTTP, for machines: bounded in connections, headers and time, every reply
 * counted, and an end that lets finish what is under way. What is asked and answered is not its business.
 */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { emptyBytes } from '../bytes.ts'
import { type NodeTls, nodeServerTls } from './node-tls.ts'

/** What a request is answered with. */
export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

/** Connections are few: who shows no good signature has none beyond his reply, or strangers would soon hold them all. */
export const noKeepAlive = { connection: 'close' }

export interface HttpLimits {
  readonly maxConnections: number
  readonly maxHeaderBytes: number
  /** From a request's first byte to its last. */
  readonly requestTimeoutMs: number
  /** How long an idle connection is kept for its client. */
  readonly keepAliveTimeoutMs: number
}

export interface HttpServiceOptions {
  readonly limits: HttpLimits
  /** With it, https and mTLS. */
  readonly tls?: NodeTls | undefined
  /** May reject when the sender went away in mid-request: then nobody is answered. */
  readonly answer: (request: IncomingMessage) => Promise<Reply>
  /** What every reply carries. */
  readonly headers?: () => Readonly<Record<string, string>>
  /** Sees every reply; `method` is '' for bytes that were no request. */
  readonly onReply?: (method: string, status: number) => void
  /** A connection more than `maxConnections`, or one whose TLS handshake failed, with Node's code for that. */
  readonly onRefusedConnection?: (why: 'too_many' | 'tls', code?: string) => void
}

/** Nobody of ours writes a request before the last one was answered; others may write a few. */
const maxPipelined = 8

/** How long requests that are under way may go on when the service is closed. */
const defaultGraceMs = 200

/** A listening address and what is answered there. */
export class HttpService {
  readonly #options: HttpServiceOptions
  readonly #server: Server
  /** All that are open: node:http does not know of those that are still in their TLS handshake. */
  readonly #sockets = new Set<Duplex>()
  /** How many requests are being answered on each. */
  readonly #underWay = new WeakMap<Duplex, number>()
  #isDraining = false

  constructor(options: HttpServiceOptions) {
    this.#options = options
    this.#server = this.#createServer()
  }

  /** Whether it is being closed: it takes no new connections, and answers those that are there. */
  get isDraining(): boolean {
    return this.#isDraining
  }

  /** Port 0 takes a free one. Rejects when the address cannot be had. */
  listen(host: string, port: number): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject)
        resolve(this.#server.address() as AddressInfo)
      })
    })
  }

  /** Where it listens; `undefined` before and after. */
  address(): AddressInfo | undefined {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address : undefined
  }

  /** Stops listening, drops idle connections, and those that are answered within `graceMs` after that; then the rest. */
  async close(graceMs = defaultGraceMs): Promise<void> {
    this.#isDraining = true
    // Which drops idle connections too.
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    const end = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, graceMs)
    await closed
    clearTimeout(end)
  }

  #createServer(): Server {
    const { limits, tls } = this.#options
    const serve = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response)
    const options = serverOptions(limits)
    const server = tls
      ? createHttpsServer(
          { ...options, ...nodeServerTls(tls), handshakeTimeout: limits.requestTimeoutMs },
          serve,
        )
      : createServer(options, serve)
    server.maxConnections = limits.maxConnections
    server.on('connection', (socket: Duplex) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    // RFC 9110 §10.1.1: an expectation that is not understood may be ignored.
    server.on('checkExpectation', serve)
    server.on('clientError', (error, socket) => this.#refuse(error, socket))
    server.on('drop', () => this.#options.onRefusedConnection?.('too_many'))
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      // Of a certificate that does not verify Node says no more than that the connection was reset.
      const verdict: unknown = socket.authorizationError
      this.#options.onRefusedConnection?.('tls', typeof verdict === 'string' ? verdict : error.code)
    })
    return server
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request
    const underWay = this.#underWay.get(socket) ?? 0
    // A thousand requests in one packet would be worked through before the first reply goes out.
    if (underWay >= maxPipelined) socket.destroy()
    if (socket.destroyed) return
    this.#underWay.set(socket, underWay + 1)
    try {
      this.#send(request, response, await this.#answerTo(request))
    } catch {
      // The sender went away in mid-request, or took too long: there is nobody to answer.
      response.destroy()
    } finally {
      this.#underWay.set(socket, (this.#underWay.get(socket) ?? 1) - 1)
    }
  }

  /** RFC 9112 §3.2: without Host, HTTP/1.1 is a bad request. */
  async #answerTo(request: IncomingMessage): Promise<Reply> {
    const isWithoutHost = request.httpVersion === '1.1' && request.headers.host === undefined
    return isWithoutHost ? { status: 400, headers: noKeepAlive } : this.#options.answer(request)
  }

  #send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
    const { status, headers, body = emptyBytes } = reply
    this.#options.onReply?.(request.method ?? '', status)
    response.writeHead(status, {
      ...headers,
      // RFC 9110 §8.6: a 204 has no content-length.
      ...(status === 204 ? {} : { 'content-length': String(body.length) }),
      ...(this.#isDraining ? noKeepAlive : {}),
      ...this.#options.headers?.(),
    })
    response.end(body)
  }

  /** Bytes that are no request, or no longer one: node:http has given up on the connection. */
  #refuse(error: Error, socket: Duplex): void {
    const status = 'code' in error ? statusOf(String(error.code)) : undefined
    if (status === undefined || !socket.writable) {
      socket.destroy()
      return
    }
    this.#options.onReply?.('', status)
    const headers = { ...noKeepAlive, 'content-length': '0', ...this.#options.headers?.() }
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.end(`HTTP/1.1 ${status} \r\n${lines.join('')}\r\n`, () => socket.destroy())
  }
}

function serverOptions(limits: HttpLimits): ServerOptions {
  return {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.requestTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    // How often Node looks for requests that take too long.
    connectionsCheckingInterval: Math.max(10, Math.floor(limits.requestTimeoutMs / 4)),
    // Its own reply to that would have none of our headers.
    requireHostHeader: false,
  }
}

/** What a failure of node:http's parser is to the client; `undefined` when he is gone. */
function statusOf(code: string): 400 | 408 | 413 | 431 | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return 431
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return 413
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408
  return code.startsWith('HPE_') ? 400 : undefined
}

/**
 * The path of a request as it came, query and all, never normalized. A proxy may send the absolute form (RFC 9112
 * §3.2.2), of which scheme and authority are left out.
 */
export function pathOf({ url = '' }: IncomingMessage): string {
  return url.replace(/^https?:\/\/[^/?#]*(?=\/)/i, '')
}
