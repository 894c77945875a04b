import { createHash } from 'node:crypto'
import type { RandomBytes } from '../../src/crypto/provider.ts'

/** Reproducible random bytes: SHA-256 of seed and count. */
export function seededRandom(seed: string): RandomBytes {
  let count = 0
  return length => {
    const blocks: Buffer[] = []
    for (let have = 0; have < length; have += 32) {
      blocks.push(createHash('sha256').update(`${seed} ${count++}`).digest())
    }
    return new Uint8Array(Buffer.concat(blocks).subarray(0, length))
  }
}
