/** Takes the place of node:http under a session node: no sockets, and a request is a call. */
import { EventEmitter } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { NodeReply, NodeRequest } from '../../../src/cluster/node-transport.ts'
import { digestHeader } from '../../../src/cluster/request-signature.ts'

const listening = new Map<number, InMemoryServer>()

class InMemoryServer extends EventEmitter {
  maxConnections = 0
  #port: number | undefined
  readonly listener: RequestListener

  constructor(listener: RequestListener) {
    super()
    this.listener = listener
  }

  listen(port: number, _host: string, ready: () => void): this {
    this.#port = port
    listening.set(port, this)
    ready()
    return this
  }

  address(): { port: number } | null {
    return this.#port === undefined ? null : { port: this.#port }
  }

  close(closed: () => void = () => {}): this {
    if (this.#port !== undefined && listening.get(this.#port) === this) listening.delete(this.#port)
    this.#port = undefined
    closed()
    return this
  }

  closeAllConnections(): void {}
  closeIdleConnections(): void {}
}

export function createServer(_options: object, listener: RequestListener): InMemoryServer {
  return new InMemoryServer(listener)
}

/** Nobody listens any more. */
export function unplugAll(): void {
  listening.clear()
}

/** Asks whoever listens on `port`; `undefined` when nobody does. */
export async function requestAt(port: number, request: NodeRequest): Promise<NodeReply | undefined> {
  const server = listening.get(port)
  if (server === undefined) return undefined
  return new Promise((resolve, reject) => {
    const { method, path, headers, body } = request
    const incoming = Object.assign(Readable.from(body === undefined ? [] : [Buffer.from(body)]), {
      method,
      url: path,
      headers,
      // Each request has a connection of its own, which nothing happens to.
      socket: { destroyed: false },
    })
    server.listener(incoming as unknown as IncomingMessage, responseTo(resolve, reject))
  })
}

function responseTo(resolve: (reply: NodeReply) => void, reject: (error: Error) => void): ServerResponse {
  let status = 0
  const headers = new Map<string, string>()
  const setHeaders = (more: Record<string, string> = {}) => {
    for (const [name, value] of Object.entries(more)) headers.set(name.toLowerCase(), String(value))
  }
  const response = {
    writeHead(code: number, more: Record<string, string>) {
      status = code
      setHeaders(more)
      return response
    },
    setHeader: (name: string, value: string) => setHeaders({ [name]: value }),
    end(body: Uint8Array = new Uint8Array(0)) {
      const contentType = headers.get('content-type') ?? ''
      resolve({ status, contentType, digest: headers.get(digestHeader), body: Uint8Array.from(body) })
    },
    destroy: () => reject(new Error('the node dropped the connection')),
  }
  return response as unknown as ServerResponse
}
