/** Failure cases of a cluster: somebody is dead, stopped, or cut off. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  ClusterUnderTest,
  eventually,
  expectDiscretion,
  expectVisit,
  openProxy,
  type ServerUnderTest,
  usualMs,
} from './harness.ts'

let cluster: ClusterUnderTest
beforeAll(async () => {
  cluster = await ClusterUnderTest.start({ nodes: 3 })
})
afterEach(async () => {
  cluster.heal()
  await expectDiscretion()
})

describe('the owner', () => {
  test('case 1: owner dead', async () => {
    const { session, owner } = await cluster.server('n1').firstVisit()
    const front = await cluster.front()
    // The clock of the breaker stands, so that it does not try again meanwhile.
    await front.tell({ do: 'turn clock', offsetMs: 0, stands: true })
    await kill(owner!)
    await expectVisit(front, { session, resumed: false, reason: 'error' })
    await expectVisit(front, { session, resumed: false, reason: 'error' })
    await untilBreaker(front, owner!, 'open', async () => {
      await expectVisit(front, { session, resumed: false, reason: ['error', 'breaker'] })
    })
    // Nobody's new session goes there any more, and each of them is resumed.
    for (let i = 0; i < 8; i++) {
      const made = await front.firstVisit()
      expect(made.owner).not.toBe(owner)
      await expectVisit(front, { session: made.session, resumed: true, reason: 'hit' })
    }
    await revive(owner!)
  })

  test('case 2: owner stopped: the breaker opens, and later hellos ask nobody', async () => {
    const { session, owner } = await cluster.server('n1').firstVisit()
    const front = await cluster.front({ lookupTimeoutMs: usualMs, limits: { writeTimeoutMs: 500 } })
    await front.tell({ do: 'turn clock', offsetMs: 0, stands: true })
    cluster.server(owner!).pause()
    await untilBreaker(front, owner!, 'open', async () => {
      await expectVisit(front, { session, resumed: false, reason: ['timeout', 'breaker'] })
    })
    const before = await front.settled()
    const connections = cluster.proxy(owner!).connections
    for (let i = 0; i < 5; i++) await expectVisit(front, { session, resumed: false, reason: 'breaker' })
    const after = await front.settled()
    // What was sent are the new sessions, and those to others.
    expect(after.store.requests - before.store.requests).toBe(after.asked.put - before.asked.put)
    expect(after.sessions.store_put_total.ok - before.sessions.store_put_total.ok).toBe(5)
    expect(cluster.proxy(owner!).connections).toBe(connections)

    cluster.server(owner!).resume()
    await eventually(async () => {
      await front.tell({ do: 'turn clock', offsetMs: 0 })
      return (await front.visit({ session: session! })).resumed || undefined
    })
    expect((await front.report()).breakers[owner!]).toBe('closed')
  })

  test('case 4: partition seen by one front only', async () => {
    const { session, owner } = await cluster.server('n1').firstVisit()
    const wire = await openProxy(cluster.server(owner!).storePort)
    const nodes = cluster.nodes.map(node => (node.id === owner ? { ...node, url: wire.url } : node))
    const clusterInfo = cluster.list({ nodes })
    const [cutOff, others] = await Promise.all([
      cluster.front({ clusterInfo, lookupTimeoutMs: usualMs }),
      cluster.front(),
    ])
    wire.toServer = { blackHole: true }
    await expectVisit(cutOff, { session, resumed: false, reason: 'timeout' })
    await expectVisit(others, { session, resumed: true, reason: 'hit' })
    await wire.refuse()
    await expectVisit(cutOff, { session, resumed: false, reason: 'error' })
    await expectVisit(others, { session, resumed: true, reason: 'hit' })
  })

  test('case 5: node restarts empty', async () => {
    const { session, owner } = await cluster.server('n1').firstVisit()
    await cluster.restart(owner!)
    const front = cluster.otherThan('n1', owner)
    const { session: second } = await expectVisit(front, { session, resumed: false, reason: 'miss' })
    await front.settled()
    await everywhere({ session: second, resumed: true, reason: 'hit' })
  })
})

describe('the server that made the session', () => {
  test('case 6: generator dies after Finished, before PUT', async () => {
    const generator = cluster.server('n1')
    const { put } = (await generator.report()).asked
    await generator.tell({ do: 'hold', what: 'put' })
    const { session } = await generator.visit()
    await eventually(async () => (await generator.report()).asked.put > put || undefined)
    await generator.kill()
    await cluster.restart('n1')
    for (const second of await everywhere({ session, resumed: false, reason: 'miss' }))
      await everywhere({ session: second, resumed: true, reason: 'hit' })
  })

  test('case 7: generator dies in mid-PUT', async () => {
    const generator = cluster.server('n1')
    const stored = await entries()
    const before = bytesToNodes()
    for (const proxy of cluster.proxies.values()) proxy.toServer = { trickleMs: 2 }
    const { session } = await generator.visit()
    await eventually(async () => bytesToNodes() > before + 100 || undefined)
    await generator.kill()
    // What the proxies have of it and not passed on yet is lost too.
    for (const proxy of cluster.proxies.values()) proxy.reset()
    cluster.heal()
    await cluster.restart('n1')
    expect(await entries()).toEqual(stored)
    await everywhere({ session, resumed: false, reason: 'miss' })
  })

  test('case 8: generator dies after PUT: any server resumes, 100 of 100', async () => {
    const generator = await cluster.front()
    const sessions: Buffer[] = []
    for (let i = 0; i < 5; i++) sessions.push((await generator.firstVisit()).session!)
    await generator.kill()
    let resumed = 0
    for (let i = 0; i < 100; i += 10) {
      const visits = Array.from({ length: 10 }, (_, j) => {
        const server = cluster.servers[(i + j) % cluster.servers.length]!
        return server.visit({ session: sessions[(i + j) % sessions.length]! })
      })
      resumed += (await Promise.all(visits)).filter(each => each.resumed).length
    }
    expect(resumed).toBe(100)
  })
})

describe('the list', () => {
  test('case 45: all nodes down', async () => {
    const front = await cluster.front()
    const { session } = await front.firstVisit()
    for (const id of cluster.ids) await cluster.proxy(id).refuse()
    for (let i = 0; i < 3; i++)
      await expectVisit(front, { session, resumed: false, reason: ['error', 'breaker'] })
    const breakers = async () => Object.values((await front.settled()).breakers)
    for (let i = 0; i < 20 && (await breakers()).includes('closed'); i++)
      expect(await front.visit()).toMatchObject({ resumed: false, reason: 'no_id' })
    expect(await breakers()).not.toContain('closed')
    const { requests } = (await front.report()).store
    await front.tell({ do: 'turn clock', offsetMs: 0, stands: true })
    for (const id of cluster.ids) await cluster.proxy(id).accept()
    expect((await front.report()).store.requests).toBe(requests)
    await eventually(async () => {
      await front.tell({ do: 'turn clock', offsetMs: 0 })
      return (await front.visit({ session: session! })).resumed || undefined
    })
  })

  test('case 45: N = 1: the only node is its own owner', async () => {
    const alone = await ClusterUnderTest.start({ nodes: 1 })
    const { session, owner } = await alone.server('n1').firstVisit()
    expect(owner).toBe('n1')
    await expectVisit(alone.server('n1'), { session, resumed: true, reason: 'hit' })
  })

  test('case 45: R > N: on every node there is', async () => {
    const two = await ClusterUnderTest.start({ nodes: 2, info: { replicas: 5 } })
    const { session } = await two.server('n1').firstVisit()
    for (const server of two.servers) {
      await expectVisit(server, { session, resumed: true, reason: 'hit' })
      expect((await server.report()).node?.memory.entries).toBe(1)
    }
  })
})

/** The process ends and its port refuses. */
async function kill(id: string): Promise<void> {
  await cluster.server(id).kill()
  await cluster.proxy(id).refuse()
}

async function revive(id: string): Promise<void> {
  await cluster.proxy(id).accept()
  await cluster.restart(id)
}

/** Does something again until `server` sees the node's breaker in this state. */
async function untilBreaker(
  server: ServerUnderTest,
  id: string,
  state: string,
  again: () => Promise<void>,
): Promise<void> {
  for (let i = 0; i < 10 && (await server.settled()).breakers[id] !== state; i++) await again()
  expect((await server.report()).breakers[id]).toBe(state)
}

/** The session as they all must see it; the ones they made instead, which have come to their owners. */
async function everywhere(wanted: {
  session: Buffer | undefined
  resumed: boolean
  reason: string
}): Promise<(Buffer | undefined)[]> {
  const made: (Buffer | undefined)[] = []
  for (const server of cluster.servers) {
    made.push((await expectVisit(server, wanted)).session)
    await server.settled()
  }
  return made
}

/** How many records n2 and n3 have. */
async function entries(): Promise<unknown> {
  const reports = await Promise.all(['n2', 'n3'].map(id => cluster.server(id).report()))
  return reports.map(({ node }) => node?.memory.entries)
}

function bytesToNodes(): number {
  return [...cluster.proxies.values()].reduce((total, proxy) => total + proxy.bytesToServer, 0)
}
