import { enumeration, opaqueVector, struct, uint8, uint16 } from '../wire/codec.ts'

/** RFC 5246 §7.4.1.4.1. */
export const HashAlgorithm = { none: 0, md5: 1, sha1: 2, sha224: 3, sha256: 4, sha384: 5, sha512: 6 } as const
/** RFC 5246 §7.4.1.4.1. */
export const SignatureAlgorithm = { anonymous: 0, rsa: 1, dsa: 2, ecdsa: 3 } as const

/** `struct { HashAlgorithm hash; SignatureAlgorithm signature; } SignatureAndHashAlgorithm` (RFC 5246 §7.4.1.4.1). */
export const signatureAndHashAlgorithm = struct({
  hash: enumeration(uint8, HashAlgorithm),
  signature: enumeration(uint8, SignatureAlgorithm),
})

/** `struct { SignatureAndHashAlgorithm algorithm; opaque signature<0..2^16-1>; } DigitallySigned` (RFC 5246 §4.7). */
export const digitallySigned = struct({
  algorithm: signatureAndHashAlgorithm,
  signature: opaqueVector(uint16, 0, 0xffff),
})
