/** The simulator against theory and against the golden vectors of the placements. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { fromHex } from '../../src/bytes.ts'
import { type PlacementName, placementNames } from '../../src/cluster/cluster-info.ts'
import { balanceOf } from '../../src/cluster/simulation/balance.ts'
import { chordNetwork } from '../../src/cluster/simulation/chord-fingers.ts'
import { hopFigures, type Network } from '../../src/cluster/simulation/hops.ts'
import { bucketSize, kademliaNetwork } from '../../src/cluster/simulation/kademlia-buckets.ts'
import {
  chanceBalance,
  placementFigures,
  type SimulationPlan,
  simulatedIds,
} from '../../src/cluster/simulation/placement-figures.ts'
import { seededRandom } from '../../src/cluster/simulation/seeded-random.ts'

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest())
const plan: SimulationPlan = {
  placement: 'rendezvous',
  nodes: 16,
  sampled: 20_000,
  replicas: 2,
  draws: 1,
  events: ['join', 'leave', 'crash'],
}
const simulate = (changes: Partial<SimulationPlan>, seed = 'a') =>
  placementFigures({ ...plan, ...changes }, { sha256, random: seededRandom(seed) })

/** Five standard errors of a share in 20,000 sessions. */
const errorOf = (share: number) => 5 * Math.sqrt((share * (1 - share)) / plan.sampled)

test('the balance of 1, 2 and 6, by hand', () => {
  const { peakToMean, minToMean, coefficientOfVariation } = balanceOf([1, 2, 6])
  expect([peakToMean, minToMean]).toEqual([2, 1 / 3])
  expect(coefficientOfVariation).toBeCloseTo(Math.sqrt((4 + 1 + 9) / 3) / 3, 10)
})

test('chance varies as counting does: one to the root of the mean', () => {
  const { coefficientOfVariation, peakToMean } = chanceBalance(
    { nodes: 100, sampled: 40_000 },
    seededRandom('a'),
  )
  expect(coefficientOfVariation).toBeGreaterThan(0.035)
  expect(coefficientOfVariation).toBeLessThan(0.065)
  // The greatest of 100 normal deviations is 2.5 on average.
  expect(peakToMean).toBeLessThan(1.25)
})

describe('placements', () => {
  test('the same seed gives the same figures, another seed others', () => {
    expect(simulate({})).toEqual(simulate({}))
    expect(simulate({}, 'b')).not.toEqual(simulate({}))
  })

  test('rendezvous is as even as chance, and moves 1 / N', () => {
    const { balance, bestOfTwo, events } = simulate({})
    // Five standard errors of a load of 1,250.
    expect(balance.peakToMean).toBeLessThan(1 + 5 / Math.sqrt(1250))
    expect(balance.minToMean).toBeGreaterThan(1 - 5 / Math.sqrt(1250))
    expect(bestOfTwo).toBeNull()
    expect(events.map(({ event }) => event)).toEqual(['join', 'leave', 'crash'])
    for (const [i, share] of [1 / 17, 1 / 16, 1 / 16].entries()) {
      expect(events[i]!.idealMoved).toBe(share)
      expect(Math.abs(events[i]!.moved - share)).toBeLessThan(errorOf(share))
    }
  })

  // Consistent hashing: a change moves the keys of who comes or goes, and replicas are who comes next.
  test.each<PlacementName>(['chord', 'ring', 'kademlia', 'rendezvous'])(
    '%s: who goes loses, nobody else',
    name => {
      const [join, leave, crash] = simulate({ placement: name }).events
      for (const { moved, oneCopy, allCopies } of [join!, leave!, crash!]) {
        expect(oneCopy.ownersOnly).toBeCloseTo(1 - moved, 10)
        expect(allCopies).toEqual({ ownersOnly: 1, withFormer: 1 })
      }
      expect([join!.oneCopy.withFormer, leave!.oneCopy.withFormer]).toEqual([1, 1])
      expect(crash!.oneCopy.withFormer).toBe(crash!.oneCopy.ownersOnly)
    },
  )

  test('a table that is dealt again moves nearly all, and its former owners still have them', () => {
    const [join, leave, crash] = simulate({ placement: 'table' }).events
    for (const { moved, oneCopy } of [join!, leave!, crash!]) {
      expect(moved).toBeGreaterThan(0.9)
      expect(oneCopy.ownersOnly).toBeCloseTo(1 - moved, 10)
    }
    expect(leave!.oneCopy.withFormer).toBe(1)
    expect(Math.abs(crash!.oneCopy.withFormer - 15 / 16)).toBeLessThan(errorOf(1 / 16))
    expect(crash!.allCopies.withFormer).toBe(1)
  })

  test('the better of two draws is more even where there is something to even out', () => {
    for (const placement of ['chord', 'ring', 'kademlia'] as const) {
      const { balance, bestOfTwo } = simulate({ placement, draws: 2, events: [] })
      expect(bestOfTwo!.peakToMean, placement).toBeLessThan(balance.peakToMean)
      expect(bestOfTwo!.coefficientOfVariation).toBeLessThan(balance.coefficientOfVariation)
    }
  })

  test('who draws does not show in the balance of many nodes', () => {
    // Table and two draws even out nearly all; were 16 of the 80 kept from their own sessions, they would have 6 % less.
    const { bestOfTwo } = simulate({ placement: 'table', nodes: 80, sampled: 60_000, draws: 2, events: [] })
    expect(bestOfTwo!.minToMean).toBeGreaterThan(0.97)
  })

  test('progress goes up from 0 and stays below 1', () => {
    const told: number[] = []
    placementFigures(
      { ...plan, draws: 2 },
      { sha256, random: seededRandom('a'), onProgress: done => told.push(done) },
    )
    expect(told.length).toBeGreaterThan(2)
    expect(told).toEqual(told.toSorted((a, b) => a - b))
    expect([told[0], told.at(-1)! < 1]).toEqual([0, true])
  })

  test.each(placementNames)('%s: two nodes are the least', placement => {
    const { balance } = simulate({ placement, nodes: 2, replicas: 5, sampled: 500, draws: 2 })
    expect(balance.peakToMean + balance.minToMean).toBeCloseTo(2, 10)
  })
})

describe('hops', () => {
  const networks: Readonly<Record<'chord' | 'kademlia', (count: number) => Network>> = {
    chord: count => chordNetwork(simulatedIds(count), sha256),
    kademlia: count => kademliaNetwork(simulatedIds(count), sha256, seededRandom('buckets')),
  }

  test.each(['chord', 'kademlia'] as const)(
    '%s: from every node every key finds the owner of the golden vectors',
    name => {
      const vectors = JSON.parse(readFileSync(`vectors/placement/${name}.json`, 'utf8')) as {
        keys: string[]
        cases: { name: string; owners: string }[]
      }
      for (const count of [1, 3, 16, 100]) {
        const network = networks[name](count)
        const { owners } = vectors.cases.find(({ name }) => name === `${count} nodes, R = 1`)!
        const expected = owners.split(' ').map(Number)
        for (const [i, key] of vectors.keys.entries()) {
          for (let from = 0; from < count; from++) {
            const { owner, hops } = network.route(from, fromHex(key))
            expect(owner).toBe(expected[i])
            expect(hops === 0).toBe(owner === from)
          }
        }
      }
    },
  )

  test('Chord takes half of log2 N on average to the node before the key, and one more (Stoica 2001, theorem IV.2)', () => {
    for (const count of [64, 1024]) {
      const { chord, log2 } = hopFigures(simulatedIds(count), 3000, { sha256, random: seededRandom('a') })
      expect(Math.abs(chord.mean - (log2 / 2 + 1))).toBeLessThan(0.6)
      expect(chord.max).toBeLessThanOrEqual(2 * log2)
    }
  })

  test('Kademlia: where a bucket holds everybody it is one hop, later more, and fewer than Chord has', () => {
    const few = hopFigures(simulatedIds(bucketSize), 500, { sha256, random: seededRandom('a') })
    expect(few.kademlia.max).toBe(1)
    const many = hopFigures(simulatedIds(1024), 3000, { sha256, random: seededRandom('a') })
    expect(many.kademlia.mean).toBeGreaterThan(1)
    expect(many.kademlia.mean).toBeLessThan(many.chord.mean)
    expect(many.kademlia.max).toBeLessThanOrEqual(many.log2)
  })
})
