/** What the tests of src/node have in common: a server and its clients over real sockets, all gone when the test is. */
import { once } from 'node:events'
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server as NetServer,
  type Socket,
} from 'node:net'
import type { Duplex } from 'node:stream'
import { onTestFinished } from 'vitest'
import {
  type ConnectionOptions,
  connect,
  createServer,
  type Server,
  type ServerOptions,
  type TLSSocket,
} from '../../src/node/index.ts'
import { fixture } from '../support/pair.ts'

export interface OwnServer {
  readonly server: Server
  readonly port: number
  /** The transports of all connections so far. */
  readonly transports: readonly Socket[]
}

/** Our server with the fixtures' certificate. */
export async function startServer(
  onSecureConnection: (socket: TLSSocket) => void = () => {},
  options: Partial<ServerOptions> = {},
): Promise<OwnServer> {
  const identity = { cert: fixture('server.pem'), key: fixture('server.key') }
  const server = createServer({ ...identity, ...options }, onSecureConnection)
  const transports = trackConnections(server)
  return { server, port: await listen(server), transports }
}

/** A server that speaks no TLS. */
export async function startTcpServer(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createTcpServer({ allowHalfOpen: true, noDelay: true }, onConnection)
  trackConnections(server)
  return listen(server)
}

/** Our client, which trusts the fixtures' authority. */
export function open(port: number, options: ConnectionOptions = {}): TLSSocket {
  const socket = connect({
    ...{ host: '127.0.0.1', port, servername: 'localhost', ca: fixture('ca.pem') },
    ...options,
  })
  onTestFinished(() => void socket.destroy())
  return socket
}

/** Everything a socket does until it closes, in order: 'end', 'error CODE', 'close' at last. */
export function ending(socket: TLSSocket): Promise<string[]> {
  const seen: string[] = []
  socket.on('end', () => seen.push('end'))
  socket.on('error', error => seen.push(`error ${codeOf(error)}`))
  return new Promise(resolve => {
    socket.once('close', () => resolve([...seen, 'close']))
  })
}

/**
 * How a connection to a port ends where nobody listens any more. A child process that another test starts at this moment has the
 * listener too until it becomes another program, and resets what comes in between: that is asked again.
 */
export async function endingWithoutListener(port: number): Promise<string[]> {
  for (let tries = 0; tries < 20; tries++) {
    const ended = await ending(open(port))
    if (ended[0] !== 'error ECONNRESET') return ended
  }
  throw new Error(`port ${port} is reset each time: somebody listens`)
}

export function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.message
}

/** All that comes until the end; rejects when the stream fails before. */
export async function readAll(socket: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Hears what comes over a transport that is TLS's already, as it comes; its own 'data' is not emitted any more. */
export function tap(transport: Duplex, hear: (bytes: Buffer) => void): void {
  const push = transport.push.bind(transport)
  transport.push = chunk => {
    if (chunk !== null) hear(chunk)
    return push(chunk)
  }
}

/** Bytes that are the same every time and never repeat within a record. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeUInt32BE((i * 2_654_435_761) >>> 0, i)
  return bytes
}

async function listen(server: NetServer): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

function trackConnections(server: NetServer): Socket[] {
  const sockets: Socket[] = []
  server.on('connection', (socket: Socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return sockets
}

/** A server of ours that reads whatever comes, and the sockets it has had. */
export async function serve(options: Partial<ServerOptions> = {}) {
  const sockets: TLSSocket[] = []
  const { server, port } = await startServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {})
    // Somebody who waits for 'session' or data has both after this.
    socket.resume()
  }, options)
  return { server, port, sockets }
}

/** A client of ours whose handshake has ended, and which reads whatever comes. */
export async function connected(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = open(port, options)
  await once(socket, 'secureConnect')
  return socket.resume()
}
