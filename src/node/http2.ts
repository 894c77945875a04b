/** HTTP/2 with node:http2's names: Node's own on our TLS, which settles on it by ALPN. */
import {
  type ClientHttp2Session,
  type ClientSessionOptions,
  connect as connectHttp2,
  createServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
  type ServerOptions as NodeServerOptions,
} from 'node:http2'
import { type ConnectionOptions, connect as connectTls } from './connect.ts'
import { withoutBrackets } from './https-agent.ts'
import type { Writable } from './option-types.ts'
import { overTls } from './over-tls.ts'
import type { Server as TlsServer } from './server.ts'
import type { ServerOptions as TlsServerOptions } from './server-terms.ts'
import { TLSSocket } from './tls-socket.ts'

/** The rest of the module: `constants`, classes, types. What is declared here goes before a name of Node's. */
export * from 'node:http2'
/** All of it, for who imports it as one thing. */
export * as default from './http2.ts'

export type SecureServerOptions = Writable<TlsServerOptions> &
  NodeServerOptions & {
    /** Whether clients that know no HTTP/2 are served all the same, by HTTP/1.1. */
    allowHTTP1?: boolean
  }

type OnRequest = (request: Http2ServerRequest, response: Http2ServerResponse) => void

/** An HTTP/2 server, with the methods of TLS that a server has. */
export type Http2SecureServer = Http2Server &
  Pick<TlsServer, 'addContext' | 'setSecureContext' | 'getTicketKeys' | 'setTicketKeys'>

/**
 * Creates an HTTP/2 server; call `listen` as on a net.Server. It is node:http2's, and emits what a TLS server does besides. What a
 * socket tells of TLS is in `request.socket` and `session.socket`.
 */
export function createSecureServer(options: SecureServerOptions, onRequest?: OnRequest): Http2SecureServer {
  const server = createServer(options, onRequest)
  const { ALPNProtocols, ALPNCallback, allowHTTP1 = false } = options
  const protocols = allowHTTP1 ? ['h2', 'http/1.1'] : ['h2']
  // Requests of HTTP/1.1 are made as the socket's server says, which is this one and not the one of TLS.
  server.prependListener('secureConnection', (socket: TLSSocket) => Object.assign(socket, { server }))
  const tls = overTls(
    server,
    ALPNProtocols || ALPNCallback ? options : { ...options, ALPNProtocols: protocols },
  )
  server.on('session', showTls)
  return Object.assign(server, {
    addContext: tls.addContext.bind(tls),
    setSecureContext: tls.setSecureContext.bind(tls),
    getTicketKeys: tls.getTicketKeys.bind(tls),
    setTicketKeys: tls.setTicketKeys.bind(tls),
  })
}

export type SecureClientOptions = ClientSessionOptions & Writable<ConnectionOptions>
export type { SecureClientOptions as SecureClientSessionOptions }

type OnConnect = (session: ClientHttp2Session) => void

/**
 * Opens a session with the server of an https URL. Its 'error' is that of the connection, if it is refused. An http URL is Node's own
 * affair: there is no TLS.
 */
export function connect(authority: string | URL, onConnect?: OnConnect): ClientHttp2Session
export function connect(
  authority: string | URL,
  options?: SecureClientOptions,
  onConnect?: OnConnect,
): ClientHttp2Session
export function connect(
  authority: string | URL,
  options: SecureClientOptions | OnConnect = {},
  onConnect?: OnConnect,
): ClientHttp2Session {
  if (typeof options === 'function') return connect(authority, {}, options)
  const { protocol } = typeof authority === 'string' ? new URL(authority) : authority
  if (protocol === 'http:') return connectHttp2(authority, options, onConnect)
  const createConnection = ({ hostname, port }: URL) =>
    connectTls({
      host: withoutBrackets(hostname),
      port: Number(port) || 443,
      ALPNProtocols: ['h2'],
      ...options,
    })
  const session = connectHttp2(authority, { createConnection, ...options }, onConnect)
  showTls(session)
  return session
}

/** What an HTTP/2 session shows of the socket beneath it. */
const shown = [
  ...['encrypted', 'authorized', 'authorizationError', 'alpnProtocol', 'servername', 'handshake'],
  ...['remoteAddress', 'remotePort', 'remoteFamily', 'localAddress', 'localPort', 'localFamily', 'address'],
  ...['getPeerCertificate', 'getPeerX509Certificate', 'getCertificate', 'getX509Certificate', 'getCipher'],
  ...[
    'getProtocol',
    'getEphemeralKeyInfo',
    'getSession',
    'isSessionReused',
    'getFinished',
    'getPeerFinished',
  ],
  'exportKeyingMaterial',
] as const

/**
 * Node puts a socket of its own between a session and one without a handle of the system's. It tells nothing of TLS, so what
 * ours tells is put there.
 */
function showTls(session: Http2Session): void {
  // `session.socket` stands for that socket and lets nobody at it, but a method that changes nothing returns it.
  const between = session.socket.off('none', () => {}) as unknown as { stream?: unknown }
  const socket = between.stream
  if (!(socket instanceof TLSSocket)) return
  for (const name of shown) Object.defineProperty(between, name, { get: () => boundTo(socket, name) })
  Object.defineProperties(session, {
    encrypted: { get: () => true },
    alpnProtocol: { get: () => socket.alpnProtocol || undefined },
  })
}

function boundTo(socket: TLSSocket, name: (typeof shown)[number]): unknown {
  const value: unknown = Reflect.get(socket, name, socket)
  return typeof value === 'function' ? value.bind(socket) : value
}
