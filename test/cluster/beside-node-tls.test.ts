/**
 * Ten things that happen to resumption by session ID, to two servers of node:tls whose 'newSession' and 'resumeSession'
 * share a Map, and to two of ours whose sessions lie on session nodes. The client is node:tls each time, and returns to
 * the other server. What ours do must hold; what node:tls does is pinned as it is today. docs/beside-node-tls.md tells it.
 */
import { constants } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import { type ConnectionOptions, connect, createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { ServerOptions } from '../../src/node/index.ts'
import { fixture } from '../support/fixtures.ts'
import { openOwnServer } from './failures/own-server.ts'
import { failureOf, type Visit, visit } from './failures/visitor.ts'
import { Openings, openCluster, until } from './support.ts'

const openings = new Openings()
afterEach(() => openings.release())

const suites = ['AES128-GCM-SHA256', 'AES256-GCM-SHA384'] as const
const clientIdentity = { cert: fixture('client-rsa.pem'), key: fixture('client-rsa.key') }
/** TLS 1.3 too, as every client of today that is not held back. */
const modern: ConnectionOptions = {
  maxVersion: 'TLSv1.3',
  ciphers: `TLS_AES_128_GCM_SHA256:${suites[0]}`,
}

/** What stands between the servers of node:tls and their Map. */
interface NodeStore {
  readonly sessions: Map<string, Buffer>
  lookups: number
  read: (found: Buffer | undefined, done: (error: Error | null, session: Buffer | null) => void) => void
  write: (done: () => void) => void
}

/** Two servers of node:tls with one store; `changes` are the second one's. */
async function openNodeServers(
  changes: TlsOptions = {},
): Promise<{ store: NodeStore; ports: [number, number] }> {
  const store: NodeStore = {
    sessions: new Map(),
    lookups: 0,
    read: (found, done) => done(null, found ?? null),
    write: done => done(),
  }
  return { store, ports: [await openNodeServer(store, {}), await openNodeServer(store, changes)] }
}

async function openNodeServer(store: NodeStore, changes: TlsOptions): Promise<number> {
  const server = createServer(
    {
      ...{ cert: fixture('server.pem'), key: fixture('server.key'), ciphers: suites.join(':') },
      ...{ maxVersion: 'TLSv1.2', secureOptions: constants.SSL_OP_NO_TICKET },
      ...changes,
    },
    socket => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(`resumed: ${socket.isSessionReused() ? 'yes' : 'no'}\n`))
    },
  )
  server.on('newSession', (id: Buffer, session: Buffer, done: () => void) => {
    store.sessions.set(id.toString('hex'), session)
    store.write(done)
  })
  server.on('resumeSession', (id: Buffer, done: (error: Error | null, session: Buffer | null) => void) => {
    store.lookups++
    store.read(store.sessions.get(id.toString('hex')), done)
  })
  const sockets = new Set<{ destroy(): unknown }>()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  openings.add(
    () =>
      new Promise(resolve => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  )
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

/** Two servers of ours with two session nodes. */
async function openOurServers(changes: Partial<ServerOptions> = {}) {
  const cluster = await openCluster(openings, 2)
  // Certificates are of today.
  cluster.clock.nowMs = Date.now()
  const { now } = cluster.clock
  const [one, two] = [cluster.server('n0'), cluster.server('n1')]
  const ciphers = suites.join(':')
  const first = await openOwnServer(openings, { sessionCache: one.cache, now, ciphers })
  const second = await openOwnServer(openings, { sessionCache: two.cache, now, ciphers, ...changes })
  return { cluster, one, two, ports: [first.port, second.port] as const }
}
type OurServers = Awaited<ReturnType<typeof openOurServers>>

/** A first visit to ours, stored. */
async function madeAt({ one, ports }: OurServers, options: ConnectionOptions = {}): Promise<Visit> {
  const made = await visit(ports[0], options)
  await one.cache.flush(5000)
  return made
}

const resumed = { resumed: true, reason: 'hit' }
const fullFor = (reason: string) => ({ resumed: false, reason })

/** Whether something has come of it after so many milliseconds. */
function hangs(work: Promise<unknown>, ms: number): Promise<boolean> {
  const settled = work.then(
    () => false,
    () => false,
  )
  return Promise.race([settled, new Promise<boolean>(resolve => setTimeout(() => resolve(true), ms))])
}
/** A hundred times what a handshake takes here. */
const longMs = 400

/** A client that has its full handshake, and then sends a record that no key opens; its session. */
async function breakAfterHandshake(port: number): Promise<Buffer> {
  const transport = connectTcp(port, '127.0.0.1')
  const socket: TLSSocket = connect({
    ...{ socket: transport, servername: 'localhost', ca: fixture('ca.pem'), ciphers: suites[0] },
    ...{ maxVersion: 'TLSv1.2', secureOptions: constants.SSL_OP_NO_TICKET },
  })
  const failed = new Promise<string>(resolve => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
  })
  await once(socket, 'secureConnect')
  const session = socket.getSession()!
  transport.write(Buffer.from(`1703030028${'5a'.repeat(40)}`, 'hex'))
  expect(await failed).toBe('ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC')
  socket.destroy()
  return session
}

describe('other server, same store', () => {
  test('node:tls: resumed', async () => {
    const { ports } = await openNodeServers()
    const { session } = await visit(ports[0])
    expect((await visit(ports[1], { session })).resumed).toBe(true)
  })

  test('ours: resumed', async () => {
    const ours = await openOurServers()
    const { session } = await madeAt(ours)
    expect(await visit(ours.ports[1], { session })).toMatchObject(resumed)
  })
})

describe('fresh hello of a TLS-1.3-capable client', () => {
  test('node:tls: one look-up each', async () => {
    const { store, ports } = await openNodeServers()
    for (let i = 0; i < 20; i++) await visit(ports[i % 2]!, modern)
    expect(store.lookups).toBe(20)
  })

  test('ours: none', async () => {
    const { one, two, ports } = await openOurServers()
    const get = [one, two].map(({ store }) => vi.spyOn(store, 'get'))
    for (let i = 0; i < 20; i++) {
      const { reason } = await visit(ports[i % 2]!, modern)
      // One stranger's ID in a hundred looks like that of a neighbouring epoch.
      expect(['foreign_id', 'epoch']).toContain(reason)
    }
    expect(get.map(({ mock }) => mock.calls.length)).toEqual([0, 0])
  })
})

describe('store write that takes its time', () => {
  test('node:tls: no byte before it is done', async () => {
    const { store, ports } = await openNodeServers()
    let release = () => {}
    store.write = done => {
      release = done
    }
    const visiting = visit(ports[0])
    await until(() => store.sessions.size === 1)
    expect(await hangs(visiting, longMs)).toBe(true)
    release()
    expect((await visiting).resumed).toBe(false)
  })

  test('ours: the client has its page while the write is still under way', async () => {
    const { one, ports } = await openOurServers()
    let isWritten = false
    let release = () => {}
    vi.spyOn(one.store, 'put').mockImplementation(async () => {
      await new Promise<void>(resolve => {
        release = resolve
      })
      isWritten = true
    })
    expect(await visit(ports[0])).toMatchObject(fullFor('no_id'))
    expect(isWritten).toBe(false)
    release()
    await until(() => isWritten)
  })
})

describe('store read that never answers', () => {
  test('node:tls: the client hangs', async () => {
    const { store, ports } = await openNodeServers()
    const { session } = await visit(ports[0])
    store.read = () => {}
    const visiting = visit(ports[1], { session })
    expect(await hangs(visiting, longMs)).toBe(true)
  })

  test('ours: full within the budget', async () => {
    const ours = await openOurServers({ lookupTimeout: 50 })
    const { session } = await madeAt(ours)
    vi.spyOn(ours.two.store, 'get').mockImplementation(() => new Promise(() => {}))
    const startedMs = performance.now()
    expect(await visit(ours.ports[1], { session })).toMatchObject(fullFor('timeout'))
    expect(performance.now() - startedMs).toBeLessThan(5000)
  })
})

describe("the handler's error", () => {
  test('node:tls: ECONNRESET', async () => {
    const { store, ports } = await openNodeServers()
    const { session } = await visit(ports[0])
    store.read = (_, done) => done(new Error('no store today'), null)
    expect(await failureOf(visit(ports[1], { session }))).toBe('ECONNRESET')
  })

  test('ours: full', async () => {
    const ours = await openOurServers()
    const { session } = await madeAt(ours)
    vi.spyOn(ours.two.store, 'get').mockRejectedValue(new Error('no store today'))
    expect(await visit(ours.ports[1], { session })).toMatchObject(fullFor('error'))
  })
})

describe("another session's valid record", () => {
  test('node:tls: a fatal error at the client', async () => {
    const { store, ports } = await openNodeServers()
    const other = await visit(ports[0])
    const { session } = await visit(ports[0])
    store.read = (_, done) => done(null, store.sessions.get(other.sessionId.toString('hex'))!)
    expect(await failureOf(visit(ports[1], { session }))).toMatch(/^ERR_SSL_/)
  })

  test('ours: full', async () => {
    const ours = await openOurServers()
    const put = vi.spyOn(ours.one.store, 'put')
    await madeAt(ours)
    const { session } = await madeAt(ours)
    vi.spyOn(ours.two.store, 'get').mockResolvedValue(put.mock.calls[0]![1])
    expect(await visit(ours.ports[1], { session })).toMatchObject(fullFor('auth'))
  })
})

describe('made under name a, offered under name b', () => {
  const [a, b] = [{ servername: 'a.example.test' }, { servername: 'b.example.test' }]

  test('node:tls: resumed', async () => {
    const { ports } = await openNodeServers()
    const { session } = await visit(ports[0], a)
    expect((await visit(ports[1], { ...b, session })).resumed).toBe(true)
  })

  test('ours: full', async () => {
    const ours = await openOurServers()
    const { session } = await madeAt(ours, a)
    expect(await visit(ours.ports[1], { ...b, session })).toMatchObject(fullFor('server_name'))
  })
})

describe('suite no longer allowed', () => {
  const both = { ciphers: suites.join(':') }

  test('node:tls: resumed', async () => {
    const { ports } = await openNodeServers({ ciphers: suites[1] })
    const { session } = await visit(ports[0])
    expect((await visit(ports[1], { ...both, session })).resumed).toBe(true)
  })

  test('ours: full, with a suite that is', async () => {
    const ours = await openOurServers({ ciphers: suites[1] })
    const { session } = await madeAt(ours)
    const again = await visit(ours.ports[1], { ...both, session })
    expect(again).toMatchObject(fullFor('suite'))
    expect(again.page.cipher).toBe('TLS_RSA_WITH_AES_256_GCM_SHA384')
  })
})

describe('after a fatal alert', () => {
  test('node:tls: resumed', async () => {
    const { ports } = await openNodeServers()
    const session = await breakAfterHandshake(ports[0])
    expect((await visit(ports[1], { session })).resumed).toBe(true)
  })

  test('ours: deleted, full', async () => {
    const ours = await openOurServers()
    const session = await breakAfterHandshake(ours.ports[0])
    await until(() => ours.one.cache.counters.forgotten === 1)
    await ours.one.cache.flush(5000)
    expect(ours.cluster.nodes.map(({ memory }) => memory.entries)).toEqual([0, 0])
    expect(ours.cluster.nodes.map(({ memory }) => memory.tombstones)).toContain(1)
    expect(await visit(ours.ports[1], { session })).toMatchObject(fullFor('miss'))
  })
})

describe('no-auth session at a server that requires a certificate', () => {
  const requires = { requestCert: true, ca: fixture('client-ca.pem') }

  test('node:tls: the connection is dropped', async () => {
    const { ports } = await openNodeServers(requires)
    const { session } = await visit(ports[0], clientIdentity)
    // Right after its handshake, so that it depends on the moment which of the two the client sees.
    expect(['ECONNRESET', 'NO_PAGE']).toContain(
      await failureOf(visit(ports[1], { ...clientIdentity, session })),
    )
  })

  test('ours: full, with CertificateRequest', async () => {
    const ours = await openOurServers(requires)
    const { session } = await madeAt(ours, clientIdentity)
    const again = await visit(ours.ports[1], { ...clientIdentity, session })
    expect(again).toMatchObject({ ...fullFor('policy'), page: { client: 'CN=client-rsa (verified)' } })
  })
})

test('docs/beside-node-tls.md has a row for each of these', () => {
  const source = readFileSync(new URL(import.meta.url), 'utf8')
  const titles = [...source.matchAll(/^describe\((['"])(.*?)\1/gm)].map(([, , title]) => title!)
  const text = readFileSync(new URL('../../docs/beside-node-tls.md', import.meta.url), 'utf8')
  const rows = [...text.matchAll(/^\| (.*?) \|/gm)].map(([, cell]) => cell!).slice(1)
  expect(titles.length).toBe(10)
  expect(rows).toEqual(titles)
})
