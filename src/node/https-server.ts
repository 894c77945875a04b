/** An HTTPS server: Node's own HTTP over our TLS. */
import {
  Server as HttpServer,
  type IncomingMessage,
  type ServerOptions as NodeServerOptions,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import type { Writable } from './option-types.ts'
import { overTls } from './over-tls.ts'
import type { SecureContext, SecureContextOptions } from './secure-context.ts'
import type { Server as TlsServer } from './server.ts'
import type { ServerOptions as TlsServerOptions } from './server-terms.ts'
import type { TLSSocket } from './tls-socket.ts'

type AnyRequest = typeof IncomingMessage
type AnyResponse<Request extends AnyRequest> = typeof ServerResponse<InstanceType<Request>>

/** What node:http's server may be told, and what ours of TLS. */
export type ServerOptions<
  Request extends AnyRequest = AnyRequest,
  Response extends AnyResponse<Request> = typeof ServerResponse,
> = Writable<TlsServerOptions> & NodeServerOptions<Request, Response>

/**
 * An HTTPS server: node:http's, with all its options, events and methods, on connections of our TLS. Emits what a TLS server does
 * besides: 'secureConnection' (TLSSocket), 'tlsClientError' (Error, TLSSocket), which is a 'clientError' of HTTP too, 'keylog'.
 */
export class Server<
  Request extends AnyRequest = AnyRequest,
  Response extends AnyResponse<Request> = typeof ServerResponse,
> extends HttpServer<Request, Response> {
  readonly #tls: TlsServer

  constructor(onRequest?: RequestListener<Request, Response>)
  constructor(options: ServerOptions<Request, Response>, onRequest?: RequestListener<Request, Response>)
  constructor(...args: ServerArguments<Request, Response>) {
    const [options, onRequest] = optionsFirst(args)
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

  /** New certificates, keys and algorithms for the connections to come. */
  setSecureContext(options: SecureContextOptions): void {
    this.#tls.setSecureContext(options)
  }

  /** 48 bytes: what seals the tickets, where there are any. */
  getTicketKeys(): Buffer {
    return this.#tls.getTicketKeys()
  }

  /** Seals and opens tickets with 48 bytes that all servers of them share. */
  setTicketKeys(keys: Uint8Array): void {
    this.#tls.setTicketKeys(keys)
  }
}

/** Options and a listener of requests, either of which may be left out. */
export type ServerArguments<Request extends AnyRequest, Response extends AnyResponse<Request>> =
  | [onRequest?: RequestListener<Request, Response>]
  | [options: ServerOptions<Request, Response>, onRequest?: RequestListener<Request, Response>]

function optionsFirst<Request extends AnyRequest, Response extends AnyResponse<Request>>(
  args: ServerArguments<Request, Response>,
): [options: ServerOptions<Request, Response>, onRequest?: RequestListener<Request, Response>] {
  const [first, second] = args
  return typeof first === 'function' ? [{}, first] : [first ?? {}, second]
}

/** Creates an HTTPS server; call `listen` as on an http.Server. */
export function createServer<
  Request extends AnyRequest = AnyRequest,
  Response extends AnyResponse<Request> = typeof ServerResponse,
>(...args: ServerArguments<Request, Response>): Server<Request, Response> {
  return new Server(...optionsFirst(args))
}
