import { describe, expect, test } from 'vitest'
import type { Sample } from '../../support/soak/server.ts'
import { faultsOf, type SoakReport, soak } from '../../support/soak/soak.ts'

test('case 50: a soak with 1 % faults, in short: no error, nothing unhandled, and whoever should resume does', async () => {
  const report = await soak({
    ...{ seconds: 20, clients: 4, seed: 50, faultRate: 0.01, lookupTimeoutMs: 2000 },
    progress: () => {},
  })
  expect(faultsOf(report)).toEqual([])
  expect(report.faults).toBeGreaterThan(0)
  expect(report.hits).toBeGreaterThan(20)
}, 120_000)

describe('case 50: what a soak finds wrong', () => {
  const sample: Sample = {
    ...{ rss: 1e8, heapUsed: 2e7, external: 1e6, unhandledRejections: 0, sockets: 5, resources: 9 },
  }
  const samplesOf = (change: (at: number) => Partial<Sample>) =>
    new Map([['n1', Array.from({ length: 41 }, (_, i) => ({ ...sample, ...change(i / 40) }))]])
  const good: SoakReport = {
    ...{ handshakes: 1000, returning: 900, hits: 880, misses: { timeout: 20 } },
    ...{ unhindered: 870, unhinderedHits: 869, faults: 20, errors: [], complaints: [], exitCodes: [0, 0, 0] },
    ...{ samples: samplesOf(() => ({})), isLong: true },
  }

  test('nothing in a good run, nor in one whose memory becomes more at first', () => {
    expect(faultsOf(good)).toEqual([])
    const filling = samplesOf(at => ({ heapUsed: 2e7 + 2e7 * Math.min(at, 0.25), sockets: at < 1 ? 20 : 0 }))
    expect(faultsOf({ ...good, samples: filling })).toEqual([])
  })

  test.each<[string, Partial<SoakReport>, RegExp]>([
    ['a client saw an error', { errors: ['n1: ECONNRESET'] }, /ECONNRESET/],
    ['more misses than the faults allow', { unhinderedHits: 861 }, /98\.97 % of 870 unhindered/],
    ['nobody came back', { unhindered: 0, unhinderedHits: 0 }, /of 0 unhindered/],
    ['a server that did not end well', { exitCodes: [0, 1, 0] }, /exit codes 0,1,0/],
    ['something on stderr', { complaints: ['n2: TypeError'] }, /TypeError/],
    ['a rejection', { samples: samplesOf(() => ({ unhandledRejections: 1 })) }, /1 unhandled/],
    ['heap that grows', { samples: samplesOf(at => ({ heapUsed: 2e7 + 2e7 * at })) }, /heap grew/],
    [
      'sockets that are kept',
      { samples: samplesOf(at => ({ sockets: 5 + Math.round(60 * at) })) },
      /sockets grew/,
    ],
  ])('%s', (_, change, words) => {
    const wrong = faultsOf({ ...good, ...change })
    expect(wrong).toHaveLength(1)
    expect(wrong[0]).toMatch(words)
  })
})
