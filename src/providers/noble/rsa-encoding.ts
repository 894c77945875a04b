/**
 * What an RSA signature is made over: the message's digest, filled up to the length of the modulus (RFC 8017 §9). Keys are those
 * that `canSign` the scheme, which is where the length is judged.
 */
import { bitLen } from '@noble/curves/utils.js'
import { concatBytes, equalBytes, fromHex } from '../../bytes.ts'
import type { HashAlgorithm, RsaPublicKey } from '../../crypto/provider.ts'
import { hashFunctions } from './hash.ts'

/** The DER of DigestInfo up to the digest itself, with the NULL parameters (RFC 8017 §9.2, note 1). */
const digestInfoPrefix: Readonly<Record<HashAlgorithm, Uint8Array>> = {
  sha1: fromHex('3021300906052b0e03021a05000414'),
  sha224: fromHex('302d300d06096086480165030402040500041c'),
  sha256: fromHex('3031300d060960864801650304020105000420'),
  sha384: fromHex('3041300d060960864801650304020205000430'),
  sha512: fromHex('3051300d060960864801650304020305000440'),
}

/** EMSA-PKCS1-v1_5 (RFC 8017 §9.2): 00 01, ff and more ff, 00, DigestInfo; k bytes. */
export function encodePkcs1(
  hash: HashAlgorithm,
  message: Uint8Array,
  { modulusLength }: RsaPublicKey,
): Uint8Array {
  const digestInfo = concatBytes(digestInfoPrefix[hash], hashFunctions[hash](message))
  const padding = new Uint8Array(modulusLength - digestInfo.length - 3).fill(0xff)
  return concatBytes(Uint8Array.of(0x00, 0x01), padding, Uint8Array.of(0x00), digestInfo)
}

/**
 * EMSA-PSS encoding (RFC 8017 §9.1.1) with MGF1 over the same hash and a salt as long as it (RFC 8446 §4.2.3); k bytes:
 *
 *     DB = 00 .. 00 01 salt        H = Hash(00 x 8, Hash(message), salt)        EM = DB ^ MGF1(H), H, bc
 */
export function encodePss(
  hash: HashAlgorithm,
  message: Uint8Array,
  salt: Uint8Array,
  key: RsaPublicKey,
): Uint8Array {
  const h = saltedHash(hash, message, salt)
  const { length, topMask } = pssShape(key)
  const db = new Uint8Array(length - h.length - 1)
  db.set(salt, db.length - salt.length)
  db[db.length - salt.length - 1] = 0x01
  const maskedDb = xorMask(hash, h, db)
  maskedDb[0]! &= topMask
  // A modulus of 8n + 1 bits leaves a whole byte unused.
  return concatBytes(new Uint8Array(key.modulusLength - length), maskedDb, h, Uint8Array.of(0xbc))
}

/** EMSA-PSS verification (RFC 8017 §9.1.2): whether the k bytes `encoded` are an encoding of the message. */
export function verifyPss(
  hash: HashAlgorithm,
  message: Uint8Array,
  encoded: Uint8Array,
  key: RsaPublicKey,
): boolean {
  const { length, topMask } = pssShape(key)
  const em = encoded.subarray(key.modulusLength - length)
  if (encoded[0] !== 0 && em.length < encoded.length) return false
  if (em.at(-1) !== 0xbc || (em[0]! & ~topMask) !== 0) return false
  const hashLength = hashFunctions[hash].outputLen
  const h = em.subarray(length - hashLength - 1, length - 1)
  const db = xorMask(hash, h, em.subarray(0, length - hashLength - 1))
  db[0]! &= topMask
  const saltStart = db.length - hashLength
  const startIsRight = db.subarray(0, saltStart).every((byte, i) => byte === (i === saltStart - 1 ? 1 : 0))
  return startIsRight && equalBytes(h, saltedHash(hash, message, db.subarray(saltStart)))
}

/** `emLen` of `emBits`, one bit less than the modulus has, and the bits of its first byte that are in use. */
function pssShape({ modulus }: RsaPublicKey): { length: number; topMask: number } {
  const bits = bitLen(modulus) - 1
  const length = Math.ceil(bits / 8)
  return { length, topMask: 0xff >> (8 * length - bits) }
}

function saltedHash(hash: HashAlgorithm, message: Uint8Array, salt: Uint8Array): Uint8Array {
  return hashFunctions[hash](concatBytes(new Uint8Array(8), hashFunctions[hash](message), salt))
}

/** `bytes` xor MGF1(seed) (RFC 8017 §B.2.1). */
function xorMask(hash: HashAlgorithm, seed: Uint8Array, bytes: Uint8Array): Uint8Array {
  const masked = Uint8Array.from(bytes)
  const { outputLen } = hashFunctions[hash]
  for (let offset = 0; offset < bytes.length; offset += outputLen) {
    const counter = new Uint8Array(4)
    new DataView(counter.buffer).setUint32(0, offset / outputLen)
    const mask = hashFunctions[hash](concatBytes(seed, counter))
    for (let i = 0; i < mask.length && offset + i < bytes.length; i++) masked[offset + i]! ^= mask[i]!
  }
  return masked
}
