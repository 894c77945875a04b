/**
 * A circle of 2^48 places. Nodes stand at points of it; a key belongs to the first point at or after its own
 * place, clockwise. Chord and the ring with many points differ only in how many points a node has.
 */
import { asciiBytes } from '../../bytes.ts'
import { byId, type PlacedNode, type Placement, type Sha256, uint32At } from './placement.ts'
import { ownersAlong, spreadOf } from './zones.ts'

/** The points of one node: `names` are hashed, and the first six bytes are the place. */
export type PointNames = (node: PlacedNode) => readonly string[]

/** The owners are the first `replicas` distinct nodes from the key's successor on, in distinct zones while there are any. */
export function pointRing(
  nodes: readonly PlacedNode[],
  replicas: number,
  sha256: Sha256,
  pointNames: PointNames,
): Placement {
  const points = byId(nodes)
    .flatMap(({ node, index }) =>
      pointNames(node).map(name => ({ at: placeOf(sha256(asciiBytes(name))), index })),
    )
    // The sort is stable: of two nodes at one place the one with the smaller ID comes first.
    .sort((a, b) => a.at - b.at)
  const places = points.map(point => point.at)
  const circle = points.map(point => point.index)
  const spread = spreadOf(nodes, replicas)
  return storageKey => ownersAlong(circle, successor(places, placeOf(storageKey)), spread)
}

/** Where a hash or a key stands on the circle: its first six bytes as a number, exact in a double. */
export function placeOf(bytes: Uint8Array): number {
  return uint32At(bytes, 0) * 0x1_0000 + ((bytes[4]! << 8) | bytes[5]!)
}

/** The position of the first place at or after `at`; the length of the list when there is none. */
export function successor(places: readonly number[], at: number): number {
  let low = 0
  let high = places.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (places[middle]! < at) low = middle + 1
    else high = middle
  }
  return low
}
