/** Sessions of clients that proved a certificate, and of those that did not, where another policy holds. */

import { X509Certificate } from 'node:crypto'
import type { ConnectionOptions } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ClusterSessionCache } from '../../../src/cluster/cluster-session-cache.ts'
import type { SessionStore } from '../../../src/cluster/session-store.ts'
import { fixture } from '../../support/fixtures.ts'
import type { ServerUnderTest } from '../../support/processes.ts'
import { Openings, seededRandom, testKeys } from '../support.ts'
import { openOwnServer } from './own-server.ts'
import {
  expectNoSecrets,
  fixtureFile,
  outputOf,
  type PlayedNode,
  playNode,
  seal,
  startFront,
  unseal,
} from './played-node.ts'
import { failureOf, type Visit, visit } from './visitor.ts'

const openings = new Openings()
const visits: Visit[] = []
const identity = (name: string) => ({ cert: fixture(`${name}.pem`), key: fixture(`${name}.key`) })
const rsa = identity('client-rsa')
const ec = identity('client-ec')

const policies = {
  open: [],
  requires: ['--client-auth', 'require', '--client-ca', fixtureFile('client-ca.pem')],
  requiresToo: ['--client-auth', 'require', '--client-ca', fixtureFile('client-ca.pem')],
  requests: ['--client-auth', 'request', '--client-ca', fixtureFile('client-ca.pem')],
  requiresAnother: ['--client-auth', 'require', '--client-ca', fixtureFile('ec-ca.pem')],
} as const
type Policy = keyof typeof policies

let node: PlayedNode
const servers = new Map<Policy, ServerUnderTest>()

beforeAll(async () => {
  const played = await playNode(openings)
  node = played.node
  const names = Object.keys(policies) as Policy[]
  const started = await Promise.all(names.map(name => startFront(played.cluster, policies[name])))
  for (const [i, name] of names.entries()) servers.set(name, started[i]!)
})
afterAll(() => openings.release())

async function visited(policy: Policy, options: ConnectionOptions = {}): Promise<Visit> {
  const made = await visit(servers.get(policy)!.port, options)
  visits.push(made)
  return made
}

async function made(policy: Policy, options: ConnectionOptions = {}): Promise<Visit> {
  const visit = await visited(policy, options)
  expect(visit).toMatchObject({ resumed: false, reason: 'no_id' })
  await node.untilStored(visit.sessionId)
  return visit
}

describe('case 39: the policy changed', () => {
  test.each<[Policy, Policy, ConnectionOptions]>([
    ['open', 'requires', {}],
    ['open', 'requests', {}],
    ['requests', 'requires', {}],
    ['requests', 'requires', rsa],
    ['requires', 'requests', rsa],
    ['requires', 'open', rsa],
  ])('case 39: from a server that %s to one that %s: full, and judged anew', async (from, to, before) => {
    const { session } = await made(from, before)
    const again = await visited(to, { ...rsa, session })
    expect(again).toMatchObject({ resumed: false, reason: 'policy' })
    expect(again.page.client).toBe(to === 'open' ? 'none' : 'CN=client-rsa (verified)')
  })

  test.each<[Policy, ConnectionOptions]>([
    ['open', {}],
    ['requests', {}],
    ['requires', rsa],
  ])(
    'case 39: a session of a server that %s opens no door where another authority is required',
    async (from, before) => {
      const { session } = await made(from, before)
      const failure = failureOf(visit(servers.get('requiresAnother')!.port, { session }))
      expect(await failure).toBe('ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE')
    },
  )

  test('case 39: nor one without a certificate where the same authority is required', async () => {
    const { session } = await made('requests')
    const failure = failureOf(visit(servers.get('requires')!.port, { session }))
    expect(await failure).toBe('ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE')
  })
})

describe('case 39: the same policy at another server', () => {
  test('case 39: resumed, and the same peer certificate is shown', async () => {
    const { session, page } = await made('requires', rsa)
    expect(page.client).toBe('CN=client-rsa (verified)')
    const again = await visited('requiresToo', { ...rsa, session })
    expect(again).toMatchObject({ resumed: true, reason: 'hit' })
    expect(again.page.client).toBe(page.client)
    const event = await servers.get('requiresToo')!.event('handshake')
    expect(event).toMatchObject({ client: 'CN=client-rsa', clientAuthenticated: true })
  })

  test('case 39: who resumes is who made the session, whatever certificate he has by now', async () => {
    const { session } = await made('requires', rsa)
    const again = await visited('requiresToo', { ...ec, session })
    expect(again).toMatchObject({ resumed: true, page: { client: 'CN=client-rsa (verified)' } })
    const fresh = await visited('requiresToo', ec)
    expect(fresh).toMatchObject({ resumed: false, page: { client: 'CN=client-ec (verified)' } })
  })
})

describe('case 39: the certificate expires', () => {
  /** In force until 24 January 2027; its holder is called frank. */
  const frank = identity('handshake/client-expired')
  const notAfterMs = Date.parse(new X509Certificate(frank.cert).validTo)
  const lifetimeAt = 13

  /** Two servers with one clock over a store that keeps everything. */
  async function open(atMs: number) {
    const clock = { nowMs: atMs }
    const now = () => clock.nowMs
    const records = new Map<string, Buffer>()
    const nameOf = (storageKey: Uint8Array) => Buffer.from(storageKey).toString('hex')
    const store: SessionStore = {
      get: async storageKey => records.get(nameOf(storageKey)),
      put: async (storageKey, sealed) => void records.set(nameOf(storageKey), Buffer.from(sealed)),
      delete: async storageKey => void records.delete(nameOf(storageKey)),
    }
    const ports: number[] = []
    const caches: ClusterSessionCache[] = []
    const sockets = []
    for (const name of ['one', 'two']) {
      const sessionCache = new ClusterSessionCache({
        keys: testKeys(),
        store,
        random: seededRandom(name),
        now,
      })
      const policy = { requestCert: true, ca: fixture('handshake/ca.pem') }
      const server = await openOwnServer(openings, { ...policy, sessionCache, now })
      ports.push(server.port)
      caches.push(sessionCache)
      sockets.push(server.sockets)
    }
    return { clock, records, ports: ports as [number, number], caches, sockets }
  }

  test('case 39: a session lives no longer than the certificate that it stands for', async () => {
    const { clock, ports, caches, sockets } = await open(notAfterMs - 60_000)
    const { session, page } = await visit(ports[0], frank)
    expect(page.client).toBe('CN=frank (verified)')
    clock.nowMs = notAfterMs - 1000
    expect(await visit(ports[1], { ...frank, session })).toMatchObject({
      resumed: true,
      page: { client: page.client },
    })
    // What an application asks for its client's certificate gets the same bytes.
    const der = sockets.map(([socket]) => socket!.getPeerX509Certificate()?.raw)
    expect(der).toEqual([new X509Certificate(frank.cert).raw, new X509Certificate(frank.cert).raw])
    clock.nowMs = notAfterMs + 1000
    expect(await failureOf(visit(ports[1], { ...frank, session }))).toBe(
      'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED',
    )
    expect(caches[1]!.counters.lookups).toMatchObject({ hit: 1, expired: 1 })
  })

  test('case 39: and not even if its record says so', async () => {
    const { clock, records, ports, caches } = await open(notAfterMs - 60_000)
    const { session, sessionId } = await visit(ports[0], frank)
    const [name, record] = [...records][0]!
    const plaintext = unseal(record, sessionId)
    plaintext.writeUInt32BE(24 * 60 * 60, lifetimeAt)
    records.set(name, seal(plaintext, sessionId))
    clock.nowMs = notAfterMs - 1000
    expect(await visit(ports[1], { ...frank, session })).toMatchObject({ resumed: true })
    clock.nowMs = notAfterMs + 1000
    expect(await failureOf(visit(ports[1], { ...frank, session }))).toBe(
      'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED',
    )
    // The store had it, in time by its own word: it is the certificate that is not.
    expect(caches[1]!.counters.lookups).toMatchObject({ hit: 2, expired: 0 })
  })
})

test('and no secret of any of these sessions was printed', () => {
  expect(visits.length).toBeGreaterThan(3)
  for (const server of servers.values()) expectNoSecrets(outputOf(server), visits)
})
