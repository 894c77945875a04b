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
  // Flat, since all of it is read for every key.
  const seeds = nodes.flatMap(({ id, weight }, node) =>
    Array.from({ length: weight }, (_, entry) => ({ node, ...seedOf(sha256, id, entry) })),
  )
  const nodeOf = Uint32Array.from(seeds, ({ node }) => node)
  const high = Uint32Array.from(seeds, seed => seed.high)
  const low = Uint32Array.from(seeds, seed => seed.low)
  const candidates = byId(nodes).map(({ index }) => index)
  const spread = spreadOf(nodes, replicas)
  // One for all look-ups: none begins before the last is done.
  const scores = new Uint32Array(nodes.length)
  return storageKey => {
    const [keyHigh, keyLow] = [uint32At(storageKey, 0), uint32At(storageKey, 4)]
    scores.fill(0)
    for (let i = 0; i < nodeOf.length; i++) {
      // 32 bits of the key under this seed. Both are uniform and secret: mixing is all that is needed.
      const score = mix(mix(keyHigh ^ high[i]!) ^ keyLow ^ low[i]!) >>> 0
      if (score > scores[nodeOf[i]!]!) scores[nodeOf[i]!] = score
    }
    return bestOwners(candidates, (a, b) => scores[a]! > scores[b]!, spread)
  }
}

/** What a node's entry mixes into a key, 64 bits in two halves. */
function seedOf(sha256: Sha256, id: string, entry: number): { high: number; low: number } {
  const hash = sha256(asciiBytes(`ringtls rendezvous ${id} ${entry}`))
  return { high: uint32At(hash, 0), low: uint32At(hash, 4) }
}

/** The finalizer of MurmurHash3: a bijection of 32 bits in which every bit depends on every other. */
function mix(word: number): number {
  let h = word
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35)
  return h ^ (h >>> 16)
}
