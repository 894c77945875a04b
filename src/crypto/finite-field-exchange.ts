/** What finite field Diffie-Hellman asks of groups, exponents and shares (RFC 7919 §5), whoever computes the powers. */
import { TlsError } from '../errors.ts'
import { bitLength, bytesOf, type FiniteFieldGroup, finiteFieldName, numberOf } from './finite-fields.ts'
import type { RandomBytes } from './provider.ts'

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

/**
 * Our share `y`, as long as p: so it is sent (RFC 7919 §4). Throws TlsError BAD_DH_GROUP for a power that says what the secret will be,
 * which happens where p is no prime.
 */
export function shareBytes(group: FiniteFieldGroup, y: bigint): Uint8Array {
  if (!isElement(group, y))
    throw new TlsError('BAD_DH_GROUP', 'Diffie-Hellman: our own share would not be in 1 < Y < p-1')
  const bytes = bytesOf(y)
  const padded = new Uint8Array(byteLength(group.p))
  padded.set(bytes, padded.length - bytes.length)
  return padded
}

/** The peer's Y, `undefined` for bytes that are none (RFC 7919 §5.1). */
export function readShare(group: FiniteFieldGroup, peer: Uint8Array): bigint | undefined {
  if (peer.length > byteLength(group.p)) return undefined
  const y = numberOf(peer)
  return isElement(group, y) ? y : undefined
}

/** A secret, without leading zeros (RFC 5246 §8.1.2); `undefined` for one that anybody can guess, since the peer's Y is of small order. */
export function secretBytes(group: FiniteFieldGroup, secret: bigint): Uint8Array | undefined {
  return isElement(group, secret) ? bytesOf(secret) : undefined
}

/** Neither 0, 1 nor p-1, whose powers are known without the exponent. */
function isElement({ p }: FiniteFieldGroup, y: bigint): boolean {
  return 1n < y && y < p - 1n
}

const byteLength = (number: bigint) => Math.ceil(bitLength(number) / 8)
