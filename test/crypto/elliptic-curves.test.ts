import { createECDH, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { fromHex } from '../../src/bytes.ts'
import {
  coordinateLength,
  isCurvePoint,
  isScalar,
  scalarFromSeed,
  seedLength,
} from '../../src/crypto/elliptic-curves.ts'
import { bytesOf, numberOf } from '../../src/crypto/finite-fields.ts'
import type { EcCurve } from '../../src/crypto/provider.ts'
import { publicKeyOf } from '../support/node-keys.ts'

const curves: [EcCurve, string, bigint][] = [
  ['secp256r1', 'prime256v1', 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n],
  ['secp384r1', 'secp384r1', 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n],
  ['secp521r1', 'secp521r1', 2n ** 521n - 1n],
]

describe.each(curves)('%s', (curve, opensslName, p) => {
  const pointOf = () => createECDH(opensslName).generateKeys()

  test('the points of node:crypto are on it', () => {
    for (let i = 0; i < 50; i++) expect(isCurvePoint(curve, pointOf())).toBe(true)
    expect(coordinateLength(curve)).toBe((pointOf().length - 1) / 2)
  })

  test('the scalars of node:crypto are its scalars: from 1 to the order of its base point, less 1', () => {
    const ecdh = createECDH(opensslName)
    const isTaken = (bytes: Uint8Array) => {
      try {
        ecdh.setPrivateKey(bytes)
        return true
      } catch {
        return false
      }
    }
    const length = coordinateLength(curve)
    const bytesFor = (number: bigint) => fromHex(number.toString(16).padStart(2 * length, '0'))
    // The seed of all ones less its remainder is 0 modulo n - 1, and so the last scalar has the seed before it.
    const seed = 2n ** BigInt(8 * seedLength(curve)) - 1n
    const remainder = numberOf(scalarFromSeed(curve, bytesOf(seed))) - 1n
    const last = numberOf(scalarFromSeed(curve, bytesOf(seed - remainder - 1n)))
    for (const number of [0n, 1n, last, last + 1n, 2n ** BigInt(8 * length) - 1n])
      expect(isScalar(curve, bytesFor(number)), `${number}`).toBe(isTaken(bytesFor(number)))
    expect(isScalar(curve, bytesFor(last))).toBe(true)
    expect(isScalar(curve, Uint8Array.of(1))).toBe(false)
  })

  test('a point with another coordinate, form or length is not', () => {
    const point = pointOf()
    for (const at of [1, point.length / 2, point.length - 1].map(Math.floor)) {
      const changed = Uint8Array.from(point)
      changed[at]! ^= 1
      expect(isCurvePoint(curve, changed)).toBe(false)
    }
    for (const form of [0, 2, 3, 6, 7]) {
      expect(isCurvePoint(curve, Uint8Array.from([form, ...point.subarray(1)]))).toBe(false)
    }
    for (const bytes of [[], [0], [4], point.subarray(0, -1), [...point, 0]]) {
      expect(isCurvePoint(curve, Uint8Array.from(bytes))).toBe(false)
    }
    expect(
      isCurvePoint(
        curve,
        Uint8Array.from(point, (_, i) => (i === 0 ? 4 : 0)),
      ),
    ).toBe(false)
  })

  test('a coordinate to which p was added is not one, though it is the same modulo p', () => {
    const length = coordinateLength(curve)
    const small = smallPoint(curve)
    expect(isCurvePoint(curve, small)).toBe(true)
    const x = bytesOf(numberOf(small.subarray(1, 1 + length)) + p)
    const beyond = Uint8Array.from([4, ...x, ...small.subarray(1 + length)])
    expect(beyond).toHaveLength(small.length)
    expect(isCurvePoint(curve, beyond)).toBe(false)
  })
})

/** A point whose x is small enough to stay in its length when p is added; openssl decompresses it. */
function smallPoint(curve: EcCurve): Uint8Array {
  const oid = { secp256r1: '06082a8648ce3d030107', secp384r1: '06052b81040022', secp521r1: '06052b81040023' }[
    curve
  ]
  const length = coordinateLength(curve)
  for (let x = 1; x < 50; x++) {
    const compressed = `02${x.toString(16).padStart(2 * length, '0')}`
    const bits = `03${(length + 2).toString(16).padStart(2, '0')}00${compressed}`
    const algorithm = `06072a8648ce3d0201${oid}`
    const body = `30${(algorithm.length / 2).toString(16).padStart(2, '0')}${algorithm}${bits}`
    const der = fromHex(`30${(body.length / 2).toString(16).padStart(2, '0')}${body}`)
    try {
      const key = publicKeyOf(createPublicKey({ key: Buffer.from(der), type: 'spki', format: 'der' }))
      if (key.type === 'ec') return key.point
    } catch {
      // Half of all x are none of the curve.
    }
  }
  throw new RangeError(`no point of ${curve} below x = 50`)
}

test('a point of another curve of the same size is not on it', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  const der = publicKey.export({ type: 'spki', format: 'der' })
  expect(isCurvePoint('secp256r1', der.subarray(-65))).toBe(false)
})
