/** Failure cases of a cluster whose members do not agree: on the time, on the list, on the keys. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { keysText } from '../support.ts'
import {
  ClusterUnderTest,
  difference,
  eventually,
  expectDiscretion,
  expectVisit,
  ownersOf,
  type Visit,
} from './harness.ts'

let cluster: ClusterUnderTest
beforeAll(async () => {
  cluster = await ClusterUnderTest.start({ nodes: 3 })
})
afterEach(async () => {
  cluster.heal()
  await expectDiscretion()
})

describe('case 15: clock skew', () => {
  test.each([
    ['4 s behind, within the tolerance', -4000, true, 'hit'],
    ['20 s behind: a session of the future', -20_000, false, 'expired'],
    ['20 s ahead', 20_000, true, 'hit'],
    ['a minute behind: the nodes do not take its requests', -60_000, false, 'error'],
    ['an hour ahead: nor these', 3_600_000, false, 'error'],
  ])('case 15: the front is %s', async (_name, offsetMs, resumed, reason) => {
    const server = cluster.server('n1')
    const { session, owner } = await server.firstVisit()
    const front = cluster.otherThan('n1', owner)
    const refused = async () => (await cluster.server(owner!).report()).node!.counters.unauthorized.clock_skew
    const before = await refused()
    await front.tell({ do: 'turn clock', offsetMs })
    await expectVisit(front, { session, resumed, reason })
    // The new session's PUT may go to the same node.
    await front.settled()
    expect((await refused()) > before).toBe(reason === 'error')
    await front.tell({ do: 'turn clock', offsetMs: 0 })
    await eventually(async () => (await front.visit({ session: session! })).resumed || undefined)
  })

  test('case 15: 20 s before its end, on a clock 25 s ahead: expired', async () => {
    const { session } = await (await cluster.front({ sessionTimeout: 20 })).firstVisit()
    const front = await cluster.front()
    await front.tell({ do: 'turn clock', offsetMs: 25_000 })
    await expectVisit(front, { session, resumed: false, reason: ['expired', 'miss'] })
  })

  test("case 15: the maker's clock jumps back an hour, and forth again", async () => {
    const maker = await cluster.front()
    const first = await maker.firstVisit()
    await maker.tell({ do: 'turn clock', offsetMs: -3_600_000 })
    const made = await maker.visit()
    expect((await maker.settled()).sessions.store_put_total).toMatchObject({ ok: 1, error: 1 })
    await expectVisit(cluster.server('n2'), { session: made.session, resumed: false, reason: anyMiss })
    await expectVisit(maker, { session: first.session, resumed: false, reason: anyMiss })
    await maker.tell({ do: 'turn clock', offsetMs: 0 })
    await eventually(async () => (await maker.visit({ session: first.session! })).resumed || undefined)
    const last = await maker.firstVisit()
    await expectVisit(cluster.server('n2'), { session: last.session, resumed: true, reason: 'hit' })
  })

  test("case 15: the owner's clock jumps back an hour, and forth again", async () => {
    const front = await cluster.front()
    const { session, owner } = await front.firstVisit()
    await cluster.server(owner!).tell({ do: 'turn clock', offsetMs: -3_600_000 })
    await expectVisit(front, { session, resumed: false, reason: 'error' })
    await cluster.server(owner!).tell({ do: 'turn clock', offsetMs: 0 })
    await expectVisit(front, { session, resumed: true, reason: 'hit' })
  })
})

describe('case 16: cluster_info differs', () => {
  const dead = { id: 'n4', url: 'http://127.0.0.1:1' }

  test.each([
    ['a node added', () => cluster.list({ nodes: [...cluster.nodes, dead] })],
    ['a node removed', () => cluster.list({ nodes: cluster.nodes.slice(0, 2) })],
    ['reordered', () => cluster.list({ nodes: [...cluster.nodes].reverse() })],
    ['same revision, other content', () => cluster.list({ nodes: cluster.nodes.map(inZone) })],
  ])('case 16: %s: resumed where they agree on the owner, else full', async (name, listOf) => {
    const list = listOf()
    const front = await cluster.front({ clusterInfo: list })
    const before = await nodeMismatches()
    let agreed = 0
    for (let i = 0; i < 4; i++) {
      const { session, sessionId, owner } = await cluster.server('n1').firstVisit()
      const theirs = ownersOf(sessionId, list)[0]
      const isAgreed = theirs === owner
      if (isAgreed) agreed++
      await expectVisit(front, {
        session,
        resumed: isAgreed,
        reason: isAgreed ? 'hit' : theirs === 'n4' ? ['error', 'breaker'] : 'miss',
      })
      // And the other way round, where the front's new owner is one that all know.
      const made = await front.visit()
      const { store_put_total: puts } = (await front.settled()).sessions
      const hasOwner = ownersOf(made.sessionId, cluster.list())[0] === made.owner
      expect(await cluster.server('n2').visit({ session: made.session! })).toMatchObject({
        resumed: hasOwner,
        reason: hasOwner ? 'hit' : 'miss',
      })
      expect(puts.conflict).toBe(0)
    }
    if (name === 'reordered' || name.startsWith('same')) expect(agreed).toBe(4)
    expect((await front.report()).store.cluster_digest_mismatch).toBeGreaterThan(0)
    expect(await nodeMismatches()).toBeGreaterThan(before)
    expect(front.output).toContain('has another cluster_info than this server')
  })

  test('case 16: and those who agree count no mismatch', async () => {
    const front = await cluster.front()
    await front.firstVisit()
    expect((await front.report()).store.cluster_digest_mismatch).toBe(0)
  })

  const inZone = (node: object) => ({ ...node, zone: 'elsewhere' })
})

describe('keys', () => {
  test('case 18: keys rotated between write and read', async () => {
    const own = await ClusterUnderTest.start({ nodes: 2 })
    const { session } = await own.server('n1').firstVisit()
    const nowMs = Date.now()
    const rotated = keysText([
      { epoch: 1, notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + 600_000 },
      { epoch: 2, notBeforeMs: nowMs - 1000 },
    ])
    for (const server of own.servers) await server.tell({ do: 'replace keys', clusterKeys: rotated })
    for (const server of own.servers) await expectVisit(server, { session, resumed: true, reason: 'hit' })
    const next = await own.server('n1').firstVisit()
    expect(next.sessionId[0]! & 63).toBe(2)
    for (const server of own.servers)
      await expectVisit(server, { session: next.session, resumed: true, reason: 'hit' })
  })

  test('case 19: wrong cluster key on one server', async () => {
    const wrong = await cluster.front({
      clusterKeys: keysText([{ epoch: 1, notBeforeMs: Date.now() - 60_000 }], 'another'),
    })
    const { session } = await cluster.server('n1').firstVisit()
    const rejected = await wrongMacs()
    const made = await wrong.visit()
    const report = await wrong.settled()
    expect(report.sessions.store_put_total).toMatchObject({ ok: 0, error: 1 })
    expect((await wrongMacs()) - rejected).toBe(1)
    // Neither knows the other's IDs, and so nobody is asked about them.
    for (const server of cluster.servers)
      await asksNobody(server, { session: made.session, resumed: false, reason: 'foreign_id' })
    await asksNobody(wrong, { session, resumed: false, reason: 'foreign_id' })
    for (const server of cluster.servers) await expectVisit(server, { session, resumed: true, reason: 'hit' })
  })
})

test('case 44: draining node: read, not chosen', async () => {
  const own = await ClusterUnderTest.start({ nodes: 3 })
  const front = await own.front()
  const sessions: Visit[] = []
  while (!sessions.some(({ owner }) => owner === 'n3')) sessions.push(await front.firstVisit())
  const nodes = own.nodes.map(node => (node.id === 'n3' ? { ...node, state: 'draining' } : node))
  const clusterInfo = own.list({ nodes, more: { revision: 2 } })
  for (const server of [...own.servers, front]) await server.tell({ do: 'replace list', clusterInfo })
  for (const { session } of sessions) {
    for (const server of [...own.servers, front])
      await expectVisit(server, { session, resumed: true, reason: 'hit' })
  }
  for (let i = 0; i < 12; i++) {
    const { owner } = await front.visit()
    expect(owner).not.toBe('n3')
  }
  expect((await own.server('n1').firstVisit()).owner).toBe('n2')
  expect((await own.server('n2').firstVisit()).owner).toBe('n1')
})

/** What a look-up may be called that found the node unwilling. */
const anyMiss = ['error', 'miss', 'breaker']

/** Requests of servers with another list, as all nodes counted them. */
async function nodeMismatches(): Promise<number> {
  return total(({ cluster_digest_mismatch }) => cluster_digest_mismatch)
}

async function wrongMacs(): Promise<number> {
  return total(({ unauthorized }) => unauthorized.wrong_mac)
}

type NodeCounters = NonNullable<
  Awaited<ReturnType<(typeof cluster.servers)[number]['report']>>['node']
>['counters']

async function total(of: (counters: NodeCounters) => number): Promise<number> {
  const reports = await Promise.all(cluster.servers.map(server => server.report()))
  return reports.reduce((sum, { node }) => sum + of(node!.counters), 0)
}

/** A visit for which the store is not asked. */
async function asksNobody(
  server: (typeof cluster.servers)[number],
  wanted: Parameters<typeof expectVisit>[1],
): Promise<void> {
  const before = (await server.settled()).asked
  await expectVisit(server, wanted)
  expect(difference((await server.settled()).asked, before)).toEqual({ load: 1, put: 1 })
}
