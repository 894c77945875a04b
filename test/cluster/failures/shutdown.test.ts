/** Failure cases of a cluster: a server is told to end while sessions are on their way. */
import { afterEach, beforeAll, expect, test } from 'vitest'
import { ClusterUnderTest, expectDiscretion, expectVisit } from './harness.ts'

let cluster: ClusterUnderTest
beforeAll(async () => {
  cluster = await ClusterUnderTest.start({ nodes: 2 })
})
afterEach(async () => {
  cluster.heal()
  await expectDiscretion()
})

test('case 46: shutdown with PUTs in flight: flushed', async () => {
  // 200 ms are not much on busy cores: several tries, of which one must do it.
  for (let tries = 0; tries < 5; tries++) {
    const maker = await cluster.front()
    let release = () => {}
    const gate = new Promise<void>(resolve => {
      release = resolve
    })
    for (const proxy of cluster.proxies.values()) proxy.toServer = { gate }
    const made = await Promise.all([maker.visit(), maker.visit(), maker.visit()])
    const ended = maker.shutDown()
    setTimeout(release, 20)
    const { report, exitCode } = await ended
    cluster.heal()
    expect(exitCode).toBe(0)
    if (report.sessions.store_put_total.ok < 3) continue
    for (const { session } of made) {
      for (const server of cluster.servers)
        await expectVisit(server, { session, resumed: true, reason: 'hit' })
    }
    return
  }
  throw new Error('no server handed its sessions over before it ended')
})

test('case 46: and for no longer than a moment when nobody takes them', async () => {
  const maker = await cluster.front()
  for (const proxy of cluster.proxies.values()) proxy.toServer = { blackHole: true }
  const { session } = await maker.visit()
  const startedMs = performance.now()
  const { report, exitCode } = await maker.shutDown()
  // Far below the time of a PUT, which is a second, and of the patient tests.
  expect(performance.now() - startedMs).toBeLessThan(5000)
  expect(exitCode).toBe(0)
  expect(report.sessions.store_put_total.ok).toBe(0)
  cluster.heal()
  for (const server of cluster.servers) await expectVisit(server, { session, resumed: false, reason: 'miss' })
})
