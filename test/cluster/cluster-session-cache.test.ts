import { createCipheriv, createHmac, randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { joinCluster } from '../../src/cluster/cluster-member.ts'
import { ClusterSessionCache } from '../../src/cluster/cluster-session-cache.ts'
import { membershipOf } from '../../src/cluster/membership.ts'
import { OwnerChoice } from '../../src/cluster/owner-choice.ts'
import { createSessionNode } from '../../src/cluster/session-node.ts'
import { type SessionStore, StoreFailure } from '../../src/cluster/session-store.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { Secret } from '../../src/secret.ts'
import type { Session } from '../../src/session/session.ts'
import { encodeSession } from '../../src/session/session-record.ts'
import {
  Clock,
  derivedKey,
  masterSecret,
  namedNodes,
  noSignal,
  Openings,
  openCluster,
  openTcp,
  provider,
  randomOf,
  seededRandom,
  startMs,
  testInfo,
  testKeys,
  testSession,
} from './support.ts'

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

/** A store in memory that does as it is told. */
class FakeStore implements SessionStore {
  readonly records = new Map<string, Uint8Array>()
  readonly asked: string[] = []
  /** What an operation does before it does what it should. */
  before: (operation: string) => Promise<void> | undefined = () => undefined
  lastLifetimeMs = 0

  async get(storageKey: Uint8Array): Promise<Uint8Array | undefined> {
    this.asked.push('get')
    await this.before('get')
    return this.records.get(Buffer.from(storageKey).toString('hex'))
  }

  async put(storageKey: Uint8Array, sealed: Uint8Array, lifetimeMs: number): Promise<void> {
    this.asked.push('put')
    await this.before('put')
    this.lastLifetimeMs = lifetimeMs
    this.records.set(Buffer.from(storageKey).toString('hex'), sealed)
  }

  async delete(storageKey: Uint8Array): Promise<void> {
    this.asked.push('delete')
    await this.before('delete')
    this.records.delete(Buffer.from(storageKey).toString('hex'))
  }
}

interface Wanted {
  readonly nodes?: readonly object[]
  readonly more?: object
  readonly nodeId?: string
  readonly store?: SessionStore
  readonly keys?: ReturnType<typeof testKeys>
  readonly clock?: Clock
}

function cacheOf({
  nodes = namedNodes(3),
  more,
  nodeId,
  store = new FakeStore(),
  keys = testKeys(),
  clock = new Clock(),
}: Wanted = {}) {
  const membership = membershipOf(testInfo(nodes, more), provider)
  const owners = new OwnerChoice({ membership, nodeId })
  return new ClusterSessionCache({ keys, store, owners, random: randomOf(), now: clock.now })
}

const random = seededRandom('ids')
const missOf = async (lookup: ReturnType<ClusterSessionCache['load']>) => {
  const found = await lookup
  return 'miss' in found ? found.miss : 'hit'
}

describe('the method: whoever made a session, any server resumes it', () => {
  test('saved by one server, loaded by each, with all that a session has', async () => {
    const { server, nodes } = await openCluster(openings, 3)
    const servers = ['n0', 'n1', 'n2'].map(id => server(id).cache)
    const session = testSession({
      clientAuthenticated: true,
      peerCertificate: new Uint8Array(3072).fill(0x30),
    })
    const id = servers[0]!.drawId(random)
    servers[0]!.save(id, session)
    expect(await servers[0]!.flush(2000)).toBe(0)
    for (const cache of servers) {
      const lookup = await cache.load(id, noSignal)
      if (!('session' in lookup)) throw new Error(lookup.miss)
      expect(Buffer.from(lookup.session.masterSecret.reveal()).equals(masterSecret)).toBe(true)
      expect({ ...lookup.session, masterSecret: 0 }).toEqual({ ...session, masterSecret: 0 })
      expect(cache.counters.lookups.hit).toBe(1)
    }
    expect(nodes[0]!.memory.entries).toBe(0)
    expect(servers[0]!.counters.store_put_total.ok).toBe(1)
  })

  test('and when the server that made it is gone, 50 of 50', async () => {
    const { server, nodes } = await openCluster(openings, 3)
    const [maker, other] = [server('n0'), server('n1').cache]
    const ids = Array.from({ length: 50 }, () => maker.cache.drawId(random))
    for (const id of ids) maker.cache.save(id, testSession())
    await maker.cache.flush(5000)
    await maker.store.close()
    await nodes[0]!.close()
    for (const id of ids) expect(await missOf(other.load(id, noSignal))).toBe('hit')
  })

  test('a node that restarted is empty: a miss', async () => {
    const { server, nodes, info, keys, clock } = await openCluster(openings, 1)
    const { cache } = server('n0')
    const id = cache.drawId(random)
    cache.save(id, testSession())
    await cache.flush(2000)
    const { port } = nodes[0]!.address()!
    await nodes[0]!.close()
    const restarted = createSessionNode({
      membership: membershipOf(info, provider),
      nodeId: 'n0',
      keys,
      provider,
      now: clock.now,
    })
    await restarted.listen('127.0.0.1', port)
    openings.add(() => restarted.close())
    expect(await missOf(cache.load(id, noSignal))).toBe('miss')
  })

  test('forgotten by one server, resumed by none', async () => {
    const { server } = await openCluster(openings, 3, { info: { replicas: 2 } })
    const [one, two] = [server('n0').cache, server('n1').cache]
    const id = one.drawId(random)
    one.save(id, testSession())
    await one.flush(2000)
    expect(await missOf(two.load(id, noSignal))).toBe('hit')
    two.forget(id)
    await two.flush(2000)
    expect(await missOf(one.load(id, noSignal))).toBe('miss')
    expect(two.counters.store_delete_total.ok).toBe(1)
  })

  test('forgotten while its PUT is under way, resumed by none', async () => {
    const { server } = await openCluster(openings, 3)
    const { cache } = server('n0')
    for (let i = 0; i < 20; i++) {
      const id = cache.drawId(random)
      cache.save(id, testSession())
      cache.forget(id)
      await cache.flush(2000)
      expect(await missOf(cache.load(id, noSignal))).toBe('miss')
    }
  })

  test('with N = 1 and with more replicas than nodes', async () => {
    const { server } = await openCluster(openings, 1, { info: { replicas: 3 } })
    const { cache } = server('n0')
    const id = cache.drawId(random)
    expect(cache.ownerOf(id)).toBe('n0')
    cache.save(id, testSession())
    await cache.flush(2000)
    expect(await missOf(cache.load(id, noSignal))).toBe('hit')
  })

  test('put together by joinCluster', async () => {
    const { info, keys, clock } = await openCluster(openings, 2)
    const join = (nodeId: string) =>
      joinCluster({
        info,
        keys,
        nodeId,
        provider,
        random: randomOf(),
        now: clock.now,
        limits: { readTimeoutMs: 2000 },
      })
    const [one, two] = [join('n0'), join('n1')]
    const id = one.sessionCache.drawId(random)
    one.sessionCache.save(id, testSession())
    // Closing hands over what is on its way.
    await one.close(2000)
    expect(await missOf(two.sessionCache.load(id, noSignal))).toBe('hit')
    await two.close()
    expect(() => join('n7')).toThrow(ApiMisuse)
  })
})

describe('drawing an ID', () => {
  test.each(['rendezvous', 'ring', 'table', 'kademlia', 'chord'])(
    '%s: the owner is never the server that draws, 200 draws',
    placement => {
      for (const nodeId of ['n0', 'n1', 'n2']) {
        const cache = cacheOf({ nodeId, more: { placement } })
        for (let i = 0; i < 200; i++) {
          const id = cache.drawId(random)
          expect(id.length).toBe(32)
          expect(cache.ownerOf(id)).not.toBe(nodeId)
          expect(cache.ownerOf(id)).toBeDefined()
        }
        expect(cache.counters).toMatchObject({ drawn: 200, unsuited: 0 })
        expect(cache.counters.redrawn).toBeGreaterThan(0)
      }
    },
  )

  test('a server that is no node draws once', () => {
    const cache = cacheOf()
    for (let i = 0; i < 50; i++) cache.drawId(random)
    expect(cache.counters).toMatchObject({ drawn: 50, redrawn: 0 })
  })

  test('the owner is active: nodes that drain or are down are not chosen', () => {
    const states = ['active', 'draining', 'down', 'active']
    const cache = cacheOf({
      nodes: namedNodes(4).map((node, i) => ({ ...node, state: states[i] })),
      nodeId: 'n0',
    })
    for (let i = 0; i < 100; i++) expect(cache.ownerOf(cache.drawId(random))).toBe('n3')
  })

  test('the only active node chooses itself, and where none is active nothing is resumable', () => {
    const withStates = (...states: string[]) =>
      namedNodes(2).map((node, i) => ({ ...node, state: states[i] }))
    const alone = cacheOf({ nodes: withStates('active', 'down'), nodeId: 'n0' })
    expect(alone.ownerOf(alone.drawId(random))).toBe('n0')
    expect(cacheOf({ nodes: withStates('draining', 'down'), nodeId: 'n0' }).drawId(random).length).toBe(0)
  })

  test('of two draws the owner with fewer sessions is taken: even where placement is not', () => {
    const nodes = namedNodes(16)
    const drawn = new Map(nodes.map(({ id }) => [id, 0]))
    const cache = cacheOf({ nodes, more: { placement: 'ring' } })
    for (let i = 0; i < 3200; i++) {
      const owner = cache.ownerOf(cache.drawId(random))!
      drawn.set(owner, drawn.get(owner)! + 1)
    }
    // Of one draw each the busiest has 1.17 times the mean (the ring's own figure), and chance adds to it.
    expect(Math.max(...drawn.values()) / 200).toBeLessThan(1.05)
  })

  test('nobody is given a session whose node does not answer', () => {
    const membership = membershipOf(testInfo(namedNodes(3)), provider)
    const owners = new OwnerChoice({ membership, nodeId: 'n0', isAvailable: id => id !== 'n1' })
    const store = new FakeStore()
    const cache = new ClusterSessionCache({ keys: testKeys(), store, owners, random, now: new Clock().now })
    for (let i = 0; i < 50; i++) expect(cache.ownerOf(cache.drawId(random))).toBe('n2')
  })

  test('a store that places by itself takes any ID, and has no owner to name', async () => {
    const store = new FakeStore()
    const cache = new ClusterSessionCache({ keys: testKeys(), store, random, now: new Clock().now })
    const id = cache.drawId(random)
    expect(cache.counters).toMatchObject({ drawn: 1, redrawn: 0, unsuited: 0 })
    cache.save(id, testSession())
    expect(await cache.flush(2000)).toBe(0)
    expect(await missOf(cache.load(id, noSignal))).toBe('hit')
    expect(cache.ownerOf(id)).toBeUndefined()
  })

  test('before the first epoch nothing is resumable', () => {
    const keys = testKeys([{ epoch: 1, notBeforeMs: startMs + 1 }])
    expect(cacheOf({ keys }).drawId(random).length).toBe(0)
  })
})

describe('an ID that is not ours costs no request', () => {
  test('forged, foreign, of another cluster, of any length', async () => {
    const store = new FakeStore()
    const cache = cacheOf({ store })
    const id = cache.drawId(random)
    const others = cacheOf({ keys: testKeys([{ epoch: 1 }], 'another cluster') })
    const forged = id.slice()
    forged[31]! ^= 1
    const strangers = Array.from({ length: 500 }, () => new Uint8Array(randomBytes(32)))
    for (const stranger of [
      forged,
      id.subarray(0, 31),
      new Uint8Array(0),
      new Uint8Array(33),
      others.drawId(random),
      ...strangers,
    ]) {
      const lookup = cache.load(stranger, noSignal)
      // Not a promise: the answer is there at once.
      expect(lookup).toHaveProperty('miss')
      cache.forget(stranger)
      cache.save(stranger, testSession())
      expect(cache.ownerOf(stranger)).toBeUndefined()
    }
    expect(store.asked).toEqual([])
    const { foreign_id, epoch } = cache.counters.lookups
    expect(foreign_id + epoch).toBe(505)
    expect(foreign_id).toBeGreaterThan(300)
    expect(cache.counters.store_put_total.unstorable).toBe(505)
  })

  test('an unknown epoch', () => {
    const store = new FakeStore()
    const id = cacheOf({ keys: testKeys([{ epoch: 2 }]) }).drawId(random)
    expect(cacheOf({ store }).load(id, noSignal)).toEqual({ miss: 'epoch' })
    expect(store.asked).toEqual([])
  })
})

describe('loading', () => {
  async function saved(changes: Partial<Session> = {}) {
    const [store, clock] = [new FakeStore(), new Clock()]
    const cache = cacheOf({ store, clock })
    const id = cache.drawId(random)
    cache.save(id, testSession(changes))
    await cache.flush(2000)
    return { store, clock, cache, id }
  }

  test('an expired session is expired, by 1 ms', async () => {
    const { clock, cache, id } = await saved({ lifetimeSeconds: 600 })
    clock.nowMs = startMs + 599_999
    expect(await missOf(cache.load(id, noSignal))).toBe('hit')
    clock.nowMs = startMs + 600_000
    expect(await missOf(cache.load(id, noSignal))).toBe('expired')
  })

  test('a clock 5 s behind is tolerated, one further behind is not', async () => {
    const { clock, cache, id } = await saved()
    clock.nowMs = startMs - 5000
    expect(await missOf(cache.load(id, noSignal))).toBe('hit')
    clock.nowMs = startMs - 5001
    expect(await missOf(cache.load(id, noSignal))).toBe('expired')
  })

  test('a record that is another session, cut or random is a miss', async () => {
    const { store, cache, id } = await saved()
    const second = cache.drawId(random)
    cache.save(second, testSession({ serverName: 'other.test' }))
    await cache.flush(2000)
    const [first, other] = [...store.records.keys()] as [string, string]
    const good = store.records.get(first)!
    for (const bytes of [
      store.records.get(other)!,
      good.subarray(0, 40),
      new Uint8Array(0),
      new Uint8Array(200).fill(1),
    ]) {
      store.records.set(first, bytes)
      expect(['auth', 'epoch']).toContain(await missOf(cache.load(id, noSignal)))
    }
    store.records.set(first, good)
    expect(await missOf(cache.load(id, noSignal))).toBe('hit')
  })

  test('absurd fields under a good seal are an error', async () => {
    const { store, cache, id } = await saved()
    const storageKey = createHmac('sha256', derivedKey(1, 'lookup')).update(id).digest()
    const plaintext = encodeSession(testSession())
    plaintext[3] = 0xff
    const head = Buffer.from([1, 0, 0, 0, 1])
    const cipher = createCipheriv('aes-256-gcm', derivedKey(1, 'seal'), Buffer.alloc(12))
    cipher.setAAD(Buffer.concat([head, storageKey]))
    const sealed = Buffer.concat([
      head,
      Buffer.alloc(12),
      cipher.update(plaintext),
      cipher.final(),
      cipher.getAuthTag(),
    ])
    expect([...store.records.keys()]).toEqual([storageKey.toString('hex')])
    store.records.set(storageKey.toString('hex'), new Uint8Array(sealed))
    expect(await missOf(cache.load(id, noSignal))).toBe('error')
    expect(cache.counters.lookups.error).toBe(1)
  })

  test.each<[string, () => Promise<void>, string]>([
    ['fails', () => Promise.reject(new StoreFailure('error', 'x')), 'error'],
    ['fails otherwise', () => Promise.reject(new TypeError('x')), 'error'],
    ['rejects with nothing', () => Promise.reject(), 'error'],
    [
      'throws',
      () => {
        throw new Error('x')
      },
      'error',
    ],
    ['is too slow', () => Promise.reject(new StoreFailure('timeout', 'x')), 'timeout'],
    ['is not asked', () => Promise.reject(new StoreFailure('breaker', 'x')), 'breaker'],
  ])('a store that %s is a miss', async (_, before, expected) => {
    const { store, cache, id } = await saved()
    store.before = before
    expect(await missOf(cache.load(id, noSignal))).toBe(expected)
  })

  test('fifty look-ups of one session are one request, and each gets a session of its own', async () => {
    const { store, cache, id } = await saved()
    let answer = () => {}
    store.asked.length = 0
    store.before = () =>
      new Promise<void>(resolve => {
        answer = resolve
      })
    const lookups = Array.from({ length: 50 }, () => cache.load(id, noSignal))
    answer()
    const sessions = (await Promise.all(lookups)).map(lookup => {
      if (!('session' in lookup)) throw new Error(lookup.miss)
      return lookup.session
    })
    expect(store.asked).toEqual(['get'])
    expect(cache.counters.shared_lookups).toBe(49)
    // Who is done first wipes its own.
    sessions[0]!.masterSecret.wipe()
    expect(Buffer.from(sessions[1]!.masterSecret.reveal()).equals(masterSecret)).toBe(true)
  })

  test('forgotten while it is looked up: not resumed, whatever the store says', async () => {
    const { store, cache, id } = await saved()
    let answer = () => {}
    store.before = operation =>
      operation === 'get'
        ? new Promise<void>(resolve => {
            answer = resolve
          })
        : Promise.reject(new StoreFailure('error', 'the owner cannot be told'))
    const lookup = cache.load(id, noSignal)
    cache.forget(id)
    answer()
    expect(await missOf(lookup)).toBe('miss')
    store.asked.length = 0
    expect(await missOf(cache.load(id, noSignal))).toBe('miss')
    expect(store.asked).toEqual([])
    expect(cache.counters.forgotten).toBe(1)
  })

  test('a hung node is a timeout within the budget', async () => {
    const url = await openTcp(openings, () => {})
    const { info, keys, clock } = { info: testInfo([{ id: 'a', url }]), keys: testKeys(), clock: new Clock() }
    const { sessionCache, close } = joinCluster({ info, keys, provider, random: randomOf(), now: clock.now })
    openings.add(() => close(0))
    const id = sessionCache.drawId(random)
    const before = performance.now()
    expect(await missOf(sessionCache.load(id, noSignal))).toBe('timeout')
    expect(performance.now() - before).toBeGreaterThan(45)
    expect(performance.now() - before).toBeLessThan(1000)
  })

  test('keys rotated between write and read: opened until the old epoch is over', async () => {
    const [store, clock] = [new FakeStore(), new Clock()]
    const keys = testKeys([
      { epoch: 1, notAfterMs: startMs + 700_000 },
      { epoch: 2, notBeforeMs: startMs + 100_000 },
    ])
    const cache = cacheOf({ store, clock, keys })
    const id = cache.drawId(random)
    clock.nowMs += 200_000
    cache.save(id, testSession())
    await cache.flush(2000)
    // Drawn in epoch 1, sealed in epoch 2.
    expect(id[0]! & 63).toBe(1)
    expect([...store.records.values()][0]![4]).toBe(2)
    expect(await missOf(cache.load(id, noSignal))).toBe('hit')
    clock.nowMs = startMs + 700_001
    expect(await missOf(cache.load(id, noSignal))).toBe('epoch')
  })
})

describe('saving', () => {
  test('stores for the time that is left', async () => {
    const [store, clock] = [new FakeStore(), new Clock()]
    const cache = cacheOf({ store, clock })
    clock.nowMs = startMs + 100_000
    cache.save(cache.drawId(random), testSession({ lifetimeSeconds: 600 }))
    await cache.flush(2000)
    expect(store.lastLifetimeMs).toBe(500_000)
    clock.nowMs = startMs - 5000
    cache.save(cache.drawId(random), testSession({ lifetimeSeconds: 86_400 }))
    await cache.flush(2000)
    expect(store.lastLifetimeMs).toBe(86_400_000)
  })

  test.each<[string, Partial<Session>]>([
    ['without lifetime', { lifetimeSeconds: 0 }],
    ['over already', { createdMs: startMs - 600_000 }],
    ['for more than a day', { lifetimeSeconds: 86_401 }],
    ['with a certificate over 3 KB', { peerCertificate: new Uint8Array(3073) }],
    ['with a server name that no record holds', { serverName: 'a'.repeat(256) }],
    ['with a server name outside ASCII', { serverName: 'bücher.test' }],
  ])('a session %s is not stored, and nothing is thrown', (_, changes) => {
    const store = new FakeStore()
    const cache = cacheOf({ store })
    cache.save(cache.drawId(random), testSession(changes))
    expect(store.asked).toEqual([])
    expect(cache.counters.store_put_total.unstorable).toBe(1)
  })

  test.each<[string, () => Promise<void>, object]>([
    ['fails', () => Promise.reject(new StoreFailure('gone', 'x')), { gone: 1 }],
    ['fails otherwise', () => Promise.reject(new Error('x')), { error: 1 }],
    [
      'throws',
      () => {
        throw new Error('x')
      },
      { error: 1 },
    ],
  ])('a store that %s is counted, never thrown', async (_, before, expected) => {
    const store = new FakeStore()
    store.before = before
    const cache = cacheOf({ store })
    const id = cache.drawId(random)
    cache.save(id, testSession())
    cache.forget(id)
    expect(await cache.flush(2000)).toBe(0)
    expect(cache.counters.store_put_total).toMatchObject({ ok: 0, ...expected })
    expect(cache.counters.store_delete_total).toMatchObject({ ok: 0, ...expected })
  })

  test('a DELETE waits for the PUT of the same session, and for no other', async () => {
    const store = new FakeStore()
    let release = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    store.before = operation => (operation === 'put' && store.asked.length === 1 ? held : undefined)
    const cache = cacheOf({ store })
    const [slow, other] = [cache.drawId(random), cache.drawId(random)]
    cache.save(slow, testSession())
    cache.forget(slow)
    cache.forget(other)
    await new Promise(resolve => setImmediate(resolve))
    expect(store.asked).toEqual(['put', 'delete'])
    release()
    expect(await cache.flush(2000)).toBe(0)
    expect(store.asked).toEqual(['put', 'delete', 'delete'])
    expect(store.records.size).toBe(0)
  })

  test('two sessions under one ID: neither is kept', async () => {
    const { server, nodes, clock, keys } = await openCluster(openings, 2)
    const twin = () => {
      const { store } = server()
      return new ClusterSessionCache({ keys, store, random: randomOf(), now: clock.now })
    }
    const [one, two] = [twin(), twin()]
    const [id, same] = [one.drawId(seededRandom('copied')), two.drawId(seededRandom('copied'))]
    expect(id).toEqual(same)
    one.save(id, testSession())
    await one.flush(2000)
    two.save(id, testSession({ masterSecret: new Secret(new Uint8Array(48).fill(7)) }))
    expect(await two.flush(2000)).toBe(0)
    expect(two.counters.store_put_total.conflict).toBe(1)
    expect(two.counters.store_delete_total.ok).toBe(1)
    expect(nodes.map(node => node.memory.entries)).toEqual([0, 0])
    for (const cache of [one, two]) expect(await missOf(cache.load(id, noSignal))).toBe('miss')
  })

  test('flush gives up after its time and says how many are left', async () => {
    const store = new FakeStore()
    store.before = () => new Promise(() => {})
    const cache = cacheOf({ store })
    for (let i = 0; i < 3; i++) cache.save(cache.drawId(random), testSession())
    const before = performance.now()
    expect(await cache.flush(50)).toBe(3)
    expect(performance.now() - before).toBeLessThan(1000)
    expect(await cacheOf().flush()).toBe(0)
  })

  test('the master secret of the session is still its own afterwards', async () => {
    const cache = cacheOf()
    const session = testSession()
    cache.save(cache.drawId(random), session)
    await cache.flush(2000)
    expect(Buffer.from(session.masterSecret.reveal()).equals(masterSecret)).toBe(true)
  })
})
