import { hmac } from '@noble/hashes/hmac.js'
import { sha1 } from '@noble/hashes/legacy.js'
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
import type { Hash, HashAlgorithm } from '../../crypto/provider.ts'
import type { Digest } from '../../crypto/rsa-encoding.ts'

/** The hash functions by the names the protocol uses (FIPS 180-4). */
export const hashFunctions = { sha1, sha224, sha256, sha384, sha512 } as const

/** A hash of whole messages. */
export function digestWith(algorithm: HashAlgorithm): Digest {
  return { algorithm, of: hashFunctions[algorithm] }
}

/** A running hash of the empty string. */
export function startHash(algorithm: HashAlgorithm): Hash {
  return new NobleHash(hashFunctions[algorithm].create())
}

/** A running HMAC (RFC 2104 §2) under `key`, of any length; the key is taken in at once and not kept. */
export function startHmac(algorithm: HashAlgorithm, key: Uint8Array): Hash {
  return new NobleHash(hmac.create(hashFunctions[algorithm], key))
}

/** What noble's hashes and HMACs have in common. */
interface RunningState {
  update(bytes: Uint8Array): unknown
  digest(): Uint8Array
  clone(): RunningState
}

/** Keeps the state private: printed, that of an HMAC would give the key away. */
class NobleHash implements Hash {
  readonly #state: RunningState

  constructor(state: RunningState) {
    this.#state = state
  }

  update(bytes: Uint8Array): Hash {
    this.#state.update(bytes)
    return this
  }

  digest(): Uint8Array {
    return this.#state.digest()
  }

  clone(): Hash {
    return new NobleHash(this.#state.clone())
  }
}
