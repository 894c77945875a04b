import { Server as NetServer, type Socket } from 'node:net'
import { emptyBytes } from '../bytes.ts'
import type { RandomBytes } from '../crypto/provider.ts'
import { hasCertificateFor, policyHashOf, selectByServerName } from '../driver/certificates.ts'
import type { Answers } from '../driver/driver.ts'
import { MemorySessionCache } from '../driver/memory-session-cache.ts'
import type { SessionCache } from '../driver/session-cache.ts'
import { ApiMisuse } from '../errors.ts'
import type { ServerConfig } from '../handshake/config.ts'
import { createSecureContext, type SecureContext, type SecureContextOptions } from './secure-context.ts'
import { TLSSocket } from './tls-socket.ts'

export interface ServerOptions extends SecureContextOptions {
  /** Where sessions are kept: in this process by default, in a cluster by a ClusterSessionCache; `false` for nowhere. */
  readonly sessionCache?: SessionCache | false
  /** Seconds a session may be resumed: 600 by default, 86,400 at most. */
  readonly sessionTimeout?: number
  /** Sessions of another context are not resumed. */
  readonly sessionIdContext?: string
  /** Milliseconds until an unfinished handshake is given up: 120,000 by default. */
  readonly handshakeTimeout?: number
  /** The total budget of a session look-up in milliseconds: 50 by default. */
  readonly lookupTimeout?: number
}

const defaultHandshakeTimeoutMs = 120_000

/**
 * A TLS server over TCP. Emits 'secureConnection' (TLSSocket) after each handshake, 'tlsClientError' (Error,
 * TLSSocket) for one that failed, 'keylog' (Buffer, TLSSocket) where somebody listens.
 */
export class Server extends NetServer {
  readonly #context: SecureContext
  readonly #options: ServerOptions
  readonly #answers: Answers

  constructor(options: ServerOptions, onSecureConnection?: (socket: TLSSocket) => void) {
    // Half-open, so that the transport's end does not cut off what TLS still has to send.
    super({ allowHalfOpen: true, noDelay: true })
    this.#context = createSecureContext(options)
    if (this.#context.certifiedKeys.length === 0)
      throw new ApiMisuse('a server needs a certificate and its key: give cert and key')
    this.#options = options
    this.#answers = this.#answersOf(options)
    if (onSecureConnection) this.on('secureConnection', onSecureConnection)
    this.on('connection', socket => this.#accept(socket))
  }

  #accept(transport: Socket): void {
    const socket = new TLSSocket(transport, {
      config: this.#config(),
      answers: this.#answers,
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

  #config(): ServerConfig {
    const { provider, random, now, cipherSuites } = this.#context
    const { sessionTimeout } = this.#options
    const cache = this.#answers.sessionCache
    return {
      role: 'server',
      provider,
      random,
      now,
      cipherSuites,
      drawSessionId: draw => drawnBy(cache, draw),
      keylog: this.listenerCount('keylog') > 0,
      ...(sessionTimeout === undefined ? {} : { sessionLifetimeSeconds: sessionTimeout }),
    }
  }

  #answersOf({ sessionCache, sessionIdContext = '' }: ServerOptions): Answers {
    const { provider, now, certifiedKeys } = this.#context
    const cache = sessionCache === false ? undefined : (sessionCache ?? new MemorySessionCache({ now }))
    const policyHash = policyHashOf(provider, { clientAuth: 'none', authorities: [], sessionIdContext })
    return {
      selectPolicy: ({ serverName }) => ({
        policyHash,
        resumable: cache !== undefined,
        usesServerName: hasCertificateFor(certifiedKeys, serverName),
      }),
      selectCertificate: selectByServerName(certifiedKeys),
      sessionCache: cache,
    }
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

/** Creates a TLS server; call `listen` as on a net.Server. */
export function createServer(
  options: ServerOptions,
  onSecureConnection?: (socket: TLSSocket) => void,
): Server {
  return new Server(options, onSecureConnection)
}
