/** The little of DER that node:crypto wants keys in: a Buffer can be wiped, the strings of a JWK cannot. */
import { concatBytes, fromHex } from '../../bytes.ts'
import { bytesOf, type FiniteFieldGroup } from '../../crypto/finite-fields.ts'
import type { EcCurve } from '../../crypto/provider.ts'
import { constructedTag, Tag } from '../../x509/der.ts'
import type { RsaKeyComponents } from '../../x509/rsa-private-key.ts'

/** PrivateKeyInfo (RFC 5958 §2) of a curve whose private key is 32 bytes (RFC 8410 §7). */
export function curvePrivateKeyInfo(name: 'x25519' | 'ed25519', privateKey: Uint8Array): Buffer {
  const oid = fromHex({ x25519: '06032b656e', ed25519: '06032b6570' }[name])
  return privateKeyInfo(sequence(oid), value(Tag.octetString, privateKey))
}

/** PrivateKeyInfo of a Diffie-Hellman key in a group (PKCS #3 §9): the exponent is an INTEGER. */
export function dhPrivateKeyInfo(group: FiniteFieldGroup, exponent: Uint8Array): Buffer {
  return privateKeyInfo(dhAlgorithm(group), integer(exponent))
}

/** SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) of a Diffie-Hellman key in a group. */
export function dhPublicKeyInfo(group: FiniteFieldGroup, y: bigint): Buffer {
  const bits = enclose(Tag.bitString, Uint8Array.of(0), integer(bytesOf(y)))
  return bufferOf(sequence(dhAlgorithm(group), bits))
}

const curveOids: Readonly<Record<EcCurve, string>> = {
  secp256r1: '06082a8648ce3d030107',
  secp384r1: '06052b81040022',
  secp521r1: '06052b81040023',
}

/** ECPrivateKey (RFC 5915 §3). */
export function ecPrivateKey(curve: EcCurve, privateKey: Uint8Array): Buffer {
  const parameters = value(constructedTag(0), fromHex(curveOids[curve]))
  return bufferOf(sequence(integer(Uint8Array.of(1)), value(Tag.octetString, privateKey), parameters))
}

/** RSAPrivateKey with two primes (RFC 8017 §A.1.2). */
export function rsaPrivateKey(key: RsaKeyComponents): Buffer {
  const { modulus, publicExponent, privateExponent, prime1, prime2, exponent1, exponent2, coefficient } = key
  const numbers = [
    modulus,
    publicExponent,
    privateExponent,
    prime1,
    prime2,
    exponent1,
    exponent2,
    coefficient,
  ]
  return bufferOf(sequence(...[0n, ...numbers].map(number => integer(bytesOf(number)))))
}

function privateKeyInfo(algorithm: Uint8Array, privateKey: Uint8Array): Buffer {
  return bufferOf(sequence(integer(Uint8Array.of(0)), algorithm, enclose(Tag.octetString, privateKey)))
}

function dhAlgorithm({ p, g }: FiniteFieldGroup): Uint8Array {
  return sequence(fromHex('06092a864886f70d010301'), sequence(integer(bytesOf(p)), integer(bytesOf(g))))
}

const sequence = (...parts: readonly Uint8Array[]) => enclose(Tag.sequence, ...parts)

/** A number that is not negative: without leading zeros, but for the one that keeps the sign bit 0. */
function integer(bytes: Uint8Array): Uint8Array {
  const start = bytes.findIndex(byte => byte !== 0)
  const digits = start < 0 ? Uint8Array.of(0) : bytes.slice(start)
  return digits[0]! > 0x7f ? enclose(Tag.integer, Uint8Array.of(0), digits) : enclose(Tag.integer, digits)
}

/** A value of parts that were made for it alone: they are overwritten, since they may be those of a key. */
function enclose(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const contents = concatBytes(...parts)
  const enclosed = value(tag, contents)
  for (const bytes of [contents, ...parts]) bytes.fill(0)
  return enclosed
}

/** Tag, length and a copy of the contents. */
function value(tag: number, contents: Uint8Array): Uint8Array {
  const { length } = contents
  const bytes = bytesOf(BigInt(length))
  const header = length < 0x80 ? [tag, length] : [tag, 0x80 | bytes.length, ...bytes]
  return concatBytes(Uint8Array.from(header), contents)
}

/** The same memory, as node:crypto's types want it. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
