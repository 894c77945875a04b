import { asciiBytes } from '../../bytes.ts'
import { byId, type PlacedNode, type Placement, type Sha256, uint32At } from './placement.ts'
import { bestOwners, spreadOf } from './zones.ts'

/**
 * Rendezvous hashing, or highest random weight (Thaler and Ravishankar, 1998): every node has a score for
 * every key, and the highest have it. When a node leaves, its keys move and no others. The default up to 64
 * nodes, since a look-up reads them all.
 *
 * A node of weight w enters w times and counts with its best score: of the entries each is the best equally
 * often, so its share is w to the sum of all, and a raised weight takes keys over from others and moves none
 * between them. That is exact in whole numbers, where the usual -w / ln(score) depends on the last bit of
 * somebody's logarithm. Keep weights small: a look-up takes time by their sum.
 */
export function rendezvous(nodes: readonly PlacedNode[], replicas: number, sha256: Sha256): Placement {
  const seedsOf = nodes.map(({ id, weight }) =>
    Array.from({ length: weight }, (_, entry) => seedOf(sha256, id, entry)),
  )
  const candidates = byId(nodes).map(({ index }) => index)
  const spread = spreadOf(nodes, replicas)
  // One for all look-ups: none begins before the last is done.
  const scores = new Uint32Array(nodes.length)
  return storageKey => {
    const key = halvesOf(storageKey)
    for (let i = 0; i < scores.length; i++) scores[i] = bestScore(seedsOf[i]!, key)
    return bestOwners(candidates, (a, b) => scores[a]! > scores[b]!, spread)
  }
}

/** 64 bits in two halves. */
interface Halves {
  readonly high: number
  readonly low: number
}

function seedOf(sha256: Sha256, id: string, entry: number): Halves {
  return halvesOf(sha256(asciiBytes(`ringtls rendezvous ${id} ${entry}`)))
}

function halvesOf(bytes: Uint8Array): Halves {
  return { high: uint32At(bytes, 0), low: uint32At(bytes, 4) }
}

function bestScore(seeds: readonly Halves[], key: Halves): number {
  let score = 0
  for (let i = 0; i < seeds.length; i++) score = Math.max(score, scoreOf(seeds[i]!, key))
  return score
}

/** 32 bits of the key under this seed. Both are uniform and secret: mixing is all that is needed. */
function scoreOf(seed: Halves, key: Halves): number {
  return mix(mix(key.high ^ seed.high) ^ key.low ^ seed.low) >>> 0
}

/** The finalizer of MurmurHash3: a bijection of 32 bits in which every bit depends on every other. */
function mix(word: number): number {
  let h = word
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35)
  return h ^ (h >>> 16)
}
