import { Server as NetServer, type Socket } from 'node:net'
import { emptyBytes } from '../bytes.ts'
import type { RandomBytes } from '../crypto/provider.ts'
import { MemorySessionCache } from '../driver/memory-session-cache.ts'
import type { SessionCache } from '../driver/session-cache.ts'
import { ApiMisuse } from '../errors.ts'
import type { ServerConfig } from '../handshake/config.ts'
import { Secret } from '../secret.ts'
import { ownTicketKeyBytes, ownTickets, type SessionTickets } from '../session/session-ticket.ts'
import {
  type ProtocolList,
  type ProtocolQuestion,
  protocolSelector,
  readProtocols,
} from './application-protocols.ts'
import { readRecordSizeLimit } from './fragment-limits.ts'
import {
  commonConfig,
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
} from './secure-context.ts'
import { type ServerTerms, serverAnswers } from './server-answers.ts'
import { askForContext, ServerNames, type SNICallback } from './server-names.ts'
import { TLSSocket } from './tls-socket.ts'

export interface ServerOptions extends SecureContextOptions {
  /** Whether clients are asked for a certificate, which `ca` has to vouch for. */
  readonly requestCert?: boolean
  /** Whether a client without one that verifies is refused: true by default. If not, see its socket's `authorized`. */
  readonly rejectUnauthorized?: boolean
  /** Protocols for ALPN in order of preference; a client that offers others alone is refused. */
  readonly ALPNProtocols?: ProtocolList
  /** Picks one of the client's protocols, in place of ALPNProtocols; `undefined` refuses the client. */
  readonly ALPNCallback?: (question: ProtocolQuestion) => string | undefined
  /** Gives the context of a name: its certificates, and its `ca`. All else is the server's. By default `addContext` has them. */
  readonly SNICallback?: SNICallback
  /** Where sessions are kept: in this process by default, in a cluster by a ClusterSessionCache; `false` for nowhere. */
  readonly sessionCache?: SessionCache | false
  /**
   * Whether clients that ask for it get their session in a ticket (RFC 5077), and no session ID: false by default. The key is the
   * cluster's where `sessionCache` is one's, and else drawn at the start and never written anywhere.
   */
  readonly tickets?: boolean
  /** Seconds a session may be resumed: 600 by default, 86,400 at most. */
  readonly sessionTimeout?: number
  /** Sessions of another context are not resumed. */
  readonly sessionIdContext?: string
  /** Milliseconds until an unfinished handshake is given up: 120,000 by default. */
  readonly handshakeTimeout?: number
  /** The total budget of a session look-up in milliseconds: 50 by default. */
  readonly lookupTimeout?: number
  /** The longest plaintext of a record to ask clients for, in bytes: 64 to 16,384 (RFC 8449). */
  readonly recordSizeLimit?: number
}

const defaultHandshakeTimeoutMs = 120_000

/**
 * A TLS server over TCP. Emits 'secureConnection' (TLSSocket) after each handshake, 'tlsClientError' (Error,
 * TLSSocket) for one that failed, 'keylog' (Buffer, TLSSocket) where somebody listens.
 */
export class Server extends NetServer {
  readonly #options: ServerOptions
  readonly #terms: ServerTerms
  readonly #names = new ServerNames()
  readonly #config: ServerConfig

  constructor(options: ServerOptions, onSecureConnection?: (socket: TLSSocket) => void) {
    // Half-open, so that the transport's end does not cut off what TLS still has to send.
    super({ allowHalfOpen: true, noDelay: true })
    const context = createSecureContext(options)
    refuseUseless(options, context)
    this.#options = options
    this.#terms = termsOf(options, { context, names: this.#names })
    this.#config = configOf(options, this.#terms)
    if (onSecureConnection) this.on('secureConnection', onSecureConnection)
    this.on('connection', socket => this.#accept(socket))
  }

  /**
   * Certificates for a name, in which `*` stands for anything but a dot; of several that fit the last one counts. Of the context its
   * certificates are used, and its `ca` if it has any. A server with several in `cert` finds them by the names in them, without this.
   */
  addContext(hostname: string, context: SecureContext | SecureContextOptions): void {
    this.#names.add(hostname, context)
  }

  #accept(transport: Socket): void {
    const socket: TLSSocket = new TLSSocket(transport, {
      config: { ...this.#config, keylog: this.listenerCount('keylog') > 0 },
      answers: serverAnswers(this.#terms, reason => {
        socket.authorizationError = reason
      }),
      lookupTimeoutMs: this.#options.lookupTimeout,
      handshakeTimeoutMs: this.#options.handshakeTimeout ?? defaultHandshakeTimeoutMs,
    })
    // It stays, as node:tls's does: a client that is cut off must not crash an application that has no listener of its own.
    socket.on('error', (error: Error) => {
      if (!socket.handshake) this.emit('tlsClientError', error, socket)
    })
    socket.on('keylog', line => this.emit('keylog', line, socket))
    socket.once('secure', () => this.emit('secureConnection', socket))
    socket.start()
  }
}

/** Creates a TLS server; call `listen` as on a net.Server. */
export function createServer(
  options: ServerOptions,
  onSecureConnection?: (socket: TLSSocket) => void,
): Server {
  return new Server(options, onSecureConnection)
}

/** Options with which no handshake could ever end well. */
function refuseUseless(options: ServerOptions, { certifiedKeys, anchors }: SecureContext): void {
  if (certifiedKeys.length === 0 && !options.SNICallback)
    throw new ApiMisuse('a server needs a certificate and its key: give cert and key')
  if (clientAuthOf(options) === 'require' && anchors.length === 0 && !options.SNICallback)
    throw new ApiMisuse(
      'requestCert without ca would refuse every client: give ca, or rejectUnauthorized: false',
    )
  if (options.ALPNProtocols && options.ALPNCallback)
    throw new ApiMisuse('ALPNProtocols and ALPNCallback exclude each other: give one of them')
}

function clientAuthOf({ requestCert = false, rejectUnauthorized = true }: ServerOptions) {
  if (!requestCert) return 'none'
  return rejectUnauthorized ? 'require' : 'request'
}

function termsOf(
  options: ServerOptions,
  { context, names }: { context: SecureContext; names: ServerNames },
): ServerTerms {
  const { SNICallback, sessionCache: given, sessionIdContext = '' } = options
  const { now } = context
  const sessionCache: SessionCache | undefined =
    given === false ? undefined : (given ?? new MemorySessionCache({ now }))
  return {
    context,
    contextFor: serverName =>
      SNICallback && serverName !== undefined
        ? askForContext(SNICallback, serverName)
        : names.find(serverName),
    clientAuth: clientAuthOf(options),
    sessionIdContext,
    sessionCache,
    tickets: options.tickets ? (sessionCache?.tickets ?? ticketsOf(context)) : undefined,
  }
}

function ticketsOf({ provider, random }: SecureContext): SessionTickets {
  return ownTickets(provider, new Secret(random(ownTicketKeyBytes)))
}

function configOf(options: ServerOptions, terms: ServerTerms): ServerConfig {
  const { context, tickets, sessionCache, clientAuth } = terms
  const { ALPNProtocols, ALPNCallback, sessionTimeout, recordSizeLimit } = options
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
    ...(sessionTimeout === undefined ? {} : { sessionLifetimeSeconds: sessionTimeout }),
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
