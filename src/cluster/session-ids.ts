/**
 * Session IDs that say themselves whose they are. 32 bytes (the most RFC 5246 §7.4.1.2 allows):
 *
 *     u8 version (2 bits) and key epoch mod 64 (6 bits) | 19 random bytes | 12 bytes of HMAC-SHA256 over these 20
 *
 * A client that can do TLS 1.3 puts 32 random bytes into every fresh hello (RFC 8446 §4.1.2). Without the tag
 * each of them would cost a request; with it, one HMAC. Nobody without the cluster's key can make an ID that
 * causes a look-up, or choose the node that a look-up goes to.
 */
import { concatBytes, equalBytes } from '../bytes.ts'
import type { RandomBytes } from '../crypto/provider.ts'
import type { EpochKeys } from './epoch-keys.ts'
import type { ClusterKeys } from './keys.ts'

export const sessionIdBytes = 32

/**
 * How often an ID is drawn before any owner will do. With half of the nodes eligible, one in 2^128 IDs ends
 * up with an unwanted owner, with one in a hundred three of ten; a draw costs two HMACs, some ten microseconds.
 */
export const maxDraws = 128

const version = 1
const headBytes = 20
const tagBytes = 12

/** Draws and recognises the session IDs of a cluster. */
export class SessionIds {
  readonly #keys: ClusterKeys
  readonly #now: () => number

  constructor({ keys, now }: { keys: ClusterKeys; now: () => number }) {
    this.#keys = keys
    this.#now = now
  }

  /**
   * A new ID. `loadOf` says how busy the owner of a storage key is, `undefined` when it does not suit; IDs are drawn
   * until `choices` of them suit, and the least busy is taken. After `maxDraws` any will do, since a session
   * on the second-best node is better than none. Empty when no epoch has begun.
   */
  draw(
    random: RandomBytes,
    loadOf: (storageKey: Uint8Array) => number | undefined,
    choices: number,
  ): DrawnId | undefined {
    const keys = this.#keys.current(this.#now())
    if (keys === undefined) return undefined
    let best: { id: Uint8Array; storageKey: Uint8Array; load: number } | undefined
    let suited = 0
    for (let draws = 1; ; draws++) {
      const id = tagged(keys, random)
      const storageKey = keys.storageKey(id)
      const load = loadOf(storageKey)
      if (load !== undefined) suited++
      if (load !== undefined && (best === undefined || load < best.load)) best = { id, storageKey, load }
      if (suited < choices && draws < maxDraws) continue
      return { ...(best ?? { id, storageKey }), draws, unsuited: draws - suited, suited: best !== undefined }
    }
  }

  /**
   * The keys of the epoch an ID was drawn in; 'foreign_id' when this cluster did not draw it; 'epoch' when its
   * epoch is over, or is the next one and not known here yet. Without the key nobody can tell such an ID from
   * a stranger's, so of the strangers one in a hundred counts as 'epoch'. The tag is compared in constant time.
   */
  check(id: Uint8Array): EpochKeys | 'foreign_id' | 'epoch' {
    if (id.length !== sessionIdBytes || id[0]! >> 6 !== version) return 'foreign_id'
    const bits = id[0]! & 63
    const keys = this.#keys.ofEpochBits(bits, this.#now())
    if (keys === undefined) return this.#keys.isMissingEpoch(bits) ? 'epoch' : 'foreign_id'
    return equalBytes(tagOf(keys, id.subarray(0, headBytes)), id.subarray(headBytes)) ? keys : 'foreign_id'
  }
}

export interface DrawnId {
  readonly id: Uint8Array
  readonly storageKey: Uint8Array
  /** How many were drawn, this one included. */
  readonly draws: number
  /** How many of them did not suit. */
  readonly unsuited: number
  /** Whether this one does. */
  readonly suited: boolean
}

function tagged(keys: EpochKeys, random: RandomBytes): Uint8Array {
  const first = Uint8Array.of((version << 6) | (keys.epoch % 64))
  const head = concatBytes(first, random(headBytes - 1))
  return concatBytes(head, tagOf(keys, head))
}

function tagOf(keys: EpochKeys, head: Uint8Array): Uint8Array {
  return keys.idMac(head).subarray(0, tagBytes)
}
