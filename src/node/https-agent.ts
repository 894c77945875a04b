/** Where HTTPS requests get their connections: the agent of node:https on our TLS, and the same for undici. */
import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import type {
  Agent as HttpAgent,
  AgentOptions as HttpAgentOptions,
  RequestOptions as HttpRequestOptions,
} from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Socket } from 'node:net'
import { LRUCache } from 'lru-cache'
import { ApiMisuse } from '../errors.ts'
import { type ConnectionOptions, connect } from './connect.ts'
import type { Writable } from './option-types.ts'
import type { TLSSocket } from './tls-socket.ts'

export type RequestOptions = HttpRequestOptions & Writable<ConnectionOptions>

export type AgentOptions = HttpAgentOptions &
  Writable<ConnectionOptions> & {
    /** How many sessions are kept for resumption: 100 by default, 0 for none. */
    maxCachedSessions?: number | undefined
  }

const defaultMaxCachedSessions = 100

/** Sessions of connections that were made, one for each name, the least recently used forgotten first. */
class KnownSessions {
  readonly #sessions: LRUCache<string, Buffer> | undefined

  constructor({ maxCachedSessions: max = defaultMaxCachedSessions }: AgentOptions) {
    this.#sessions = max > 0 ? new LRUCache({ max }) : undefined
  }

  /** Connects with the session of the name, where there is one, and keeps what the server gives. */
  connect(name: string, options: ConnectionOptions): TLSSocket {
    const session = options.session ?? this.#sessions?.get(name)
    const socket = connect({ ...options, session })
    socket.on('session', (made: Buffer) => this.#sessions?.set(name, made))
    return socket
  }

  forget(name: string): void {
    this.#sessions?.delete(name)
  }
}

/** Without the types of node:tls, whose keys are not all that ours may be. */
const NodeAgent: new (options: HttpAgentOptions) => HttpAgent = HttpsAgent

/**
 * Connections of HTTPS requests, kept open with `keepAlive`, and of closed ones their sessions: one for each name and set of
 * options. An https.Agent to whoever asks for one; its TLS is ours.
 */
export class Agent extends NodeAgent {
  readonly #sessions: KnownSessions

  constructor(options: AgentOptions = {}) {
    super(options)
    this.#sessions = new KnownSessions(options)
  }

  /** Opens a connection, with the session of an earlier one under the same name where there is one. */
  override createConnection(options: RequestOptions): TLSSocket {
    const name = this.getName(options)
    const socket = this.#sessions.connect(name, options)
    // As node:https: whatever the error was, the next connection may do without what this one began with.
    socket.once('close', (hadError: boolean) => {
      if (hadError) this.#sessions.forget(name)
    })
    return socket
  }

  /**
   * What two requests must have in common to share a connection: node:https's name, and a digest of what says who asks and
   * how, where it is given. node:https has the private key itself in its names, and those get printed.
   */
  override getName(options: RequestOptions = {}): string {
    const { key, passphrase, pfx, secureContext, policy, provider, ...others } = options
    const name = super.getName(others as HttpRequestOptions)
    const own = [key, passphrase, pfx, secureContext, policy, provider]
    return own.every(value => value === undefined) ? name : `${name}:${digestOf(own)}`
  }
}

/** Names get printed: a passphrase in one must not be found by trying, so the digest is under a key of this process. */
const nameKey = randomBytes(32)

/** Of equal text and bytes the same digest; of what cannot be read, such as a KeyObject or a signer, only for itself. */
function digestOf(value: unknown): string {
  return createHmac('sha256', nameKey)
    .update(JSON.stringify(readable(value)))
    .digest('base64url')
}

function readable(value: unknown): unknown {
  if (typeof value === 'string') return ['text', value]
  if (value instanceof Uint8Array) return ['bytes', Buffer.from(value).toString('base64')]
  if (Array.isArray(value)) return ['list', ...value.map(readable)]
  if (isRecord(value)) return Object.entries(value).map(([name, field]) => [name, readable(field)])
  if (typeof value === 'function' || (typeof value === 'object' && value !== null)) return identityOf(value)
  return ['other', String(value)]
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

const identities = new WeakMap<object, string>()

function identityOf(value: object): string {
  const identity = identities.get(value) ?? randomUUID()
  identities.set(value, identity)
  return identity
}

/** What undici wants to know of a connection (its `buildConnector.Options`). */
export interface ConnectorRequest {
  readonly hostname: string
  readonly protocol: string
  readonly port: string
  readonly servername?: string | undefined
  readonly localAddress?: string | null | undefined
  /** A connection through a proxy, which TLS goes over. */
  readonly httpSocket?: Socket | undefined
}

export type Connector = (
  request: ConnectorRequest,
  callback: (...result: [null, TLSSocket] | [Error, null]) => void,
) => void

export type ConnectorOptions = AgentOptions & {
  /** Whether HTTP/2 is offered by ALPN: for an undici.Agent with `allowH2` too. */
  readonly allowH2?: boolean
}

/** As long as undici's own connector takes at most. */
const connectorTimeoutMs = 10_000

/** The `connect` option of undici's Agent, Client and Pool, and so of fetch: our TLS, with the sessions of earlier connections. */
export function undiciConnector({ allowH2 = false, ...options }: ConnectorOptions = {}): Connector {
  const sessions = new KnownSessions(options)
  const common = {
    handshakeTimeout: connectorTimeoutMs,
    ALPNProtocols: allowH2 ? ['h2', 'http/1.1'] : ['http/1.1'],
    ...options,
  }
  return (request, callback) => {
    const { hostname, protocol, port, servername = '', localAddress, httpSocket } = request
    if (protocol !== 'https:') return callback(new ApiMisuse(notHttps(request)), null)
    const name = `${hostname}:${port}:${servername}`
    const socket = sessions.connect(name, {
      ...common,
      host: withoutBrackets(hostname),
      port: Number(port) || 443,
      ...(servername && { servername }),
      ...(localAddress && { localAddress }),
      ...(httpSocket && { socket: httpSocket }),
    })
    let isOpen = false
    // It stays: undici has a listener of its own only some time after it was given the socket.
    socket.on('error', error => {
      if (isOpen) return
      sessions.forget(name)
      callback(error, null)
    })
    socket.once('secureConnect', () => {
      isOpen = true
      callback(null, socket)
    })
  }
}

const notHttps = ({ protocol, hostname }: ConnectorRequest) =>
  `${protocol}//${hostname}: this connector speaks TLS alone; give such URLs an Agent without it`

/** A URL has an IPv6 address in brackets, a connection has none. */
export const withoutBrackets = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, '$1')
