import { createHash } from 'node:crypto'
import { type EventEmitter, errorMonitor } from 'node:events'
import { Server, type TLSSocket } from 'node:tls'
import { ApiMisuse } from '../errors.ts'
import { type ClusterLog, silentLog } from './cluster-log.ts'
import type { ClusterSessionCache } from './cluster-session-cache.ts'
import { type OpensslSession, readOpensslSession } from './openssl-session.ts'
import type { OpensslLookup } from './openssl-sessions.ts'
import { defaultStoreTimeouts, withinBudget } from './time-budget.ts'

export interface AttachOptions {
  /** For a whole look-up, in ms: 50 by default. A client waits for it, and gets a full handshake when it is over. */
  readonly lookupTimeoutMs?: number
  /** Is warned, once each, of what keeps clients from resuming: tickets that are on, and servers with other terms. */
  readonly log?: ClusterLog
}

type Resume = (error: Error | null, session: Buffer | null) => void

/**
 * Gives a server of node:tls the sessions of a cluster: `tls.Server`, `https.Server`, `http2.createSecureServer`. A
 * client that did its full handshake with one server resumes at any other that has the same keys, store and terms.
 * Whatever fails is a full handshake. The server must not make tickets (`secureOptions: SSL_OP_NO_TICKET`), and needs
 * a `sessionIdContext` that is the same everywhere; docs/cluster.md tells what else node:tls leaves to its user.
 * @param cluster what joinCluster or joinEngine gives; for a store of your own `{ sessionCache: new ClusterSessionCache(...) }`
 * @returns takes the store away again; look-ups under way still end within their budget
 * Throws ApiMisuse where the server has a store already.
 */
export function attachSessionStore(
  server: Server,
  cluster: { readonly sessionCache: ClusterSessionCache },
  options: AttachOptions = {},
): () => void {
  requireAttachable(server, cluster)
  if (server.listenerCount('resumeSession') + server.listenerCount('newSession') > 0) {
    throw new ApiMisuse(
      "the server has a listener for 'newSession' or 'resumeSession' already; remove it, since node:tls takes one answer",
    )
  }
  const attached = new AttachedStore(server, cluster.sessionCache, options)
  const listeners = [
    ['newSession', attached.keep],
    ['resumeSession', attached.resume],
    ['secureConnection', attached.watch],
  ] as const
  for (const [event, listener] of listeners) server.on(event, listener)
  return () => {
    for (const [event, listener] of listeners) server.off(event, listener)
  }
}

/** What else is given here by mistake would keep nothing, and only with the first session would anybody know. */
function requireAttachable(server: unknown, cluster: unknown): void {
  if (!(server instanceof Server))
    throw new ApiMisuse(
      'attachSessionStore is for servers of node:tls, node:https and node:http2: give one of ringtls the option `cluster`',
    )
  const { sessionCache } = (cluster ?? {}) as { readonly sessionCache?: Partial<ClusterSessionCache> }
  if (!sessionCache?.openssl)
    throw new ApiMisuse(
      'attachSessionStore: wanted what joinCluster or joinEngine gave, or { sessionCache: new ClusterSessionCache(...) }',
    )
}

/** What a server of node:tls says of itself, and its types do not. Each is assigned again by `setSecureContext`. */
interface ServerTerms {
  readonly sessionIdContext?: string
  readonly ciphers?: string
  readonly requestCert?: boolean
  readonly rejectUnauthorized?: boolean
  readonly ca?: unknown
  readonly crl?: unknown
}

/** The listeners. What is a full handshake in TLS is `null` to node:tls; an error would end the connection. */
class AttachedStore {
  readonly #terms: ServerTerms
  readonly #cache: ClusterSessionCache
  readonly #lookupTimeoutMs: number
  readonly #log: ClusterLog
  readonly #warned = new Set<string>()

  constructor(server: Server, cache: ClusterSessionCache, options: AttachOptions) {
    this.#terms = server as ServerTerms
    this.#cache = cache
    this.#lookupTimeoutMs = options.lookupTimeoutMs ?? defaultStoreTimeouts.readTimeoutMs
    this.#log = options.log ?? silentLog
  }

  /** 'newSession', after the client's Finished: its first byte waits for `done`, so that comes before all else. */
  readonly keep = (_: Buffer, der: Buffer, done: () => void): void => {
    try {
      done()
    } finally {
      this.#cache.openssl.save(der, policyHashOf(this.#terms))
    }
  }

  /** 'resumeSession': `done` is called once, within the budget, whatever becomes of the store or the connection. */
  readonly resume = (id: Buffer, done: Resume): void => {
    const policyHash = policyHashOf(this.#terms)
    const answer = (lookup: OpensslLookup) => {
      // Out of the promise: what a listener of the application throws from here is no rejection of ours.
      process.nextTick(() => this.#answer(lookup, done))
    }
    withinBudget(this.#lookupTimeoutMs, end => this.#cache.openssl.load(id, policyHash, end)).then(
      answer,
      () => answer({ miss: 'timeout' }),
    )
  }

  /** 'secureConnection': a session whose connection ends in a fatal alert is not resumed (RFC 5246 §7.2.2). */
  readonly watch = (socket: TLSSocket): void => {
    const session = sessionOf(socket)
    if (session === undefined || session.protocolVersion > 0x0303) return
    if (session.id.length === 0) {
      if (!socket.isSessionReused()) this.#warnOnce(ticketsAreOn)
      return
    }
    const emitter: EventEmitter = socket
    // Not a listener for 'error': with one, an error that the application does not handle would go unnoticed.
    emitter.once(errorMonitor, (error: Error) => {
      if (isFatalAlert(error)) this.#cache.openssl.forget(session.id)
    })
  }

  #answer(lookup: OpensslLookup, done: Resume): void {
    if ('miss' in lookup) {
      if (lookup.miss === 'policy') this.#warnOnce(otherTerms)
      return done(null, null)
    }
    const { buffer, byteOffset, length } = lookup.der
    try {
      done(null, Buffer.from(buffer, byteOffset, length))
    } finally {
      lookup.der.fill(0)
    }
  }

  #warnOnce(message: string): void {
    if (this.#warned.has(message)) return
    this.#warned.add(message)
    this.#log.warn({}, message)
  }
}

const ticketsAreOn =
  'attachSessionStore: a session went to its client in a ticket and not to the store; ' +
  'set secureOptions: constants.SSL_OP_NO_TICKET (node:crypto) on the server'

const otherTerms =
  'attachSessionStore: a session was made by a server with other terms, and is not resumed; give all servers the same ' +
  'sessionIdContext (node:tls makes it of process.argv), ciphers, requestCert, rejectUnauthorized, ca and crl'

/**
 * 16 bytes over what a session must have been made under. OpenSSL itself looks at the context alone, and resumes with
 * a suite that is not allowed any more, or without the certificate that is asked for.
 */
function policyHashOf(terms: ServerTerms): Uint8Array {
  const { sessionIdContext, ciphers, requestCert, rejectUnauthorized, ca, crl } = terms
  const authorities = requestCert ? [rejectUnauthorized, digestsOf(ca), digestsOf(crl)] : []
  const text = JSON.stringify([sessionIdContext ?? null, ciphers ?? null, requestCert === true, authorities])
  return new Uint8Array(createHash('sha256').update(text).digest().subarray(0, 16))
}

/** In no order of their own: two servers with the same authorities agree. None given is not an empty list: node:tls then has its own. */
function digestsOf(files: unknown): readonly string[] | null {
  if (!files) return null
  const all = Array.isArray(files) ? files : [files]
  return all.map(one => createHash('sha256').update(bytesOf(one)).digest('hex')).sort()
}

function bytesOf(one: unknown): string | Uint8Array {
  return ArrayBuffer.isView(one) ? new Uint8Array(one.buffer, one.byteOffset, one.byteLength) : String(one)
}

/** What OpenSSL has of the connection's session; of what it was read from, the master secret is wiped. */
function sessionOf(socket: TLSSocket): OpensslSession | undefined {
  if (socket.getProtocol() === 'TLSv1.3') return undefined
  const der = socket.getSession()
  if (der === undefined) return undefined
  try {
    return readOpensslSession(der)
  } catch {
    return undefined
  } finally {
    der.fill(0)
  }
}

/** Sent or received. An end without close_notify is none, however OpenSSL calls it. */
function isFatalAlert(error: Error): boolean {
  const code = 'code' in error ? String(error.code) : ''
  return code.startsWith('ERR_SSL_') && code !== 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING'
}
