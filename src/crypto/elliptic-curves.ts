/** The NIST curves, y^2 = x^3 - 3x + b modulo p (FIPS 186-4 §D.1.2), as far as a public key is judged without a provider. */
import { numberOf } from './finite-fields.ts'
import type { EcCurve } from './provider.ts'

interface CurveNumbers {
  readonly p: bigint
  readonly b: bigint
  /** Bytes of a coordinate. */
  readonly coordinateLength: number
}

const curves: Readonly<Record<EcCurve, CurveNumbers>> = {
  secp256r1: {
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    coordinateLength: 32,
  },
  secp384r1: {
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    coordinateLength: 48,
  },
  secp521r1: {
    p: 2n ** 521n - 1n,
    b: 0x051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
    coordinateLength: 66,
  },
}

/** Bytes of a coordinate, and of a private key (RFC 5915 §3). */
export function coordinateLength(curve: EcCurve): number {
  return curves[curve].coordinateLength
}

/** Whether bytes are an uncompressed point of the curve (SEC 1 §2.3.4): 04, x, y, both below p and on it. */
export function isCurvePoint(curve: EcCurve, point: Uint8Array): boolean {
  const { p, b, coordinateLength } = curves[curve]
  if (point.length !== 1 + 2 * coordinateLength || point[0] !== 0x04) return false
  const x = numberOf(point.subarray(1, 1 + coordinateLength))
  const y = numberOf(point.subarray(1 + coordinateLength))
  return x < p && y < p && (y * y - x * x * x + 3n * x - b) % p === 0n
}
