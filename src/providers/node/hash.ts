import { createHash, type Hash as NodeHash } from 'node:crypto'
import type { Hash, HashAlgorithm } from '../../crypto/provider.ts'
import type { Digest } from '../../crypto/rsa-encoding.ts'

/** A running hash of the empty string. */
export function startHash(algorithm: HashAlgorithm): Hash {
  return new RunningHash(createHash(algorithm))
}

/** A hash of whole messages. */
export function digestWith(algorithm: HashAlgorithm): Digest {
  return { algorithm, of: bytes => plainBytes(createHash(algorithm).update(bytes).digest()) }
}

/** Bytes that a hash takes in at once (FIPS 180-4 §1). */
const blockLength: Readonly<Record<HashAlgorithm, number>> = {
  sha1: 64,
  sha224: 64,
  sha256: 64,
  sha384: 128,
  sha512: 128,
}

/**
 * A running HMAC (RFC 2104 §2) under `key`, of any length, which is taken in at once and not kept:
 *
 *     H(key xor 5c 5c .., H(key xor 36 36 .., text))
 *
 * It is put together from two hashes, since the HMAC of node:crypto cannot be copied and the protocol copies one for each use.
 */
export function startHmac(algorithm: HashAlgorithm, key: Uint8Array): Hash {
  const block = new Uint8Array(blockLength[algorithm])
  block.set(key.length > block.length ? createHash(algorithm).update(key).digest() : key)
  const keyedWith = (pad: number) => {
    const padded = block.map(byte => byte ^ pad)
    const state = createHash(algorithm).update(padded)
    padded.fill(0)
    return state
  }
  const hmac = new RunningHmac(keyedWith(0x36), keyedWith(0x5c))
  block.fill(0)
  return hmac
}

class RunningHash implements Hash {
  readonly #state: NodeHash

  constructor(state: NodeHash) {
    this.#state = state
  }

  update(bytes: Uint8Array): Hash {
    this.#state.update(bytes)
    return this
  }

  digest(): Uint8Array {
    return plainBytes(this.#state.digest())
  }

  clone(): Hash {
    return new RunningHash(this.#state.copy())
  }
}

/** Keeps its states private: printed, they would give the key away. */
class RunningHmac implements Hash {
  readonly #inner: NodeHash
  /** Has taken in the key and nothing else; all copies have it in common. */
  readonly #outer: NodeHash

  constructor(inner: NodeHash, outer: NodeHash) {
    this.#inner = inner
    this.#outer = outer
  }

  update(bytes: Uint8Array): Hash {
    this.#inner.update(bytes)
    return this
  }

  digest(): Uint8Array {
    return plainBytes(this.#outer.copy().update(this.#inner.digest()).digest())
  }

  clone(): Hash {
    return new RunningHmac(this.#inner.copy(), this.#outer)
  }
}

/** The same memory as what the protocol computes with: `slice` of a Buffer would be a view, and of these bytes it is a copy. */
export function plainBytes({ buffer, byteOffset, length }: Buffer): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length)
}
