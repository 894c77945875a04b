/** node:tls and ours behind one face, so that one script shows what a stream does on either. */
import { once } from 'node:events'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket as NodeSocket, connect as nodeConnect, createSecureContext as nodeContext } from 'node:tls'
import { onTestFinished } from 'vitest'
import { connect, createSecureContext, TLSSocket } from '../../../src/node/index.ts'
import { fixture } from '../../support/fixtures.ts'
import { MemoryEnd } from './memory-end.ts'

export interface Stack {
  readonly name: 'node:tls' | 'ringtls'
  /** A client that trusts the server of `server`. */
  client(transport: Duplex, options?: StackOptions): Socket
  server(transport: Duplex, options?: StackOptions): Socket
}

export interface StackOptions {
  /** As the transport, by default; node:tls knows no other way. */
  readonly allowHalfOpen?: boolean
}

const identity = { cert: fixture('server.pem'), key: fixture('server.key') }
const terms = { servername: 'localhost', ca: fixture('ca.pem') }

export const nodeStack: Stack = {
  name: 'node:tls',
  client: socket => nodeConnect({ ...terms, socket, maxVersion: 'TLSv1.2' }),
  server: transport => {
    const secureContext = nodeContext({ ...identity, maxVersion: 'TLSv1.2' })
    return new NodeSocket(transport as Socket, { isServer: true, secureContext })
  },
}

const context = createSecureContext(identity)
export const ownStack: Stack = {
  name: 'ringtls',
  client: (socket, options) => connect({ ...terms, ...options, socket }),
  server: (transport, options) =>
    new TLSSocket(transport, { ...options, isServer: true, secureContext: context }),
}

export const stacks = [nodeStack, ownStack] as const

/** Two ends of a connection. */
export interface Ends<T = Socket> {
  readonly client: T
  readonly server: T
}

/** Two connected sockets over TCP; gone with the test. */
export async function tcpPair(allowHalfOpen = false): Promise<Ends> {
  const listener = createServer({ allowHalfOpen, noDelay: true })
  const accepted = once(listener, 'connection')
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  const { port } = listener.address() as AddressInfo
  const client = connectTcp({ host: '127.0.0.1', port, allowHalfOpen, noDelay: true })
  const [[server]] = (await Promise.all([accepted, once(client, 'connect')])) as unknown as [
    [Socket],
    unknown,
  ]
  listener.close()
  // Whoever has no TLSSocket yet must not crash the test by an error that it makes on purpose.
  for (const end of [client, server]) end.on('error', () => {})
  onTestFinished(() => {
    client.destroy()
    server.destroy()
  })
  return { client, server }
}

/** Two ends in memory. */
export function memoryPair(allowHalfOpen = false): Ends<Duplex> {
  return MemoryEnd.pair({ allowHalfOpen })
}

/** Two ends of a TLS connection of ours, over TCP. */
export async function tlsPair(allowHalfOpen = false): Promise<Ends> {
  const { client, server } = overTransports(ownStack, await tcpPair(allowHalfOpen))
  await Promise.all([once(client, 'secure'), once(server, 'secure')])
  return { client, server }
}

/** TLS over a pair of transports, each end with its log; the handshake is under way. */
export function overTransports(stack: Stack, transports: Ends<Duplex>): Ends & { logs: Ends<string[]> } {
  const server = stack.server(transports.server)
  const client = stack.client(transports.client)
  return { client, server, logs: { client: logOf(client), server: logOf(server) } }
}

/** What a socket tells, in its order: 'secure', 'data hello', 'end', 'finish', 'error CODE', 'close', with 'had error' where it says so. */
export function logOf(socket: Socket): string[] {
  const log: string[] = []
  for (const event of ['secure', 'end', 'finish', 'drain', 'timeout'] as const)
    socket.on(event as string, () => log.push(event))
  socket.on('error', error => log.push(`error ${(error as NodeJS.ErrnoException).code ?? error.message}`))
  socket.on('close', hadError => log.push(hadError ? 'close, had error' : 'close'))
  return log
}

/** Both have closed, and a while has passed in which they might say more. */
export async function closed({ client, server }: Ends): Promise<void> {
  await Promise.all([client, server].map(socket => socket.closed || once(socket, 'close').catch(() => {})))
  for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
}
