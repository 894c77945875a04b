import { bitLength } from '../crypto/finite-fields.ts'
import type { HashAlgorithm, RsaPublicKey } from '../crypto/provider.ts'
import { ApiMisuse } from '../errors.ts'
import { readContents, readSmallNumber, readUnsigned, refuse, Tag, wholeValue } from './der.ts'

/** An RSA private key in the form for the Chinese remainder theorem, with the RFC's names (RFC 8017 §A.1.2). */
export interface RsaKeyComponents {
  /** `rsa-pss`: for that alone (RFC 4055 §1.2). */
  readonly type: 'rsa' | 'rsa-pss'
  /** The one hash that an `rsa-pss` key is for, if it says so (RFC 4055 §3.3). */
  readonly pssHash?: HashAlgorithm | undefined
  /** n */
  readonly modulus: bigint
  /** e */
  readonly publicExponent: bigint
  /** d */
  readonly privateExponent: bigint
  /** p */
  readonly prime1: bigint
  /** q */
  readonly prime2: bigint
  /** d mod (p - 1) */
  readonly exponent1: bigint
  /** d mod (q - 1) */
  readonly exponent2: bigint
  /** The inverse of q modulo p. */
  readonly coefficient: bigint
}

/** The public half. Throws ApiMisuse when the modulus is not the product of the two primes given, or the exponent is below 3. */
export function rsaPublicKey(components: RsaKeyComponents): RsaPublicKey {
  const { type, modulus, publicExponent, prime1, prime2, pssHash } = components
  if (prime1 < 3n || prime2 < 3n || prime1 * prime2 !== modulus || modulus % 2n === 0n)
    throw new ApiMisuse('RSA private key: the modulus is not the product of the two primes given')
  if (publicExponent < 3n) throw new ApiMisuse('RSA private key: the public exponent is below 3')
  const modulusLength = Math.ceil(bitLength(modulus) / 8)
  return Object.freeze({ type, modulus, publicExponent, modulusLength, pssHash })
}

/** What PKCS #8 says of a key before its numbers. */
type RsaKeyKind = Pick<RsaKeyComponents, 'type' | 'pssHash'>

/**
 * RSAPrivateKey (RFC 8017 §A.1.2): nine INTEGERs, the first of which says that there are two primes. Throws TlsError BAD_CERTIFICATE.
 * Printing the result shows nothing secret.
 */
export function readRsaPrivateKey(der: Uint8Array, kind: RsaKeyKind): RsaKeyComponents {
  const value = wholeValue(der, Tag.sequence, 'RSAPrivateKey')
  return readContents(value, fields => {
    readSmallNumber(fields.take(Tag.integer, 'version'), 0)
    const number = (name: string) => readUnsigned(fields.take(Tag.integer, name))
    // An object literal is evaluated in the order it is written, which is the order of the fields.
    const components: RsaKeyComponents = {
      ...kind,
      modulus: number('modulus'),
      publicExponent: number('publicExponent'),
      privateExponent: number('privateExponent'),
      prime1: number('prime1'),
      prime2: number('prime2'),
      exponent1: number('exponent1'),
      exponent2: number('exponent2'),
      coefficient: number('coefficient'),
    }
    if (!fitTogether(components)) refuse(value.path, 'its numbers do not belong to one key')
    return new ParsedRsaKey(components)
  })
}

/** Whether the parts are consistent, so that a damaged file is found at the start and not at a handshake. */
function fitTogether(key: RsaKeyComponents): boolean {
  const { modulus, publicExponent: e, prime1: p, prime2: q, privateExponent: d } = key
  if (p < 3n || q < 3n || p * q !== modulus || e < 3n) return false
  const invertsExponent = (e * d) % (p - 1n) === 1n && (e * d) % (q - 1n) === 1n
  const hasExponents = key.exponent1 === d % (p - 1n) && key.exponent2 === d % (q - 1n)
  return invertsExponent && hasExponents && (key.coefficient * q) % p === 1n
}

/** The components behind private fields: util.inspect and JSON.stringify show the size of the key and no more. */
class ParsedRsaKey implements RsaKeyComponents {
  readonly #key: RsaKeyComponents

  constructor(key: RsaKeyComponents) {
    this.#key = key
  }

  get type() {
    return this.#key.type
  }
  get pssHash() {
    return this.#key.pssHash
  }
  get modulus() {
    return this.#key.modulus
  }
  get publicExponent() {
    return this.#key.publicExponent
  }
  get privateExponent() {
    return this.#key.privateExponent
  }
  get prime1() {
    return this.#key.prime1
  }
  get prime2() {
    return this.#key.prime2
  }
  get exponent1() {
    return this.#key.exponent1
  }
  get exponent2() {
    return this.#key.exponent2
  }
  get coefficient() {
    return this.#key.coefficient
  }

  toString(): string {
    return `[RSA private key, ${bitLength(this.modulus)} bits]`
  }

  toJSON(): string {
    return this.toString()
  }

  /** What Node's util.inspect and console.log show. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}
