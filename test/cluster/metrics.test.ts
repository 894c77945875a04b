import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { ClusterMetrics, type MeasuredMember } from '../../src/cluster/metrics.ts'
import { parsePrometheus, sampleOf } from '../support/prometheus.ts'
import { Clock, startMs, testKeys } from './support.ts'

const counts = { ok: 3, timeout: 0, conflict: 0, gone: 0, breaker: 0, error: 0 }

/** A server's part in a cluster, with figures that are made up. */
function member(store: MeasuredMember['store']): MeasuredMember {
  const counters = { store_put_total: { ...counts, unstorable: 1 }, store_delete_total: counts, forgotten: 2 }
  return { sessionCache: { counters }, store, keys: testKeys() }
}

/** A node likewise. */
const node = {
  counters: {
    replies: { 'GET 200': 5, 'other 408': 1 },
    get: { hit: 0, miss: 0, gone: 0 },
    put: { stored: 0, same: 0, other: 0, deleted: 0 },
    delete: { deleted: 0, missing: 0 },
    unauthorized: { malformed: 0, unknown_epoch: 0, wrong_mac: 0, clock_skew: 7, replayed: 0 },
    nonces_full: 0,
    cluster_digest_mismatch: 4,
    refused_connections: { too_many: 0, tls: 0 },
  },
  memory: { entries: 10, bytes: 2000, evictions: 0, tombstones: 1 },
}

const read = async (metrics: ClusterMetrics) => parsePrometheus(await metrics.text())

test('counters that are kept elsewhere are read at each scrape, and not added up', async () => {
  const metrics = new ClusterMetrics(new Clock())
  metrics.watchNode(node)
  for (const _ of [1, 2, 3]) await metrics.text()
  const page = await read(metrics)
  expect(sampleOf(page, 'ringtls_store_requests_total', { method: 'GET', status: '200' })).toBe(5)
  expect(sampleOf(page, 'ringtls_store_unauthorized_total', { reason: 'clock_skew' })).toBe(7)
  node.counters.replies['GET 200'] = 6
  expect(
    sampleOf(await read(metrics), 'ringtls_store_requests_total', { method: 'GET', status: '200' }),
  ).toBe(6)
})

test('a server with a node of its own has one metric of both for lists that differ', async () => {
  const metrics = new ClusterMetrics(new Clock())
  metrics.watchNode(node)
  metrics.watchMember(member({ counters: { cluster_digest_mismatch: 9 } }))
  const page = await read(metrics)
  expect(sampleOf(page, 'ringtls_cluster_digest_mismatch_total', { seen_by: 'node' })).toBe(4)
  expect(sampleOf(page, 'ringtls_cluster_digest_mismatch_total', { seen_by: 'server' })).toBe(9)
})

test('breakers are numbers, and nodes that left the list are gone', async () => {
  const breakers = new Map([
    ['a', 'closed'],
    ['b', 'half_open'],
    ['c', 'open'],
  ] as const)
  const metrics = new ClusterMetrics(new Clock())
  metrics.watchMember(member({ breakers }))
  const page = await read(metrics)
  expect(['a', 'b', 'c'].map(node => sampleOf(page, 'ringtls_breaker_state', { node }))).toEqual([0, 1, 2])
  breakers.delete('c')
  expect(sampleOf(await read(metrics), 'ringtls_breaker_state', { node: 'c' })).toBeUndefined()
})

test('the age of the key follows the clock and the keys, and is absent before the first', async () => {
  const clock = new Clock()
  const keys = testKeys([{ epoch: 1, notBeforeMs: startMs + 1000 }])
  const metrics = new ClusterMetrics(clock)
  metrics.watchKeys(keys)
  expect(sampleOf(await read(metrics), 'ringtls_key_epoch_age_seconds')).toBeUndefined()
  clock.nowMs += 61_000
  expect(sampleOf(await read(metrics), 'ringtls_key_epoch_age_seconds')).toBe(60)
  keys.replaceWith(testKeys([{ epoch: 2, notBeforeMs: startMs + 60_000 }]))
  expect(sampleOf(await read(metrics), 'ringtls_key_epoch_age_seconds')).toBe(1)
})

test('look-ups have a histogram in seconds', async () => {
  const metrics = new ClusterMetrics(new Clock())
  metrics.watchMember(member({}))
  for (const ms of [0.4, 3, 60]) metrics.countLookup('hit', ms)
  const samples = (await read(metrics)).get('ringtls_lookup_seconds')!.samples
  const upTo = (le: string) => samples.find(({ labels }) => labels.le === le)!.value
  expect([upTo('0.0005'), upTo('0.005'), upTo('0.1'), upTo('+Inf')]).toEqual([1, 2, 3, 3])
})

test('an application may have its own registry, and one of another process is not touched', async () => {
  const registry = new Registry()
  const [mine, other] = [new ClusterMetrics({ now: Date.now, registry }), new ClusterMetrics(new Clock())]
  for (const metrics of [mine, other]) {
    metrics.watchHandshakes()
    metrics.watchHandshakes()
  }
  mine.countHandshake('hit')
  mine.countFailure()
  const [here, there] = [parsePrometheus(await registry.metrics()), await read(other)]
  expect(sampleOf(here, 'ringtls_resumption_total', { result: 'hit' })).toBe(1)
  expect(sampleOf(there, 'ringtls_resumption_total', { result: 'hit' })).toBe(0)
  expect([here, there].map(page => sampleOf(page, 'ringtls_handshakes_failed_total'))).toEqual([1, 0])
})
