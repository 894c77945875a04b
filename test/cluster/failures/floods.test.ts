/** Failure cases of a cluster: very many hellos, which nobody could answer with a full handshake each. */
import { afterEach, beforeAll, expect, test } from 'vitest'
import { parseClusterKeys } from '../../../src/cluster/index.ts'
import { SessionIds } from '../../../src/cluster/session-ids.ts'
import { fixture, seededRandom } from '../../support/fixtures.ts'
import { provider } from '../support.ts'
import { hellos } from './crowd.ts'
import {
  ClusterUnderTest,
  clusterKeys,
  difference,
  eventually,
  expectDiscretion,
  expectVisit,
  type ServerUnderTest,
  sum,
  usualMs,
} from './harness.ts'

let cluster: ClusterUnderTest
/** Not a node; with an RSA key, since the answer to a hello that wants no other key exchange costs little. */
let front: ServerUnderTest
beforeAll(async () => {
  const setup = { cert: fixture('server.pem'), key: fixture('server.key') }
  cluster = await ClusterUnderTest.start({ nodes: 2 })
  front = await cluster.front({ ...setup, lookupTimeoutMs: usualMs })
})
afterEach(expectDiscretion)

test('case 32: flood of forged IDs: 0 requests out', async () => {
  const { session, sessionId } = await cluster.server('n1').firstVisit()
  const before = await front.settled()
  const random = seededRandom('forged')
  // Half of them are a real one with one bit changed, version and epoch left as they are.
  const forged = Array.from({ length: 2000 }, (_, i) =>
    i % 2 === 0 ? flipped(sessionId, 8 + (i % 248)) : random(32),
  )
  const answers = await hellos(front.port, forged, accepted)
  expect(answers.length).toBe(2000)
  expect(answers.every(({ isEcho }) => !isEcho)).toBe(true)
  const after = await front.settled()
  expect(difference(after.asked, before.asked)).toEqual({ load: 2000 })
  expect(difference(after.store, before.store)).toEqual({})
  const { foreign_id = 0, epoch = 0, ...others } = difference(after.sessions.lookups, before.sessions.lookups)
  expect(foreign_id + epoch).toBe(2000)
  expect(others).toEqual({})
  await expectVisit(cluster.server('n2'), { session, resumed: true, reason: 'hit' })
})

test('case 31: 10,000 hellos at once, before a node that hangs', async () => {
  const { session } = await cluster.server('n1').firstVisit()
  const keys = parseClusterKeys(clusterKeys, 'cluster.key', { provider, nowMs: Date.now() })
  const ids = new SessionIds({ keys, now: Date.now })
  const random = seededRandom('crowd')
  const drawn = Array.from({ length: 10_000 }, () => ids.draw(random, () => 0, 1)!.id)
  const before = await front.settled()
  for (const server of cluster.servers) server.pause()
  const answers = await hellos(front.port, drawn, accepted)
  expect(answers.length).toBe(10_000)
  expect(answers.every(({ isEcho }) => !isEcho)).toBe(true)
  const after = await front.settled()
  const lookups = difference(after.sessions.lookups, before.sessions.lookups)
  expect(Object.keys(lookups).every(reason => ['timeout', 'breaker'].includes(reason))).toBe(true)
  expect(sum(lookups)).toBe(10_000)
  // Two nodes, 256 requests at a time until the breakers open, and a probe a second after that.
  expect(difference(after.store, before.store).requests).toBeLessThan(2 * 256 + 200)
  for (const server of cluster.servers) server.resume()
  await eventually(async () => (await front.visit({ session: session! })).resumed || undefined)
}, 60_000)

async function accepted(): Promise<number> {
  return (await front.report()).connections
}

/** The same bytes with one bit changed. */
function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[bit >> 3]! ^= 1 << (bit & 7)
  return copy
}
