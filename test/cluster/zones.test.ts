/** What zones may and may not do to a placement, for any nodes; the golden vectors say which owners exactly. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
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

type Build = (nodes: readonly PlacedNode[], replicas: number) => Placement
const builds: Readonly<Record<string, Build>> = {
  table: (nodes, replicas) => table(nodes, replicas),
  chord: (nodes, replicas) => chord(nodes, replicas, sha256),
  ring: (nodes, replicas) => ring(nodes, replicas, sha256),
  kademlia: (nodes, replicas) => kademlia(nodes, replicas, sha256),
  rendezvous: (nodes, replicas) => rendezvous(nodes, replicas, sha256),
}

const anyNode = fc.record(
  {
    id: fc.stringMatching(/^[a-f]{1,3}$/),
    weight: fc.integer({ min: 1, max: 3 }),
    zone: fc.constantFrom('', 'east', 'west', 'north'),
  },
  { requiredKeys: ['id', 'weight'] },
)
const anyCase = fc.record({
  nodes: fc.uniqueArray(anyNode, { minLength: 1, maxLength: 12, selector: node => node.id }),
  replicas: fc.integer({ min: 1, max: 6 }),
  key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
})

describe.each(Object.entries(builds))('%s', (_, build) => {
  const owners = (nodes: readonly PlacedNode[], replicas: number, key: Uint8Array) =>
    build(nodes, replicas)(key).map(index => nodes[index]!)

  const holds = (property: (example: typeof anyCase extends fc.Arbitrary<infer C> ? C : never) => void) =>
    fc.assert(fc.property(anyCase, property), { numRuns: 60, seed: 4 })

  test('min(R, N) distinct owners, in as many zones as there can be', () => {
    holds(({ nodes, replicas, key }) => {
      const found = owners(nodes, replicas, key)
      expect(new Set(found).size).toBe(Math.min(replicas, nodes.length))
      expect(found.length).toBe(new Set(found).size)
      expect(zonesOf(found).size).toBe(Math.min(replicas, zonesOf(nodes).size))
    })
  })

  test('the first owner is the one without zones, and with one zone so are all', () => {
    holds(({ nodes, replicas, key }) => {
      const bare = nodes.map(({ id, weight }) => ({ id, weight }))
      const same = bare.map(node => ({ ...node, zone: 'east' }))
      const idsOf = (list: readonly PlacedNode[]) => owners(list, replicas, key).map(({ id }) => id)
      expect(idsOf(nodes)[0]).toBe(idsOf(bare)[0])
      expect(idsOf(same)).toEqual(idsOf(bare))
    })
  })

  test('a further replica adds an owner and changes none', () => {
    holds(({ nodes, replicas, key }) => {
      const more = owners(nodes, replicas + 1, key)
      expect(owners(nodes, replicas, key)).toEqual(more.slice(0, replicas))
    })
  })

  test('the order of the list does not matter', () => {
    holds(({ nodes, replicas, key }) => {
      expect(owners(nodes.toReversed(), replicas, key)).toEqual(owners(nodes, replicas, key))
    })
  })
})

function zonesOf(nodes: readonly PlacedNode[]): Set<string> {
  return new Set(nodes.map(node => node.zone ?? ''))
}
