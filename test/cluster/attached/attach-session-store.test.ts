/**
 * The rows of docs/beside-node-tls.md once more, to servers of node:tls that keep their sessions in a cluster's store:
 * as far as node:tls lets us, they get what ours have. The client is node:tls, without tickets.
 */

import { X509Certificate } from 'node:crypto'
import { errorMonitor, once } from 'node:events'
import { connect as connectTcp, createServer as createNetServer } from 'node:net'
import { type ConnectionOptions, connect, createServer, type TLSSocket } from 'node:tls'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { attachSessionStore } from '../../../src/cluster/attach-session-store.ts'
import type { ClusterSessionCache } from '../../../src/cluster/cluster-session-cache.ts'
import { type ClusterKeys, parseClusterKeys } from '../../../src/cluster/keys.ts'
import { storageKeyOf } from '../../../src/cluster/openssl-sessions.ts'
import { sealSession } from '../../../src/cluster/sealed-record.ts'
import type { CryptoProvider } from '../../../src/crypto/provider.ts'
import { ApiMisuse } from '../../../src/errors.ts'
import { fixture } from '../../support/fixtures.ts'
import { changeSession } from '../failures/openssl-session.ts'
import { visit } from '../failures/visitor.ts'
import {
  Clock,
  keysText,
  noSignal,
  Openings,
  openCluster,
  provider,
  randomOf,
  startMs,
  testKeys,
  testSession,
  until,
} from '../support.ts'
import {
  type AttachedOptions,
  type AttachedServer,
  cacheOn,
  noStoreToday,
  openAttached,
  patientMs,
  sharedTerms,
  TestStore,
} from './attached-servers.ts'

const openings = new Openings()
const unhandled = vi.fn()
beforeEach(() => {
  process.on('unhandledRejection', unhandled)
})
afterEach(async () => {
  await openings.release()
  process.off('unhandledRejection', unhandled)
  expect(unhandled).not.toHaveBeenCalled()
})

const clientIdentity = { cert: fixture('client-rsa.pem'), key: fixture('client-rsa.key') }
/** TLS 1.3 too, as every client of today that is not held back. */
const modern: ConnectionOptions = {
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256:AES128-GCM-SHA256',
}

/** Two servers on one store in memory; `changes` are the second one's. */
async function openTwo(changes: AttachedOptions = {}, store = new TestStore()) {
  const one = await openAttached(openings, cacheOn(store))
  const other = await openAttached(openings, cacheOn(store), changes)
  return { store, one, other }
}

/** A first visit, whose session is in the store. */
async function madeAt({ port, cache }: AttachedServer, options: ConnectionOptions = {}) {
  const made = await visit(port, options)
  expect(made.resumed).toBe(false)
  await cache.flush(patientMs)
  return made
}

/** What came of the look-ups of a server, but for those of which there were none. */
function lookups({ cache }: AttachedServer): Record<string, number> {
  return Object.fromEntries(Object.entries(cache.counters.lookups).filter(([, count]) => count > 0))
}

describe('other server, same store', () => {
  test('resumed, 10 of 10, on session nodes', async () => {
    const cluster = await openCluster(openings, 3)
    cluster.clock.nowMs = Date.now()
    const one = await openAttached(openings, cluster.server('n0').cache)
    const other = await openAttached(openings, cluster.server('n1').cache)
    for (let i = 0; i < 10; i++) {
      const { session, sessionId } = await madeAt(one)
      const again = await visit(other.port, { session })
      expect(again.resumed).toBe(true)
      expect(again.sessionId).toEqual(sessionId)
    }
    expect(one.cache.counters.store_put_total).toMatchObject({ ok: 10, unstorable: 0 })
    expect(lookups(other)).toEqual({ hit: 10 })
    expect(cluster.nodes.reduce((sum, { memory }) => sum + memory.entries, 0)).toBe(10)
    expect([...one.errors, ...other.errors]).toEqual([])
  })

  test('and a client certificate is the same as at the first', async () => {
    const demands = { requestCert: true, ca: fixture('client-ca.pem') }
    const store = new TestStore()
    const one = await openAttached(openings, cacheOn(store), { tls: demands })
    const other = await openAttached(openings, cacheOn(store), { tls: demands })
    const { session } = await madeAt(one, clientIdentity)
    const again = await visit(other.port, { ...clientIdentity, session })
    expect(again).toMatchObject({ resumed: true, page: { client: 'client-rsa', authorized: 'true' } })
  })
})

test('fresh hello of a TLS-1.3-capable client: one look-up each, as node:tls itself', async () => {
  const { store, one } = await openTwo()
  for (let i = 0; i < 5; i++) await visit(one.port, modern)
  expect(lookups(one)).toEqual({ miss: 5 })
  expect(store.gets).toBe(5)
  // A client without TLS 1.3 has nothing to offer.
  await visit(one.port)
  expect(store.gets).toBe(5)
})

test('a server that has TLS 1.3 keeps no session of it, and those of TLS 1.2 as ever', async () => {
  const has13 = {
    tls: { maxVersion: 'TLSv1.3', ciphers: `TLS_AES_128_GCM_SHA256:${sharedTerms.ciphers}` },
  } as const
  const store = new TestStore()
  const one = await openAttached(openings, cacheOn(store), has13)
  const other = await openAttached(openings, cacheOn(store), has13)
  await visit(one.port, modern)
  await one.cache.flush(patientMs)
  expect(store.records.size).toBe(0)
  expect(one.cache.counters.store_put_total.unstorable).toBe(0)
  const { session } = await madeAt(one)
  expect((await visit(other.port, { session })).resumed).toBe(true)
})

test('store write that takes its time: the page is there before', async () => {
  const { store, one } = await openTwo()
  let release = () => {}
  const written = new Promise<undefined>(resolve => {
    release = () => resolve(undefined)
  })
  store.instead = () => written
  expect((await visit(one.port)).resumed).toBe(false)
  expect(store.records.size).toBe(0)
  release()
  await until(() => store.records.size === 1)
})

test('store read that never answers: full within the budget', async () => {
  const { store, one, other } = await openTwo({ lookupTimeoutMs: 50 })
  const { session } = await madeAt(one)
  store.instead = () => new Promise(() => {})
  const startedMs = performance.now()
  expect((await visit(other.port, { session })).resumed).toBe(false)
  expect(performance.now() - startedMs).toBeLessThan(5000)
  await until(() => other.cache.counters.lookups.timeout === 1)
  expect(lookups(other)).toEqual({ timeout: 1 })
})

test("the store's error: full", async () => {
  const { store, one, other } = await openTwo()
  const { session } = await madeAt(one)
  store.instead = noStoreToday
  expect((await visit(other.port, { session })).resumed).toBe(false)
  expect(lookups(other)).toEqual({ error: 1 })
  expect(other.errors).toEqual([])
})

describe('a record that is not this session', () => {
  /** What a client finds that returns to such a record. */
  async function visitTo(recordOf: (own: Uint8Array, another: Uint8Array) => Uint8Array) {
    const { store, one, other } = await openTwo()
    await madeAt(one)
    const another = [...store.records.values()][0]!.sealed
    const { session, sessionId } = await madeAt(one)
    const own = [...store.records.values()][1]!.sealed
    const record = recordOf(own, another)
    store.instead = async () => record
    const { resumed } = await visit(other.port, { session })
    expect(other.errors).toEqual([])
    return { resumed, lookups: lookups(other), sessionId }
  }

  test('its own is resumed', async () => {
    expect(await visitTo(own => own)).toMatchObject({ resumed: true, lookups: { hit: 1 } })
  })

  test("another session's valid record: full", async () => {
    expect(await visitTo((_, another) => another)).toMatchObject({ resumed: false, lookups: { auth: 1 } })
  })

  test('damaged: full', async () => {
    const flip = (own: Uint8Array) => own.map((byte, i) => (i === own.length - 20 ? byte ^ 1 : byte))
    expect(await visitTo(flip)).toMatchObject({ resumed: false, lookups: { auth: 1 } })
  })

  test('an ID that OpenSSL did not draw, since it is shorter: full without a look-up', async () => {
    const { store, one } = await openTwo()
    const { session, sessionId } = await madeAt(one)
    const short = changeSession(session, { sessionId: sessionId.subarray(0, 31) })
    expect((await visit(one.port, { session: short })).resumed).toBe(false)
    expect(lookups(one)).toEqual({ foreign_id: 1 })
    expect(store.gets).toBe(0)
  })

  test('random bytes, and none: full', async () => {
    expect(await visitTo(own => randomOf()(own.length))).toMatchObject({ resumed: false })
    expect(await visitTo(() => new Uint8Array(0))).toMatchObject({ resumed: false, lookups: { auth: 1 } })
  })

  test('one of a server of ours, even under its own key: full, and ours does not take one of node:tls', async () => {
    const { store, one, other } = await openTwo()
    const { session, sessionId } = await madeAt(one)
    const [name] = store.records.keys()
    const keys = testKeys().current(startMs)!
    const storageKey = storageKeyOf(keys, sessionId)
    expect(Buffer.from(storageKey).toString('hex')).toBe(name)
    // The same 32 bytes as an ID of ours would lie elsewhere.
    expect(Buffer.from(keys.storageKey(sessionId)).toString('hex')).not.toBe(name)
    const sealed = sealSession(testSession({ createdMs: Date.now() }), {
      keys,
      storageKey,
      random: randomOf(),
    })
    store.instead = async () => sealed
    expect((await visit(other.port, { session })).resumed).toBe(false)
    expect(lookups(other)).toEqual({ miss: 1 })
    // Ours, of a hello with an ID of ours, is given what node:tls stored.
    const record = store.records.get(name!)!.sealed
    const ours = cacheOn(store)
    store.instead = async () => record
    expect(await ours.load(ours.drawId(randomOf()), new AbortController().signal)).toEqual({ miss: 'miss' })
  })
})

test('made under name a, offered under name b: resumed, since node:tls does not say the name', async () => {
  const { one, other } = await openTwo()
  const { session } = await madeAt(one, { servername: 'a.example.test' })
  expect((await visit(other.port, { servername: 'b.example.test', session })).resumed).toBe(true)
})

test('suite no longer allowed: full', async () => {
  const both = { ciphers: sharedTerms.ciphers! }
  const { one, other } = await openTwo({ tls: { ciphers: 'AES256-GCM-SHA384' } })
  const { session } = await madeAt(one, both)
  expect((await visit(other.port, { ...both, session })).resumed).toBe(false)
  expect(lookups(other)).toEqual({ policy: 1 })
})

test('no-auth session at a server that requires a certificate: full with CertificateRequest', async () => {
  const { one, other } = await openTwo({ tls: { requestCert: true, ca: fixture('client-ca.pem') } })
  const { session } = await madeAt(one, clientIdentity)
  const again = await visit(other.port, { ...clientIdentity, session })
  expect(again).toMatchObject({ resumed: false, page: { client: 'client-rsa', authorized: 'true' } })
  expect(lookups(other)).toEqual({ policy: 1 })
  expect(other.errors).toEqual([])
})

describe('the terms of two servers that ask for a certificate differ', () => {
  /** What a session would be stored under. */
  function policyHashOf(terms: object): Uint8Array | undefined {
    const hashes: Uint8Array[] = []
    const openssl = { save: (_: Uint8Array, policyHash: Uint8Array) => hashes.push(policyHash) }
    const server = Object.assign(createServer({ ...sharedTerms, requestCert: true }), terms)
    attachSessionStore(server, { sessionCache: { openssl } as unknown as ClusterSessionCache })
    server.emit('newSession', Buffer.alloc(32), Buffer.alloc(8), () => {})
    return hashes[0]
  }
  const view = (name: string) => {
    const { buffer, byteOffset, length } = Buffer.from(fixture(name))
    return new DataView(buffer, byteOffset, length)
  }

  test.each([
    ['by a list of revoked certificates', { crl: 'a list' }, {}],
    ['by that list', { crl: 'a list' }, { crl: 'a later list' }],
    ['by authorities in a view', { ca: view('client-ca.pem') }, { ca: view('ca.pem') }],
    ["by an empty list of them, which is not node:tls's own", { ca: [] }, { ca: undefined }],
  ])('%s', (_, one, other) => {
    expect(policyHashOf(one)).toHaveLength(16)
    expect(policyHashOf(one)).toEqual(policyHashOf({ ...one }))
    expect(policyHashOf(one)).not.toEqual(policyHashOf(other))
  })
})

describe('after a fatal alert', () => {
  /** A client that has its handshake, and then sends a record that no key opens; its session. */
  async function breakAfterHandshake(port: number): Promise<Buffer> {
    const transport = connectTcp(port, '127.0.0.1')
    const { maxVersion, secureOptions } = sharedTerms as ConnectionOptions
    const options = {
      socket: transport,
      servername: 'localhost',
      ca: fixture('ca.pem'),
      maxVersion,
      secureOptions,
    }
    const socket = connect({ ...options, ciphers: 'AES128-GCM-SHA256' } as ConnectionOptions)
    const failed = new Promise<unknown>(resolve => socket.on('error', resolve))
    await once(socket, 'secureConnect')
    const session = socket.getSession()!
    transport.write(Buffer.from(`1703030028${'5a'.repeat(40)}`, 'hex'))
    expect(await failed).toMatchObject({ code: 'ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC' })
    socket.destroy()
    return session
  }

  test('deleted, full', async () => {
    const cluster = await openCluster(openings, 2)
    cluster.clock.nowMs = Date.now()
    const one = await openAttached(openings, cluster.server('n0').cache)
    const other = await openAttached(openings, cluster.server('n1').cache)
    const session = await breakAfterHandshake(one.port)
    await until(() => one.cache.counters.forgotten === 1)
    await one.cache.flush(patientMs)
    expect(cluster.nodes.map(({ memory }) => memory.entries)).toEqual([0, 0])
    expect((await visit(other.port, { session })).resumed).toBe(false)
    expect(lookups(other)).toEqual({ miss: 1 })
  })

  test('a connection that is just dropped costs no session', async () => {
    const { one, other } = await openTwo()
    const { session } = await madeAt(one)
    const transport = connectTcp(one.port, '127.0.0.1')
    const options = { socket: transport, servername: 'localhost', ca: fixture('ca.pem'), session }
    const entered = once(one.server, 'secureConnection')
    const socket = connect({ ...options, maxVersion: 'TLSv1.2' }).on('error', () => {})
    await Promise.all([once(socket, 'secureConnect'), entered])
    expect(socket.isSessionReused()).toBe(true)
    transport.resetAndDestroy()
    await until(() => one.errors.includes('ECONNRESET'))
    expect((await visit(other.port, { session })).resumed).toBe(true)
    expect(one.cache.counters.forgotten).toBe(0)
  })
})

describe('time', () => {
  async function openAt(clock: Clock, tls: AttachedOptions['tls'] = {}) {
    const store = new TestStore()
    const { now } = clock
    const one = await openAttached(openings, cacheOn(store, { now }), { tls })
    return { store, one, other: await openAttached(openings, cacheOn(store, { now }), { tls }) }
  }
  const clockOfToday = () => Object.assign(new Clock(), { nowMs: Date.now() })

  test('a session is stored for as long as sessionTimeout says, and not given out after that', async () => {
    const clock = clockOfToday()
    const { store, one, other } = await openAt(clock, { sessionTimeout: 60 })
    const { session } = await madeAt(one)
    const [stored] = store.records.values()
    expect(stored!.lifetimeMs).toBeGreaterThan(50_000)
    expect(stored!.lifetimeMs).toBeLessThanOrEqual(60_000)
    clock.nowMs += 30_000
    expect((await visit(other.port, { session })).resumed).toBe(true)
    clock.nowMs += 30_001
    expect((await visit(other.port, { session })).resumed).toBe(false)
    expect(lookups(other)).toEqual({ hit: 1, expired: 1 })
  })

  test('never for more than a day', async () => {
    const { store, one } = await openAt(clockOfToday(), { sessionTimeout: 7 * 86_400 })
    await madeAt(one)
    const [stored] = store.records.values()
    expect(stored!.lifetimeMs).toBeGreaterThan(86_300_000)
    expect(stored!.lifetimeMs).toBeLessThanOrEqual(86_400_000)
  })

  test('nor for longer than the client certificate is valid', async () => {
    const certificate = new X509Certificate(fixture('handshake/client-expired.pem'))
    const notAfterMs = Date.parse(certificate.validTo)
    const clock = Object.assign(new Clock(), { nowMs: notAfterMs - 100_000 })
    const store = new TestStore()
    const cache = cacheOn(store, clock)
    const policyHash = new Uint8Array(16)
    cache.openssl.save(sessionWith(certificate.raw, clock.nowMs), policyHash)
    await cache.flush(patientMs)
    expect([...store.records.values()].map(({ lifetimeMs }) => lifetimeMs)).toEqual([100_000])
    const found = async () => 'der' in (await cache.openssl.load(openSslId, policyHash, noSignal))
    clock.nowMs = notAfterMs - 1
    expect(await found()).toBe(true)
    clock.nowMs = notAfterMs
    expect(await found()).toBe(false)
  })

  test('one that is over when it is made is not stored', async () => {
    const clock = clockOfToday()
    const { store, one } = await openAt(clock, { sessionTimeout: 60 })
    clock.nowMs += 61_000
    await visit(one.port)
    await until(() => one.cache.counters.store_put_total.unstorable === 1)
    expect(store.records.size).toBe(0)
  })
})

test('while keys rotate, a session of the epoch before is found', async () => {
  const nowMs = Date.now()
  const old = { epoch: 1, notBeforeMs: nowMs - 3_600_000 }
  const rotated = [
    { ...old, notAfterMs: nowMs + 600_000 },
    { epoch: 2, notBeforeMs: nowMs - 1000 },
  ]
  const store = new TestStore()
  const one = await openAttached(openings, cacheOn(store, { keys: testKeys([old]) }))
  const other = await openAttached(openings, cacheOn(store, { keys: testKeys(rotated) }))
  const { session } = await madeAt(one)
  expect((await visit(other.port, { session })).resumed).toBe(true)
  const made = await madeAt(other)
  expect((await visit(other.port, { session: made.session })).resumed).toBe(true)
  // Whom the new keys have not reached finds nothing, and one look-up counts once.
  expect((await visit(one.port, { session: made.session })).resumed).toBe(false)
  expect([lookups(one), lookups(other)]).toEqual([{ miss: 1 }, { hit: 2 }])
})

describe('what an operator is told', () => {
  function logOf() {
    const warn = vi.fn()
    return {
      log: { debug() {}, info() {}, warn, error() {} },
      said: () => warn.mock.calls.map(([, text]) => text),
    }
  }

  test('tickets are on: nothing goes to the store, one warning', async () => {
    const { log, said } = logOf()
    const store = new TestStore()
    const one = await openAttached(openings, cacheOn(store), { log, tls: { secureOptions: 0 } })
    const withTickets = { secureOptions: 0 }
    for (let i = 0; i < 3; i++) await visit(one.port, withTickets)
    const { session } = await visit(one.port, withTickets)
    expect((await visit(one.port, { ...withTickets, session })).resumed).toBe(true)
    expect(store.records.size).toBe(0)
    expect(said()).toEqual([expect.stringContaining('SSL_OP_NO_TICKET')])
  })

  test('another sessionIdContext: full, one warning; and none where all is well', async () => {
    const [wrong, right] = [logOf(), logOf()]
    const { one, other } = await openTwo({ log: wrong.log, tls: { sessionIdContext: 'another' } })
    const third = await openAttached(openings, cacheOn(new TestStore()), { log: right.log })
    for (let i = 0; i < 2; i++) {
      const { session } = await madeAt(one)
      expect((await visit(other.port, { session })).resumed).toBe(false)
    }
    await visit(third.port, { session: (await madeAt(third)).session })
    expect(wrong.said()).toEqual([expect.stringContaining('sessionIdContext')])
    expect(right.said()).toEqual([])
  })

  test('the terms are those of now, in whatever order the authorities come', async () => {
    const [a, b] = [fixture('client-ca.pem'), fixture('ec-ca.pem')]
    const demands = (ca: string[]) => ({ requestCert: true, rejectUnauthorized: false, ca })
    const store = new TestStore()
    const one = await openAttached(openings, cacheOn(store), { tls: demands([a, b]) })
    const other = await openAttached(openings, cacheOn(store), { tls: demands([b, a]) })
    const { session } = await madeAt(one)
    expect((await visit(other.port, { session })).resumed).toBe(true)
    other.server.setSecureContext({ ...sharedTerms, ...demands([a]) })
    expect((await visit(other.port, { session })).resumed).toBe(false)
    expect(lookups(other)).toEqual({ hit: 1, policy: 1 })
  })
})

describe('attaching', () => {
  test('to a server that has a store already is misuse', () => {
    const cache = cacheOn(new TestStore())
    for (const event of ['newSession', 'resumeSession']) {
      const server = createServer(sharedTerms).on(event, () => {})
      expect(() => attachSessionStore(server, { sessionCache: cache })).toThrow(ApiMisuse)
    }
  })

  test('to what is no server of node:tls, or with what has no sessions, says what to do', () => {
    const sessionCache = cacheOn(new TestStore())
    const foreign = createNetServer() as ReturnType<typeof createServer>
    expect(() => attachSessionStore(foreign, { sessionCache })).toThrow('the option `cluster`')
    for (const cluster of [{}, undefined, { sessionCache: new Map() }])
      expect(() => attachSessionStore(createServer(sharedTerms), cluster as never)).toThrow('joinCluster')
  })

  test('detached, the server is as it was', async () => {
    const { store, one, other } = await openTwo()
    const { session } = await madeAt(one)
    const before = createServer(sharedTerms).eventNames()
    other.detach()
    expect(other.server.eventNames()).toEqual(expect.arrayContaining(before))
    expect(['newSession', 'resumeSession'].map(event => other.server.listenerCount(event))).toEqual([0, 0])
    const { gets } = store
    expect((await visit(other.port, { session })).resumed).toBe(false)
    expect(store.gets).toBe(gets)
  })

  test('a client that is gone during its look-up troubles nobody, and is answered once', async () => {
    const { store, one, other } = await openTwo({ lookupTimeoutMs: 1000 })
    const { session } = await madeAt(one)
    let answer = (_: undefined) => {}
    store.instead = () => new Promise(resolve => (answer = resolve))
    const options = { port: other.port, host: '127.0.0.1', session, ciphers: 'AES128-GCM-SHA256' }
    const socket = connect({ ...options, maxVersion: 'TLSv1.2', ca: fixture('ca.pem') }).on('error', () => {})
    await until(() => store.gets === 1)
    socket.destroy()
    await until(() => other.cache.counters.lookups.timeout === 1)
    answer(undefined)
    store.instead = () => undefined
    expect((await visit(other.port, { session })).resumed).toBe(true)
    // What node:tls says of a client that leaves during its handshake, if anything.
    expect(other.errors.filter(code => code !== 'ECONNRESET')).toEqual([])
  })

  test('what the application throws as the handshake goes on is its own uncaught exception, and no rejection of ours', async () => {
    const { one } = await openTwo()
    // Of the test runner, which takes one for a failure.
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    try {
      const thrown = new Promise(resolve => process.once('uncaughtException', resolve))
      const failure = new Error('a listener of the application failed')
      one.server.emit('resumeSession', Buffer.alloc(32, 1), () => {
        throw failure
      })
      expect(await thrown).toBe(failure)
    } finally {
      for (const listener of listeners) process.on('uncaughtException', listener)
    }
  })

  test('leaves errors that nobody handles as loud as they are', async () => {
    const { one } = await openTwo()
    const socketOfVisit = async () => {
      const connected = once(one.server, 'secureConnection') as Promise<[TLSSocket]>
      await visit(one.port)
      return (await connected)[0]
    }
    const attached = await socketOfVisit()
    one.detach()
    const plain = await socketOfVisit()
    expect(attached.listenerCount(errorMonitor)).toBe(1)
    expect(attached.listenerCount('error')).toBe(plain.listenerCount('error'))
  })
})

describe('secrets', () => {
  /** Keys that show what they were given to seal. */
  function keysThatShow(): { keys: ClusterKeys; plaintexts: Uint8Array[] } {
    const plaintexts: Uint8Array[] = []
    const aesGcm: CryptoProvider['aesGcm'] = key => {
      const { seal, open, ...rest } = provider.aesGcm(key)
      return {
        ...rest,
        seal: (nonce, additionalData, plaintext) => {
          plaintexts.push(plaintext)
          return seal(nonce, additionalData, plaintext)
        },
        open: (nonce, additionalData, ciphertext) => {
          const plaintext = open(nonce, additionalData, ciphertext)
          if (plaintext !== undefined) plaintexts.push(plaintext)
          return plaintext
        },
      }
    }
    const surroundings = { provider: { ...provider, aesGcm }, nowMs: startMs }
    return { keys: parseClusterKeys(keysText([{ epoch: 1 }]), 'cluster.key', surroundings), plaintexts }
  }

  test('are wiped once they are sealed, opened, and read by OpenSSL; the store sees none', async () => {
    const { keys, plaintexts } = keysThatShow()
    const store = new TestStore()
    const one = await openAttached(openings, cacheOn(store, { keys }))
    const { session, masterSecret } = await madeAt(one)
    const given: Uint8Array[] = []

    const [resume] = one.server.listeners('resumeSession') as Resume[]
    one.server.off('resumeSession', resume!)
    one.server.on('resumeSession', (id: Buffer, done: Parameters<Resume>[1]) =>
      resume!(id, (error, der) => {
        if (der) given.push(der)
        expect(der?.includes(masterSecret)).toBe(true)
        done(error, der)
      }),
    )
    expect((await visit(one.port, { session })).resumed).toBe(true)
    expect([plaintexts.length, given.length]).toEqual([2, 1])
    for (const bytes of [...plaintexts, ...given]) expect(bytes.every(byte => byte === 0)).toBe(true)
    for (const { sealed } of store.records.values())
      expect(Buffer.from(sealed).includes(masterSecret)).toBe(false)
  })

  test('are not shown when an attached server and its cache are printed', async () => {
    const { one } = await openTwo()
    const { masterSecret, sessionId } = await madeAt(one)
    const text = inspect([one.cache, one.detach], { depth: 20, showHidden: true, maxArrayLength: null })
    for (const secret of [masterSecret, sessionId]) {
      for (const form of [secret.toString('hex'), [...secret].join(', ')]) expect(text).not.toContain(form)
    }
  })
})

type Resume = (id: Buffer, done: (error: Error | null, der: Buffer | null) => void) => void

const openSslId = new Uint8Array(32).fill(0x1d)

/** An SSL_SESSION of 300 s by hand, as ssl/ssl_asn1.c of OpenSSL lays it out. */
function sessionWith(certificate: Uint8Array, createdMs: number): Uint8Array {
  const element = (tag: number, ...contents: readonly Uint8Array[]) => {
    const content = Buffer.concat(contents)
    return Buffer.concat([Buffer.from([tag, 0x82, content.length >> 8, content.length & 0xff]), content])
  }
  const short = (tag: number, content: Uint8Array) =>
    Buffer.concat([Buffer.from([tag, content.length]), content])
  const seconds = (number: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(number)
    return bytes
  }
  return element(
    0x30,
    ...[short(2, Buffer.from([1])), short(2, Buffer.from([3, 3])), short(4, Buffer.from([0, 0x9c]))],
    ...[short(4, openSslId), short(4, Buffer.alloc(48, 0x3a))],
    short(0xa1, short(2, seconds(createdMs / 1000))),
    short(0xa2, short(2, Buffer.from([1, 0x2c]))),
    element(0xa3, certificate),
  )
}
