import { byId, type PlacedNode, type Placement } from './placement.ts'

/** As many as Redis Cluster has. */
export const tableSlots = 16_384

/**
 * The method's preset table: the key's first 14 bits name a slot, the slot a node. Without an assignment slots
 * are dealt in turn to the nodes by ID; with one, an operator moves a slot by writing another ID (`slots`
 * holds the node's ID for each of the 16,384). Replicas are the next distinct nodes in the order of slots.
 * Weights do not count: the operator says it all.
 */
export function table(nodes: readonly PlacedNode[], replicas: number, slots?: readonly string[]): Placement {
  const sorted = byId(nodes)
  const indexOf = new Map(sorted.map(({ node, index }) => [node.id, index]))
  const first = Array.from({ length: tableSlots }, (_, slot) =>
    slots === undefined ? sorted[slot % sorted.length]!.index : indexOf.get(slots[slot]!)!,
  )
  const owners = ownersOfSlots(first, replicas)
  return storageKey => owners[((storageKey[0]! << 8) | storageKey[1]!) >> 2]!
}

/**
 * For each slot its node and the next distinct ones. A slot's owners are its node and the owners of the slot
 * after it, so one walk backwards finds them all; the walk goes round twice, since the last slot's are found
 * at the beginning.
 */
function ownersOfSlots(first: readonly number[], replicas: number): readonly (readonly number[])[] {
  const owners: (readonly number[])[] = first.map(() => [])
  for (let round = 0; round < 2; round++) {
    for (let slot = tableSlots - 1; slot >= 0; slot--) {
      const node = first[slot]!
      const next = owners[(slot + 1) % tableSlots]!
      owners[slot] = [node, ...next.filter(other => other !== node)].slice(0, replicas)
    }
  }
  return owners
}
