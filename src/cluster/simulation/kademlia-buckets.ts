/**
 * Kademlia as in its paper (Maymounkov and Mazières, 2002, section 2): for each length of common prefix a node
 * keeps a bucket of up to k others whose numbers agree with its own so far and no further. A question goes to
 * the contact closest to the key, and from there on until nobody known is closer. How many are asked at once
 * (alpha) changes the time it takes, not the way.
 */
import type { RandomBytes } from '../../crypto/provider.ts'
import { isCloser, kademliaNumber } from '../placement/kademlia.ts'
import type { Sha256 } from '../placement/placement.ts'
import type { Network } from './hops.ts'
import { randomBelow } from './seeded-random.ts'

/** The paper's k. */
export const bucketSize = 20

interface Peer {
  readonly index: number
  readonly number: Uint8Array
  readonly contacts: Peer[]
}

/** The buckets of nodes with these IDs; `random` says whom a bucket holds where there are more than k. */
export function kademliaNetwork(ids: readonly string[], sha256: Sha256, random: RandomBytes): Network {
  const peers = ids.map((id, index): Peer => ({ index, number: kademliaNumber(id, sha256), contacts: [] }))
  const sorted = peers.toSorted((a, b) => Buffer.compare(a.number, b.number))
  introduce(sorted, 0, random)
  return {
    route: (from, key) => {
      for (let peer = peers[from]!, hops = 0; ; hops++) {
        let next = peer
        for (const contact of peer.contacts) {
          if (isCloser(contact.number, next.number, key)) next = contact
        }
        if (next === peer) return { owner: peer.index, hops }
        peer = next
      }
    },
  }
}

/** Fills the buckets among peers, sorted by number, whose first `depth` bits agree. */
function introduce(peers: readonly Peer[], depth: number, random: RandomBytes): void {
  if (peers.length < 2) return
  const bitOf = ({ number }: Peer) => (number[depth >> 3]! >> (7 - (depth & 7))) & 1
  const ones = peers.findIndex(peer => bitOf(peer) === 1)
  const split = ones === -1 ? peers.length : ones
  const [zeros, others] = [peers.slice(0, split), peers.slice(split)]
  for (const peer of zeros) peer.contacts.push(...bucketFrom(others, random))
  for (const peer of others) peer.contacts.push(...bucketFrom(zeros, random))
  introduce(zeros, depth + 1, random)
  introduce(others, depth + 1, random)
}

function bucketFrom(peers: readonly Peer[], random: RandomBytes): Iterable<Peer> {
  if (peers.length <= bucketSize) return peers
  const chosen = new Set<Peer>()
  while (chosen.size < bucketSize) chosen.add(peers[randomBelow(peers.length, random)]!)
  return chosen
}
