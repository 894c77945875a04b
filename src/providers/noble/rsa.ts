/**
 * RSA on BigInt (RFC 8017): PKCS #1 v1.5 encryption and verification, and the private operation.
 *
 * The private operation is where a mistake costs the key, so it is built against three known attacks:
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
import { bitLen, bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js'
import { randomBytes } from '@noble/hashes/utils.js'
import { concatBytes, equalBytes, fromHex } from '../../bytes.ts'
import type { HashAlgorithm, PrivateKey, RandomBytes, RsaPublicKey } from '../../crypto/provider.ts'
import { ApiMisuse, TlsError } from '../../errors.ts'
import type { RsaKeyComponents } from '../../x509/private-key.ts'
import { hashFunctions } from './hash.ts'

/** Bytes of an encryption block that are not message: 00 02, at least 8 of padding, 00 (RFC 8017 §7.2.1). */
const encryptionOverhead = 11

/**
 * RSAES-PKCS1-v1_5 encryption (RFC 8017 §7.2.1): k bytes that hold `message`, at most k - 11 bytes long.
 * Throws TlsError UNSUPPORTED_CERTIFICATE when the peer's key is too short for the message, and ApiMisuse
 * when `random` gives nothing but zeros.
 */
export function encryptPkcs1(key: RsaPublicKey, message: Uint8Array, random: RandomBytes): Uint8Array {
  const k = key.modulusLength
  if (message.length > k - encryptionOverhead) {
    const problem = `an RSA key of ${k} bytes cannot carry a message of ${message.length} bytes`
    throw new TlsError(
      'UNSUPPORTED_CERTIFICATE',
      `${problem}: wanted at least ${message.length + encryptionOverhead}`,
    )
  }
  const padding = nonZeroBytes(k - message.length - 3, random)
  const encoded = concatBytes(Uint8Array.of(0x00, 0x02), padding, Uint8Array.of(0x00), message)
  const ciphertext = publicOperation(key, bytesToNumberBE(encoded))
  encoded.fill(0)
  return ciphertext
}

/**
 * RSASSA-PKCS1-v1_5 verification (RFC 8017 §8.2.2). The expected encoding is built anew and compared whole,
 * never parsed: a parser that skips what it does not know is how Bleichenbacher's 2006 forgery gets in.
 * False for a signature of any other length or value; it does not throw.
 */
export function verifyPkcs1(
  key: RsaPublicKey,
  hash: HashAlgorithm,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const expected = encodeSignedDigest(hash, message, key.modulusLength)
  if (!expected || signature.length !== key.modulusLength) return false
  const representative = bytesToNumberBE(signature)
  if (representative >= key.modulus) return false
  return equalBytes(publicOperation(key, representative), expected)
}

/** RSAEP and RSAVP1 (RFC 8017 §5.1.1 and RFC 8017 §5.2.2): m^e mod n, as k bytes. */
function publicOperation(key: RsaPublicKey, representative: bigint): Uint8Array {
  return numberToBytesBE(pow(representative, key.publicExponent, key.modulus), key.modulusLength)
}

/** The DER of DigestInfo up to the digest itself, with the NULL parameters (RFC 8017 §9.2, note 1). */
const digestInfoPrefix: Readonly<Record<HashAlgorithm, Uint8Array>> = {
  sha1: fromHex('3021300906052b0e03021a05000414'),
  sha256: fromHex('3031300d060960864801650304020105000420'),
  sha384: fromHex('3041300d060960864801650304020205000430'),
  sha512: fromHex('3051300d060960864801650304020305000440'),
}

/** EMSA-PKCS1-v1_5 (RFC 8017 §9.2), or `undefined` when `length` has no room for it. */
function encodeSignedDigest(
  hash: HashAlgorithm,
  message: Uint8Array,
  length: number,
): Uint8Array | undefined {
  const digestInfo = concatBytes(digestInfoPrefix[hash], hashFunctions[hash](message))
  const paddingLength = length - digestInfo.length - 3
  if (paddingLength < 8) return undefined
  const padding = new Uint8Array(paddingLength).fill(0xff)
  return concatBytes(Uint8Array.of(0x00, 0x01), padding, Uint8Array.of(0x00), digestInfo)
}

/** Random bytes without a zero, since a zero ends the padding: each zero is drawn again. */
function nonZeroBytes(length: number, random: RandomBytes): Uint8Array {
  const bytes = Uint8Array.from(random(length))
  for (let i = 0; i < length; i++) {
    for (let draws = 0; bytes[i] === 0; draws++) {
      // 2^-512 for an honest source; without the bound a broken one would hang us.
      if (draws === 64) throw new ApiMisuse('the random source gave 64 zero bytes in a row')
      bytes[i] = random(1)[0]!
    }
  }
  return bytes
}

/**
 * A private key whose operation runs here and now, about 4 ms for 2048 bits. `random` blinds and changes no
 * result. The components go into private fields: printing the key shows the public half only.
 * Throws ApiMisuse when the modulus is not the product of the two primes given, or the exponent is below 3.
 */
export function rsaPrivateKey(components: RsaKeyComponents, random: RandomBytes = randomBytes): PrivateKey {
  return new NobleRsaPrivateKey(components, random)
}

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

class NobleRsaPrivateKey implements PrivateKey {
  readonly type = 'rsa'
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
    const { modulus, publicExponent, prime1, prime2 } = components
    if (prime1 < 3n || prime2 < 3n || prime1 * prime2 !== modulus || modulus % 2n === 0n) {
      throw new ApiMisuse('RSA private key: the modulus is not the product of the two primes given')
    }
    if (publicExponent < 3n) throw new ApiMisuse('RSA private key: the public exponent is below 3')
    const modulusLength = Math.ceil(bitLen(modulus) / 8)
    this.publicKey = Object.freeze({ type: 'rsa', modulus, publicExponent, modulusLength })
    this.#prime1 = prime1
    this.#prime2 = prime2
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
    const { modulus, modulusLength, publicExponent } = this.publicKey
    const hasLength = ciphertext.length === modulusLength
    const number = bytesToNumberBE(hasLength ? ciphertext : new Uint8Array(modulusLength))
    const inRange = hasLength && number < modulus
    const representative = inRange ? number : standIn

    const { factor, inverse } = this.#nextBlinding()
    const blinded = mod(representative * factor, modulus)
    const powered = this.#power(blinded)
    // Checked under the blinding, which hides the message from whoever watches this operation too.
    const sound = pow(powered, publicExponent, modulus) === blinded
    const encoded = numberToBytesBE(mod(powered * inverse, modulus), modulusLength)
    return inRange && sound ? encoded : undefined
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
