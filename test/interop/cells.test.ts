/**
 * 24 cells: our client at a server of node:tls and its client at ours, with each provider, RSA and ECDHE, in a full
 * handshake, resumed by session ID, and resumed by ticket. The same script runs at both ends, and asks both.
 */
import { constants } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import * as nodeTls from 'node:tls'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import * as ownTls from '../../src/node/index.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { nodeProvider } from '../../src/providers/node/index.ts'
import { pattern } from '../node/support.ts'
import { fixture } from '../support/fixtures.ts'

const providers = ['noble', 'node'] as const
const suites = ['AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'] as const
const kinds = ['full', 'resumed by ID', 'resumed by ticket'] as const

/** More than a record each way, and not the same. */
const [request, reply] = [pattern(100_000), pattern(70_000).reverse()]

type Socket = nodeTls.TLSSocket | ownTls.TLSSocket

interface Cell {
  readonly kind: (typeof kinds)[number]
  readonly ciphers: string
  /** Of which end; the other one is node:tls. */
  readonly ours: 'client' | 'server'
  readonly provider: 'noble' | 'node'
}

/** A server of either make that keeps its sessions in a Map, and what it saw. */
async function startServer({ kind, ciphers, ours, provider }: Cell) {
  const seen = { sockets: [] as Socket[], stored: 0, lookups: 0, bodies: [] as Buffer[] }
  const options = { cert: fixture('server.pem'), key: fixture('server.key'), ciphers }
  const withoutTickets = kind === 'resumed by ticket' ? {} : { secureOptions: constants.SSL_OP_NO_TICKET }
  const serve = (socket: Socket) => {
    seen.sockets.push(socket)
    void readBytes(socket, request.length).then(body => {
      seen.bodies.push(body)
      socket.write(reply)
    })
  }
  const server =
    ours === 'server'
      ? ownTls.createServer(
          { ...options, ...withoutTickets, provider, tickets: kind === 'resumed by ticket' },
          serve,
        )
      : nodeTls.createServer({ ...options, ...withoutTickets, maxVersion: 'TLSv1.2' }, serve)
  const sessions = new Map<string, Buffer>()
  server.on('newSession', (id: Buffer, session: Buffer, done: () => void) => {
    seen.stored++
    sessions.set(id.toString('hex'), session)
    done()
  })
  server.on('resumeSession', (id: Buffer, done: (error: Error | null, session: Buffer | null) => void) => {
    seen.lookups++
    done(null, sessions.get(id.toString('hex')) ?? null)
  })
  onTestFinished(() => {
    for (const socket of seen.sockets) socket.destroy()
    server.close()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { ...seen, seen, port: (server.address() as AddressInfo).port }
}

/** A connection of a client of the other make: what came over it, and what each end tells. */
async function connect({ ciphers, ours, provider }: Cell, port: number, session?: Buffer) {
  const options = { host: '127.0.0.1', port, servername: 'localhost', ca: fixture('ca.pem'), ciphers }
  const offered = session === undefined ? {} : { session }
  const socket: Socket =
    ours === 'client'
      ? ownTls.connect({ ...options, ...offered, provider })
      : nodeTls.connect({ ...options, ...offered, maxVersion: 'TLSv1.2' })
  onTestFinished(() => void socket.destroy())
  const newSession = once(socket, 'session') as Promise<[Buffer]>
  // A resumed connection may have no new session to tell of.
  newSession.catch(() => {})
  await once(socket, 'secureConnect')
  socket.write(request)
  const body = await readBytes(socket, reply.length)
  return { socket, body, session: session === undefined ? (await newSession)[0] : session }
}

async function readBytes(socket: Socket, length: number): Promise<Buffer> {
  let bytes = Buffer.alloc(0)
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`closed after ${bytes.length} of ${length} bytes`)))
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      if (bytes.length >= length) resolve(bytes)
    })
  })
}

/** What an end tells of a connection: both must tell the same. */
const told = (socket: Socket) => ({
  resumed: socket.isSessionReused(),
  cipher: socket.getCipher(),
  protocol: socket.getProtocol(),
  exported: socket.exportKeyingMaterial(40, 'EXPERIMENTAL ringtls', Buffer.from('cell')).toString('hex'),
})

const cells = (['client', 'server'] as const).flatMap(ours =>
  providers.flatMap(provider =>
    suites.flatMap(ciphers => kinds.map((kind): Cell => ({ ours, provider, ciphers, kind }))),
  ),
)

test('there are 24', () => {
  expect(new Set(cells.map(cell => JSON.stringify(cell))).size).toBe(24)
})

describe.each(cells)('our $ours, $provider, $ciphers', cell => {
  test(cell.kind, async () => {
    const made = { noble: vi.spyOn(nobleProvider, 'aesGcm'), node: vi.spyOn(nodeProvider, 'aesGcm') }
    onTestFinished(() => void vi.restoreAllMocks())
    const { port, seen } = await startServer(cell)
    const first = cell.kind === 'full' ? undefined : await connect(cell, port)
    expect(first?.socket.isSessionReused() ?? false).toBe(false)
    const { socket, body } = await connect(cell, port, first?.session)

    const ends = told(socket)
    expect(ends).toMatchObject({
      resumed: cell.kind !== 'full',
      cipher: { name: cell.ciphers },
      protocol: 'TLSv1.2',
    })
    const peer = seen.sockets.at(-1)!
    expect(told(peer)).toEqual(ends)
    expect(socket.getFinished()).toEqual(peer.getPeerFinished())
    expect(socket.getPeerFinished()).toEqual(peer.getFinished())
    // By ID the server asked for the session that it was told to keep; by ticket neither.
    expect([seen.stored, seen.lookups]).toEqual(
      { full: [1, 0], 'resumed by ID': [1, 1], 'resumed by ticket': [0, 0] }[cell.kind],
    )
    expect(socket.getTLSTicket() !== undefined).toBe(cell.kind === 'resumed by ticket')
    // Data both ways.
    expect(seen.bodies.at(-1)!.equals(request)).toBe(true)
    expect(body.equals(reply)).toBe(true)
    // And an orderly end: nobody has an error.
    const closed = Promise.all([socket, peer].map(end => once(end, 'close')))
    socket.end()
    expect(await closed).toEqual([[false], [false]])
    // The records were the provider's work, and nobody else's.
    expect(providers.filter(provider => made[provider].mock.calls.length > 0)).toEqual([cell.provider])
  })
})
