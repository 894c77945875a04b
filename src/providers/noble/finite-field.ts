/** The arithmetic of finite field Diffie-Hellman on BigInt (RFC 7919 §5). */
import { bytesOf, type FiniteFieldGroup, finiteFieldName, numberOf } from '../../crypto/finite-fields.ts'
import type { RandomBytes } from '../../crypto/provider.ts'
import { TlsError } from '../../errors.ts'

const minBits = 2048
/** RFC 7919 goes up to 8192 bits, with short exponents. A group of a peer's own takes long ones, and beyond 4096 bits more time than he is worth. */
const maxBits = { named: 8192, unnamed: 4096 }

/** Throws TlsError for a group nobody should compute in: WEAK_DH_GROUP when p is too short, BAD_DH_GROUP for the rest. */
export function requireSound({ p, g }: FiniteFieldGroup): void {
  const bits = bitLength(p)
  if (bits < minBits) {
    throw new TlsError('WEAK_DH_GROUP', `Diffie-Hellman: a prime of ${bits} bits, wanted ${minBits} or more`)
  }
  const most = finiteFieldName({ p, g }) ? maxBits.named : maxBits.unnamed
  if (bits > most) {
    throw new TlsError('BAD_DH_GROUP', `Diffie-Hellman: a prime of ${bits} bits, wanted ${most} or less`)
  }
  if (p % 2n === 0n) throw new TlsError('BAD_DH_GROUP', 'Diffie-Hellman: p is even, and no prime')
  if (!isElement({ p, g }, g)) throw new TlsError('BAD_DH_GROUP', 'Diffie-Hellman: g is not in 1 < g < p-1')
}

/** Bits of a secret exponent in each of RFC 7919's groups, twice the group's strength (RFC 7919 §5.2, appendix A). */
const exponentBits = {
  ffdhe2048: 225,
  ffdhe3072: 275,
  ffdhe4096: 325,
  ffdhe6144: 375,
  ffdhe8192: 400,
} as const

/**
 * A secret exponent. Short where p is known to be a safe prime; in a group that nobody has vouched for it is as long as p,
 * since where p - 1 has small factors, a short one could be found by its remainders (van Oorschot and Wiener 1996).
 */
export function drawExponent(group: FiniteFieldGroup, random: RandomBytes): Uint8Array {
  const name = finiteFieldName(group)
  const length = name ? Math.ceil(exponentBits[name] / 8) : byteLength(group.p)
  const exponent = Uint8Array.from(random(length))
  if (name) exponent[0]! |= 0x80 // Never 0, and of one length.
  return exponent
}

/** `Y = g^x mod p`, as long as p (RFC 7919 §4). */
export function publicNumber(group: FiniteFieldGroup, exponent: Uint8Array): Uint8Array {
  const bytes = bytesOf(power(group.g, exponent, group.p))
  const padded = new Uint8Array(byteLength(group.p))
  padded.set(bytes, padded.length - bytes.length)
  return padded
}

/** `Z = Y^x mod p` without leading zeros (RFC 5246 §8.1.2); `undefined` for a Y that is none (RFC 7919 §5.1). */
export function agreeInField(
  group: FiniteFieldGroup,
  exponent: Uint8Array,
  peer: Uint8Array,
): Uint8Array | undefined {
  if (peer.length > byteLength(group.p)) return undefined
  const y = numberOf(peer)
  return isElement(group, y) ? bytesOf(power(y, exponent, group.p)) : undefined
}

/** Neither 0, 1 nor p-1, whose powers are known without the exponent. */
function isElement({ p }: FiniteFieldGroup, y: bigint): boolean {
  return 1n < y && y < p - 1n
}

/**
 * Four bits at a time, each with four squarings and one product, also where the bits are 0: the steps taken are the same
 * for all exponents of one length. What a product takes still depends on its numbers (SECURITY.md).
 */
function power(base: bigint, exponent: Uint8Array, p: bigint): bigint {
  const powers = [p + 1n] // 1, in a length that is not multiplied faster.
  for (let i = 1; i < 16; i++) powers.push((powers[i - 1]! * base) % p)
  let result = 1n
  for (const byte of exponent) {
    for (const digit of [byte >> 4, byte & 15]) {
      for (let i = 0; i < 4; i++) result = (result * result) % p
      result = (result * powers[digit]!) % p
    }
  }
  return result
}

const bitLength = (number: bigint) => number.toString(2).length
const byteLength = (number: bigint) => Math.ceil(bitLength(number) / 8)
