/** node:tls at the other end: the oracle for whatever has its names. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import {
  type ConnectionOptions,
  connect,
  createServer,
  type Server as NodeServer,
  type TLSSocket as NodeSocket,
  type TlsOptions,
} from 'node:tls'
import { onTestFinished } from 'vitest'
import { fixture } from '../support/pair.ts'

/** A TLS 1.2 server of node:tls with the fixtures' RSA certificate; its sockets in the order in which they came. */
export async function startNodeServer(
  options: TlsOptions = {},
): Promise<{ server: NodeServer; port: number; sockets: NodeSocket[] }> {
  const identity = { cert: fixture('server.pem'), key: fixture('server.key') }
  const server = createServer({ ...identity, maxVersion: 'TLSv1.2', ...options })
  const sockets: NodeSocket[] = []
  server.on('secureConnection', socket => {
    sockets.push(socket)
    socket.on('error', () => {})
    // A client that is told of a session has something to resume.
    socket.write('hello')
    socket.resume()
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { server, port: (server.address() as AddressInfo).port, sockets }
}

/** A TLS 1.2 client of node:tls whose handshake has ended; rejects when it fails. */
export async function openWithNode(port: number, options: ConnectionOptions = {}): Promise<NodeSocket> {
  const authorities = [fixture('ca.pem'), fixture('ec-ca.pem')]
  const socket = connect({
    ...{ host: '127.0.0.1', port, servername: 'localhost', ca: authorities, maxVersion: 'TLSv1.2' },
    ...options,
  })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  socket.resume()
  return socket
}
