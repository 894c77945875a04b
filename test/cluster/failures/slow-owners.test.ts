/** Failure cases of a cluster: somebody is slow, busy, or has to do with many at once. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  ClusterUnderTest,
  difference,
  eventually,
  expectDiscretion,
  expectVisit,
  type ServerUnderTest,
  usualMs,
  type Visit,
} from './harness.ts'

let cluster: ClusterUnderTest
/** A server with the usual budget, whose breakers never open: what they do is case 2. */
let hasty: ServerUnderTest
let patient: ServerUnderTest
beforeAll(async () => {
  cluster = await ClusterUnderTest.start({ nodes: 3 })
  hasty = await cluster.front({ lookupTimeoutMs: usualMs, limits: { breakerThreshold: 1000 } })
  patient = await cluster.front()
})
afterEach(async () => {
  cluster.heal()
  await expectDiscretion()
})

describe('the owner', () => {
  test.each([10, 40, 60, 500])('case 3: owner slow at %i ms', async delayMs => {
    const { session, owner } = await patient.firstVisit()
    cluster.proxy(owner!).toClient = { delayMs }
    await expectVisit(patient, { session, resumed: true, reason: 'hit' })
    // What comes below the budget, it is for busy cores to say; what comes above it, unless they stop for as long.
    const reasons = new Set<string>()
    for (let i = 0; i < (delayMs > usualMs ? 5 : 1) && !reasons.has('timeout'); i++)
      reasons.add((await hasty.visit({ session: session! })).reason)
    if (delayMs > usualMs) expect(reasons).toContain('timeout')
    for (const reason of reasons) expect(reason).toBeOneOf(['hit', 'timeout'])
  })

  test('case 3: a late answer is never paired with the next request', async () => {
    const sessions = await twoOfOneOwner()
    const proxy = cluster.proxy(sessions[0].owner!)
    for (let i = 0; i < 5; i++) {
      const [late, next] = i % 2 === 0 ? sessions : [sessions[1], sessions[0]]
      proxy.toClient = { delayMs: 100 }
      await expectVisit(hasty, { session: late.session, resumed: false, reason: 'timeout' })
      proxy.heal()
      // Another session's record would not open: `auth`. A client who got another's secrets would fail at Finished.
      await eventually(async () => {
        const { reason, resumed } = await hasty.visit({ session: next.session! })
        expect(['hit', 'timeout']).toContain(reason)
        return resumed || undefined
      })
    }
    expect((await hasty.report()).sessions.lookups).toMatchObject({ auth: 0, error: 0 })
  })

  test('case 47: event loop of the owner stalled 200 ms', async () => {
    const { session, owner } = await patient.firstVisit()
    const reasons = new Set<string>()
    for (let i = 0; i < 5 && !reasons.has('timeout'); i++) {
      await cluster.server(owner!).tell({ do: 'stall', ms: 200, when: 'now' })
      const visits = [hasty, patient].map(each => each.visit({ session: session! }))
      const [{ reason }, waited] = (await Promise.all(visits)) as [Visit, Visit]
      expect(waited).toMatchObject({ resumed: true, reason: 'hit' })
      expect(reason).toBeOneOf(['hit', 'timeout'])
      reasons.add(reason)
    }
    expect(reasons).toContain('timeout')
    await expectVisit(patient, { session, resumed: true, reason: 'hit' })
  })

  test('case 47: event loop of the front stalled 200 ms in mid-look-up', async () => {
    const { session } = await patient.firstVisit()
    for (const front of [hasty, patient]) {
      await front.tell({ do: 'stall', ms: 200, when: 'in look-up' })
      const { reason, lookupMs, ms } = await front.visit({ session: session! })
      expect(reason).toBeOneOf(front === hasty ? ['hit', 'timeout'] : ['hit'])
      expect(lookupMs).toBeGreaterThan(150)
      expect(ms).toBeLessThan(10_000)
    }
    await expectVisit(patient, { session, resumed: true, reason: 'hit' })
  })

  test('case 30: keep-alive closed as we write: one retry within the budget', async () => {
    const { session, owner } = await patient.firstVisit()
    await expectVisit(patient, { session, resumed: true, reason: 'hit' })
    const before = (await patient.report()).store
    cluster.proxy(owner!).resetsReused = true
    await expectVisit(patient, { session, resumed: true, reason: 'hit' })
    const after = (await patient.report()).store
    expect(difference(after, before)).toEqual({ requests: 2, retries: 1 })
  })

  test('case 30: and a connection that is closed each time is an error, not a loop', async () => {
    const { session, owner } = await patient.firstVisit()
    const before = (await patient.report()).store
    cluster.proxy(owner!).toClient = { cutAfter: 0 }
    await expectVisit(patient, { session, resumed: false, reason: 'error' })
    await patient.settled()
    const after = (await patient.report()).store
    expect(after.retries - before.retries).toBeLessThanOrEqual(2)
  })
})

describe('the session', () => {
  test('case 10: client returns before PUT ends', async () => {
    const maker = cluster.server('n1')
    await maker.tell({ do: 'hold', what: 'put' })
    const { session } = await maker.visit()
    for (const server of [maker, patient, cluster.server('n2')])
      await expectVisit(server, { session, resumed: false, reason: 'miss' })
    await maker.tell({ do: 'release', what: 'put' })
    await maker.settled()
    for (const server of [...cluster.servers, patient])
      await expectVisit(server, { session, resumed: true, reason: 'hit' })
  })

  test('case 22: one session on 50 parallel connections: all resume, one fetch a server', async () => {
    const { session } = await patient.firstVisit()
    for (const server of [cluster.server('n2'), cluster.server('n3')]) {
      const before = await server.settled()
      await server.tell({ do: 'hold', what: 'get' })
      const visits = Array.from({ length: 50 }, () => server.visit({ session: session! }))
      await eventually(async () => (await server.report()).asked.load === before.asked.load + 50 || undefined)
      await server.tell({ do: 'release', what: 'get' })
      const reasons = (await Promise.all(visits)).map(({ resumed, reason }) => `${resumed} ${reason}`)
      expect(reasons).toEqual(Array.from({ length: 50 }, () => 'true hit'))
      const after = await server.report()
      expect(difference(after.store, before.store)).toEqual({ requests: 1 })
      expect(after.sessions.shared_lookups - before.sessions.shared_lookups).toBe(49)
    }
  })
})

/** Two sessions that one node has. */
async function twoOfOneOwner(): Promise<[Visit, Visit]> {
  const first = await patient.firstVisit()
  for (let i = 0; i < 40; i++) {
    const second = await patient.firstVisit()
    if (second.owner === first.owner) return [first, second]
  }
  throw new Error('of 40 sessions none has the owner of the first')
}
