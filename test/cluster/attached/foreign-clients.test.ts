/** Attached servers of node:tls, https and http2 with clients that others wrote, on session nodes and on Redis. */
import { once } from 'node:events'
import { connect as connectHttp2, createSecureServer, type Http2Session } from 'node:http2'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { connectStore, type EngineAddress } from '../../../src/cluster/engines/connect-store.ts'
import { joinEngine } from '../../../src/cluster/engines/engine-member.ts'
import { parseStoreUrl } from '../../../src/cluster/engines/store-url.ts'
import { startRelay } from '../../interop/relay.ts'
import { fixture } from '../../support/fixtures.ts'
import { needs, runPeer, temporaryDirectory } from '../../support/peers.ts'
import { redisCli, startRedis } from '../engines/servers.ts'
import { visit } from '../failures/visitor.ts'
import { Openings, openCluster, provider, randomOf, testKeys } from '../support.ts'
import {
  type AttachedServer,
  cacheOn,
  listenAttached,
  openAttached,
  openAttachedHttps,
  patientMs,
  sharedTerms,
  TestStore,
} from './attached-servers.ts'

const openings = new Openings()
afterEach(() => openings.release())

const caFile = new URL('../../fixtures/ca.pem', import.meta.url).pathname

/** The caches of two servers of a cluster of session nodes. */
async function twoCaches() {
  const cluster = await openCluster(openings, 3)
  cluster.clock.nowMs = Date.now()
  return [cluster.server('n0').cache, cluster.server('n1').cache] as const
}

needs('openssl', () => {
  test('s_client: full at one, resumed at the other', async () => {
    const [one, other] = await Promise.all((await twoCaches()).map(cache => openAttached(openings, cache)))
    const file = join(temporaryDirectory(), 'session.pem')
    const client = async ({ port }: AttachedServer, flag: string) => {
      const to = ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'localhost', '-CAfile', caFile]
      const { stdout } = await runPeer('openssl', [...to, '-verify_return_error', '-ign_eof', flag, file], {
        input: 'GET / HTTP/1.0\r\n\r\n',
      })
      return stdout
    }
    expect(await client(one!, '-sess_out')).toMatch(/^New, /m)
    await one!.cache.flush(patientMs)
    const again = await client(other!, '-sess_in')
    expect(again).toMatch(/^Reused, TLSv1\.2, Cipher is AES/m)
    expect(again).toContain('resumed: yes')
  })
})

needs('curl', () => {
  test('curl and https.Server: the second of two connections is resumed at the other server', async () => {
    const [one, other] = await Promise.all(
      (await twoCaches()).map(cache => openAttachedHttps(openings, cache)),
    )
    const relay = await startRelay(
      [one!.port, other!.port],
      async () => void (await one!.cache.flush(patientMs)),
    )
    const url = `https://localhost:${relay.port}/`
    const args = ['--silent', '--show-error', '--ipv4', '--fail', '--cacert', caFile, url, url]
    const { exitCode, stdout, stderr } = await runPeer('curl', args)
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect([...stdout.matchAll(/^resumed: (.*)$/gm)].map(([, word]) => word)).toEqual(['no', 'yes'])
  })
})

describe('http2.createSecureServer', () => {
  test('h2 by ALPN, full at one, resumed at the other', async () => {
    const store = new TestStore()
    const open = () => {
      const server = createSecureServer(
        { ...sharedTerms, ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' },
        (_, response) => response.end('h2'),
      )
      const sessions = new Set<Http2Session>()
      server.on('session', session => sessions.add(session))
      openings.add(async () => {
        for (const session of sessions) session.destroy()
      })
      return listenAttached(openings, server, { cache: cacheOn(store) })
    }
    const [one, other] = [await open(), await open()]
    const ask = async ({ port }: AttachedServer, session?: Buffer) => {
      const options = {
        ca: fixture('ca.pem'),
        maxVersion: 'TLSv1.2',
        ...(session ? { session } : {}),
      } as const
      const client = connectHttp2(`https://localhost:${port}`, options)
      const request = client.request({ ':path': '/' }).setEncoding('utf8')
      let body = ''
      for await (const chunk of request) body += chunk
      const socket = client.socket as TLSSocket
      const seen = { body, resumed: socket.isSessionReused(), session: socket.getSession() }
      client.close()
      await once(client, 'close')
      return seen
    }
    const first = await ask(one)
    expect(first).toMatchObject({ body: 'h2', resumed: false })
    await one.cache.flush(patientMs)
    expect(await ask(other, first.session)).toMatchObject({ body: 'h2', resumed: true })
  })
})

needs('redis-server', () =>
  needs('redis-cli', () => {
    test('on Redis: resumed at the other server; what lies there is sealed and ends with the session', async () => {
      const redis = await startRedis(openings)
      const keys = testKeys()
      const open = async () => {
        const engine = await connectStore(parseStoreUrl(`redis://${redis.address}`) as EngineAddress, {
          provider,
          now: Date.now,
        })
        const timeouts = { readTimeoutMs: patientMs, writeTimeoutMs: patientMs }
        const member = joinEngine({ engine, keys, random: randomOf(), now: Date.now, timeouts })
        openings.add(() => member.close())
        await member.warmUp()
        return openAttached(openings, member.sessionCache, { tls: { sessionTimeout: 60 } })
      }
      const [one, other] = [await open(), await open()]
      const made = await visit(one.port)
      await one.cache.flush(patientMs)
      const again = await visit(other.port, { session: made.session })
      expect(again).toMatchObject({ resumed: true, sessionId: made.sessionId })
      const port = ['-p', String(redis.port)]
      const [name] = (await redisCli([...port, 'KEYS', '*'])).trim().split('\n')
      const ttl = Number(await redisCli([...port, 'PTTL', name!]))
      expect(ttl).toBeGreaterThan(0)
      expect(ttl).toBeLessThanOrEqual(60_000)
      const stored = await redisCli([...port, '--no-raw', 'GET', name!])
      // The first bytes of a record of this kind, in redis-cli's spelling: version 2, epoch 1.
      expect(stored.startsWith('"\\x02\\x00\\x00\\x00\\x01')).toBe(true)
      const shownName = Buffer.from(name!)
      expect(shownName.includes(made.sessionId.toString('hex'))).toBe(false)
      expect(shownName.includes(made.sessionId.toString('base64url'))).toBe(false)
    })
  }),
)
