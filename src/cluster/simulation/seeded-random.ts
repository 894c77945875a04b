import { createCipheriv, createHash } from 'node:crypto'
import type { RandomBytes } from '../../crypto/provider.ts'
import { uint32At } from '../placement/placement.ts'

const blockBytes = 65_536

/**
 * Bytes that are the same for the same seed: the key stream of AES-256-CTR under SHA-256 of the seed. What is
 * returned is part of a larger block: do not keep it beside a million others.
 */
export function seededRandom(seed: string): RandomBytes {
  const cipher = createCipheriv('aes-256-ctr', createHash('sha256').update(seed).digest(), Buffer.alloc(16))
  const zeros = Buffer.alloc(blockBytes)
  let block: Uint8Array = new Uint8Array(0)
  let used = 0
  return length => {
    if (used + length > block.length) {
      block = cipher.update(zeros)
      used = 0
    }
    used += length
    return block.subarray(used - length, used)
  }
}

/** A whole number from 0 to below `limit`, which is far below 2^32: the bias is limit / 2^32. */
export function randomBelow(limit: number, random: RandomBytes): number {
  return uint32At(random(4), 0) % limit
}
