import { describe, expect, test } from 'vitest'
import type { ClusterInfo } from '../../src/cluster/cluster-info.ts'
import { membershipOf } from '../../src/cluster/membership.ts'
import { placementDifference } from '../../src/cluster/placement-difference.ts'
import { namedNodes, provider, seededRandom, testInfo } from './support.ts'

const count = 4000
/** Five standard errors of a share of 1/16 in 4,000 keys: about 1.9 percentage points. */
const tolerance = 5 * Math.sqrt((1 / 16) * (15 / 16) * (1 / count))

function difference(from: ClusterInfo, to: ClusterInfo, keys = count) {
  const random = seededRandom('difference')
  return placementDifference(membershipOf(from, provider), membershipOf(to, provider), {
    count: keys,
    random,
  })
}

const sixteen = namedNodes(16)
const without7 = sixteen.filter(({ id }) => id !== 'n7')

describe('placementDifference', () => {
  test('the same list moves nothing, whatever order, address and state its nodes have', () => {
    const changed = sixteen.map(({ id, url }) => ({
      id,
      url: url.replace('8401', '9000'),
      state: 'draining',
    }))
    const { shares, ...counts } = difference(testInfo(sixteen), testInfo(changed.toReversed()), 500)
    expect(counts).toEqual({
      sampled: 500,
      movedFirstOwner: 0,
      movedAnyOwner: 0,
      movedAllOwners: 0,
      idealMoved: 0,
    })
    expect(shares.every(({ before, after, ideal }) => before === after && ideal === 1 / 16)).toBe(true)
  })

  test('one of 16 leaves: its own keys move and no others, and shares add up to 1', () => {
    const { shares, ...found } = difference(testInfo(sixteen), testInfo(without7))
    const gone = shares.find(({ id }) => id === 'n7')!
    // Rendezvous hashing moves the leaver's keys alone (Thaler and Ravishankar 1998, minimal disruption).
    expect(found.movedFirstOwner).toBe(Math.round(gone.before * count))
    expect([found.movedAnyOwner, found.movedAllOwners]).toEqual([
      found.movedFirstOwner,
      found.movedFirstOwner,
    ])
    expect([gone.after, gone.ideal]).toEqual([0, 0])
    expect(found.idealMoved).toBeCloseTo(1 / 16, 10)
    expect(Math.abs(found.movedFirstOwner / count - 1 / 16)).toBeLessThan(tolerance)
    for (const part of ['before', 'after', 'ideal'] as const) {
      expect(shares.reduce((total, share) => total + share[part], 0)).toBeCloseTo(1, 10)
    }
  })

  test('one joins 15: it takes 1/16 from the others', () => {
    const { shares, idealMoved, movedFirstOwner } = difference(testInfo(without7), testInfo(sixteen))
    const come = shares.find(({ id }) => id === 'n7')!
    expect([come.before, come.ideal]).toEqual([0, 1 / 16])
    expect(Math.round(come.after * count)).toBe(movedFirstOwner)
    expect(idealMoved).toBeCloseTo(1 / 16, 10)
  })

  test('with two replicas a leaver takes two in 16 sets of owners apart, and no set altogether', () => {
    const more = { replicas: 2 }
    const found = difference(testInfo(sixteen, more), testInfo(without7, more))
    expect(Math.abs(found.movedAnyOwner / count - 2 / 16)).toBeLessThan(2 * tolerance)
    expect(found.movedAllOwners).toBe(0)
  })

  test('a weight raised from 1 to 2 of three moves a sixth, and none but to it', () => {
    const nodes = namedNodes(3)
    const raised = nodes.map(node => ({ ...node, weight: node.id === 'n0' ? 2 : 1 }))
    const { shares, idealMoved, movedFirstOwner } = difference(testInfo(nodes), testInfo(raised))
    expect(shares.map(({ ideal }) => ideal)).toEqual([0.5, 0.25, 0.25])
    expect(idealMoved).toBeCloseTo(1 / 6, 10)
    expect(movedFirstOwner).toBe(Math.round((shares[0]!.after - shares[0]!.before) * count))
    // Chord does not weigh.
    const chord = difference(
      testInfo(nodes, { placement: 'chord' }),
      testInfo(raised, { placement: 'chord' }),
    )
    expect([chord.movedFirstOwner, chord.idealMoved]).toEqual([0, 0])
  })

  test('an assigned table: as many keys move as slots', () => {
    const assigned = (last: number) => ({
      placement: 'table',
      slots: [
        { from: 0, to: last, node: 'n0' },
        { from: last + 1, to: 16_383, node: 'n1' },
      ],
    })
    const nodes = namedNodes(2)
    const { shares, idealMoved, movedFirstOwner } = difference(
      testInfo(nodes, assigned(8191)),
      testInfo(nodes, assigned(4095)),
    )
    expect(shares.map(({ ideal }) => ideal)).toEqual([0.25, 0.75])
    expect(idealMoved).toBe(0.25)
    expect(Math.abs(movedFirstOwner / count - 0.25)).toBeLessThan(2 * tolerance)
  })
})
