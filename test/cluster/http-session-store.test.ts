import { randomBytes } from 'node:crypto'
import type { RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { HttpSessionStore, type HttpSessionStoreLimits } from '../../src/cluster/http-session-store.ts'
import { type Membership, membershipOf } from '../../src/cluster/membership.ts'
import { freePort } from '../support/free-ports.ts'
import {
  Clock,
  namedNodes,
  noSignal,
  Openings,
  openCluster,
  openHttp,
  openTcp,
  provider,
  reasonOf,
  seededRandom,
  testInfo,
  testKeys,
  until,
} from './support.ts'

const openings = new Openings()
afterEach(() => openings.release())

const storageKey = new Uint8Array(32).fill(3)
const record = new Uint8Array(Buffer.from('a sealed record'))

function storeOf(
  urls: readonly string[],
  timeoutMs: number,
  writeTimeoutMs = timeoutMs,
  more: Partial<HttpSessionStoreLimits> = {},
): HttpSessionStore {
  const nodes = urls.map((url, i) => ({ id: `n${i}`, url }))
  const membership = membershipOf(testInfo(nodes, { replicas: 16 }), provider)
  const limits = { readTimeoutMs: timeoutMs, writeTimeoutMs, ...more }
  const store = new HttpSessionStore({
    membership,
    keys: testKeys(),
    provider,
    random: seededRandom('store'),
    now: new Clock().now,
    limits,
  })
  openings.add(() => store.close())
  return store
}

describe('against session nodes', () => {
  test('puts to all owners, reads from the first, deletes from all', async () => {
    const { nodes, server } = await openCluster(openings, 3, { info: { replicas: 2 } })
    const { store } = server()
    await store.put(storageKey, record, 5000)
    expect(nodes.map(node => node.memory.entries).sort()).toEqual([0, 1, 1])
    expect(await store.get(storageKey, noSignal)).toEqual(record)
    await store.delete(storageKey)
    expect(nodes.map(node => node.memory.entries)).toEqual([0, 0, 0])
    expect(await store.get(storageKey, noSignal)).toBeUndefined()
  })

  test('a second record under a key is a conflict, one after a delete is gone', async () => {
    const { server } = await openCluster(openings, 2)
    const { store } = server()
    await store.put(storageKey, record, 5000)
    await store.put(storageKey, record, 5000)
    expect(await reasonOf(store.put(storageKey, new Uint8Array([1]), 5000))).toBe('conflict')
    await store.delete(storageKey)
    expect(await reasonOf(store.put(storageKey, record, 5000))).toBe('gone')
  })

  test('reads from the second owner when the first is dead, and takes a PUT to one of two', async () => {
    const { nodes, server, info } = await openCluster(openings, 2, { info: { replicas: 2 } })
    const { store } = server()
    await store.put(storageKey, record, 5000)
    const first = membershipOf(info, provider).ownersOf(storageKey)[0]!.id
    await nodes[info.nodes.findIndex(node => node.id === first)]!.close()
    expect(await store.get(storageKey, noSignal)).toEqual(record)
    await store.put(new Uint8Array(32).fill(4), record, 5000)
    expect(store.counters.replica_put_failures).toBe(1)
    expect(await reasonOf(store.delete(storageKey))).toBe('error')
  })

  test('a 410 from the first owner ends the read, a failure without a record elsewhere rejects', async () => {
    const deleted = await openHttp(openings, (_, response) => response.writeHead(410).end())
    const missing = await openHttp(openings, (_, response) => response.writeHead(404).end())
    const broken = await openHttp(openings, (_, response) => response.writeHead(500).end())
    expect(await storeOf([deleted], 2000).get(storageKey, noSignal)).toBeUndefined()
    expect(await storeOf([missing], 2000).get(storageKey, noSignal)).toBeUndefined()
    expect(await reasonOf(storeOf([missing, broken], 2000).get(storageKey, noSignal))).toBe('error')
    expect(await reasonOf(storeOf([broken, missing], 2000).get(storageKey, noSignal))).toBe('error')
  })

  const recordReply: RequestListener = (_, response) =>
    response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(record)
  const laterGone =
    (delayMs: number): RequestListener =>
    (_, response) =>
      setTimeout(() => response.writeHead(410).end(), delayMs)

  test('a tombstone of any owner outweighs the record of another, whoever answers first', async () => {
    const [holder, deleted] = [await openHttp(openings, recordReply), await openHttp(openings, laterGone(50))]
    for (const urls of [
      [holder, deleted],
      [deleted, holder],
    ]) {
      const store = storeOf(urls, 20_000, 20_000, { hedgeMs: 10_000 })
      expect(await store.get(storageKey, noSignal)).toBeUndefined()
      expect(store.counters).toMatchObject({ requests: 2, hedged_reads: 0 })
    }
  })

  test('after a tombstone nothing counts any more, a record that comes later neither', async () => {
    const gone = await openHttp(openings, (_, response) => response.writeHead(410).end())
    const later = await openHttp(openings, (request, response) => {
      setTimeout(() => recordReply(request, response), 30)
    })
    const slow = await openHttp(openings, laterGone(300))
    const store = storeOf([gone, later, slow], 20_000, 20_000, { hedgeMs: 1 })
    expect(await store.get(storageKey, noSignal)).toBeUndefined()
    await new Promise(resolve => setTimeout(resolve, 150))
    expect(store.counters.hedged_reads).toBe(0)
  })

  test('a record is taken without the word of an owner that is slow', async () => {
    const [holder, slow] = [
      await openHttp(openings, recordReply),
      await openHttp(openings, laterGone(10_000)),
    ]
    const store = storeOf([slow, holder], 20_000)
    expect(await store.get(storageKey, noSignal)).toEqual(record)
    expect(store.counters.hedged_reads).toBe(1)
  })

  test('a record is taken at once when every other owner has said that it has none', async () => {
    const [holder, missing] = [
      await openHttp(openings, recordReply),
      await openHttp(openings, (_, response) => response.writeHead(404).end()),
    ]
    const store = storeOf([holder, missing], 20_000, 20_000, { hedgeMs: 20_000 })
    expect(await store.get(storageKey, noSignal)).toEqual(record)
    expect(store.counters.hedged_reads).toBe(0)
  })

  test('a clock 31 s ahead, or another key, is refused', async () => {
    const { nodes, clock, server } = await openCluster(openings, 1)
    expect(
      await reasonOf(server(undefined, { now: () => clock.nowMs + 31_000 }).store.get(storageKey, noSignal)),
    ).toBe('error')
    const keys = testKeys([{ epoch: 1 }], 'another cluster')
    expect(await reasonOf(server(undefined, { keys }).store.put(storageKey, record, 5000))).toBe('error')
    expect(nodes[0]!.counters.unauthorized).toMatchObject({ clock_skew: 1, wrong_mac: 1 })
  })

  test('a node that thinks it is another refuses', async () => {
    const { nodes, info, server } = await openCluster(openings, 2)
    const [a, b] = info.nodes
    const swapped = testInfo([
      { id: a!.id, url: b!.url },
      { id: b!.id, url: a!.url },
    ])
    const { store } = server(undefined, { info: swapped })
    expect(await reasonOf(store.get(storageKey, noSignal))).toBe('error')
    expect(nodes[0]!.counters.unauthorized.wrong_mac + nodes[1]!.counters.unauthorized.wrong_mac).toBe(1)
  })

  test('a cluster_info that differs is seen on both sides', async () => {
    const { nodes, info, server } = await openCluster(openings, 1)
    const { store } = server(undefined, { info: testInfo(info.nodes, { revision: 2 }) })
    expect(await store.get(storageKey, noSignal)).toBeUndefined()
    expect(store.counters.cluster_digest_mismatch).toBe(1)
    expect(nodes[0]!.counters.cluster_digest_mismatch).toBe(1)
  })

  test('draining nodes are read and take what was drawn for them, nodes that are down are not asked', async () => {
    const { nodes, info, server } = await openCluster(openings, 1)
    await server().store.put(storageKey, record, 5000)
    const inState = (state: string) =>
      server(undefined, { info: testInfo([{ ...info.nodes[0], state }]) }).store
    expect(await inState('draining').get(storageKey, noSignal)).toEqual(record)
    await inState('draining').put(storageKey, record, 5000)
    expect(nodes[0]!.counters.put).toMatchObject({ stored: 1, same: 1 })
    expect(await reasonOf(inState('down').put(storageKey, record, 5000))).toBe('error')
    const { get } = structuredClone(nodes[0]!.counters)
    expect(await inState('down').get(storageKey, noSignal)).toBeUndefined()
    expect(nodes[0]!.counters.get).toEqual(get)
    await inState('draining').delete(storageKey)
    expect(nodes[0]!.memory.entries).toBe(0)
  })
})

describe('an answer that is none', () => {
  const octets = { 'content-type': 'application/octet-stream' }

  test.each<[string, RequestListener]>([
    ['204', (_, response) => response.writeHead(204).end()],
    ['301', (_, response) => response.writeHead(301, { location: '/healthz' }).end()],
    ['401', (_, response) => response.writeHead(401).end()],
    ['500', (_, response) => response.writeHead(500).end('oh')],
    ['503', (_, response) => response.writeHead(503).end()],
    [
      'a captive portal',
      (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    ],
    ['no content type', (_, response) => response.writeHead(200).end('x')],
    ['an empty record', (_, response) => response.writeHead(200, octets).end()],
    ['4,097 bytes', (_, response) => response.writeHead(200, octets).end(Buffer.alloc(4097))],
    ['10 MB', (_, response) => response.writeHead(200, octets).end(Buffer.alloc(10_000_000))],
    [
      '10 MB in chunks',
      (_, response) => {
        response.writeHead(200, octets)
        for (let i = 0; i < 1000; i++) response.write(Buffer.alloc(10_000))
        response.end()
      },
    ],
    [
      'a connection closed in the body',
      (_, response) => {
        response.writeHead(200, { ...octets, 'content-length': 100 })
        response.write('half', () => response.destroy())
      },
    ],
  ])('such as %s rejects', async (_, listener) => {
    const store = storeOf([await openHttp(openings, listener)], 5000)
    expect(await reasonOf(store.get(storageKey, noSignal))).toBe('error')
  })

  test('such as a redirect is not followed', async () => {
    let followed = 0
    const target = await openHttp(openings, (_, response) => {
      followed++
      response.writeHead(200, octets).end('record')
    })
    const origin = await openHttp(openings, (_, response) =>
      response.writeHead(302, { location: target }).end(),
    )
    expect(await reasonOf(storeOf([origin], 5000).get(storageKey, noSignal))).toBe('error')
    expect(followed).toBe(0)
  })

  test('of 4,096 bytes is one', async () => {
    const origin = await openHttp(openings, (_, response) =>
      response.writeHead(200, octets).end(Buffer.alloc(4096, 1)),
    )
    expect((await storeOf([origin], 5000).get(storageKey, noSignal))?.length).toBe(4096)
  })

  test.each<[string, (socket: Socket) => void]>([
    ['random bytes', socket => socket.once('data', () => socket.end(randomBytes(500)))],
    ['a garbage status line', socket => socket.once('data', () => socket.end('HTTP/9.9 abc\r\n\r\n'))],
    ['a closed connection', socket => socket.once('data', () => socket.end())],
    ['a reset', socket => socket.once('data', () => socket.resetAndDestroy())],
    [
      'endless headers',
      socket => socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(5000)}`)),
    ],
  ])('such as %s rejects', async (_, onSocket) => {
    const store = storeOf([await openTcp(openings, onSocket)], 5000)
    expect(await reasonOf(store.get(storageKey, noSignal))).toBe('error')
    expect(await reasonOf(store.put(storageKey, record, 1000))).toBe('error')
    expect(await reasonOf(store.delete(storageKey))).toBe('error')
  })

  test('where nobody listens rejects', async () => {
    const origin = await openTcp(openings, () => {})
    await openings.release()
    expect(await reasonOf(storeOf([origin], 5000).get(storageKey, noSignal))).toBe('error')
  })
})

describe('no answer in time', () => {
  const trickle = (socket: Socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: 1000\r\n\r\n')
    const timer = setInterval(() => socket.write('x'), 20)
    socket.on('close', () => clearInterval(timer))
  }

  test.each<[string, (socket: Socket) => void]>([
    ['a node that says nothing', () => {}],
    ['a node that says a byte every 20 ms', socket => socket.once('data', () => trickle(socket))],
    [
      'a node that never ends its headers',
      socket => socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n')),
    ],
  ])('of %s rejects with timeout', async (_, onSocket) => {
    const store = storeOf([await openTcp(openings, onSocket)], 60)
    const before = performance.now()
    const reasons = await Promise.all([
      reasonOf(store.get(storageKey, noSignal)),
      reasonOf(store.put(storageKey, record, 1000)),
      reasonOf(store.delete(storageKey)),
    ])
    expect(reasons).toEqual(['timeout', 'timeout', 'timeout'])
    expect(performance.now() - before).toBeLessThan(1000)
  })

  test('drops the connection, so that nothing piles up at a node that hangs', async () => {
    let closed = 0
    const origin = await openTcp(openings, socket => socket.on('close', () => closed++).resume())
    // The library's own timers go by the time for writes: they must not be what ends it.
    const store = storeOf([origin], 60, 60_000)
    expect(await reasonOf(store.get(storageKey, noSignal))).toBe('timeout')
    await until(() => closed === 1)
  })

  test('has one budget for all owners together', async () => {
    const origins = await Promise.all([1, 2, 3, 4].map(() => openTcp(openings, () => {})))
    const before = performance.now()
    expect(await reasonOf(storeOf(origins, 100).get(storageKey, noSignal))).toBe('timeout')
    expect(performance.now() - before).toBeLessThan(1000)
  })

  test('ends when the caller gives up, before and while it is asked', async () => {
    const store = storeOf([await openTcp(openings, () => {})], 60_000)
    expect(await reasonOf(store.get(storageKey, AbortSignal.abort()))).toBe('timeout')
    expect(store.counters.requests).toBe(0)
    const ending = new AbortController()
    setTimeout(() => ending.abort(), 20)
    expect(await reasonOf(store.get(storageKey, ending.signal))).toBe('timeout')
  })

  test('does not pair a late answer with the next request', async () => {
    let asked = 0
    let tellAnswered = () => {}
    const answered = new Promise<void>(resolve => {
      tellAnswered = resolve
    })
    const origin = await openHttp(openings, (request, response) => {
      const answer = () => {
        response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(request.url)
        tellAnswered()
      }
      if (asked++ === 0) setTimeout(answer, 150)
      else answer()
    })
    const store = storeOf([origin], 100)
    expect(await reasonOf(store.get(storageKey, noSignal))).toBe('timeout')
    const other = new Uint8Array(32).fill(9)
    await answered
    const answer = await storeOf([origin], 5000).get(other, noSignal)
    expect(Buffer.from(answer ?? []).toString()).toBe(
      `/v1/sessions/${Buffer.from(other).toString('base64url')}`,
    )
    expect(Buffer.from((await store.get(other, noSignal)) ?? []).toString()).toContain(
      Buffer.from(other).toString('base64url'),
    )
  })
})

describe('a kept connection', () => {
  test('that is closed as we write is tried once more, signed anew', async () => {
    const seen: string[] = []
    const origin = await openTcp(openings, socket => {
      socket.on('data', data => {
        seen.push(/nonce=(\S{22})/.exec(String(data))?.[1] ?? '')
        if (seen.length === 2) socket.destroy()
        else socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n')
      })
    })
    const store = storeOf([origin], 5000)
    expect(await store.get(storageKey, noSignal)).toBeUndefined()
    expect(await store.get(storageKey, noSignal)).toBeUndefined()
    expect(store.counters.retries).toBe(1)
    expect(new Set(seen).size).toBe(3)
  })

  test('serves requests that follow each other', async () => {
    let connections = 0
    const origin = await openTcp(openings, socket => {
      connections++
      socket.on('data', () => socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n'))
    })
    const store = storeOf([origin], 5000)
    for (let i = 0; i < 10; i++) await store.get(storageKey, noSignal)
    // The pool opens a second one when a request comes before it has put the first away.
    expect(connections).toBeLessThanOrEqual(2)
  })

  test('is opened before the first look-up, where the node is there', async () => {
    let connections = 0
    const origin = await openTcp(openings, socket => {
      connections++
      socket.on('data', () => socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n'))
    })
    const store = storeOf([origin, `http://127.0.0.1:${await freePort()}`], 5000)
    await store.warmUp()
    expect(connections).toBe(1)
    expect(store.counters.requests).toBe(2)
  })

  test('after close there is none: everything rejects', async () => {
    const { server } = await openCluster(openings, 1)
    const { store } = server()
    await store.close()
    expect(await reasonOf(store.get(storageKey, noSignal))).toBe('error')
    expect(await reasonOf(store.put(storageKey, record, 1000))).toBe('error')
  })
})

describe('a node that does not answer', () => {
  test('is not asked after three failures, for a second; then one request tries', async () => {
    const clock = new Clock()
    let isBroken = true
    let asked = 0
    const url = await openHttp(openings, (_, response) => {
      asked++
      response.writeHead(isBroken ? 500 : 404).end()
    })
    const membership = membershipOf(testInfo([{ id: 'n0', url }]), provider)
    const log: string[] = []
    const warn = (_: object, message: string) => log.push(message)
    const store = new HttpSessionStore({
      ...{ membership, keys: testKeys(), provider, random: seededRandom('breaker'), now: clock.now },
      limits: { readTimeoutMs: 20_000, writeTimeoutMs: 20_000 },
      log: { debug() {}, info() {}, warn, error() {} },
    })
    openings.add(() => store.close())
    const get = () => reasonOf(store.get(storageKey, noSignal))
    for (const reason of ['error', 'error', 'error', 'breaker', 'breaker']) expect(await get()).toBe(reason)
    expect(await reasonOf(store.put(storageKey, record, 5000))).toBe('breaker')
    expect([asked, store.isAvailable('n0'), store.breakers.get('n0')]).toEqual([3, false, 'open'])
    clock.nowMs += 1000
    expect(store.isAvailable('n0')).toBe(true)
    isBroken = false
    expect(await store.get(storageKey, noSignal)).toBeUndefined()
    expect([asked, store.breakers.get('n0')]).toEqual([4, 'closed'])
    expect(log).toEqual(['open', 'half_open', 'closed'].map(state => `session node n0: breaker ${state}`))
  })

  test('that is hung is found out by its reads, though nobody waits for them to the end', async () => {
    const [holder, hung] = [
      await openHttp(openings, (_, response) =>
        response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(record),
      ),
      await openTcp(openings, () => {}),
    ]
    const store = storeOf([hung, holder], 100)
    for (let i = 0; i < 3; i++) expect(await store.get(storageKey, noSignal)).toEqual(record)
    await until(() => store.breakers.get('n0') === 'open')
    const { hedged_reads: hedged } = store.counters
    expect(await store.get(storageKey, noSignal)).toEqual(record)
    expect(store.counters.hedged_reads).toBe(hedged)
  })

  test('gets no more requests at a time than it may have', async () => {
    const held: ServerResponse[] = []
    const url = await openHttp(openings, (_, response) => held.push(response))
    const store = storeOf([url], 20_000, 20_000, { maxInFlightPerNode: 2 })
    const reads = [store.get(storageKey, noSignal), store.get(storageKey, noSignal)]
    expect(await reasonOf(store.get(storageKey, noSignal))).toBe('breaker')
    await until(() => held.length === 2)
    for (const response of held) response.writeHead(404).end()
    expect(await Promise.all(reads)).toEqual([undefined, undefined])
  })
})

describe('when the list changes', () => {
  test('a session whose owner began to drain since its ID was drawn is stored there, on a node that is down it is not', async () => {
    const { nodes, info, clock, keys } = await openCluster(openings, 2)
    const membership = membershipOf(info, provider, { now: clock.now })
    const random = seededRandom('draining')
    const store = new HttpSessionStore({ membership, keys, provider, random, now: clock.now })
    openings.add(() => store.close())
    const key = keyOwnedBy(membership, 'n0')
    const withState = (state: 'draining' | 'down') =>
      info.nodes.map(node => (node.id === 'n0' ? { ...node, state } : node))
    membership.replace({ ...info, revision: 2, nodes: withState('draining') })
    await store.put(key, record, 60_000)
    expect(nodes[0]!.memory.entries).toBe(1)
    membership.replace({ ...info, revision: 3, nodes: withState('down') })
    expect(await reasonOf(store.put(keyOwnedBy(membership, 'n0'), record, 60_000))).toBe('error')
  })

  test('a deletion is sent though slow reads opened the breaker', async () => {
    const asked: (string | undefined)[] = []
    const url = await openHttp(openings, ({ method }, response) => {
      asked.push(method)
      if (method === 'DELETE') response.writeHead(204).end()
    })
    const store = storeOf([url], 20, 20_000)
    for (let i = 0; i < 3; i++) expect(await reasonOf(store.get(storageKey, noSignal))).toBe('timeout')
    expect(store.breakers.get('n0')).toBe('open')
    await store.delete(storageKey)
    expect(asked.filter(method => method === 'DELETE')).toHaveLength(1)
    expect(store.breakers.get('n0')).toBe('closed')
  })

  test('a session stays where it was, is read and deleted there, and its node is left alone after the time', async () => {
    const { nodes, info, clock, keys } = await openCluster(openings, 3)
    const membership = membershipOf(info, provider, { now: clock.now, memoryMs: 1000 })
    const limits = { readTimeoutMs: 20_000, writeTimeoutMs: 20_000 }
    const random = seededRandom('changing')
    const store = new HttpSessionStore({ membership, keys, provider, random, now: clock.now, limits })
    openings.add(() => store.close())
    const places = Array.from({ length: 30 }, () => new Uint8Array(randomBytes(32)))
    for (const key of places) await store.put(key, record, 60_000)
    const leaving = nodes[2]!
    const left = places.filter(key => membership.ownersOf(key)[0]!.id === 'n2')
    expect(leaving.memory.entries).toBe(left.length)
    const shorter = { ...info, revision: 2, nodes: info.nodes.slice(0, 2) }
    membership.replace(shorter)
    for (const key of places) expect(await store.get(key, noSignal)).toEqual(record)
    await store.delete(left[0]!)
    expect(await store.get(left[0]!, noSignal)).toBeUndefined()
    expect(leaving.counters.delete.deleted).toBe(1)
    clock.nowMs += 1000
    const { hit } = leaving.counters.get
    for (const key of left) expect(await store.get(key, noSignal)).toBeUndefined()
    expect(leaving.counters.get.hit).toBe(hit)
  })

  test('the connections to an address that is in no list any more are closed', async () => {
    const sockets = new Set<Socket>()
    const url = await openHttp(openings, (request, response) => {
      sockets.add(request.socket)
      response.writeHead(404).end()
    })
    const clock = new Clock()
    const info = testInfo([{ id: 'n0', url }, ...namedNodes(2).slice(1)])
    const membership = membershipOf(info, provider, { now: clock.now, memoryMs: 1000 })
    const random = seededRandom('leaving')
    const store = new HttpSessionStore({ membership, keys: testKeys(), provider, random, now: clock.now })
    openings.add(() => store.close())
    await store.get(keyOwnedBy(membership, 'n0'), noSignal)
    expect(sockets.size).toBe(1)
    membership.replace(testInfo(namedNodes(3).slice(1), { revision: 2 }))
    await new Promise(resolve => setTimeout(resolve, 50))
    expect([...sockets].some(socket => socket.destroyed)).toBe(false)
    clock.nowMs += 1000
    membership.replace(testInfo(namedNodes(3).slice(1), { revision: 3 }))
    await until(() => [...sockets].every(socket => socket.destroyed))
  })
})

function keyOwnedBy(membership: Membership, id: string): Uint8Array {
  for (;;) {
    const key = new Uint8Array(randomBytes(32))
    if (membership.ownersOf(key)[0]!.id === id) return key
  }
}
