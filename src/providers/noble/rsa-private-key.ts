/**
 * The RSA private operation on BigInt, which is where a mistake costs the key. It is built against three known attacks:
 *
 * - Timing (Kocher 1996; Brumley and Boneh 2003). BigInt is not constant-time. So the number that is raised
 *   to a secret power is never the one the peer chose: it is first multiplied by r^e for a random r (base
 *   blinding), and a random multiple of p - 1 or q - 1 is added to the exponent (exponent blinding).
 * - Faults (Boneh, DeMillo and Lipton 1997). If one half of the CRT goes wrong, once, then
 *   gcd(m^e - c, n) is a prime factor of n. So no result leaves before m^e = c has been seen.
 * - Oracles (Bleichenbacher 1998). A ciphertext that cannot be right, too short or not below n, takes the
 *   same path with a stand-in and fails at its end.
 */
import { invert, mod, pow } from '@noble/curves/abstract/modular.js'
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js'
import type { PrivateKey, RandomBytes, RsaPublicKey } from '../../crypto/provider.ts'
import { encodeForSignature } from '../../crypto/rsa-encoding.ts'
import type { SignatureScheme } from '../../crypto/signature-schemes.ts'
import { TlsError } from '../../errors.ts'
import { type RsaKeyComponents, rsaPublicKey } from '../../x509/rsa-private-key.ts'
import { digestWith } from './hash.ts'

/** A random r, as r^e to blind with and r^-1 to take the blinding off (modulo n). */
interface Blinding {
  readonly factor: bigint
  readonly inverse: bigint
}

/**
 * Uses of one blinding, each time squared, before a new one is drawn. The inverse costs a quarter of a whole
 * private operation; a square costs nothing. OpenSSL does the same, also 32 times.
 */
const blindingUses = 32

/** Goes through the motions in place of a ciphertext out of range; anything but 0 and 1 would do. */
const standIn = 2n

/** Bytes of the random multiple in exponent blinding: 64 bits make the exponent 6 % longer. */
const exponentBlindingLength = 8

/**
 * A private key whose operation runs here and now, about 4 ms for 2048 bits. `random` blinds and changes no result
 * but the salt of PSS. Throws ApiMisuse when the modulus is not the product of the two primes given, or the exponent is below 3.
 */
export class NobleRsaPrivateKey implements PrivateKey {
  readonly publicKey: RsaPublicKey
  readonly #prime1: bigint
  readonly #prime2: bigint
  readonly #exponent1: bigint
  readonly #exponent2: bigint
  readonly #coefficient: bigint
  readonly #random: RandomBytes
  #blinding: Blinding | undefined
  #blindingUsed = 0

  constructor(components: RsaKeyComponents, random: RandomBytes) {
    this.publicKey = rsaPublicKey(components)
    this.#prime1 = components.prime1
    this.#prime2 = components.prime2
    this.#exponent1 = components.exponent1
    this.#exponent2 = components.exponent2
    this.#coefficient = components.coefficient
    this.#random = random
  }

  /**
   * RSADP (RFC 8017 §5.1.2). The same big operations are done whatever the ciphertext, and the two ways to
   * fail are told apart nowhere.
   *
   * A result that fails the check is thrown away, not computed again without the CRT: the second way costs
   * three times as long, which would tell the peer that its fault worked, and a machine or a key that has
   * just miscalculated is not to be trusted with another try. To the handshake it is a bad padding.
   */
  decryptRaw(ciphertext: Uint8Array): Uint8Array | undefined {
    const { modulus, modulusLength } = this.publicKey
    const hasLength = ciphertext.length === modulusLength
    const number = bytesToNumberBE(hasLength ? ciphertext : new Uint8Array(modulusLength))
    const inRange = hasLength && number < modulus
    const { result, sound } = this.#operate(inRange ? number : standIn)
    const encoded = numberToBytesBE(result, modulusLength)
    return inRange && sound ? encoded : undefined
  }

  /** RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017 §8.2.1 and RFC 8017 §8.1.1). */
  sign(scheme: SignatureScheme, message: Uint8Array): Uint8Array {
    const wanted = { scheme, message, digestWith, random: this.#random }
    const encoded = encodeForSignature(this.publicKey, wanted)
    const { result, sound } = this.#operate(bytesToNumberBE(encoded))
    if (!sound)
      throw new TlsError('INTERNAL_ERROR', 'RSA: a signature of our own does not verify, and is withheld')
    return numberToBytesBE(result, this.publicKey.modulusLength)
  }

  /** c^d mod n for a c below n, blinded. A result that is not sound must go nowhere. */
  #operate(c: bigint): { result: bigint; sound: boolean } {
    const { modulus, publicExponent } = this.publicKey
    const { factor, inverse } = this.#nextBlinding()
    const blinded = mod(c * factor, modulus)
    const powered = this.#power(blinded)
    // Checked under the blinding, which hides the message from whoever watches this operation too.
    const sound = pow(powered, publicExponent, modulus) === blinded
    return { result: mod(powered * inverse, modulus), sound }
  }

  /** c^d mod n by the Chinese remainder theorem, about 3 times as fast (RFC 8017 §5.1.2, step 2.b). */
  #power(c: bigint): bigint {
    const m1 = pow(c % this.#prime1, this.#blindedExponent(this.#exponent1, this.#prime1), this.#prime1)
    const m2 = pow(c % this.#prime2, this.#blindedExponent(this.#exponent2, this.#prime2), this.#prime2)
    const h = mod((m1 - m2) * this.#coefficient, this.#prime1)
    return m2 + this.#prime2 * h
  }

  /** An exponent with the same effect and other bits, since c^(p-1) = 1 modulo p. */
  #blindedExponent(exponent: bigint, prime: bigint): bigint {
    return exponent + bytesToNumberBE(this.#random(exponentBlindingLength)) * (prime - 1n)
  }

  /** The square of the last blinding is as good as a new one to those who have not seen r. */
  #nextBlinding(): Blinding {
    const { modulus } = this.publicKey
    const last = this.#blinding
    const fresh = !last || this.#blindingUsed === blindingUses
    this.#blindingUsed = fresh ? 1 : this.#blindingUsed + 1
    this.#blinding = fresh
      ? this.#drawBlinding()
      : { factor: mod(last.factor ** 2n, modulus), inverse: mod(last.inverse ** 2n, modulus) }
    return this.#blinding
  }

  #drawBlinding(): Blinding {
    const { modulus, modulusLength, publicExponent } = this.publicKey
    // 8 bytes more than the modulus has, so that the remainder is as good as uniform; never 0 or 1. It has an
    // inverse unless it is a multiple of a prime of n: then chance has factored n, which 2^-1000 rules out.
    const r = 2n + (bytesToNumberBE(this.#random(modulusLength + 8)) % (modulus - 2n))
    return { factor: pow(r, publicExponent, modulus), inverse: invert(r, modulus) }
  }
}
