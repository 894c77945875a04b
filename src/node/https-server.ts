/** An HTTPS server: Node's own HTTP over our TLS. */
import {
  Server as HttpServer,
  type IncomingMessage,
  type ServerOptions as NodeServerOptions,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { overTls } from './over-tls.ts'
import type { SecureContext, SecureContextOptions } from './secure-context.ts'
import type { Server as TlsServer, ServerOptions as TlsServerOptions } from './server.ts'
import type { TLSSocket } from './tls-socket.ts'

type AnyRequest = typeof IncomingMessage
type AnyResponse<Request extends AnyRequest> = typeof ServerResponse<InstanceType<Request>>

/** What node:http's server may be told, and what ours of TLS. */
export type ServerOptions<
  Request extends AnyRequest = AnyRequest,
  Response extends AnyResponse<Request> = typeof ServerResponse,
> = TlsServerOptions & NodeServerOptions<Request, Response>

/**
 * An HTTPS server: node:http's, with all its options, events and methods, on connections of our TLS. Emits what a TLS server does
 * besides: 'secureConnection' (TLSSocket), 'tlsClientError' (Error, TLSSocket), which is a 'clientError' of HTTP too, 'keylog'.
 */
export class Server<
  Request extends AnyRequest = AnyRequest,
  Response extends AnyResponse<Request> = typeof ServerResponse,
> extends HttpServer<Request, Response> {
  readonly #tls: TlsServer

  constructor(options: ServerOptions<Request, Response>, onRequest?: RequestListener<Request, Response>) {
    super(options, onRequest)
    const namesProtocols = options.ALPNProtocols ?? options.ALPNCallback
    this.#tls = overTls(this, namesProtocols ? options : { ...options, ALPNProtocols: ['http/1.1'] })
    this.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      if (!this.emit('clientError', error, socket)) socket.destroy(error)
    })
  }

  /** Certificates for a name, as `addContext` of the TLS server. */
  addContext(hostname: string, context: SecureContext | SecureContextOptions): void {
    this.#tls.addContext(hostname, context)
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
