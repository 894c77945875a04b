import { byId, type PlacedNode, type Placement } from './placement.ts'
import { ownersAlong, spreadOf } from './zones.ts'

/** As many as Redis Cluster has. */
export const tableSlots = 16_384

/**
 * The method's preset table: the key's first 14 bits name a slot, the slot a node. Without an assignment slots
 * are dealt in turn to the nodes by ID; with one, an operator moves a slot by writing another ID (`slots`
 * holds the node's ID for each of the 16,384). Replicas are the next distinct nodes in the order of slots;
 * a node without a slot owns nothing. Weights do not count: the operator says it all.
 */
export function table(nodes: readonly PlacedNode[], replicas: number, slots?: readonly string[]): Placement {
  const sorted = byId(nodes)
  const indexOf = new Map(sorted.map(({ node, index }) => [node.id, index]))
  const first = Array.from({ length: tableSlots }, (_, slot) =>
    slots === undefined ? sorted[slot % sorted.length]!.index : indexOf.get(slots[slot]!)!,
  )
  const placed = new Set(first)
  const spread = spreadOf(
    nodes,
    replicas,
    nodes.filter((_, index) => placed.has(index)),
  )
  // Worked out when it is first asked for: where an operator gave long ranges, the way to the next node is long.
  const owners: (readonly number[])[] = []
  return storageKey => {
    const slot = ((storageKey[0]! << 8) | storageKey[1]!) >> 2
    owners[slot] ??= ownersAlong(first, slot, spread)
    return owners[slot]
  }
}
