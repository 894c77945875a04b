import { signatureSchemes } from '../crypto/signature-schemes.ts'
import { enumeration, opaqueVector, struct, uint16 } from '../wire/codec.ts'
import { numbersOf } from './numbers.ts'

/**
 * `struct { HashAlgorithm hash; SignatureAlgorithm signature; } SignatureAndHashAlgorithm` (RFC 5246 §7.4.1.4.1), read as the one
 * number that RFC 8446 §4.2.3 makes of it: RSASSA-PSS and Ed25519 fit no pair. One that we do not do stays a number.
 */
export const signatureAndHashAlgorithm = enumeration(uint16, numbersOf(signatureSchemes))

/** `struct { SignatureAndHashAlgorithm algorithm; opaque signature<0..2^16-1>; } DigitallySigned` (RFC 5246 §4.7). */
export const digitallySigned = struct({
  algorithm: signatureAndHashAlgorithm,
  signature: opaqueVector(uint16, 0, 0xffff),
})
