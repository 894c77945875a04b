/** What tests read from disk, and what they draw. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { RandomBytes } from '../../src/crypto/provider.ts'

export const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8')

/** Random bytes that are the same every time: SHA-256 of a label and a counter. */
export function seededRandom(label: string): RandomBytes {
  let counter = 0
  return length => {
    const bytes = new Uint8Array(length)
    for (let offset = 0; offset < length; offset += 32) {
      bytes.set(
        createHash('sha256')
          .update(`${label} ${counter++}`)
          .digest()
          .subarray(0, length - offset),
        offset,
      )
    }
    return bytes
  }
}
