/** Ephemeral key exchange as RFC 5246 §7.4.3, RFC 7748, RFC 7919 and RFC 8422 §5 say it, over node:crypto and BigInt. */
import {
  createECDH,
  createPublicKey,
  diffieHellman,
  type ECDH,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { type Bytes, cat, hex, u8, u16, vec8, vec16 } from './by-hand.ts'

/** RFC 8422 §5.1.1 and RFC 7919 §2. */
export const groupNumbers = {
  secp256r1: 23,
  secp384r1: 24,
  secp521r1: 25,
  x25519: 29,
  ffdhe2048: 256,
} as const
export type GroupByHand = keyof typeof groupNumbers

const curveNames = { secp256r1: 'prime256v1', secp384r1: 'secp384r1', secp521r1: 'secp521r1' } as const

/** RFC 7919 §A.1. */
export const ffdhe2048: FieldByHand = {
  g: 2n,
  p: BigInt(
    `0x${`FFFFFFFF FFFFFFFF ADF85458 A2BB4A9A AFDC5620 273D3CF1 D8B9C583 CE2D3695 A9E13641 146433FB CC939DCE 249B3EF9
    7D2FE363 630C75D8 F681B202 AEC4617A D3DF1ED5 D5FD6561 2433F51F 5F066ED0 85636555 3DED1AF3 B557135E 7F57C935
    984F0C70 E0E68B77 E2A689DA F3EFE872 1DF158A1 36ADE735 30ACCA4F 483A797A BC0AB182 B324FB61 D108A94B B2C8E3FB
    B96ADAB7 60D7F468 1D4F42A3 DE394DF4 AE56EDE7 6372BB19 0B07A7C8 EE0A6D70 9E02FCE1 CDF7E2EC C03404CD 28342F61
    9172FE9C E98583FF 8E4F1232 EEF28183 C3FE3B1B 4C6FAD73 3BB5FCBC 2EC22005 C58EF183 7D1683B2 C6F34A26 C1B2EFFA
    886B4238 61285C97 FFFFFFFF FFFFFFFF`.replace(/\s/g, '')}`,
  ),
}

/** A finite field by its numbers. */
export interface FieldByHand {
  readonly p: bigint
  readonly g: bigint
}

/** One fresh key of a group. */
export interface ShareByHand {
  readonly publicKey: Bytes
  /** The premaster secret with this public key of the peer (RFC 8422 §5.10, RFC 5246 §8.1.2). */
  agree(peer: Uint8Array): Bytes
}

export function shareOf(group: GroupByHand | FieldByHand): ShareByHand {
  if (typeof group === 'object') return fieldShare(group)
  if (group === 'ffdhe2048') return fieldShare(ffdhe2048)
  return group === 'x25519' ? x25519Share() : curveShare(createECDH(curveNames[group]))
}

const x25519Prefix = hex('302a300506032b656e032100')

function x25519Share(): ShareByHand {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  const peerKey = (bytes: Uint8Array): KeyObject =>
    createPublicKey({ key: Buffer.from(cat(x25519Prefix, bytes)), format: 'der', type: 'spki' })
  return {
    publicKey: cat(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)),
    agree: peer => cat(diffieHellman({ privateKey, publicKey: peerKey(peer) })),
  }
}

function curveShare(ecdh: ECDH): ShareByHand {
  return { publicKey: cat(ecdh.generateKeys()), agree: peer => cat(ecdh.computeSecret(peer)) }
}

function fieldShare({ p, g }: FieldByHand): ShareByHand {
  const exponent = numberOf(randomBytes(32))
  return {
    publicKey: bytesOf(power(g, exponent, p)),
    // RFC 5246 §8.1.2: "Leading bytes of Z that contain all zero bits are stripped".
    agree: peer => bytesOf(power(numberOf(peer), exponent, p)),
  }
}

/** A share of ffdhe2048 whose secret with this public key begins with a zero byte: from one exponent to the next is one step. */
export function shortFieldShare(peer: Uint8Array): { publicKey: Bytes; secret: Bytes } {
  const { p, g } = ffdhe2048
  const exponent = numberOf(randomBytes(32))
  let publicKey = power(g, exponent, p)
  let secret = power(numberOf(peer), exponent, p)
  while (bytesOf(secret).length === 256) {
    publicKey = (publicKey * g) % p
    secret = (secret * numberOf(peer)) % p
  }
  return { publicKey: bytesOf(publicKey), secret: bytesOf(secret) }
}

export const numberOf = (bytes: Uint8Array): bigint =>
  BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`)

/** Without leading zeros. */
export function bytesOf(number: bigint): Bytes {
  const digits = number.toString(16)
  return hex(digits.length % 2 ? `0${digits}` : digits)
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  let square = base % modulus
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

/** ServerECDHParams or ServerDHParams (RFC 8422 §5.4, RFC 5246 §7.4.3). */
export function paramsBody(group: GroupByHand | FieldByHand, publicKey: Uint8Array): Bytes {
  const field = group === 'ffdhe2048' ? ffdhe2048 : group
  if (typeof field === 'object')
    return cat(vec16(bytesOf(field.p)), vec16(bytesOf(field.g)), vec16(publicKey))
  return cat(u8(3), u16(groupNumbers[field]), vec8(publicKey))
}

/** The group and public key of a ServerKeyExchange, and where its signature begins. */
export function readParams(body: Uint8Array, isOnCurve: boolean) {
  if (isOnCurve) {
    const number = (body[1]! << 8) | body[2]!
    const group = Object.entries(groupNumbers).find(([, value]) => value === number)?.[0] as GroupByHand
    const end = 4 + body[3]!
    return { group, publicKey: cat(body.subarray(4, end)), end }
  }
  const vectors: Bytes[] = []
  let at = 0
  while (vectors.length < 3) {
    const length = (body[at]! << 8) | body[at + 1]!
    vectors.push(cat(body.subarray(at + 2, at + 2 + length)))
    at += 2 + length
  }
  const [p, g, publicKey] = vectors as [Bytes, Bytes, Bytes]
  return { group: { p: numberOf(p), g: numberOf(g) }, publicKey, end: at }
}
