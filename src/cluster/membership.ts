import type { CryptoProvider } from '../crypto/provider.ts'
import { type ClusterInfo, type ClusterNode, clusterDigest } from './cluster-info.ts'
import { type Placement, placementOf } from './placement/index.ts'

/** A cluster_info with what is worked out from it once: its digest, and who owns what. */
export interface Membership {
  readonly info: ClusterInfo
  /** SHA-256 in base64url. */
  readonly digest: string
  /** The owners of a storage key, first owner first, whatever their state. */
  ownersOf(storageKey: Uint8Array): readonly ClusterNode[]
}

/** Works out digest and placement; two servers with the same cluster_info come to the same owners. */
export function membershipOf(info: ClusterInfo, provider: CryptoProvider): Membership {
  const sha256 = (bytes: Uint8Array) => provider.hash('sha256').update(bytes).digest()
  const place: Placement = placementOf(info, sha256)
  return {
    info,
    digest: clusterDigest(info, sha256),
    ownersOf: storageKey => place(storageKey).map(index => info.nodes[index]!),
  }
}
