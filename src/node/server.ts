import { Server as NetServer } from 'node:net'
import type { Duplex } from 'node:stream'
import type { RandomBytes } from '../crypto/provider.ts'
import { Secret } from '../secret.ts'
import { ownTicketKeyBytes } from '../session/session-ticket.ts'
import { apiMisuse } from './api-misuse.ts'
import { readFunction, readObject, wrongType } from './option-types.ts'
import type { SecureContext, SecureContextOptions } from './secure-context.ts'
import { ServerNames } from './server-names.ts'
import { type ServerOptions, type ServerTerms, serverTermsOf, termsOfServer } from './server-terms.ts'
import { readTicketKeys } from './session-terms.ts'
import { TLSSocket } from './tls-socket.ts'

/**
 * A TLS server over TCP, or over whatever Duplex its 'connection' is emitted with. Emits 'secureConnection' (TLSSocket) after each
 * handshake, 'tlsClientError' (Error, TLSSocket) for one that failed, 'keylog' (Buffer, TLSSocket) where somebody listens. Who
 * listens to 'newSession' (id, data, callback) and 'resumeSession' (id, callback) keeps the sessions himself; who listens to
 * 'OCSPRequest' (certificate, issuer, callback) gives the staples.
 */
export class Server extends NetServer {
  readonly #names = new ServerNames()
  #options: ServerOptions
  #terms: ServerTerms
  /** 48 bytes, where nobody has given any. */
  #drawnTicketKeys: Secret | undefined

  constructor(onSecureConnection?: (socket: TLSSocket) => void)
  constructor(options: ServerOptions, onSecureConnection?: (socket: TLSSocket) => void)
  constructor(...args: readonly unknown[]) {
    const [options, onSecureConnection] = argumentsOf(args)
    // Half-open, so that the transport's end does not cut off what TLS still has to send.
    super({ noDelay: true, ...options, allowHalfOpen: true })
    this.#options = options
    this.#terms = this.#termsOf(options)
    termsOfServer.set(this, () => this.#terms)
    if (onSecureConnection) this.on('secureConnection', onSecureConnection)
    this.on('connection', (transport: Duplex) => this.#accept(transport))
  }

  /**
   * Certificates for a name, in which `*` stands for anything but a dot; of several that fit the last one counts. Of the context its
   * certificates are used, and its `ca` if it has any. A server with several in `cert` finds them by the names in them, without this.
   */
  addContext(hostname: string, context: SecureContext | SecureContextOptions): void {
    if (!hostname) throw apiMisuse('ERR_TLS_REQUIRED_SERVER_NAME', 'addContext(): give the name it is for')
    this.#names.add(hostname, context)
  }

  /** Takes new certificates, keys and algorithms for the connections to come; those that are there keep theirs. */
  setSecureContext(options: SecureContextOptions): void {
    this.#agree({ ...withoutContext(this.#options), ...readObject('options', options) })
  }

  /** 48 bytes: what seals the tickets, where there are any. */
  getTicketKeys(): Buffer {
    const { ticketKeys = this.#drawTicketKeys(this.#terms.context.random) } = this.#terms
    return Buffer.from(ticketKeys.reveal())
  }

  /** Seals and opens the tickets of connections to come with 48 bytes that all servers of them share. */
  setTicketKeys(keys: Uint8Array): void {
    const ticketKeys = readTicketKeys(keys)?.reveal()
    if (!ticketKeys) throw wrongType('keys', 'a Buffer', keys)
    // The context stays, and with it the sessions that are kept in this process.
    this.#agree({ ...this.#options, secureContext: this.#terms.context, ticketKeys })
  }

  #agree(options: ServerOptions): void {
    this.#terms = this.#termsOf(options)
    this.#options = options
  }

  #termsOf(options: ServerOptions): ServerTerms {
    const drawTicketKeys = (random: RandomBytes) => this.#drawTicketKeys(random).copy()
    return serverTermsOf(options, { names: this.#names, events: this, drawTicketKeys })
  }

  #drawTicketKeys(random: RandomBytes): Secret {
    this.#drawnTicketKeys ??= new Secret(random(ownTicketKeyBytes))
    return this.#drawnTicketKeys
  }

  #accept(transport: Duplex): void {
    const { allowHalfOpen = false, highWaterMark } = this.#options
    const socket = new TLSSocket(transport, { isServer: true, server: this, allowHalfOpen, highWaterMark })
    // It stays, as node:tls's does: a client that is cut off must not crash an application that has no listener of its own.
    socket.on('error', (error: Error) => {
      if (!socket.handshake) this.emit('tlsClientError', error, socket)
    })
    // A listener is what makes the line, which has a master secret in the clear.
    if (this.listenerCount('keylog') > 0) socket.on('keylog', line => this.emit('keylog', line, socket))
    socket.once('secure', () => this.emit('secureConnection', socket))
  }
}

/** Creates a TLS server; call `listen` as on a net.Server. */
export function createServer(onSecureConnection?: (socket: TLSSocket) => void): Server
export function createServer(options: ServerOptions, onSecureConnection?: (socket: TLSSocket) => void): Server
export function createServer(...args: readonly unknown[]): Server {
  const [options, onSecureConnection] = argumentsOf(args)
  return new Server(options, onSecureConnection)
}

function argumentsOf(
  args: readonly unknown[],
): [options: ServerOptions, onSecureConnection?: (socket: TLSSocket) => void] {
  const [first, second] = args
  if (typeof first === 'function') return [{}, first as (socket: TLSSocket) => void]
  if (typeof first === 'string' || typeof first === 'number') throw wrongType('options', 'an object', first)
  return [
    (first ?? {}) as ServerOptions,
    readFunction('listener', second) as ((socket: TLSSocket) => void) | undefined,
  ]
}

/** All that `setSecureContext` replaces: what it is not given is gone, as in node:tls. */
function withoutContext(options: ServerOptions): ServerOptions {
  const { key, passphrase, cert, pfx, ocspResponse, signedCertificateTimestamps, ...rest } = options
  const { ca, ciphers, ecdhCurve, sigalgs, secureContext, ...others } = rest
  return others
}
