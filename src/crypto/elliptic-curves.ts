/** The NIST curves, y^2 = x^3 - 3x + b modulo p (FIPS 186-4 §D.1.2), as far as a public key is judged without a provider. */
import { bytesOf, numberOf } from './finite-fields.ts'
import type { EcCurve } from './provider.ts'

interface CurveNumbers {
  readonly p: bigint
  readonly b: bigint
  /** n, the order of the base point. */
  readonly order: bigint
  /** Bytes of a coordinate. */
  readonly coordinateLength: number
}

const curves: Readonly<Record<EcCurve, CurveNumbers>> = {
  secp256r1: {
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    coordinateLength: 32,
  },
  secp384r1: {
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    order:
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    coordinateLength: 48,
  },
  secp521r1: {
    p: 2n ** 521n - 1n,
    b: 0x051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
    order:
      0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    coordinateLength: 66,
  },
}

/** Bytes of a coordinate, and of a private key (RFC 5915 §3). */
export function coordinateLength(curve: EcCurve): number {
  return curves[curve].coordinateLength
}

/** Whether bytes are a private key: a number from 1 to n - 1, as long as a coordinate (RFC 5915 §3). */
export function isScalar(curve: EcCurve, bytes: Uint8Array): boolean {
  const number = numberOf(bytes)
  return bytes.length === coordinateLength(curve) && number > 0n && number < curves[curve].order
}

/**
 * A private key from random bytes, `seedLength` of them: as a number, modulo n - 1, plus 1 (FIPS 186-5 §A.2.1). With half as many bytes more
 * than the order has, none is preferred.
 */
export function scalarFromSeed(curve: EcCurve, seed: Uint8Array): Uint8Array {
  const bytes = bytesOf((numberOf(seed) % (curves[curve].order - 1n)) + 1n)
  const scalar = new Uint8Array(coordinateLength(curve))
  scalar.set(bytes, scalar.length - bytes.length)
  bytes.fill(0)
  return scalar
}

/** Bytes that `scalarFromSeed` wants. */
export function seedLength(curve: EcCurve): number {
  return Math.ceil(1.5 * coordinateLength(curve))
}

/** Whether bytes are an uncompressed point of the curve (SEC 1 §2.3.4): 04, x, y, both below p and on it. */
export function isCurvePoint(curve: EcCurve, point: Uint8Array): boolean {
  const { p, b, coordinateLength } = curves[curve]
  if (point.length !== 1 + 2 * coordinateLength || point[0] !== 0x04) return false
  const x = numberOf(point.subarray(1, 1 + coordinateLength))
  const y = numberOf(point.subarray(1 + coordinateLength))
  return x < p && y < p && (y * y - x * x * x + 3n * x - b) % p === 0n
}
