/** Clocks of machines are set back now and then: nothing of a node may be lost or stuck for that. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { watchCluster } from '../../src/cluster/cluster-watch.ts'
import { membershipOf } from '../../src/cluster/membership.ts'
import { NonceMemory } from '../../src/cluster/nonce-memory.ts'
import { RecordMemory } from '../../src/cluster/record-memory.ts'
import { temporaryDirectory } from '../support/processes.ts'
import { Clock, keysText, namedNodes, provider, startMs, testInfo, testKeys } from './support.ts'

test('nonces from the time when it was ahead do not keep those that are over', () => {
  const memory = new NonceMemory({ memoryMs: 1000, maxNonces: 10 })
  memory.admit('ahead', startMs + 3_600_000)
  const admitted = Array.from({ length: 100 }, (_, i) => memory.admit(`${i}`, startMs + i * 500))
  expect(new Set(admitted)).toEqual(new Set(['new']))
  // It could be replayed when the clock is ahead again.
  expect(memory.admit('ahead', startMs + 3_600_000)).toBe('replayed')
})

test('a key that seemed to be over is taken up again', async () => {
  const clock = new Clock()
  const epochs = [
    { epoch: 1, notAfterMs: startMs + 60_000 },
    { epoch: 2, notBeforeMs: startMs + 30_000 },
  ]
  const keysPath = join(temporaryDirectory(), 'cluster.key')
  writeFileSync(keysPath, keysText(epochs), { mode: 0o600 })
  const keys = testKeys(epochs)
  const membership = membershipOf(testInfo(namedNodes(1)), provider)
  const watch = watchCluster({ keysPath, membership, keys, provider, now: clock.now, pollMs: 5 })
  const untilEpochs = async (count: number) => {
    while (keys.periods.length !== count) await new Promise(resolve => setTimeout(resolve, 5))
  }
  clock.nowMs += 3_600_000
  await untilEpochs(1)
  clock.nowMs = startMs
  await untilEpochs(2)
  expect(keys.current(clock.nowMs)?.epoch).toBe(1)
  watch.close()
})

test('what is over is neither counted nor evicted', () => {
  const clock = new Clock()
  const memory = new RecordMemory({ maxRecords: 100, maxBytes: 1 << 20, maxTombstones: 10 }, clock.now)
  for (let i = 0; i < 500; i++) {
    memory.write(`${i}`, new Uint8Array(100), 10_000)
    clock.nowMs += 1000
  }
  expect(memory.evictions).toBe(0)
  expect(memory.entries).toBeLessThanOrEqual(10)
  expect(memory.bytes).toBe(memory.entries * 100)
})
