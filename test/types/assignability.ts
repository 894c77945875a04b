/** Objects of ours go where those of node:tls, node:net and node:stream go: it is compiled, and not run. */
import type * as http from 'node:http'
import type * as net from 'node:net'
import type { Duplex, Readable, Writable } from 'node:stream'
import type * as nodeTls from 'node:tls'
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
