/**
 * The finite fields of RFC 7919, computed rather than copied: its appendix A takes the primes from the digits of e, so
 * that nobody can have chosen them, and four lines of arithmetic are easier to check than five pages of digits.
 */
import { fromHex, toHex } from '../bytes.ts'
import { type NamedGroup, namedGroupNames, namedGroups } from './named-groups.ts'

/** A finite field group by its numbers: `g` generates a subgroup modulo the prime `p` (RFC 5246 §7.4.3). */
export interface FiniteFieldGroup {
  readonly p: bigint
  readonly g: bigint
}

/** The names of the groups that are finite fields. */
export type FiniteFieldName = Extract<NamedGroup, `ffdhe${number}`>

/** Bits of the prime, and X: the smallest number that makes it a safe prime (RFC 7919 appendix A). */
const rows: Readonly<Record<FiniteFieldName, readonly [bits: number, x: number]>> = {
  ffdhe2048: [2048, 560316],
  ffdhe3072: [3072, 2625351],
  ffdhe4096: [4096, 5736041],
  ffdhe6144: [6144, 15705020],
  ffdhe8192: [8192, 10965728],
}

const known = new Map<FiniteFieldName, FiniteFieldGroup>()

/** The numbers of a group: `p = 2^b - 2^(b-64) + (floor(2^(b-130) e) + X) 2^64 - 1`, `g = 2` (RFC 7919 appendix A). */
export function finiteField(name: FiniteFieldName): FiniteFieldGroup {
  const found = known.get(name)
  if (found) return found
  const [bits, x] = rows[name]
  const b = BigInt(bits)
  const p = 2n ** b - 2n ** (b - 64n) + (scaledE(bits - 130) + BigInt(x)) * 2n ** 64n - 1n
  const group = { p, g: 2n }
  known.set(name, group)
  return group
}

/** The name of a group of these numbers, `undefined` when it is none of RFC 7919's. */
export function finiteFieldName({ p, g }: FiniteFieldGroup): FiniteFieldName | undefined {
  const names = namedGroupNames.filter((name): name is FiniteFieldName => namedGroups[name].kind === 'dhe')
  return names.find(name => g === 2n && finiteField(name).p === p)
}

/** floor(2^bits e), from e = 1/0! + 1/1! + 1/2! + ... with 64 bits to spare. */
function scaledE(bits: number): bigint {
  let term = 1n << BigInt(bits + 64)
  let sum = 0n
  for (let i = 1n; term > 0n; i++) {
    sum += term
    term /= i
  }
  return sum >> 64n
}

/** Bits of a positive number. */
export function bitLength(number: bigint): number {
  return number.toString(2).length
}

/** The number that big-endian bytes stand for; 0 for none. */
export function numberOf(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${toHex(bytes)}`)
}

/** A number in big-endian bytes, without leading zeros. */
export function bytesOf(number: bigint): Uint8Array {
  const digits = number.toString(16)
  return fromHex(digits.length % 2 === 0 ? digits : `0${digits}`)
}
