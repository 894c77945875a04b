import type { PlacedNode, Placement, Sha256 } from './placement.ts'
import { pointRing } from './point-ring.ts'

/**
 * Chord (Stoica and others, 2001), which the method names: one point a node on a ring, a key on its successor,
 * replicas on the successor list. Where every server knows every other, that is all that is left of it:
 * fingers and hops are for those who do not, and a simulator shows them. Weights do not count.
 */
export function chord(nodes: readonly PlacedNode[], replicas: number, sha256: Sha256): Placement {
  return pointRing(nodes, replicas, sha256, node => [chordPointName(node.id)])
}

/** What is hashed to a node's one point. */
export function chordPointName(id: string): string {
  return `ringtls chord ${id}`
}
