import { type ECDSA, ecdsa } from '@noble/curves/abstract/weierstrass.js'
import { p256, p384, p521 } from '@noble/curves/nist.js'
import type { EcCurve, HashAlgorithm } from '../../crypto/provider.ts'
import { hashFunctions } from './hash.ts'

/** The NIST curves as noble has them. */
export const curves: Readonly<Record<EcCurve, ECDSA>> = { secp256r1: p256, secp384r1: p384, secp521r1: p521 }

const signers = new Map<string, ECDSA>()

/** ECDSA on a curve with any hash, which serves RFC 6979's nonces too: noble's own pairs have one hash to a curve. */
export function ecdsaWith(curve: EcCurve, hash: HashAlgorithm): ECDSA {
  const name = `${curve} ${hash}`
  const signer = signers.get(name) ?? ecdsa(curves[curve].Point, hashFunctions[hash])
  signers.set(name, signer)
  return signer
}
