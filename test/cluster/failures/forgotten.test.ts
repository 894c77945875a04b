/** Failure cases of a cluster with two replicas: one of them dies, or does not hear that a session was forgotten. */
import { afterEach, beforeAll, expect, test } from 'vitest'
import type { FaultProxy } from '../../support/fault-proxy.ts'
import {
  ClusterUnderTest,
  difference,
  type Entered,
  enter,
  eventually,
  expectDiscretion,
  expectVisit,
  openProxy,
  ownersOf,
  patientMs,
  type ServerUnderTest,
  type Visit,
} from './harness.ts'

let cluster: ClusterUnderTest
beforeAll(async () => {
  // A record that is here waits for the word of the other owner: 5 ms by default, which busy cores do not keep to.
  const setup = { limits: { hedgeMs: patientMs } }
  cluster = await ClusterUnderTest.start({ nodes: 3, info: { replicas: 2 }, setup })
})
afterEach(async () => {
  cluster.heal()
  await expectDiscretion()
})

test.each([
  ['the client', 'its record to the server', 'toServer'],
  ['the server', 'its record to the client', 'toClient'],
] as const)(
  'case 12: fatal alert after a bad byte of %s in %s: forgotten cluster-wide',
  async (...[, , way]) => {
    const { session } = await cluster.server('n1').firstVisit()
    const server = cluster.server('n2')
    const wire = await openProxy(server.port)
    const entered = await enter(wire.port, { session: session! })
    expect(entered).toMatchObject({ resumed: true, reason: 'hit' })
    await spoil(entered, { wire, way })
    const { sessions } = await eventually(async () => {
      const report = await server.report()
      return report.sessions.forgotten === 1 ? report : undefined
    }).finally(() => server.settled())
    expect(sessions.forgotten).toBe(1)
    await nobodyResumes(entered)
    await cluster.restart('n2')
  },
)

test('case 12: the alert of a full handshake, which forgets what it just made', async () => {
  const server = cluster.server('n2')
  const wire = await openProxy(server.port)
  const entered = await enter(wire.port)
  await server.settled()
  await expectVisit(cluster.server('n1'), { session: entered.session, resumed: true, reason: 'hit' })
  await spoil(entered, { wire, way: 'toServer' })
  await eventually(async () => (await server.settled()).sessions.store_delete_total.ok >= 1 || undefined)
  await nobodyResumes(entered)
})

test('case 11: DELETE waits for the PUT of its own server', async () => {
  const server = await cluster.front()
  const wire = await openProxy(server.port)
  await server.tell({ do: 'hold', what: 'put' })
  const entered = await enter(wire.port)
  await spoil(entered, { wire, way: 'toServer' })
  await eventually(async () => (await server.report()).sessions.forgotten === 1 || undefined)
  expect((await server.report()).asked).toMatchObject({ put: 1, delete: 0 })
  await server.tell({ do: 'release', what: 'put' })
  await eventually(async () => (await server.report()).asked.delete === 1 || undefined)
  const { sessions } = await server.settled()
  expect([sessions.store_put_total.ok, sessions.store_delete_total.ok]).toEqual([1, 1])
  await nobodyResumes(entered, server)
})

test("case 11: DELETE overtakes another server's PUT to the second owner: never resumed", async () => {
  const maker = await cluster.front()
  let release = () => {}
  cluster.proxy('n3').toServer = {
    gate: new Promise(resolve => {
      release = resolve
    }),
  }
  const made = await sessionOwnedBy(maker, 'n3')
  // This one reaches n3 past the gate.
  const direct = { id: 'n3', url: `http://127.0.0.1:${cluster.server('n3').storePort}` }
  const nodes = cluster.nodes.map(node => (node.id === 'n3' ? direct : node))
  const other = await cluster.front({ clusterInfo: cluster.list({ nodes }) })
  const wire = await openProxy(other.port)
  const entered = await eventually(async () => {
    const came = await enter(wire.port, { session: made.session! })
    return came.resumed ? came : undefined
  })
  await spoil(entered, { wire, way: 'toServer' })
  await eventually(async () => (await other.report()).asked.delete === 1 || undefined)
  expect((await other.settled()).sessions.store_delete_total.ok).toBe(1)
  release()
  expect((await maker.settled()).sessions.store_put_total).toMatchObject({ gone: 1 })
  cluster.heal()
  await nobodyResumes(entered, maker, other)
})

test('case 23: one replica has the tombstone, the other the record: not resumed', async () => {
  const maker = await cluster.front()
  const { session, sessionId } = await maker.firstVisit()
  const [told, untold] = ownersOf(sessionId, cluster.list())
  const cut = await openProxy(cluster.server(untold!).storePort)
  const nodes = cluster.nodes.map(node => (node.id === untold ? { ...node, url: cut.url } : node))
  const forgetful = await cluster.front({ clusterInfo: cluster.list({ nodes }) })
  const wire = await openProxy(forgetful.port)
  const entered = await enter(wire.port, { session: session! })
  expect(entered.resumed).toBe(true)
  await cut.refuse()
  await spoil(entered, { wire, way: 'toServer' })
  await eventually(async () => (await forgetful.report()).asked.delete === 1 || undefined)
  expect((await forgetful.settled()).sessions.store_delete_total).toMatchObject({ ok: 0, error: 1 })

  const before = await readsOf(told!, untold!)
  await expectVisit(maker, { session, resumed: false, reason: 'miss' })
  const after = await readsOf(told!, untold!)
  expect([difference(after[0], before[0]), difference(after[1], before[1])]).toEqual([
    { gone: 1 },
    { hit: 1 },
  ])
  await nobodyResumes(entered, forgetful)
})

test('case 9: storing node dies with R=2: resumed from the replica', async () => {
  const maker = await cluster.front()
  const sessions: Visit[] = []
  for (let i = 0; i < 6; i++) sessions.push(await maker.firstVisit())
  const [dead] = ownersOf(sessions[0]!.sessionId, cluster.list())
  await cluster.server(dead!).kill()
  await cluster.proxy(dead!).refuse()
  const alive = cluster.ids.filter(id => id !== dead)
  for (const { session } of sessions) {
    for (const id of alive) await expectVisit(cluster.server(id), { session, resumed: true, reason: 'hit' })
  }
  await cluster.proxy(dead!).accept()
  await cluster.restart(dead!)
  // It is empty, and says so: the other one's word counts.
  for (const { session } of sessions) {
    await expectVisit(cluster.server(dead!), { session, resumed: true, reason: 'hit' })
  }
})

/** Lets one byte of the next record come wrong: its reader ends the connection with bad_record_mac. */
async function spoil(
  { client }: Entered,
  { wire, way }: { wire: FaultProxy; way: 'toServer' | 'toClient' },
): Promise<void> {
  const closed = new Promise<void>(resolve => client.once('close', () => resolve()))
  wire[way] = { flipAt: 12, flipIn: 'turn' }
  client.write('back again')
  await closed
}

/** No node has it for anybody, nor do these servers. */
async function nobodyResumes(
  { session }: { session: Buffer | undefined },
  ...more: readonly ServerUnderTest[]
): Promise<void> {
  for (const server of [...cluster.servers, ...more])
    await expectVisit(server, { session, resumed: false, reason: 'miss' })
}

/** A session that has this node among its two owners, whatever became of its PUTs. */
async function sessionOwnedBy(maker: ServerUnderTest, id: string): Promise<Visit> {
  for (let i = 0; i < 40; i++) {
    const made = await maker.visit()
    if (ownersOf(made.sessionId, cluster.list()).includes(id)) return made
  }
  throw new Error(`none of 40 sessions has an owner ${id}`)
}

/** What the two nodes answered to GET so far. */
async function readsOf(first: string, second: string) {
  const reports = await Promise.all([first, second].map(id => cluster.server(id).report()))
  return [reports[0]!.node!.counters.get, reports[1]!.node!.counters.get] as const
}
