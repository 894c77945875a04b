/** What every placement takes and gives. Storage keys are HMAC outputs: their own bytes are the hash. */

/** Maps a storage key of 32 bytes to the indices of its owners in the list of nodes, first owner first. */
export type Placement = (storageKey: Uint8Array) => readonly number[]

/** A node as placement sees it: never its address, and not its state either (see `ClusterNode.state`). */
export interface PlacedNode {
  /** ASCII. */
  readonly id: string
  /** A whole number from 1; `ring` and `rendezvous` go by it. */
  readonly weight: number
  /** What may fail together; '' and nothing are the same zone. Decides about the owners after the first. */
  readonly zone?: string
}

/** SHA-256, handed in. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array

/** The nodes by ID with their indices in the list: the order of the list must not matter to a placement. */
export function byId<N extends PlacedNode>(nodes: readonly N[]): readonly { node: N; index: number }[] {
  return nodes
    .map((node, index) => ({ node, index }))
    .sort((a, b) => (a.node.id < b.node.id ? -1 : a.node.id > b.node.id ? 1 : 0))
}

/** Bytes `offset` to `offset + 4`, big endian. */
export function uint32At(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>>
    0
  )
}
