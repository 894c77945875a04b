/** A session that is over by a millisecond, and two that got the same ID. */
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { RandomBytes } from '../../../src/crypto/provider.ts'
import { fixture } from '../../support/fixtures.ts'
import { Openings, openCluster, openHttp, randomOf, seededRandom } from '../support.ts'
import {
  clusterKeys,
  expectDiscretion,
  expectVisit,
  patientMs,
  ServerUnderTest,
  type Wanted,
} from './harness.ts'
import { openOwnServer } from './own-server.ts'
import { PlayedNode, pathOf, seal, unseal } from './played-node.ts'
import { visit } from './visitor.ts'

const openings = new Openings()
afterAll(() => openings.release())

const resumed = { resumed: true, reason: 'hit' }

describe('case 14: a session of 600 s', () => {
  afterEach(expectDiscretion)
  const lifetimeMs = 600_000
  const createdAt = 7

  /** A server in a process of its own, whose clock stands still; the session it made, and when. */
  async function open() {
    const node = new PlayedNode()
    const url = await openHttp(openings, node.listener)
    const server = await ServerUnderTest.start({
      ...{ hasStore: false, clusterInfo: JSON.stringify({ revision: 1, nodes: [{ id: 'store', url }] }) },
      ...{ clusterKeys, cert: fixture('ec.pem'), key: fixture('ec.key'), seed: 'case 14' },
      lookupTimeoutMs: patientMs,
    })
    await server.tell({ do: 'turn clock', offsetMs: 0, stands: true })
    const made = await server.firstVisit()
    const record = node.recordOf(made.sessionId)
    const createdMs = unseal(record, made.sessionId).readUIntBE(createdAt, 6)
    /** Offered when its creation is so long ago: the clock stands, the record is made older. */
    const offerAt = (ageMs: number, wanted: Omit<Wanted, 'session'>) => {
      const plaintext = unseal(record, made.sessionId)
      plaintext.writeUIntBE(createdMs - ageMs, createdAt, 6)
      node.records.set(pathOf(made.sessionId), seal(plaintext, made.sessionId))
      return expectVisit(server, { ...wanted, session: made.session })
    }
    return { node, offerAt }
  }

  test('case 14: in its last millisecond resumed; a millisecond later full, and its counter moves', async () => {
    const { offerAt } = await open()
    await offerAt(lifetimeMs - 1, { resumed: true, reason: 'hit' })
    await offerAt(lifetimeMs, { resumed: false, reason: 'expired' })
    await offerAt(lifetimeMs + 1, { resumed: false, reason: 'expired' })
  })

  test('case 14: resuming it does not make it live longer: nothing is stored anew', async () => {
    const { node, offerAt } = await open()
    const stored = node.count('PUT')
    await offerAt(lifetimeMs - 1, { resumed: true, reason: 'hit' })
    await offerAt(lifetimeMs - 1, { resumed: true, reason: 'hit' })
    expect(node.count('PUT')).toBe(stored)
    await offerAt(lifetimeMs, { resumed: false, reason: 'expired' })
  })
})

describe('case 20: two servers draw the same ID', () => {
  /** As after a virtual machine was copied: the same bytes for both, until they part. */
  function twins(): { random: [RandomBytes, RandomBytes]; part: () => void } {
    let areTwins = true
    const twin = () => {
      const [shared, own] = [seededRandom('shared'), randomOf()]
      return (length: number) => (areTwins ? shared : own)(length)
    }
    return {
      random: [twin(), twin()],
      part: () => {
        areTwins = false
      },
    }
  }

  test('case 20: 409; neither session is resumed by anybody, no client sees an error, and both draw new IDs', async () => {
    const cluster = await openCluster(openings, 3, { info: { replicas: 2 } })
    const { random, part } = twins()
    const [one, two, three] = [0, 1, 2].map(() => cluster.server())
    const ports: number[] = []
    for (const [i, { cache }] of [one!, two!, three!].entries()) {
      const own = random[i] ? { random: random[i] } : {}
      const server = await openOwnServer(openings, { sessionCache: cache, now: cluster.clock.now, ...own })
      ports.push(server.port)
    }
    const settled = () => Promise.all([one!, two!, three!].map(({ cache }) => cache.flush(5000)))

    const first = await visit(ports[0]!)
    await settled()
    const second = await visit(ports[1]!)
    expect(second.sessionId).toEqual(first.sessionId)
    expect(second.masterSecret).not.toEqual(first.masterSecret)
    await settled()
    expect(two!.cache.counters).toMatchObject({
      store_put_total: { conflict: 1 },
      store_delete_total: { ok: 1 },
    })
    const owners = cluster.nodes.filter(({ counters }) => counters.put.stored > 0)
    expect(
      owners.map(({ counters, memory }) => [counters.put.other, counters.delete.deleted, memory]),
    ).toEqual(owners.map(() => [1, 1, { entries: 0, bytes: 0, evictions: 0, tombstones: 1 }]))
    expect(owners.length).toBe(2)

    part()
    const later: Buffer[] = []
    for (const { session } of [first, second, first, second]) {
      const again = await visit(ports[later.length % 3]!, { session })
      expect(again).toMatchObject({ resumed: false, reason: 'miss' })
      later.push(again.session)
    }
    await settled()
    for (const session of later) expect(await visit(ports[2]!, { session })).toMatchObject(resumed)
  })
})
