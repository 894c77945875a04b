import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { fromHex } from '../../src/bytes.ts'
import {
  chord,
  kademlia,
  type PlacedNode,
  type Placement,
  rendezvous,
  ring,
  table,
} from '../../src/cluster/placement/index.ts'

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest())

interface Vectors {
  readonly keys: readonly string[]
  readonly cases: readonly {
    readonly name: string
    readonly replicas: number
    readonly nodes: readonly PlacedNode[]
    readonly slots?: readonly { readonly from: number; readonly to: number; readonly node: string }[]
    readonly owners: string
  }[]
}

const placements = { table, chord, ring, kademlia, rendezvous }
type Name = keyof typeof placements
const names = Object.keys(placements) as Name[]

function build(
  name: Name,
  nodes: readonly PlacedNode[],
  replicas: number,
  slots?: readonly string[],
): Placement {
  return name === 'table' ? table(nodes, replicas, slots) : placements[name](nodes, replicas, sha256)
}

const nodeList = (count: number): PlacedNode[] =>
  Array.from({ length: count }, (_, i) => ({ id: `node-${i}`, weight: 1 }))
const keys = Array.from({ length: 10_000 }, (_, i) => sha256(new TextEncoder().encode(`balance ${i}`)))

/** The busiest node's keys to the mean. */
function peakToMean(place: Placement, count: number): number {
  const load = new Array<number>(count).fill(0)
  for (const key of keys) load[place(key)[0]!]!++
  return (Math.max(...load) * count) / keys.length
}

describe.each(names)('%s', name => {
  const vectors: Vectors = JSON.parse(readFileSync(`vectors/placement/${name}.json`, 'utf8'))

  test.each(vectors.cases)('as the oracle: $name', ({ nodes, replicas, slots, owners }) => {
    const assigned = slots?.flatMap(({ from, to, node }) => new Array<string>(to - from + 1).fill(node))
    const place = build(name, nodes, replicas, assigned)
    expect(vectors.keys.map(key => place(fromHex(key)).join('-')).join(' ')).toBe(owners)
  })

  test('gives min(R, N) distinct owners', () => {
    for (const [count, replicas] of [
      [1, 3],
      [2, 2],
      [5, 3],
      [3, 16],
    ] as const) {
      const place = build(name, nodeList(count), replicas)
      for (const key of keys.slice(0, 50)) {
        const owners = place(key)
        expect(owners.length).toBe(Math.min(count, replicas))
        expect(new Set(owners).size).toBe(owners.length)
      }
    }
  })

  test('does not depend on the order of the list', () => {
    const nodes = nodeList(7)
    const mixed = [3, 0, 6, 2, 5, 1, 4].map(i => nodes[i]!)
    const [place, placeMixed] = [build(name, nodes, 2), build(name, mixed, 2)]
    for (const key of keys.slice(0, 300)) {
      expect(placeMixed(key).map(i => mixed[i]!.id)).toEqual(place(key).map(i => nodes[i]!.id))
    }
  })
})

test('kademlia tells nodes apart whose numbers agree for many bytes', () => {
  // A "hash" that makes numbers of zeros and, at the end, the last letter of what is hashed.
  const lastLetter = (bytes: Uint8Array) =>
    Uint8Array.from({ length: 32 }, (_, i) => (i < 31 ? 0 : bytes.at(-1)!))
  const nodes = ['a', 'b', 'c', 'd'].map(id => ({ id, weight: 1 }))
  // The letters are 0x61 to 0x64, at a distance of 2, 1, 0 and 7 from 0x63.
  expect(kademlia(nodes, 4, lastLetter)(lastLetter(Uint8Array.of(0x63)))).toEqual([2, 1, 0, 3])
})

describe('balance, peak to mean at 3, 16 and 100 nodes', () => {
  // Twice the distance from 1 that CLUSTER.md's table has, and the noise of 100 keys a node.
  test.each<[Name, number, number, number]>([
    ['table', 1.1, 1.2, 1.4],
    ['chord', 2.5, 7, 10],
    ['ring', 1.3, 1.5, 1.7],
    ['kademlia', 2.5, 7, 10],
    ['rendezvous', 1.1, 1.2, 1.4],
  ])('%s is below %d, %d and %d', (name, ...bounds) => {
    for (const [i, count] of [3, 16, 100].entries()) {
      expect(peakToMean(build(name, nodeList(count), 1), count)).toBeLessThan(bounds[i]!)
    }
  })
})

describe('when one of 16 nodes leaves', () => {
  const before = nodeList(16)

  test.each<Name>(['rendezvous', 'ring', 'chord', 'kademlia'])('%s moves its keys and no others', name => {
    for (const gone of [0, 7, 15]) {
      const after = before.filter((_, i) => i !== gone)
      const [place, placeAfter] = [build(name, before, 1), build(name, after, 1)]
      for (const key of keys.slice(0, 1500)) {
        const owner = before[place(key)[0]!]!.id
        if (owner !== `node-${gone}`) expect(after[placeAfter(key)[0]!]!.id).toBe(owner)
      }
    }
  })

  test.each<[Name, number]>([
    ['rendezvous', 0.08],
    ['ring', 0.09],
  ])('%s moves at most %d of all keys', (name, bound) => {
    const place = build(name, before, 1)
    const moved = keys.filter(key => place(key)[0] === 7).length
    expect(moved / keys.length).toBeLessThan(bound)
  })

  test.each<Name>(['rendezvous', 'ring', 'chord', 'kademlia'])(
    '%s sends its keys to their second owners',
    name => {
      const after = before.filter((_, i) => i !== 7)
      const [place, placeAfter] = [build(name, before, 2), build(name, after, 1)]
      for (const key of keys.slice(0, 1500)) {
        const [first, second] = place(key)
        if (first === 7) expect(after[placeAfter(key)[0]!]!.id).toBe(before[second!]!.id)
      }
    },
  )
})

describe('weights', () => {
  const nodes = [
    { id: 'a', weight: 1 },
    { id: 'b', weight: 2 },
    { id: 'c', weight: 5 },
  ]

  test.each<[Name, number]>([
    ['rendezvous', 0.02],
    ['ring', 0.1],
  ])('%s gives shares by weight, within %d', (name, tolerance) => {
    const place = build(name, nodes, 1)
    for (const [i, { weight }] of nodes.entries()) {
      const share = keys.filter(key => place(key)[0] === i).length / keys.length
      expect(Math.abs(share - weight / 8)).toBeLessThan(tolerance)
    }
  })

  test('a raised weight takes keys over and moves none between others', () => {
    const raised = nodes.map(node => (node.id === 'a' ? { id: 'a', weight: 3 } : node))
    const [place, placeRaised] = [rendezvous(nodes, 1, sha256), rendezvous(raised, 1, sha256)]
    for (const key of keys.slice(0, 1500)) {
      const [now] = placeRaised(key)
      if (now !== 0) expect(now).toBe(place(key)[0])
    }
  })
})
