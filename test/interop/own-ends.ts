/** Our two ends over TCP, and how they see a connection: in the words of library-peer.ts. */
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import type { NamedGroup } from '../../src/crypto/named-groups.ts'
import {
  type ConnectionOptions,
  createServer,
  type HandshakeReport,
  type ServerOptions,
  type TLSSocket,
} from '../../src/node/index.ts'
import { fixture } from '../support/pair.ts'
import type { PeerVisit } from './library-peer.ts'
import { fixturePath, visit } from './support.ts'

/** What our end saw; the group is that of a full handshake with (EC)DHE. */
export interface OwnVisit extends PeerVisit {
  readonly exported: string
  readonly group: NamedGroup | undefined
  readonly reason: HandshakeReport['reason']
}

/** Asks an open connection. */
export function seenBy(socket: TLSSocket): OwnVisit {
  const { cipher, resumed, group, reason } = socket.handshake!
  const exported = socket.exportKeyingMaterial(32, 'EXPERIMENTAL-ringtls', Buffer.from('interop'))
  const { subject } = socket.getPeerCertificate()
  return {
    suite: cipher,
    resumed,
    alpn: socket.alpnProtocol || '',
    peer: subject?.CN ? String(subject.CN) : '',
    exported: exported.toString('hex'),
    group,
    reason,
  }
}

/** What the other end tells of itself is what ours saw of the same connection. */
export function asSeenByPeer({ suite, resumed, alpn, exported }: OwnVisit, theirs: PeerVisit): PeerVisit {
  const common = { suite, resumed, alpn, peer: theirs.peer }
  return theirs.exported === undefined ? common : { ...common, exported }
}

export interface OwnEnd {
  readonly port: number
  /** The connections so far, in their order. */
  readonly seen: readonly OwnVisit[]
  /** The handshakes that failed, by their codes. */
  readonly failed: readonly string[]
}

/** Our server, in this process, until the test ends: it sends back what comes. */
export function startOwnEcho(options: ServerOptions): Promise<OwnEnd> {
  return startOwnEnd(options, socket => void socket.pipe(socket))
}

/** What `startOwnPage` answers. */
export const ownPage = 'HTTP/1.0 200 OK\r\n\r\nhello from us\n'

/** The same, but it answers whatever comes with one page, and closes. */
export function startOwnPage(
  options: ServerOptions,
  onSocket: (socket: TLSSocket) => void = () => {},
): Promise<OwnEnd> {
  return startOwnEnd(options, socket => {
    onSocket(socket)
    socket.once('data', () => socket.end(ownPage))
  })
}

/** Our server with an application of the test's own. */
export async function startOwnEnd(
  options: ServerOptions,
  serve: (socket: TLSSocket) => void,
): Promise<OwnEnd> {
  const seen: OwnVisit[] = []
  const failed: string[] = []
  const sockets = new Set<TLSSocket>()
  const server = createServer({ lookupTimeout: 5000, ...options }, socket => {
    sockets.add(socket)
    seen.push(seenBy(socket))
    serve(socket)
  })
  server.on('tlsClientError', error => failed.push(error.code))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, seen, failed }
}

/** Our client visits an echo twice, the second time with the session of the first. */
export async function visitEchoTwice(port: number, options: ConnectionOptions): Promise<OwnVisit[]> {
  const seen: OwnVisit[] = []
  const text = 'there and back again\n'
  let session: Buffer | undefined
  for (const _ of ['full', 'resumed']) {
    const resuming = session ? { session } : {}
    const talk = { send: text, closeAfterBytes: text.length }
    const { received, socket } = await visit(port, { ...options, ...resuming }, talk, socket =>
      socket.once('secureConnect', () => seen.push(seenBy(socket))),
    )
    if (received.toString() !== text) throw new Error(`the echo was ${JSON.stringify(received.toString())}`)
    session = socket.getSession()
  }
  return seen
}

/** A certificate among the fixtures, with the authority that signed it. */
export interface Identity {
  readonly name: string
  readonly authority: string
}

export const serverIdentities = {
  rsa: { name: 'server', authority: 'ca' },
  'rsa-pss': { name: 'rsa-pss', authority: 'ec-ca' },
  'P-256': { name: 'ec', authority: 'ec-ca' },
  'P-384': { name: 'ec384', authority: 'ec-ca' },
  'P-521': { name: 'ec521', authority: 'ec-ca' },
  Ed25519: { name: 'ed25519', authority: 'ec-ca' },
} as const satisfies Record<string, Identity>
export type KeyKind = keyof typeof serverIdentities

/** The common name in it is its file's. */
export const clientIdentities = {
  rsa: { name: 'client-rsa', authority: 'client-ca' },
  'rsa-pss': { name: 'client-rsa-pss', authority: 'client-ca' },
  'P-256': { name: 'client-ec', authority: 'client-ca' },
  Ed25519: { name: 'client-ed25519', authority: 'client-ca' },
} as const satisfies Record<string, Identity>
export type ClientKeyKind = keyof typeof clientIdentities

/** Certificate and key for our end. */
export const ownIdentity = ({ name }: Identity) => ({
  cert: fixture(`${name}.pem`),
  key: fixture(`${name}.key`),
})

/** The same for theirs, as files. */
export const identityFiles = ({ name }: Identity) => ({
  cert: fixturePath(`${name}.pem`),
  key: fixturePath(`${name}.key`),
})

export const authorityFile = ({ authority }: Identity): string => fixturePath(`${authority}.pem`)
export const ownAuthority = ({ authority }: Identity): string => fixture(`${authority}.pem`)
