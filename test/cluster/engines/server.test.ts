/** `ringtls server --store URL` processes on real engines, and clients that others wrote. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../support/free-ports.ts'
import { needs, runPeer, temporaryDirectory } from '../../support/peers.ts'
import {
  type ClusterUnderTest,
  makeCluster,
  run,
  type ServerUnderTest,
  startListening,
} from '../../support/processes.ts'
import { Openings } from '../support.ts'
import {
  askMemcached,
  redisCli,
  redisCliUntil,
  startMemcached,
  startRedisCluster,
  startSentinels,
} from './servers.ts'

const openings = new Openings()
afterEach(() => openings.release())

let files: ClusterUnderTest
beforeAll(async () => {
  files = await makeCluster(1)
})

/** Servers without a list of nodes. The look-up budget is one that a busy machine keeps to. */
async function startOn(
  url: string,
  count: number,
  more: readonly string[] = [],
): Promise<readonly ServerUnderTest[]> {
  const key = ['--cluster-key', files.file('cluster.key'), '--store', url, '--lookup-timeout', '2000']
  const args = ['server', '--listen', '127.0.0.1:0', ...files.certificateArgs, ...key, ...more]
  const servers = await Promise.all(Array.from({ length: count }, () => startListening(args)))
  for (const server of servers) openings.add(async () => void (await server.stop()))
  return servers
}

/** A visit of node:tls: whether it was resumed, and the session to come back with. */
function visit({ port }: ServerUnderTest, session?: Buffer): Promise<{ resumed: boolean; session: Buffer }> {
  return new Promise((resolve, reject) => {
    const ca = readFileSync(files.file('ca.pem'))
    const options = { port, host: '127.0.0.1', servername: 'localhost', maxVersion: 'TLSv1.2', ca } as const
    const socket = connect({ ...options, ...(session === undefined ? {} : { session }) })
    let body = ''
    socket.on('secureConnect', () => socket.write('GET / HTTP/1.0\r\nhost: localhost\r\n\r\n'))
    socket.on('data', chunk => {
      body += chunk
    })
    socket.on('error', reject)
    socket.on('end', () => {
      // Both ends say the same, and the page came whole.
      const resumed = socket.isSessionReused()
      if (!body.includes(`resumed: ${resumed ? 'yes' : 'no'}\n`)) reject(new Error(`the page says: ${body}`))
      resolve({ resumed, session: socket.getSession()! })
      socket.destroy()
    })
  })
}

async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 400; tries++) {
    const found = await ask()
    if (found !== undefined) return found
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error('waited twenty seconds')
}

/** Visits with each session in turn, eight at a time; how many were resumed. Rejects when a client saw an error. */
async function round(servers: readonly ServerUnderTest[], sessions: readonly Buffer[]): Promise<number> {
  let resumed = 0
  const left = sessions.map((session, i) => ({ session, server: servers[i % servers.length]! }))
  const worker = async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      if ((await visit(next.server, next.session)).resumed) resumed++
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  return resumed
}

async function fullVisits(server: ServerUnderTest, count: number): Promise<Buffer[]> {
  const visits = await Promise.all(Array.from({ length: count }, () => visit(server)))
  expect(visits.map(({ resumed }) => resumed)).toEqual(Array(count).fill(false))
  return visits.map(({ session }) => session)
}

test('an engine that is not there costs resumption alone; its key is followed, its breaker shown', async () => {
  const address = `127.0.0.1:${await freePort()}`
  const [server] = await startOn(`memcached://${address}`, 1, ['--metrics', '127.0.0.1:0'])
  expect(JSON.parse(server!.stderr())).toMatchObject({
    level: 'warn',
    msg: `memcached ${address}: ECONNREFUSED; until it answers every handshake is a full one`,
  })
  for (let i = 0; i < 4; i++) await fullVisits(server!, 1)
  const { port } = (await server!.event('metrics')) as unknown as { port: number }
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  expect(text).toContain(`ringtls_breaker_state{node="memcached ${address}"} 2\n`)
  // The fourth was not asked for, unless it took longer than the breaker waits.
  expect(text).toMatch(/^ringtls_store_put_total\{result="error"\} [34]$/m)
  const rotated = await run(['cluster', 'rotate-key', files.file('cluster.key')])
  expect(rotated.exitCode).toBe(0)
  expect(await server!.event('reloaded')).toMatchObject({ file: files.file('cluster.key'), epochs: [2, 1] })
})

test('the URL may come from the environment, where a password is not seen by others', async () => {
  const args = ['server', '--listen', '127.0.0.1:0', ...files.certificateArgs]
  const { exitCode, stderr } = await run(args, { env: { RINGTLS_STORE: 'redis://:hunter2@127.0.0.1' } })
  expect([exitCode, stderr]).toEqual([
    2,
    'ringtls: --store redis: add --cluster-key with the key that the servers share\n',
  ])
})

needs('memcached', () =>
  needs('openssl', () => {
    test('two servers on memcached: s_client is full at one, resumed at the other', async () => {
      const memcached = await startMemcached(openings)
      const [one, other] = await startOn(`memcached://${memcached.address}`, 2)
      const session = join(temporaryDirectory(), 'session.pem')
      const client = (server: ServerUnderTest, flag: string) =>
        runPeer(
          'openssl',
          [
            ...['s_client', '-tls1_2', '-connect', server.address, '-servername', 'localhost'],
            ...['-CAfile', files.file('ca.pem'), '-verify_return_error', '-ign_eof', flag, session],
          ],
          { input: 'GET / HTTP/1.0\r\n\r\n' },
        )
      expect((await client(one!, '-sess_out')).stdout).toMatch(/^New, /m)
      const stored = /STAT curr_items 1\r/
      await until(
        async () => stored.exec(await askMemcached(memcached.port, 'stats', /END\r\n/)) ?? undefined,
      )
      expect((await client(other!, '-sess_in')).stdout).toMatch(/^Reused, /m)
      // No node has a session of an engine.
      expect(await one!.event('handshake')).toMatchObject({ resumed: false, node: null, owner: null })
      expect(await other!.event('handshake')).toMatchObject({ resumed: true, reason: 'hit', owner: null })
      expect(await other!.stop()).toBe(0)
      expect(other!.events.at(-1)).toMatchObject({ event: 'stopped', requests: 1, lookups: 1, puts: 0 })
      expect(other!.stderr()).toBe('')
    })
  }),
)

needs('redis-server', () =>
  needs('redis-sentinel', () => {
    describe('Redis', () => {
      test('one of three masters is killed under load: misses for its slots, hits for the others, no errors', async () => {
        const masters = await startRedisCluster(openings, ['--cluster-require-full-coverage', 'no'])
        const servers = await startOn(`redis+cluster://${masters.map(({ address }) => address).join(',')}`, 2)
        const sessions = await fullVisits(servers[0]!, 60)
        const keysAt = async (at: number) =>
          Number((await redisCli(['-p', String(masters[at]!.port), 'DBSIZE'])).trim())
        await until(async () =>
          (await keysAt(0)) + (await keysAt(1)) + (await keysAt(2)) === 60 ? true : undefined,
        )
        expect(await round(servers, sessions)).toBe(60)
        const lost = await keysAt(1)
        expect(lost).toBeGreaterThan(0)

        const underLoad = round(servers, sessions)
        masters[1]!.process.kill()
        await underLoad
        await masters[1]!.process.ended()
        for (let rounds = 0; rounds < 3; rounds++) expect(await round(servers, sessions)).toBe(60 - lost)
        for (const server of servers) {
          expect(server.events.filter(({ event }) => event === 'handshakeFailed')).toEqual([])
        }
      }, 60_000)

      test('the master that sentinels watch is killed: hits again from the replica, and no errors', async () => {
        const { master, replica, sentinel } = await startSentinels(openings)
        const servers = await startOn(`redis+sentinel://${sentinel.address}/mymaster`, 2)
        const [session] = await fullVisits(servers[0]!, 1)
        await until(async () => ((await visit(servers[1]!, session)).resumed ? true : undefined))
        const size = await redisCli(['-p', String(master.port), 'DBSIZE'])
        await redisCliUntil(replica.port, ['DBSIZE'], said => said === size)
        master.process.kill()
        // The replica had it before: the same session is taken up as soon as the servers know the new master.
        await until(async () => ((await visit(servers[1]!, session)).resumed ? true : undefined))
        // And it takes new ones.
        const [next] = await fullVisits(servers[1]!, 1)
        await until(async () => ((await visit(servers[0]!, next)).resumed ? true : undefined))
        for (const server of servers) {
          expect(server.events.filter(({ event }) => event === 'handshakeFailed')).toEqual([])
        }
      }, 60_000)
    })
  }),
)
