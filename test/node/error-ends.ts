/** The same broken peer before an end of node:tls and before one of ours: with which error each of them ends. */
import { once } from 'node:events'
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Socket,
} from 'node:net'
import * as nodeTls from 'node:tls'
import { onTestFinished } from 'vitest'
import * as ourTls from '../../src/node/index.ts'
import { extensions, filled } from '../support/by-hand.ts'
import { FarPuppet } from '../support/far-puppet.ts'
import { fixture } from '../support/fixtures.ts'
import type { PuppetOptions } from '../support/puppet.ts'

export type Library = 'node:tls' | 'ours'
/** What both libraries take by the same names, and `policy`, which is ours. */
export type EndOptions = Pick<
  nodeTls.TlsOptions & nodeTls.ConnectionOptions,
  | 'ca'
  | 'cert'
  | 'key'
  | 'ciphers'
  | 'ecdhCurve'
  | 'sigalgs'
  | 'ALPNProtocols'
  | 'SNICallback'
  | 'requestCert'
  | 'rejectUnauthorized'
  | 'handshakeTimeout'
  | 'session'
  | 'dhparam'
> & { readonly policy?: 'modern' }
export type SeenError = Error & Readonly<Record<string, unknown>>

/** A peer that does something wrong. */
export interface Situation {
  /** Whose error it is. */
  readonly role: 'client' | 'server'
  readonly options?: EndOptions
  /** The peer. */
  readonly puppet?: PuppetOptions
  /** Of a client: whether it was here before, and offers the session that it got. */
  readonly returns?: boolean
  /** Whether the peer stays when it has played. By default it ends then: whoever found nothing wrong finds the end. */
  readonly stays?: boolean
  play(peer: FarPuppet): unknown
}

interface End {
  /** `undefined` when it ends without one. */
  readonly error: Promise<SeenError | undefined>
  /** The peer's side of the connection. */
  readonly transport: Socket
}

/** The error with which an end of this library answers; `undefined` when it ends with none. */
export async function errorOf(library: Library, situation: Situation): Promise<SeenError | undefined> {
  const { role, options = {}, returns = false } = situation
  const puppet = puppetOf(situation)
  if (role === 'server') return played(situation, await startServer(library, options), puppet)
  if (!returns) return played(situation, await startClient(library, options), puppet)
  const { end, session } = await firstVisit(library, options)
  return played(situation, await startClient(library, { ...options, session: end }), { ...puppet, session })
}

async function played(
  { role, stays, play }: Situation,
  { error, transport }: End,
  puppet: PuppetOptions,
): Promise<SeenError | undefined> {
  const peer = new FarPuppet(role === 'client' ? 'server' : 'client', transport, puppet)
  await play(peer)
  if (!stays) transport.end()
  return error
}

/** OpenSSL signs nothing for a client that names no scheme. */
function puppetOf({ role, puppet = {} }: Situation): PuppetOptions {
  if (role === 'client') return puppet
  return { ...puppet, extensions: [extensions.signatureAlgorithms, ...(puppet.extensions ?? [])] }
}

/** A full handshake, and both sides' view of the session that it made: by the ID of every puppet's ServerHello. */
async function firstVisit(library: Library, options: EndOptions) {
  const { socket, transport } = await startClient(library, options)
  const told = once(socket, 'session')
  const peer = new FarPuppet('server', transport)
  await peer.advance()
  const [end] = (await told) as [Buffer]
  return { end, session: { id: filled(32, 0x1d), masterSecret: peer.puppet.masterSecret! } }
}

const onlyTls12 = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const

async function startServer(library: Library, options: EndOptions): Promise<End> {
  const settings = { cert: fixture('server.pem'), key: fixture('server.key'), ...onlyTls12, ...options }
  const server =
    library === 'ours'
      ? ourTls.createServer(settings as ourTls.ServerOptions)
      : nodeTls.createServer(settings as nodeTls.TlsOptions)
  const error = new Promise<SeenError | undefined>(resolve => {
    server.once('tlsClientError', resolve)
    server.once('secureConnection', (socket: Socket) => resolve(endOf(socket)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const transport = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true })
  onTestFinished(() => {
    transport.destroy()
    server.close()
  })
  await once(transport, 'connect')
  return { error, transport }
}

async function startClient(
  library: Library,
  options: EndOptions,
): Promise<End & { readonly socket: Socket }> {
  const listener = createTcpServer({ allowHalfOpen: true, noDelay: true })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  const accepted = once(listener, 'connection')
  const socket = openClient(library, { ...options, port })
  const error = endOf(socket)
  const [transport] = (await accepted) as [Socket]
  onTestFinished(() => {
    transport.destroy()
    listener.close()
  })
  return { error, transport, socket }
}

/** A client that trusts the authorities of all fixtures and asks for `localhost`. */
export function openClient(
  library: Library,
  options: EndOptions & Pick<nodeTls.ConnectionOptions, 'port' | 'servername' | 'checkServerIdentity'>,
): nodeTls.TLSSocket | ourTls.TLSSocket {
  const ca = ['ca.pem', 'ec-ca.pem', 'handshake/ca.pem'].map(fixture)
  const settings = { host: '127.0.0.1', servername: 'localhost', ca, ...onlyTls12, ...options }
  const socket =
    library === 'ours'
      ? ourTls.connect(settings as ourTls.ConnectionOptions)
      : nodeTls.connect(settings as nodeTls.ConnectionOptions)
  onTestFinished(() => void socket.destroy())
  return socket
}

/** The error of a socket that reads whatever comes; `undefined` when it closes without one. */
export function endOf(socket: Socket): Promise<SeenError | undefined> {
  return new Promise(resolve => {
    socket.once('error', error => resolve(error as SeenError))
    socket.once('close', () => resolve(undefined))
    socket.resume()
  })
}
