import { asciiBytes, concatBytes } from '../bytes.ts'
import type { CryptoProvider, Hash } from './provider.ts'

/** What the PRF is fed with: `PRF(secret, label, seed)` over the HMAC of one hash (RFC 5246 §5). */
export interface PrfInput {
  readonly provider: CryptoProvider
  readonly hash: 'sha256' | 'sha384'
  readonly secret: Uint8Array
  /** An ASCII string, "without a length byte or trailing null character". */
  readonly label: string
  readonly seed: Uint8Array
}

/**
 * The pseudorandom function of TLS 1.2, `PRF(secret, label, seed) = P_<hash>(secret, label + seed)`
 * (RFC 5246 §5); returns its first `length` bytes.
 */
export function prf({ provider, hash, secret, label, seed }: PrfInput, length: number): Uint8Array {
  return pHash(provider.hmac(hash, secret), concatBytes(asciiBytes(label), seed), length)
}

/**
 * RFC 5246 §5:
 *
 *     P_hash(secret, seed) = HMAC_hash(secret, A(1) + seed) +
 *                            HMAC_hash(secret, A(2) + seed) +
 *                            HMAC_hash(secret, A(3) + seed) + ...
 *
 *     A(0) = seed
 *     A(i) = HMAC_hash(secret, A(i-1))
 *
 * `keyed` is the HMAC that has taken in the secret and nothing else.
 */
function pHash(keyed: Hash, seed: Uint8Array, length: number): Uint8Array {
  const output = new Uint8Array(length)
  let a = seed
  for (let filled = 0; filled < length; ) {
    const next = hmac(keyed, a)
    if (filled > 0) a.fill(0) // A(0) is the seed, which is public; A(1) and later are not.
    a = next
    const block = hmac(keyed, a, seed)
    output.set(block.subarray(0, length - filled), filled) // The last block may be longer than what is left.
    filled += block.length
    block.fill(0)
  }
  if (length > 0) a.fill(0)
  return output
}

/** The HMAC of the joined `parts`, on a copy of the keyed state, which stays as it is. */
function hmac(keyed: Hash, ...parts: readonly Uint8Array[]): Uint8Array {
  const state = keyed.clone()
  for (const part of parts) state.update(part)
  return state.digest()
}
