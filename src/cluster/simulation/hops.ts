/** How many servers a question passes where nobody knows everybody, as in the papers of Chord and Kademlia. */
import type { RandomBytes } from '../../crypto/provider.ts'
import type { Sha256 } from '../placement/placement.ts'
import { chordNetwork } from './chord-fingers.ts'
import { kademliaNetwork } from './kademlia-buckets.ts'
import { randomBelow } from './seeded-random.ts'

/** Nodes that know some of the others. */
export interface Network {
  /** Where a question for `key`, 32 bytes, that node `from` has ends; nodes are indices in the list of IDs. */
  route(from: number, key: Uint8Array): Route
}

export interface Route {
  readonly owner: number
  /** Messages until the owner has the question; 0 when the asker is the owner. */
  readonly hops: number
}

export interface HopFigures {
  readonly nodes: number
  readonly log2: number
  readonly chord: { readonly mean: number; readonly max: number }
  readonly kademlia: { readonly mean: number; readonly max: number }
}

/** Sends `questions` of random nodes for random keys through both networks of nodes with these IDs. */
export function hopFigures(
  ids: readonly string[],
  questions: number,
  { sha256, random }: { sha256: Sha256; random: RandomBytes },
): HopFigures {
  const hopsIn = (network: Network) => {
    let [total, max] = [0, 0]
    for (let i = 0; i < questions; i++) {
      const { hops } = network.route(randomBelow(ids.length, random), random(32))
      total += hops
      max = Math.max(max, hops)
    }
    return { mean: total / questions, max }
  }
  return {
    nodes: ids.length,
    log2: Math.log2(ids.length),
    chord: hopsIn(chordNetwork(ids, sha256)),
    kademlia: hopsIn(kademliaNetwork(ids, sha256, random)),
  }
}
