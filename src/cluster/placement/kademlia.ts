import { asciiBytes } from '../../bytes.ts'
import { byId, type PlacedNode, type Placement, type Sha256, uint32At } from './placement.ts'
import { bestOwners, spreadOf } from './zones.ts'

/**
 * Kademlia (Maymounkov and Mazières, 2002), which the method names: a node's number is SHA-256 of its ID, and
 * a key belongs to the nodes whose numbers are closest to it by exclusive or. Where every server knows every
 * other there are no buckets to keep; a simulator shows them. Weights do not count.
 */
export function kademlia(nodes: readonly PlacedNode[], replicas: number, sha256: Sha256): Placement {
  const numbers = nodes.map(node => kademliaNumber(node.id, sha256))
  // The first 32 bits decide but once in four billion, and side by side they are read quickly.
  const heads = Uint32Array.from(numbers, number => uint32At(number, 0))
  const candidates = byId(nodes).map(({ index }) => index)
  const spread = spreadOf(nodes, replicas)
  return storageKey => {
    const keyHead = uint32At(storageKey, 0)
    const isAhead = (a: number, b: number): boolean => {
      const headA = heads[a]!
      const headB = heads[b]!
      if (headA === headB) return isCloser(numbers[a]!, numbers[b]!, storageKey)
      return (headA ^ keyHead) >>> 0 < (headB ^ keyHead) >>> 0
    }
    return bestOwners(candidates, isAhead, spread)
  }
}

/** A node's number, 256 bits. */
export function kademliaNumber(id: string, sha256: Sha256): Uint8Array {
  return sha256(asciiBytes(`ringtls kademlia ${id}`))
}

/** Whether `a` XOR `key` is less than `b` XOR `key`: the first byte in which a and b differ decides. */
export function isCloser(a: Uint8Array, b: Uint8Array, key: Uint8Array): boolean {
  for (let i = 0; i < key.length; i++) {
    if (a[i] !== b[i]) return (a[i]! ^ key[i]!) < (b[i]! ^ key[i]!)
  }
  return false
}
