/** Case 48 of the failure cases, and others of engines: each a miss or a failed PUT, bounded in time, never an error; afterwards all is as before. */
import { createHash } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { inspect } from 'node:util'
import { createClient } from 'redis'
import { afterEach, describe, expect, test } from 'vitest'
import { connectStore, type EngineAddress } from '../../../src/cluster/engines/connect-store.ts'
import { type EngineMember, joinEngine } from '../../../src/cluster/engines/engine-member.ts'
import { EngineSessionStore } from '../../../src/cluster/engines/engine-session-store.ts'
import { fromNodeRedis } from '../../../src/cluster/engines/node-redis.ts'
import { redisSlot } from '../../../src/cluster/engines/redis-slot.ts'
import { parseStoreUrl } from '../../../src/cluster/engines/store-url.ts'
import type { StoreFailure } from '../../../src/cluster/session-store.ts'
import type { StoreTimeouts } from '../../../src/cluster/time-budget.ts'
import { needs } from '../../support/peers.ts'
import { masterSecret, noSignal, Openings, provider, randomOf, testKeys, testSession } from '../support.ts'
import {
  type EngineProcess,
  redisCli,
  redisCliUntil,
  runMemcached,
  runRedis,
  startDetour,
  startMemcached,
  startRedis,
  startRedisCluster,
} from './servers.ts'

const openings = new Openings()
afterEach(() => openings.release())

/** What a busy machine may take for what takes a millisecond. */
const slackMs = 5000

interface Front {
  readonly member: EngineMember
  /** Stands still until it is turned: a breaker that is open stays open, however slow the machine is. */
  readonly clock: { nowMs: number }
  readonly warnings: readonly string[]
}

/** A server's part in a cluster on an engine. The budget is one that a busy machine keeps to, unless a test is about it. */
async function join(url: string, timeouts: Partial<StoreTimeouts> = {}): Promise<Front> {
  const clock = { nowMs: Date.now() }
  const now = () => clock.nowMs
  const engine = await connectStore(parseStoreUrl(url) as EngineAddress, { provider, now })
  const warnings: string[] = []
  const warn = (_: object, message: string) => void warnings.push(message)
  const member = joinEngine({
    ...{ engine, keys: testKeys(), random: randomOf(), now },
    timeouts: { readTimeoutMs: 2000, writeTimeoutMs: 2000, ...timeouts },
    log: { debug: warn, info: warn, warn, error: warn },
  })
  openings.add(() => member.close(0))
  await member.warmUp()
  return { member, clock, warnings }
}

/** Makes a session and waits until its PUT is over, for better or worse. */
async function save({ member, clock }: Front): Promise<Uint8Array> {
  const id = member.sessionCache.drawId(randomOf())
  member.sessionCache.save(id, testSession({ createdMs: clock.nowMs }))
  expect(await member.sessionCache.flush(20_000)).toBe(0)
  return id
}

/** `hit`, or why there is none. Never rejects, which is the point. */
async function look({ member }: Front, id: Uint8Array): Promise<string> {
  const found = await member.sessionCache.load(id, noSignal)
  if ('miss' in found) return found.miss
  expect(found.session.masterSecret.reveal()).toEqual(new Uint8Array(masterSecret))
  return 'hit'
}

async function untilHit(front: Front, id: Uint8Array): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if ((await look(front, id)) === 'hit') return
    await aWhile(front)
  }
  throw new Error('no hit within twenty seconds')
}

async function untilSaved(front: Front): Promise<void> {
  const { store_put_total: puts } = front.member.sessionCache.counters
  for (let tries = 0; tries < 400; tries++) {
    const before = puts.ok
    await save(front)
    if (puts.ok > before) return
    await aWhile(front)
  }
  throw new Error('no session was stored within twenty seconds')
}

/** A moment goes by, and for breakers a second. */
async function aWhile({ clock }: Front): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, 50))
  clock.nowMs += 1000
}

/** Runs `work`, which must be over within the slack. */
async function soon<T>(work: Promise<T>): Promise<T> {
  const startedMs = Date.now()
  const result = await work
  expect(Date.now() - startedMs).toBeLessThan(slackMs)
  return result
}

const ask = (server: EngineProcess, ...command: readonly string[]) =>
  redisCli(['-p', String(server.port), ...command])

const clusterUrl = (masters: readonly EngineProcess[]) =>
  `redis+cluster://${masters.map(({ address }) => address).join(',')}`

function redisFailures(): void {
  test('MOVED and ASK: a slot on its way from one master to another costs nothing', async () => {
    const masters = await startRedisCluster(openings)
    const front = await join(clusterUrl(masters))
    const id = await save(front)
    const key = await onlyKey(masters)
    const slot = String(redisSlot(key.name))
    const from = key.at
    const to = masters.find(master => master !== from)!
    const [fromId, toId] = [await ask(from, 'CLUSTER', 'MYID'), await ask(to, 'CLUSTER', 'MYID')]
    await ask(to, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId.trim())
    await ask(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId.trim())
    await ask(from, 'MIGRATE', '127.0.0.1', String(to.port), key.name, '0', '5000')
    // ASK: the record is there, and the slot not yet.
    expect(await ask(from, 'GET', key.name)).toMatch(/^ASK /)
    expect(await look(front, id)).toBe('hit')
    for (const master of [to, from]) await ask(master, 'CLUSTER', 'SETSLOT', slot, 'NODE', toId.trim())
    expect(await ask(from, 'GET', key.name)).toMatch(/^MOVED /)
    expect(await look(front, id)).toBe('hit')
  })

  test('CLUSTERDOWN: a master of a cluster that wants all slots is killed, and comes back', async () => {
    const masters = await startRedisCluster(openings)
    const front = await join(clusterUrl(masters))
    const ids: Uint8Array[] = []
    for (let i = 0; i < 12; i++) ids.push(await save(front))
    const dead = masters[2]!
    const directory = /dir\n(.+)\n/.exec(await ask(dead, 'CONFIG', 'GET', 'dir'))![1]!
    const bus = /cluster-port\n(\d+)\n/.exec(await ask(dead, 'CONFIG', 'GET', 'cluster-port'))![1]!
    dead.process.kill()
    await dead.process.ended()
    await redisCliUntil(masters[0]!.port, ['CLUSTER', 'INFO'], said => said.includes('cluster_state:fail'))
    await redisCliUntil(masters[1]!.port, ['CLUSTER', 'INFO'], said => said.includes('cluster_state:fail'))
    for (const id of ids) expect(['error', 'breaker']).toContain(await soon(look(front, id)))
    await soon(save(front))
    const { counters } = front.member.sessionCache
    expect(counters.store_put_total.ok).toBe(12)
    expect(counters.lookups.error).toBeGreaterThan(0)
    const again = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '500', '--cluster-port', bus]
    const process = await runRedis(openings, dead.port, [...again, '--dir', directory])
    openings.add(async () => process.kill())
    const alive = await Promise.all(masters.slice(0, 2).map(master => ask(master, 'DBSIZE')))
    await untilSaved(front)
    // Those on the two others outlived it.
    const kept = alive.reduce((sum, size) => sum + Number(size), 0)
    await untilHits(front, ids, kept)
  })

  test('READONLY: a replica is read and takes no PUT, until it is a master', async () => {
    const master = await startRedis(openings)
    const replica = await startRedis(openings, ['--replicaof', '127.0.0.1', String(master.port)])
    await redisCliUntil(replica.port, ['INFO', 'replication'], said => said.includes('master_link_status:up'))
    const id = await save(await join(`redis://${master.address}`))
    await redisCliUntil(replica.port, ['DBSIZE'], said => said.trim() === '1')
    const front = await join(`redis://${replica.address}`)
    expect(await look(front, id)).toBe('hit')
    await soon(save(front))
    expect(front.member.sessionCache.counters.store_put_total).toMatchObject({ ok: 0, error: 1 })
    await untilHit(front, id)
    await ask(replica, 'REPLICAOF', 'NO', 'ONE')
    await untilSaved(front)
  })

  test('LOADING: a server that reads its file from disk has nothing yet, and then has all', async () => {
    const server = await startRedis(openings)
    const front = await join(`redis://${server.address}`)
    const id = await save(front)
    const directory = /dir\n(.+)\n/.exec(await ask(server, 'CONFIG', 'GET', 'dir'))![1]!
    for (let i = 0; i < 100; i++) await save(front)
    await ask(server, 'SAVE')
    server.process.kill()
    await server.process.ended()
    const slow = ['--key-load-delay', '100000', '--loading-process-events-interval-bytes', '1024']
    const loading = await runRedis(openings, server.port, [...slow, '--dir', directory], {
      said: /Loading RDB|RDB age/,
    })
    openings.add(async () => loading.kill())
    await redisCliUntil(server.port, ['GET', 'x'], said => said.includes('LOADING'))
    expect(['error', 'timeout', 'breaker']).toContain(await soon(look(front, id)))
    await ask(server, 'CONFIG', 'SET', 'key-load-delay', '0')
    await untilHit(front, id)
  })

  test('LOADING as a reply to a command', async () => {
    const fake = await startFakeRedis()
    const front = await join(`redis://127.0.0.1:${fake.port}`)
    const id = await save(front)
    // A refusal opens no breaker: the next look-up asks again.
    for (let i = 0; i < 5; i++) expect(await soon(look(front, id))).toBe('error')
    fake.reply = '$-1\r\n'
    expect(await look(front, id)).toBe('miss')
  })

  test.each([
    ['a wrong password', ':wrong@', 'WRONGPASS'],
    ['no password', '', 'NOAUTH'],
  ])('AUTH: %s is a warning and misses, until the server takes it', async (_, login, word) => {
    const server = await startRedis(openings, ['--requirepass', 'right-password'])
    const id = await save(await join(`redis://:right-password@${server.address}`))
    const front = await join(`redis://${login}${server.address}`)
    expect(['error', 'breaker']).toContain(await soon(look(front, id)))
    await soon(save(front))
    expect(front.member.sessionCache.counters.store_put_total.ok).toBe(0)
    expect(front.warnings[0]).toContain(`${word}; until it answers every handshake is a full one`)
    expect(front.warnings.join()).not.toMatch(/wrong@|right-password/)
    const password = login === '' ? '' : 'wrong'
    await redisCli([
      '-p',
      String(server.port),
      '-a',
      'right-password',
      'CONFIG',
      'SET',
      'requirepass',
      password,
    ])
    await untilHit(front, id)
  })

  test('OOM: a server that is full takes no PUT and still has what it has', async () => {
    const server = await startRedis(openings, ['--maxmemory-policy', 'noeviction'])
    const front = await join(`redis://${server.address}`)
    const id = await save(front)
    await ask(server, 'CONFIG', 'SET', 'maxmemory', '1kb')
    for (let i = 0; i < 5; i++) await soon(save(front))
    expect(front.member.sessionCache.counters.store_put_total).toMatchObject({ ok: 1, error: 5, breaker: 0 })
    expect(await look(front, id)).toBe('hit')
    await ask(server, 'CONFIG', 'SET', 'maxmemory', '0')
    await save(front)
    expect(front.member.sessionCache.counters.store_put_total.ok).toBe(2)
  })

  test('stopped: three look-ups take their budget, the next none; after it goes on, hits again', async () => {
    const server = await startRedis(openings)
    const front = await join(`redis://${server.address}`, { readTimeoutMs: 200 })
    const id = await save(front)
    await untilHit(front, id)
    server.process.signal('SIGSTOP')
    const found: string[] = []
    for (let i = 0; i < 3; i++) found.push(await soon(look(front, id)))
    expect(found).toEqual(['timeout', 'timeout', 'timeout'])
    expect(await soon(look(front, id))).toBe('breaker')
    server.process.signal('SIGCONT')
    await untilHit(front, id)
  })

  test('stopped before we come: a command does not wait for a connection that may never be', async () => {
    const server = await startRedis(openings)
    const id = await save(await join(`redis://${server.address}`))
    server.process.signal('SIGSTOP')
    const front = await join(`redis://${server.address}`)
    expect(front.warnings).toHaveLength(1)
    expect(await soon(look(front, id))).toBe('error')
    server.process.signal('SIGCONT')
    await untilHit(front, id)
  })

  test('a connection falls silent: it is made anew, and hits again', async () => {
    const server = await startRedis(openings)
    const detour = await startDetour(openings, server.port)
    const front = await join(`redis://${detour.address}`, { readTimeoutMs: 200 })
    const id = await save(front)
    await untilHit(front, id)
    detour.silence()
    expect(await soon(look(front, id))).toBe('timeout')
    await untilHit(front, id)
  })

  test('a name that leads to another master now: the old one says READONLY, the new one is found', async () => {
    const old = await startRedis(openings)
    const next = await startRedis(openings)
    const detour = await startDetour(openings, old.port)
    const front = await join(`redis://${detour.address}`)
    await save(front)
    detour.port = next.port
    await ask(old, 'REPLICAOF', '127.0.0.1', String(next.port))
    await untilSaved(front)
    expect(Number(await ask(next, 'DBSIZE'))).toBeGreaterThan(0)
  })

  test('node-redis: its server is killed, and no event of the client ends the process', async () => {
    const server = await startRedis(openings)
    const client = createClient({ url: `redis://${server.address}`, disableOfflineQueue: true })
    const store = new EngineSessionStore(fromNodeRedis(client))
    await client.connect()
    openings.add(async () => client.destroy())
    const key = new Uint8Array(32)
    await store.put(key, key, 60_000)
    server.process.kill()
    await server.process.ended()
    for (let i = 0; i < 3; i++) await expect(store.get(key)).rejects.toMatchObject({ name: 'StoreFailure' })
    const back = await runRedis(openings, server.port)
    openings.add(async () => back.kill())
    await expect.poll(() => store.get(key).catch(() => 'not yet'), { timeout: 20_000 }).toBeUndefined()
  })

  test('nobody listens: a warning and misses at once; when it comes, sessions are stored', async () => {
    const { port, process } = await startRedis(openings)
    process.kill()
    await process.ended()
    const front = await join(`redis://127.0.0.1:${port}`)
    expect(front.warnings[0]).toMatch(/^redis 127\.0\.0\.1:\d+: ECONNREFUSED; until it answers/)
    await soon(save(front))
    expect(front.member.sessionCache.counters.store_put_total).toMatchObject({ ok: 0, error: 1 })
    const back = await runRedis(openings, port)
    openings.add(async () => back.kill())
    await untilSaved(front)
  })

  test('one of three masters is stopped: the others are asked as before', async () => {
    const masters = await startRedisCluster(openings, ['--cluster-require-full-coverage', 'no'])
    const front = await join(clusterUrl(masters), { readTimeoutMs: 1500 })
    const ids: Uint8Array[] = []
    for (let i = 0; i < 24; i++) ids.push(await save(front))
    const lost = Number(await ask(masters[0]!, 'DBSIZE'))
    expect(lost).toBeGreaterThan(0)
    masters[0]!.process.signal('SIGSTOP')
    const found = []
    for (const id of ids) found.push(await soon(look(front, id)))
    expect(found.filter(word => word === 'hit')).toHaveLength(24 - lost)
    expect(found.filter(word => word === 'timeout').length).toBeLessThanOrEqual(3)
    masters[0]!.process.signal('SIGCONT')
    await untilHits(front, ids, 24)
  })

  test('a value that nobody of ours wrote is no session, and a list under our key an error', async () => {
    const server = await startRedis(openings)
    const front = await join(`redis://${server.address}`)
    const id = await save(front)
    const { name } = await onlyKey([server])
    await ask(server, 'SETRANGE', name, '4097', 'x')
    expect(await look(front, id)).toBe('error')
    await ask(server, 'SET', name, 'x'.repeat(100))
    expect(await look(front, id)).toBe('miss')
    await ask(server, 'DEL', name)
    await ask(server, 'LPUSH', name, 'x')
    expect(await look(front, id)).toBe('error')
    await ask(server, 'DEL', name)
    expect(await look(front, id)).toBe('miss')
  })

  test('a failure shows neither the record nor the command that ioredis hangs onto its errors', async () => {
    const server = await startRedis(openings, ['--maxmemory', '1kb', '--maxmemory-policy', 'noeviction'])
    const { member } = await join(`redis://:password@${server.address}`)
    const record = new Uint8Array(Buffer.from('a record that must not be shown'))
    const failure = await member.engine.put(new Uint8Array(32).fill(7), record, 5000).catch(error => error)
    expect(failure).toMatchObject({ name: 'StoreFailure', reason: 'error', isAnswer: true })
    expect(failure.message).toBe(`redis ${server.address}: OOM`)
    const shown =
      inspect(failure, { depth: 9, showHidden: true }) + inspect(member, { depth: 9, showHidden: true })
    expect(shown).not.toMatch(/must not be shown|BwcHBwcH|6d75737420|ringtls:/)
  })
}

function memcachedFailures(): void {
  test('killed: misses; started again it is empty, and takes sessions', async () => {
    const server = await startMemcached(openings)
    const front = await join(`memcached://${server.address}`)
    const id = await save(front)
    expect(await look(front, id)).toBe('hit')
    server.process.kill()
    await server.process.ended()
    for (let i = 0; i < 5; i++) expect(['error', 'timeout', 'breaker']).toContain(await soon(look(front, id)))
    const again = await runMemcached(server.port)
    openings.add(async () => again.kill())
    await untilSaved(front)
    expect(await look(front, id)).toBe('miss')
  })

  test('one of two is stopped: its keys take three budgets and then none, the other is asked as before', async () => {
    const servers = [await startMemcached(openings), await startMemcached(openings)]
    const url = `memcached://${servers.map(({ address }) => address).join(',')}`
    const front = await join(url, { readTimeoutMs: 1500 })
    const ids: Uint8Array[] = []
    for (let i = 0; i < 24; i++) ids.push(await save(front))
    await untilHits(front, ids, 24)
    servers[0]!.process.signal('SIGSTOP')
    const found = []
    for (const id of ids) found.push(await soon(look(front, id)))
    const hits = found.filter(word => word === 'hit').length
    expect(hits).toBeGreaterThan(0)
    expect(hits).toBeLessThan(24)
    expect(found.filter(word => word === 'timeout').length).toBe(Math.min(3, 24 - hits))
    // Longer than its connection may be silent.
    await new Promise(resolve => setTimeout(resolve, 1500))
    await save(front)
    servers[0]!.process.signal('SIGCONT')
    await untilHits(front, ids, 24)
  })

  test('a connection falls silent: it is made anew, and hits again', async () => {
    const server = await startMemcached(openings)
    const detour = await startDetour(openings, server.port)
    const front = await join(`memcached://${detour.address}`, { readTimeoutMs: 200 })
    const id = await save(front)
    await untilHit(front, id)
    detour.silence()
    expect(await soon(look(front, id))).toBe('timeout')
    await untilHit(front, id)
  })

  test('a server that is full, and may not evict, takes no PUT and still has what it has', async () => {
    const server = await startMemcached(openings, ['-M', '-m', '8'])
    const front = await join(`memcached://${server.address}`)
    const id = await save(front)
    const refusals: StoreFailure[] = []
    for (let i = 0; i < 10_000 && refusals.length < 5; i++) {
      const key = new Uint8Array(createHash('sha256').update(`${i}`).digest())
      await front.member.engine.put(key, new Uint8Array(4096), 60_000).catch(error => refusals.push(error))
    }
    expect(refusals.map(({ message, isAnswer }) => `${message} ${isAnswer}`)).toEqual(
      Array(5).fill(`memcached ${server.address}: Out of memory true`),
    )
    expect(await look(front, id)).toBe('hit')
  })
}

needs('redis-server', () => needs('redis-cli', () => describe('case 48: Redis', redisFailures)))
needs('memcached', () => describe('case 48: memcached', memcachedFailures))

/** The one key of all servers. */
async function onlyKey(servers: readonly EngineProcess[]): Promise<{ name: string; at: EngineProcess }> {
  for (const server of servers) {
    const name = (await ask(server, 'RANDOMKEY')).trim()
    if (name !== '') return { name, at: server }
  }
  throw new Error('no server has a key')
}

/** Looks for all of them until so many are had. */
async function untilHits(front: Front, ids: readonly Uint8Array[], wanted: number): Promise<void> {
  let hits = 0
  for (let tries = 0; tries < 200; tries++) {
    const found = []
    for (const id of ids) found.push(await look(front, id))
    hits = found.filter(word => word === 'hit').length
    if (hits >= wanted) break
    await aWhile(front)
  }
  expect(hits).toBe(wanted)
}

/** A Redis that is ready and answers every GET and SET alike. */
async function startFakeRedis(): Promise<{ port: number; reply: string }> {
  const fake = { port: 0, reply: '-LOADING Redis is loading the dataset in memory\r\n' }
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.setEncoding('latin1').on('data', (text: string) => {
      for (const [, command] of text.matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
        const info = 'loading:0\r\nredis_version:7.0.15\r\n'
        if (/^info$/i.test(command!)) socket.write(`$${info.length}\r\n${info}\r\n`)
        else if (/^hello$/i.test(command!)) socket.write("-ERR unknown command 'HELLO'\r\n")
        else if (/^[gs]et$/i.test(command!)) socket.write(fake.reply)
        else socket.write('+OK\r\n')
      }
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  openings.add(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise(resolve => server.close(resolve))
  })
  const address = server.address()
  if (typeof address === 'object' && address !== null) fake.port = address.port
  return fake
}
