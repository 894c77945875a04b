import type { ClusterInfo } from '../cluster-info.ts'
import { chord } from './chord.ts'
import { kademlia } from './kademlia.ts'
import type { PlacedNode, Placement, Sha256 } from './placement.ts'
import { rendezvous } from './rendezvous.ts'
import { ring } from './ring.ts'
import { table } from './table.ts'

export type { PlacedNode, Placement, Sha256 } from './placement.ts'
export { chord, kademlia, rendezvous, ring, table }

/** As much of a cluster_info as decides who owns what. */
export interface PlacedInfo extends Pick<ClusterInfo, 'placement' | 'replicas' | 'slots'> {
  readonly nodes: readonly PlacedNode[]
}

/**
 * The placement a cluster_info describes. All servers with the same nodes, weights, replicas and placement get
 * the same, whatever the order of the list and the state of the nodes.
 */
export function placementOf(info: PlacedInfo, sha256: Sha256): Placement {
  switch (info.placement) {
    case 'table':
      return table(info.nodes, info.replicas, info.slots)
    case 'chord':
      return chord(info.nodes, info.replicas, sha256)
    case 'ring':
      return ring(info.nodes, info.replicas, sha256)
    case 'kademlia':
      return kademlia(info.nodes, info.replicas, sha256)
    case 'rendezvous':
      return rendezvous(info.nodes, info.replicas, sha256)
  }
}
