/** An HTTPS server: Node's own HTTP over our TLS. */
import {
  Server as HttpServer,
  type IncomingMessage,
  type ServerOptions as NodeServerOptions,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import type { Socket } from 'node:net'
import type { SecureContext, SecureContextOptions } from './secure-context.ts'
import {
  createServer as createTlsServer,
  type Server as TlsServer,
  type ServerOptions as TlsServerOptions,
} from './server.ts'
import type { TLSSocket } from './tls-socket.ts'

type AnyRequest = typeof IncomingMessage
type AnyResponse<Request extends AnyRequest> = typeof ServerResponse<InstanceType<Request>>

/** What node:http's server may be told, and what ours of TLS. */
export type ServerOptions<
  Request extends AnyRequest = AnyRequest,
  Response extends AnyResponse<Request> = typeof ServerResponse,
> = TlsServerOptions & NodeServerOptions<Request, Response>

/** Events of the TLS side that ask or tell something: it does so only where somebody listens. */
const eventsOnDemand = ['keylog', 'newSession', 'resumeSession', 'OCSPRequest']

/**
 * An HTTPS server. It is node:http's, with our TLS between its connections and its requests, and so an instance of http.Server,
 * with all its options, events and methods. Those of TLS are a tls.Server's: 'secureConnection' (TLSSocket), 'tlsClientError'
 * (Error, TLSSocket; a 'clientError' of HTTP too), 'keylog' and the others, `addContext`.
 */
export class Server<
  Request extends AnyRequest = AnyRequest,
  Response extends AnyResponse<Request> = typeof ServerResponse,
> extends HttpServer<Request, Response> {
  readonly #tls: TlsServer

  constructor(options: ServerOptions<Request, Response>, onRequest?: RequestListener<Request, Response>) {
    super(options, onRequest)
    const hasProtocols = options.ALPNProtocols || options.ALPNCallback
    this.#tls = createTlsServer(hasProtocols ? options : { ...options, ALPNProtocols: ['http/1.1'] })
    // What http.Server does with a connection, it does with one that is secure.
    for (const serve of this.listeners('connection')) {
      this.removeListener('connection', serve as () => void)
      this.on('secureConnection', serve as () => void)
    }
    this.on('connection', (transport: Socket) => this.#tls.emit('connection', transport))
    this.#tls.on('secureConnection', socket => this.emit('secureConnection', socket))
    this.#tls.on('tlsClientError', (error, socket) => this.emit('tlsClientError', error, socket))
    this.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      if (!this.emit('clientError', error, socket)) socket.destroy(error)
    })
    for (const event of eventsOnDemand) this.#forwardOnDemand(event)
    this.on('close', () => this.#tls.close())
  }

  /** Certificates for a name: see `addContext` of the TLS server. */
  addContext(hostname: string, context: SecureContext | SecureContextOptions): void {
    this.#tls.addContext(hostname, context)
  }

  #forwardOnDemand(event: string): void {
    const forward = (...args: unknown[]) => void this.emit(event, ...args)
    this.on('newListener', added => {
      if (added === event && this.listenerCount(event) === 0) this.#tls.on(event, forward)
    })
    this.on('removeListener', removed => {
      if (removed === event && this.listenerCount(event) === 0) this.#tls.off(event, forward)
    })
  }
}

/** Creates an HTTPS server; call `listen` as on an http.Server. */
export function createServer<
  Request extends AnyRequest = AnyRequest,
  Response extends AnyResponse<Request> = typeof ServerResponse,
>(
  options: ServerOptions<Request, Response>,
  onRequest?: RequestListener<Request, Response>,
): Server<Request, Response> {
  return new Server(options, onRequest)
}
