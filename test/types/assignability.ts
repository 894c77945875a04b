/** Objects of ours go where those of node:tls, node:net and node:stream go: it is compiled, and not run. */
import type * as http from 'node:http'
import type * as net from 'node:net'
import type { Duplex, Readable, Writable } from 'node:stream'
import type * as nodeTls from 'node:tls'
import type * as http2 from '../../src/node/http2.ts'
import type * as https from '../../src/node/https.ts'
import * as tls from '../../src/node/index.ts'

export function sockets(socket: tls.TLSSocket): [net.Socket, Duplex, Readable, Writable] {
  return [socket, socket, socket, socket]
}

export function servers(server: tls.Server): [net.Server, NodeJS.EventEmitter] {
  return [server, server]
}

/** Options that were written for node:tls. */
export function options(
  server: Pick<
    nodeTls.TlsOptions,
    'key' | 'cert' | 'ca' | 'requestCert' | 'rejectUnauthorized' | 'ciphers' | 'ALPNProtocols'
  >,
  client: Pick<
    nodeTls.ConnectionOptions,
    'host' | 'port' | 'ca' | 'servername' | 'session' | 'checkServerIdentity' | 'socket'
  >,
): [tls.Server, tls.TLSSocket] {
  const written: tls.TlsOptions = { ...server, handshakeTimeout: 1000 }
  return [tls.createServer(written), tls.connect(client)]
}

/** What is told of a peer is of Node's own types. */
export function told(
  socket: tls.TLSSocket,
): [nodeTls.PeerCertificate, nodeTls.DetailedPeerCertificate, string | false] {
  return [socket.getPeerCertificate(), socket.getPeerCertificate(true), socket.alpnProtocol ?? false]
}

/** A server of http takes the connections of ours. */
export function upgraded(server: http.Server, socket: tls.TLSSocket): void {
  server.emit('connection', socket)
}

/** What ours takes besides. */
export function besides(cache: tls.SessionCache): [tls.TlsOptions, tls.ConnectionOptions] {
  const trace = (message: tls.TracedMessage): void => console.log(message.type)
  const both = { provider: 'node', policy: 'modern', recordSizeLimit: 1024, tickets: true, trace } as const
  return [
    {
      ...both,
      cluster: { sessionCache: cache },
      sessionCache: false,
      sessionStore: undefined,
      lookupTimeout: 50,
      keyWorkers: 2,
    },
    { ...both, maxFragmentLength: 512, requestSCT: true, keylog: true, handshakeTimeout: 1000 },
  ]
}

/** What a socket of ours tells besides. */
export function report({ handshake, tlsUnique, tlsServerEndPoint }: tls.TLSSocket): unknown[] {
  return [handshake?.reason, tlsUnique?.length, tlsServerEndPoint?.length]
}

/** Options of HTTP are written to, too. */
export function fillIn(
  agent: https.AgentOptions,
  request: https.RequestOptions,
  server: https.ServerOptions,
  session: http2.SecureClientSessionOptions,
  sessions: http2.SecureServerOptions,
): void {
  agent.ca = request.ca = session.ca = 'pem'
  server.cert = sessions.cert = 'pem'
  sessions.allowHTTP1 = true
}
