import { ApiMisuse } from '../errors.ts'
import { Secret } from '../secret.ts'
import type { KeyShare } from './provider.ts'

/** What the shares of all providers have in common: one use, after which the private half is gone. */
export class SingleUseShare implements KeyShare {
  readonly publicKey: Uint8Array
  readonly #secretKey: Secret
  #agree: ((peerPublicKey: Uint8Array) => Uint8Array | undefined) | undefined

  /** Takes `secretKey` over, which `agree` works with. */
  constructor(
    secretKey: Uint8Array,
    publicKey: Uint8Array,
    agree: (peerPublicKey: Uint8Array) => Uint8Array | undefined,
  ) {
    this.#secretKey = new Secret(secretKey)
    this.publicKey = publicKey
    this.#agree = agree
  }

  agree(peerPublicKey: Uint8Array): Secret | undefined {
    // Wiped, it would still compute: with a scalar of zeros, which everybody knows.
    const agree = this.#agree
    if (!agree) throw new ApiMisuse('a key share serves one exchange; this one was used or wiped')
    try {
      const secret = agree(peerPublicKey)
      return secret && new Secret(secret)
    } finally {
      this.wipe()
    }
  }

  wipe(): void {
    this.#agree = undefined // And with it what it holds of a key outside of our bytes.
    this.#secretKey.wipe()
  }
}
