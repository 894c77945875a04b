/** What a server has decided for its connections, from its options. */
import type { EventEmitter } from 'node:events'
import type { ServerOpts } from 'node:net'
import { asciiBytes, emptyBytes } from '../bytes.ts'
import { ClusterSessionCache } from '../cluster/cluster-session-cache.ts'
import { EpochKeys } from '../cluster/epoch-keys.ts'
import { GuardedStore } from '../cluster/guarded-store.ts'
import { ClusterKeys } from '../cluster/keys.ts'
import type { SessionStore } from '../cluster/session-store.ts'
import type { RandomBytes } from '../crypto/provider.ts'
import { MemorySessionCache } from '../driver/memory-session-cache.ts'
import type { SessionCache } from '../driver/session-cache.ts'
import { ApiMisuse } from '../errors.ts'
import type { ServerConfig, TracedMessage } from '../handshake/config.ts'
import { Secret } from '../secret.ts'
import { ownTicketKeyBytes, ownTickets, type SessionTickets } from '../session/session-ticket.ts'
import { apiMisuse } from './api-misuse.ts'
import {
  type ProtocolList,
  type ProtocolQuestion,
  protocolSelector,
  readProtocols,
} from './application-protocols.ts'
import { readRecordSizeLimit } from './fragment-limits.ts'
import { readCount, readFunction, requireMethods, wrongType } from './option-types.ts'
import { commonConfig, contextOf, type SecureContext, type SecureContextOptions } from './secure-context.ts'
import { serverAnswers } from './server-answers.ts'
import { askForContext, type ServerNames, type SNICallback } from './server-names.ts'
import { hasSessionListeners, SessionEvents } from './session-events.ts'
import { readTicketKeys } from './session-terms.ts'
import { defaultHandshakeTimeoutMs, type SocketHooks, type SocketTerms } from './socket-terms.ts'

/** What a server's connections are like, whether `createServer` or `new TLSSocket` makes them. */
export interface ServerSocketOptions extends SecureContextOptions {
  /** Certificates, keys and algorithms, made before by createSecureContext, in the place of all options of those. */
  readonly secureContext?: SecureContext | undefined
  /** Whether clients are asked for a certificate, which `ca` has to vouch for. */
  readonly requestCert?: boolean | undefined
  /** Whether a client without one that verifies is refused: true by default. If not, see its socket's `authorized`. */
  readonly rejectUnauthorized?: boolean | undefined
  /** Protocols for ALPN in order of preference; a client that offers others alone is refused. */
  readonly ALPNProtocols?: ProtocolList | undefined
  /** Picks one of the client's protocols, in place of ALPNProtocols; `undefined` refuses the client. */
  readonly ALPNCallback?: ((question: ProtocolQuestion) => string | undefined) | undefined
  /** Gives the context of a name: its certificates, and its `ca`. All else is the server's. By default `addContext` has them. */
  readonly SNICallback?: SNICallback | undefined
  /**
   * Where sessions are kept: in this process by default, `false` for nowhere. Listeners of 'newSession' and 'resumeSession' take its
   * place, as in node:tls.
   */
  readonly sessionCache?: SessionCache | false | undefined
  /** What `joinCluster` or `joinEngine` gave: sessions are kept in the cluster, and any server of it resumes them. */
  readonly cluster?: { readonly sessionCache: SessionCache } | undefined
  /**
   * A store of your own, shared by several servers: it is given records sealed under a key made of `ticketKeys`, which all of them must
   * have alike. A cluster (`cluster`) rotates its keys besides, and draws its owners.
   */
  readonly sessionStore?: SessionStore | undefined
  /**
   * Whether clients that ask for it get their session in a ticket (RFC 5077), and no session ID: false by default, true where there are
   * `ticketKeys` and no store. The key is the cluster's where there is one, and else drawn at the start and never written anywhere.
   */
  readonly tickets?: boolean | undefined
  /** Milliseconds until an unfinished handshake is given up: 120,000 by default. */
  readonly handshakeTimeout?: number | undefined
  /** The total budget of a session look-up in milliseconds: 50 by default. */
  readonly lookupTimeout?: number | undefined
  /** The longest plaintext of a record to ask clients for, in bytes: 64 to 16,384 (RFC 8449). */
  readonly recordSizeLimit?: number | undefined
  /** Hears of every message of each handshake, as it is sent or read. */
  readonly trace?: ((message: TracedMessage) => void) | undefined
}

export interface ServerOptions extends ServerSocketOptions, Omit<ServerOpts, 'allowHalfOpen'> {
  /** Whether a socket can still be written to when its peer has ended: false by default. */
  readonly allowHalfOpen?: boolean | undefined
}

/** What a server has decided for all its connections. */
export interface ServerTerms {
  readonly options: ServerSocketOptions
  readonly config: ServerConfig
  readonly context: SecureContext
  /** The context of a name, where it has one of its own: its certificates, and its `ca` where it has any. */
  readonly contextFor: (
    serverName: string | undefined,
  ) => SecureContext | undefined | Promise<SecureContext | undefined>
  readonly clientAuth: NonNullable<ServerConfig['clientAuth']>
  readonly sessionCache: SessionCache | undefined
  readonly tickets: SessionTickets | undefined
  /** Those that were given, to the server or to its context. */
  readonly ticketKeys: Secret | undefined
  /** Whose listeners are asked for sessions and staples. */
  readonly events: EventEmitter | undefined
}

/** Whose terms a socket may take over: `new TLSSocket(transport, { isServer: true, server })`. */
export const termsOfServer = new WeakMap<object, () => ServerTerms>()

/** What a Server gives to its terms besides its options. */
export interface ServerHooks {
  readonly names?: ServerNames
  readonly events?: EventEmitter
  /** 48 bytes to seal tickets with where nobody gave any. */
  readonly drawTicketKeys?: (random: RandomBytes) => Secret
}

/** The terms that options make; throws ApiMisuse for those that exclude each other, are of a wrong type, or would refuse every client. */
export function serverTermsOf(options: ServerSocketOptions, hooks: ServerHooks = {}): ServerTerms {
  const { names, events } = hooks
  const context = contextOf(options)
  const ticketKeys = readTicketKeys(options.ticketKeys) ?? context.sessions.ticketKeys
  refuseUseless(options, context)
  const { SNICallback } = options
  const sessionCache = sessionCacheOf(options, context, ticketKeys)
  const { drawTicketKeys = random => new Secret(random(ownTicketKeyBytes)) } = hooks
  const terms = {
    options,
    context,
    ticketKeys,
    contextFor: serverName =>
      SNICallback && serverName !== undefined
        ? askForContext(SNICallback, serverName)
        : names?.find(serverName),
    clientAuth: clientAuthOf(options),
    sessionCache,
    tickets: ticketsOf(options, context, { ticketKeys, sessionCache, drawTicketKeys }),
    events,
  } satisfies Omit<ServerTerms, 'config'>
  return { ...terms, config: configOf(terms) }
}

/** What a socket of these terms begins with. */
export function serverSocketTerms(terms: ServerTerms, { onRefusal }: SocketHooks): SocketTerms {
  const { events, options } = terms
  const used = events && hasSessionListeners(events) ? keptBy(events, terms) : terms
  return {
    config: { ...used.config, keylog: (events?.listenerCount('keylog') ?? 0) > 0 },
    answers: serverAnswers(used, onRefusal),
    lookupTimeoutMs: options.lookupTimeout,
    anchors: () => terms.context.anchors,
    handshakeTimeoutMs: options.handshakeTimeout ?? defaultHandshakeTimeoutMs,
  }
}

/** Listeners are asked for sessions from the next connection on, as in node:tls. */
function keptBy(events: EventEmitter, terms: ServerTerms): ServerTerms {
  const used = { ...terms, sessionCache: new SessionEvents(events) }
  return { ...used, config: configOf(used) }
}

function refuseUseless(options: ServerSocketOptions, { anchors }: SecureContext): void {
  readCount('handshakeTimeout', options.handshakeTimeout)
  readFunction('SNICallback', options.SNICallback)
  readFunction('ALPNCallback', options.ALPNCallback)
  readFunction('trace', options.trace)
  if (clientAuthOf(options) === 'require' && anchors.length === 0 && !options.SNICallback)
    throw new ApiMisuse(
      'requestCert without ca would refuse every client: give ca, or rejectUnauthorized: false',
    )
  if (options.ALPNProtocols && options.ALPNCallback)
    throw apiMisuse(
      'ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS',
      'ALPNProtocols and ALPNCallback exclude each other: give one of them',
    )
  refuseWrongPlaces(options)
  const places = [options.sessionCache, options.cluster, options.sessionStore]
  if (places.filter(place => place !== undefined).length > 1)
    throw new ApiMisuse('sessionCache, cluster and sessionStore exclude each other: give one of them')
}

/** A place for sessions that is none would be a server on which nobody ever resumes, and no word of it. */
function refuseWrongPlaces({ sessionCache, cluster, sessionStore }: ServerSocketOptions): void {
  const methods = ['drawId', 'load', 'save', 'forget']
  if (sessionCache !== false)
    requireMethods('sessionCache', sessionCache, methods, 'drawId, load, save and forget, or false')
  if (cluster && !cluster.sessionCache)
    throw wrongType('cluster', 'what joinCluster or joinEngine gave', cluster)
  requireMethods('cluster.sessionCache', cluster?.sessionCache, methods, 'drawId, load, save and forget')
  requireMethods(
    'sessionStore',
    sessionStore,
    ['get', 'put', 'delete'],
    'get, put and delete, as a SessionStore has',
  )
}

function clientAuthOf({ requestCert, rejectUnauthorized }: ServerSocketOptions) {
  if (!requestCert) return 'none'
  return (rejectUnauthorized ?? true) ? 'require' : 'request'
}

/** The sessions of servers that were given one context and no other place for them: of those that STARTTLS makes anew each time, say. */
const cachesOfContexts = new WeakMap<SecureContext, SessionCache>()

function sessionCacheOf(
  options: ServerSocketOptions,
  context: SecureContext,
  ticketKeys: Secret | undefined,
): SessionCache | undefined {
  const { sessionCache, cluster, sessionStore } = options
  if (sessionCache === false) return undefined
  const given =
    sessionCache ?? cluster?.sessionCache ?? (sessionStore && storedIn(sessionStore, context, ticketKeys))
  if (given) return given
  const kept = cachesOfContexts.get(context) ?? new MemorySessionCache({ now: context.now })
  cachesOfContexts.set(context, kept)
  return kept
}

function storedIn(
  store: SessionStore,
  { provider, random, now }: SecureContext,
  ticketKeys: Secret | undefined,
): SessionCache {
  if (!ticketKeys)
    throw new ApiMisuse(
      'sessionStore needs ticketKeys: 48 random bytes, alike on all servers of the store, under which its records are sealed',
    )
  const info = asciiBytes('ringtls session store v1')
  const key = new Secret(provider.hkdfSha256(ticketKeys.reveal(), emptyBytes, info, 32))
  const always = { epoch: 0, notBeforeMs: 0, notAfterMs: Number.POSITIVE_INFINITY }
  const keys = new ClusterKeys([new EpochKeys(always, key, provider)])
  return new ClusterSessionCache({ keys, store: new GuardedStore(store, { now }), random, now })
}

function ticketsOf(
  options: ServerSocketOptions,
  { provider, random, sessions }: SecureContext,
  {
    ticketKeys,
    sessionCache,
    drawTicketKeys,
  }: Pick<ServerTerms, 'ticketKeys' | 'sessionCache'> & Required<Pick<ServerHooks, 'drawTicketKeys'>>,
): SessionTickets | undefined {
  const { cluster, sessionStore } = options
  const isWanted = options.tickets ?? (ticketKeys !== undefined && !cluster && !sessionStore)
  if (!isWanted || sessions.forbidsTickets) return undefined
  // The cluster's key where there is one.
  if (!ticketKeys && sessionCache?.tickets) return sessionCache.tickets
  return ownTickets(provider, ticketKeys?.copy() ?? drawTicketKeys(random))
}

function configOf({
  options,
  context,
  tickets,
  sessionCache,
  clientAuth,
}: Omit<ServerTerms, 'config'>): ServerConfig {
  const { ALPNProtocols, ALPNCallback, recordSizeLimit, trace } = options
  const { timeoutSeconds } = context.sessions
  return {
    role: 'server',
    ...commonConfig(context),
    preferClientOrder: context.preferClientOrder,
    clientAuth,
    alpnProtocols: readProtocols(ALPNProtocols),
    recordSizeLimit: readRecordSizeLimit(recordSizeLimit),
    ...(ALPNCallback && { selectProtocol: protocolSelector(ALPNCallback) }),
    ...(tickets && { sealTicket: (session, random) => tickets.seal(session, random) }),
    drawSessionId: random => drawnBy(sessionCache, random),
    ...(timeoutSeconds === undefined ? {} : { sessionLifetimeSeconds: timeoutSeconds }),
    ...(trace && { trace }),
  }
}

/** A store can only help: one that cannot draw an ID makes a session that cannot be resumed. */
function drawnBy(cache: SessionCache | undefined, random: RandomBytes): Uint8Array {
  try {
    return cache?.drawId(random) ?? emptyBytes
  } catch {
    return emptyBytes
  }
}
