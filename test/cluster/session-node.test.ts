import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { clusterDigest } from '../../src/cluster/cluster-info.ts'
import type { ClusterKeys } from '../../src/cluster/keys.ts'
import { type Membership, membershipOf } from '../../src/cluster/membership.ts'
import type { SessionNode, SessionNodeLimits } from '../../src/cluster/session-node.ts'
import { createSessionNode } from '../../src/cluster/session-node.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { type Ask, exchange, hash, keyPath, NodeClient, parseResponse } from './node-client.ts'
import { Clock, derivedKey, Openings, provider, smallMemory, startMs, testInfo, testKeys } from './support.ts'

const openings = new Openings()
afterEach(() => openings.release())

const clock = new Clock()
const info = testInfo([
  { id: 'a', url: 'http://127.0.0.1:1' },
  { id: 'b', url: 'http://127.0.0.1:2' },
])
const digest = clusterDigest(info, bytes => new Uint8Array(createHash('sha256').update(bytes).digest()))
let node: SessionNode
let membership: Membership
let keys: ClusterKeys
let port = 0

async function openNode(wanted: Partial<SessionNodeLimits> = {}): Promise<void> {
  const limits = { ...smallMemory, ...wanted }
  clock.nowMs = startMs
  membership = membershipOf(info, provider)
  keys = testKeys([{ epoch: 1 }, { epoch: 2, notBeforeMs: startMs + 3_600_000 }])
  const opened = createSessionNode({ membership, nodeId: 'a', keys, provider, now: clock.now, limits })
  port = (await opened.listen('127.0.0.1', 0)).port
  openings.add(() => opened.close())
  node = opened
}
beforeEach(() => openNode())

const client = () => new NodeClient({ port, clock, nodeId: 'a', digest })
const ask = (wanted: Ask = {}) => client().ask(wanted)
const authorizationOf = (wanted: Ask) => client().authorizationOf(wanted)
const status = async (wanted: Ask) => (await ask(wanted)).status
const record = Buffer.from('a sealed record')
const put = (changes: Ask = {}) => status({ method: 'PUT', body: record, lifetime: '600000', ...changes })

describe('a session node', () => {
  test('gives back what was put', async () => {
    expect(await status({})).toBe(404)
    expect(await put()).toBe(204)
    const answer = await ask()
    expect([answer.status, answer.body.toString()]).toEqual([200, 'a sealed record'])
    expect(answer.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'ringtls-cluster-digest': digest,
    })
    expect(node.counters.get).toEqual({ hit: 1, miss: 1, gone: 0 })
  })

  test('lets the first write win', async () => {
    expect(await put()).toBe(204)
    expect(await put({ lifetime: '900000' })).toBe(204)
    expect(await put({ body: Buffer.from('other bytes') })).toBe(409)
    expect((await ask()).body.toString()).toBe('a sealed record')
    expect(node.counters.put).toEqual({ stored: 1, same: 1, other: 1, deleted: 0 })
    // The second PUT did not lengthen its life.
    clock.nowMs += 600_001
    expect(await status({})).toBe(404)
    expect(await put({ body: Buffer.from('other bytes') })).toBe(204)
  })

  test('forgets a record when its time is over', async () => {
    await put({ lifetime: '1000' })
    clock.nowMs += 1000
    expect(await status({})).toBe(200)
    clock.nowMs += 1
    expect(await status({})).toBe(404)
  })

  test('leaves a tombstone for the time a deleted record had left', async () => {
    await put({ lifetime: '100000' })
    clock.nowMs += 10_000
    expect(await status({ method: 'DELETE' })).toBe(204)
    expect(await status({})).toBe(410)
    expect(await put()).toBe(410)
    expect(await status({ method: 'DELETE' })).toBe(204)
    clock.nowMs += 90_000
    expect(await status({})).toBe(410)
    clock.nowMs += 1
    expect(await status({})).toBe(404)
    expect(node.counters.delete).toEqual({ deleted: 1, missing: 1 })
  })

  test('refuses a PUT that its DELETE overtook, for as long as the PUT could be good', async () => {
    expect(await status({ method: 'DELETE' })).toBe(204)
    clock.nowMs += 60_000
    expect(await put()).toBe(410)
    clock.nowMs += 1
    expect(await put()).toBe(204)
  })

  test('is bounded in records, the least recently used give way', async () => {
    await openNode({ maxRecords: 3 })
    for (const fill of [1, 2, 3]) await put({ path: keyPath(fill) })
    await status({ path: keyPath(1) })
    await put({ path: keyPath(4) })
    expect(await status({ path: keyPath(2) })).toBe(404)
    expect(await status({ path: keyPath(1) })).toBe(200)
    expect(node.memory).toMatchObject({ entries: 3, evictions: 1, bytes: 3 * record.length })
  })

  test('is bounded in bytes and in tombstones', async () => {
    await openNode({ maxBytes: 10_000, maxTombstones: 2 })
    for (const fill of [1, 2, 3]) await put({ path: keyPath(fill), body: Buffer.alloc(4096, fill) })
    expect(node.memory).toMatchObject({ entries: 2, bytes: 8192 })
    for (const fill of [4, 5, 6]) await status({ method: 'DELETE', path: keyPath(fill) })
    expect(node.memory.tombstones).toBe(2)
  })

  test('says how it is to anybody', async () => {
    await put()
    const answer = await ask({ path: '/healthz', authorization: undefined })
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json'])
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    expect(JSON.parse(String(answer.body))).toEqual({
      ...{ status: 'ok', node: 'a', revision: 1, digest, placement: 'rendezvous', entries: 1, bytes: 15 },
      ...{ epochs: [2, 1], currentEpoch: 1, nowMs: startMs, version },
    })
  })

  test.each(['/healthz', '/metrics'])('%s: HEAD is GET without the body, PUT is 405', async path => {
    const got = await ask({ path, authorization: undefined })
    const headed = await ask({ path, authorization: undefined, method: 'HEAD' })
    expect([headed.status, headed.body.length]).toEqual([200, 0])
    expect(headed.headers['content-type']).toBe(got.headers['content-type'])
    const refused = await ask({ path, method: 'PUT' })
    expect([refused.status, refused.headers.allow]).toEqual([405, 'GET, HEAD'])
  })

  test('follows the list of nodes and the keys as they change', async () => {
    const changed = testInfo([{ id: 'a', url: 'http://127.0.0.1:1' }], { revision: 2 })
    membership.replace(changed)
    const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest())
    const newDigest = clusterDigest(changed, sha256)
    const answer = await ask({ digest: newDigest })
    expect([answer.status, answer.headers['ringtls-cluster-digest']]).toEqual([404, newDigest])
    expect([node.counters.cluster_digest_mismatch, node.health.revision]).toEqual([0, 2])
    await ask({})
    expect(node.counters.cluster_digest_mismatch).toBe(1)
    expect(await status({ epoch: 3 })).toBe(401)
    keys.replaceWith(testKeys([{ epoch: 3 }]))
    expect(await status({ epoch: 3 })).toBe(404)
    expect(await status({ epoch: 1 })).toBe(401)
    expect(node.health.epochs).toEqual([3])
  })

  test('counts requests of servers with another cluster_info, and serves them', async () => {
    expect(await status({ digest: hash('another list') })).toBe(404)
    expect(node.counters.cluster_digest_mismatch).toBe(1)
  })
})

describe('what is asked wrongly', () => {
  const good = Buffer.alloc(32, 1).toString('base64url')

  test.each([
    '/',
    '/v1/sessions/',
    `/v1/sessions/${good}/`,
    `/v1/sessions/${good}A`,
    `/v1/sessions/${good.slice(1)}`,
    `/v1/sessions/${good.slice(0, 42)}B`,
    `/v1/sessions/${good}?x=1`,
    '/v1/sessions/../../etc/passwd',
    '/v1/sessions/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    `//v1/sessions/${good}`,
  ])('%s is no path of ours', async path => {
    expect(await status({ path })).toBe(404)
  })

  test.each(['POST', 'HEAD', 'PATCH', 'OPTIONS'])('%s is 405 and told what is allowed', async method => {
    const answer = await ask({ method })
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, PUT, DELETE'])
  })

  test('a body of 4,096 bytes is taken, of 4,097 is 413', async () => {
    expect(await put({ body: Buffer.alloc(4096, 1) })).toBe(204)
    expect(await put({ path: keyPath(2), body: Buffer.alloc(4097, 1) })).toBe(413)
    expect(await put({ path: keyPath(2), body: Buffer.alloc(60_000, 1) })).toBe(413)
    expect(node.memory.entries).toBe(1)
  })

  test('a body that is too long is told so before it has ended', async () => {
    const socket = connect(port, '127.0.0.1')
    const said = new Promise<string>(resolve => socket.once('data', data => resolve(String(data))))
    socket.write(`PUT ${keyPath(1)} HTTP/1.1\r\nhost: a\r\ncontent-length: 9000\r\n\r\n${'x'.repeat(5000)}`)
    expect(await said).toMatch(/^HTTP\/1.1 413 /)
    socket.destroy()
  })

  test('another content type is 415', async () => {
    expect(await put({ contentType: 'application/json' })).toBe(415)
  })

  test.each([undefined, '', '0', '-1', '1.5', '1e3', '05', '0x5', '86400001', '9999999999999'])(
    'a TTL of %s is 400',
    async lifetime => {
      const wanted = { method: 'PUT', body: record }
      expect(await status(lifetime === undefined ? wanted : { ...wanted, lifetime })).toBe(400)
    },
  )

  test('a TTL of 24 h is taken, an empty body is 400', async () => {
    expect(await put({ lifetime: '86400000' })).toBe(204)
    expect(await put({ path: keyPath(2), body: Buffer.alloc(0) })).toBe(400)
  })

  test('a huge header is refused', async () => {
    const answer = await ask({ authorization: 'x'.repeat(20_000) })
    expect([answer.status, answer.headers['ringtls-cluster-digest']]).toEqual([431, digest])
    expect(node.counters.replies).toEqual({ 'other 431': 1 })
  })

  test('a request that does not end is 408, in the head and in the body', async () => {
    await openNode({ requestTimeoutMs: 100 })
    const body = await exchange(
      port,
      `PUT ${keyPath(1)} HTTP/1.1\r\nhost: a\r\ncontent-length: 50\r\n\r\nhalf`,
    )
    const head = await exchange(port, `PUT ${keyPath(1)} HTTP/1.1\r\nhost:`)
    for (const said of [body, head])
      expect(parseResponse(said)).toMatchObject({ status: 408, headers: { connection: 'close' } })
    expect(node.counters.replies).toEqual({ 'other 408': 2 })
  })

  test.each([
    ['is no HTTP', 'this is not HTTP\r\n\r\n'],
    ['names no host', 'GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n'],
    [
      'has two lengths',
      `PUT ${keyPath(1)} HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n`,
    ],
    [
      'has a length and chunks',
      `PUT ${keyPath(1)} HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n`,
    ],
  ])('what %s is 400, and the connection is over', async (_, text) => {
    const { status, headers } = parseResponse(await exchange(port, text))
    expect([status, headers.connection, headers['ringtls-cluster-digest']]).toEqual([400, 'close', digest])
  })

  test('CONNECT is no method of a node', async () => {
    expect(await exchange(port, 'CONNECT example.test:443 HTTP/1.1\r\nhost: a\r\n\r\n')).toBe('')
  })
})

describe('what HTTP allows', () => {
  /** A request as it goes over the wire, with the headers that a good one has. */
  const wire = (target: string, wanted: Ask, more: readonly string[], body = '') => {
    const headers = { host: 'a', connection: 'close', ...client().headersOf(wanted) }
    const lines = [
      `${wanted.method ?? 'GET'} ${target} HTTP/1.1`,
      ...Object.entries(headers).map(h => h.join(': ')),
      ...more,
    ]
    return `${lines.join('\r\n')}\r\n\r\n${body}`
  }
  const putting: Ask = { method: 'PUT', body: record, lifetime: '600000' }

  test('the absolute form of a path, as proxies write it', async () => {
    const target = `http://some.host:7801${keyPath(1)}`
    expect(parseResponse(await exchange(port, wire(target, {}, []))).status).toBe(404)
    expect(node.counters.get.miss).toBe(1)
    const page = await exchange(port, 'GET http://a/healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
    expect(parseResponse(page).status).toBe(200)
  })

  test('a body in chunks, up to the same bound', async () => {
    const chunked = ['transfer-encoding: chunked']
    const small = await exchange(
      port,
      wire(keyPath(1), putting, chunked, '2\r\na \r\nd\r\nsealed record\r\n0\r\n\r\n'),
    )
    expect(parseResponse(small).status).toBe(204)
    expect((await ask()).body.toString()).toBe('a sealed record')
    const endless = await exchange(
      port,
      wire(keyPath(2), putting, chunked, `1001\r\n${'x'.repeat(4097)}\r\n`),
    )
    expect(parseResponse(endless)).toMatchObject({ status: 413, headers: { connection: 'close' } })
  })

  test('a client that waits for 100 Continue before its body', async () => {
    const said = await new Promise<string>(resolve => {
      let all = ''
      const socket = connect(port, '127.0.0.1')
      socket.write(wire(keyPath(1), putting, ['expect: 100-continue', 'content-length: 15']))
      socket.on('data', data => {
        all += data
        if (all === 'HTTP/1.1 100 Continue\r\n\r\n') socket.write(record)
      })
      socket.on('close', () => resolve(all))
    })
    expect(said).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 204 /)
  })

  test('an expectation that nobody knows, which is ignored', async () => {
    const said = await exchange(port, wire(keyPath(1), {}, ['expect: the-unexpected']))
    expect(parseResponse(said).status).toBe(404)
  })

  test('two requests on one connection, one after the other', async () => {
    const kept = (wanted: Ask) => wire(keyPath(1), { ...wanted, keepAlive: true }, [])
    const said = await exchange(port, kept({}) + wire(keyPath(1), { sign: {} }, []))
    expect(said.match(/HTTP\/1\.1 404 /g)).toHaveLength(2)
  })
})

describe('a stranger', () => {
  test('who writes a thousand requests at once gets no more than a few of them worked on', async () => {
    const said = await exchange(port, 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(1000))
    expect(said.length).toBeLessThan(100_000)
    expect(Object.values(node.counters.replies).reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(8)
  })

  test.each<[string, Ask]>([
    ['without authorization', { authorization: undefined }],
    ['with another scheme', { authorization: 'Basic YTpi' }],
    ['with half a signature', { authorization: 'ringtls-hmac-sha256 epoch=1,time=1' }],
  ])('%s is 401', async (_, wanted) => {
    const answer = await ask(wanted)
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'ringtls-hmac-sha256'])
    expect(node.counters.unauthorized.malformed).toBe(1)
  })

  test.each<[string, Ask]>([
    ['under another key', { key: derivedKey(1, 'request', 'another cluster') }],
    ['under a key for another purpose', { key: derivedKey(1, 'seal') }],
    ['for another node', { sign: { nodeId: 'b' } }],
    ['for another method', { sign: { method: 'DELETE' } }],
    ['for another path', { sign: { path: keyPath(2) } }],
    ['for another digest', { sign: { digest: hash('x') } }],
    ['for another body', { method: 'PUT', body: record, lifetime: '5', sign: { body: hash('x') } }],
    ['for another TTL', { method: 'PUT', body: record, lifetime: '5', sign: { lifetime: '6' } }],
  ])('who signed %s is 401', async (_, wanted) => {
    expect(await status(wanted)).toBe(401)
    expect(node.counters.unauthorized.wrong_mac).toBe(1)
    expect(node.memory.entries).toBe(0)
  })

  test('who changes the time or the nonce of a signature is 401', async () => {
    const authorization = authorizationOf({})
    expect(
      await status({ authorization: authorization.replace(`time=${startMs}`, `time=${startMs + 1}`) }),
    ).toBe(401)
    expect(await status({ authorization: authorization.replace(/nonce=.{5}/, 'nonce=AAAAA') })).toBe(401)
    expect(node.counters.unauthorized.wrong_mac).toBe(2)
    expect(await status({ authorization })).toBe(404)
  })

  test('who replays a request is 401, for as long as it is good', async () => {
    const authorization = authorizationOf({ sign: { time: String(startMs + 30_000) } })
    expect(await status({ authorization })).toBe(404)
    expect(await status({ authorization })).toBe(401)
    // Its last millisecond: here a signature 30 s ahead of our clock is 30 s old, and still in time.
    clock.nowMs += 60_000
    expect(await status({ authorization })).toBe(401)
    expect(node.counters.unauthorized.replayed).toBe(2)
    clock.nowMs += 1
    expect(await status({ authorization })).toBe(401)
    expect(node.counters.unauthorized.clock_skew).toBe(1)
  })

  test.each([
    [-30_000, 404],
    [-31_000, 401],
    [30_000, 404],
    [31_000, 401],
  ])('whose clock is %i ms from ours is answered %i', async (skewMs, expected) => {
    expect(await status({ sign: { time: String(startMs + skewMs) } })).toBe(expected)
    expect(node.counters.unauthorized.clock_skew).toBe(expected === 401 ? 1 : 0)
  })

  test('may sign under any epoch that is known, and no other', async () => {
    expect(await status({ epoch: 2 })).toBe(404)
    expect(await status({ epoch: 3 })).toBe(401)
    expect(node.counters.unauthorized.unknown_epoch).toBe(1)
  })

  test.each<[string, Ask, number, string | undefined]>([
    ['a stranger', { authorization: undefined }, 401, 'close'],
    ['a wrong path', { path: '/' }, 404, 'close'],
    ['a look at its health', { path: '/healthz' }, 200, 'close'],
    ['a friend', {}, 404, 'keep-alive'],
  ])('%s: only who signs keeps a connection', async (_who, wanted, expected, connection) => {
    const answer = await ask({ ...wanted, keepAlive: true })
    expect([answer.status, answer.headers.connection]).toEqual([expected, connection])
  })

  test('cannot fill the memory of nonces, friends get 503 when it is full', async () => {
    await openNode({ maxNonces: 3 })
    for (let i = 0; i < 5; i++) await ask({ key: Buffer.alloc(32) })
    for (let i = 0; i < 3; i++) expect(await status({})).toBe(404)
    expect(await status({})).toBe(503)
    expect(node.counters.nonces_full).toBe(1)
    clock.nowMs += 60_001
    expect(await status({})).toBe(404)
  })
})

describe('listening', () => {
  test('is where it says, and ends', async () => {
    expect(node.address()?.port).toBe(port)
    await node.close()
    expect(node.address()).toBeUndefined()
    await expect(ask()).rejects.toThrow()
  })

  test('on an IPv6 address', async () => {
    const sixth = createSessionNode({
      membership,
      nodeId: 'a',
      keys,
      provider,
      now: clock.now,
      limits: smallMemory,
    })
    openings.add(() => sixth.close())
    const address = await sixth.listen('::1', 0)
    expect(address.family).toBe('IPv6')
    const { status } = await new NodeClient({ ...client().options, host: '::1', port: address.port }).ask()
    expect(status).toBe(404)
  })

  test('on a port that is taken rejects', async () => {
    const second = createSessionNode({
      membership: membershipOf(info, provider),
      nodeId: 'b',
      keys: testKeys(),
      provider,
      now: clock.now,
    })
    await expect(second.listen('127.0.0.1', port)).rejects.toThrow('EADDRINUSE')
  })

  test('as a node that is not in cluster_info is refused', () => {
    expect(() =>
      createSessionNode({
        membership: membershipOf(info, provider),
        nodeId: 'z',
        keys: testKeys(),
        provider,
        now: clock.now,
      }),
    ).toThrow(ApiMisuse)
  })
})
