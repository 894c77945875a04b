/**
 * What the RSA operation of a provider is done on. Of a signature it is the message's digest, filled up to the length of the modulus
 * (RFC 8017 §9), by keys that `canSign` the scheme, which is where the length is judged; of an encryption the message itself.
 */
import { concatBytes, equalBytes, fromHex } from '../bytes.ts'
import { ApiMisuse, TlsError } from '../errors.ts'
import { bitLength } from './finite-fields.ts'
import type { HashAlgorithm, RandomBytes, RsaPublicKey } from './provider.ts'
import { canSign, hashLength, type SignatureScheme, signatureScheme } from './signature-schemes.ts'

/** A hash function of whole messages, as a provider has it. */
export interface Digest {
  readonly algorithm: HashAlgorithm
  of(bytes: Uint8Array): Uint8Array
}

/** The DER of DigestInfo up to the digest itself, with the NULL parameters (RFC 8017 §9.2, note 1). */
const digestInfoPrefix: Readonly<Record<HashAlgorithm, Uint8Array>> = {
  sha1: fromHex('3021300906052b0e03021a05000414'),
  sha224: fromHex('302d300d06096086480165030402040500041c'),
  sha256: fromHex('3031300d060960864801650304020105000420'),
  sha384: fromHex('3041300d060960864801650304020205000430'),
  sha512: fromHex('3051300d060960864801650304020305000440'),
}

/** What a signature of a scheme is made on. */
export interface SignatureWanted {
  readonly scheme: SignatureScheme
  readonly message: Uint8Array
  readonly digestWith: (algorithm: HashAlgorithm) => Digest
  /** For the salt of PSS. */
  readonly random: RandomBytes
}

/** The k bytes that the private operation makes a signature of (RFC 8017 §8.1.1, RFC 8017 §8.2.1). Throws ApiMisuse for a scheme that the key cannot do. */
export function encodeForSignature(
  key: RsaPublicKey,
  { scheme, message, digestWith, random }: SignatureWanted,
): Uint8Array {
  const { algorithm, hash } = signatureScheme(scheme)
  if (!canSign(key, scheme) || !hash)
    throw new ApiMisuse(`this RSA key of ${key.modulusLength} bytes makes no signature of scheme ${scheme}`)
  const digest = digestWith(hash)
  return algorithm === 'pss'
    ? encodePss(digest, message, random(hashLength[hash]), key)
    : encodePkcs1(digest, message, key)
}

/** EMSA-PKCS1-v1_5 (RFC 8017 §9.2): 00 01, ff and more ff, 00, DigestInfo; k bytes. */
export function encodePkcs1(
  digest: Digest,
  message: Uint8Array,
  { modulusLength }: RsaPublicKey,
): Uint8Array {
  const digestInfo = concatBytes(digestInfoPrefix[digest.algorithm], digest.of(message))
  const padding = new Uint8Array(modulusLength - digestInfo.length - 3).fill(0xff)
  return concatBytes(Uint8Array.of(0x00, 0x01), padding, Uint8Array.of(0x00), digestInfo)
}

/**
 * EMSA-PSS encoding (RFC 8017 §9.1.1) with MGF1 over the same hash and a salt as long as it (RFC 8446 §4.2.3); k bytes:
 *
 *     DB = 00 .. 00 01 salt        H = Hash(00 x 8, Hash(message), salt)        EM = DB ^ MGF1(H), H, bc
 */
function encodePss(digest: Digest, message: Uint8Array, salt: Uint8Array, key: RsaPublicKey): Uint8Array {
  const h = saltedHash(digest, message, salt)
  const { length, topMask } = pssShape(key)
  const db = new Uint8Array(length - h.length - 1)
  db.set(salt, db.length - salt.length)
  db[db.length - salt.length - 1] = 0x01
  const maskedDb = xorMask(digest, h, db)
  maskedDb[0]! &= topMask
  // A modulus of 8n + 1 bits leaves a whole byte unused.
  return concatBytes(new Uint8Array(key.modulusLength - length), maskedDb, h, Uint8Array.of(0xbc))
}

/** EMSA-PSS verification (RFC 8017 §9.1.2): whether the k bytes `encoded` are an encoding of the message. */
export function verifyPss(
  digest: Digest,
  message: Uint8Array,
  encoded: Uint8Array,
  key: RsaPublicKey,
): boolean {
  const { length, topMask } = pssShape(key)
  const em = encoded.subarray(key.modulusLength - length)
  if (encoded[0] !== 0 && em.length < encoded.length) return false
  if (em.at(-1) !== 0xbc || (em[0]! & ~topMask) !== 0) return false
  const digestLength = hashLength[digest.algorithm]
  const h = em.subarray(length - digestLength - 1, length - 1)
  const db = xorMask(digest, h, em.subarray(0, length - digestLength - 1))
  db[0]! &= topMask
  const saltStart = db.length - digestLength
  const startIsRight = db.subarray(0, saltStart).every((byte, i) => byte === (i === saltStart - 1 ? 1 : 0))
  return startIsRight && equalBytes(h, saltedHash(digest, message, db.subarray(saltStart)))
}

/** `emLen` of `emBits`, one bit less than the modulus has, and the bits of its first byte that are in use. */
function pssShape({ modulus }: RsaPublicKey): { length: number; topMask: number } {
  const bits = bitLength(modulus) - 1
  const length = Math.ceil(bits / 8)
  return { length, topMask: 0xff >> (8 * length - bits) }
}

function saltedHash(digest: Digest, message: Uint8Array, salt: Uint8Array): Uint8Array {
  return digest.of(concatBytes(new Uint8Array(8), digest.of(message), salt))
}

/** `bytes` xor MGF1(seed) (RFC 8017 §B.2.1). */
function xorMask(digest: Digest, seed: Uint8Array, bytes: Uint8Array): Uint8Array {
  const masked = Uint8Array.from(bytes)
  const step = hashLength[digest.algorithm]
  for (let offset = 0; offset < bytes.length; offset += step) {
    const counter = new Uint8Array(4)
    new DataView(counter.buffer).setUint32(0, offset / step)
    const mask = digest.of(concatBytes(seed, counter))
    for (let i = 0; i < mask.length && offset + i < bytes.length; i++) masked[offset + i]! ^= mask[i]!
  }
  return masked
}

/** Bytes of an encryption block that are not message: 00 02, at least 8 of padding, 00 (RFC 8017 §7.2.1). */
const encryptionOverhead = 11

/**
 * The block of RSAES-PKCS1-v1_5 (RFC 8017 §7.2.1, step 2): 00 02, padding, 00 and `message`, at most k - 11 bytes long; k bytes. To be wiped.
 * Throws TlsError UNSUPPORTED_CERTIFICATE when the peer's key is too short for the message, and ApiMisuse when `random` gives nothing but zeros.
 */
export function encodeForEncryption(key: RsaPublicKey, message: Uint8Array, random: RandomBytes): Uint8Array {
  const k = key.modulusLength
  if (message.length > k - encryptionOverhead) {
    const problem = `an RSA key of ${k} bytes cannot carry a message of ${message.length} bytes`
    throw new TlsError(
      'UNSUPPORTED_CERTIFICATE',
      `${problem}: wanted at least ${message.length + encryptionOverhead}`,
    )
  }
  const padding = nonZeroBytes(k - message.length - 3, random)
  return concatBytes(Uint8Array.of(0x00, 0x02), padding, Uint8Array.of(0x00), message)
}

/** Random bytes without a zero, since a zero ends the padding: each zero is drawn again. */
function nonZeroBytes(length: number, random: RandomBytes): Uint8Array {
  const bytes = Uint8Array.from(random(length))
  for (let i = 0; i < length; i++) {
    for (let draws = 0; bytes[i] === 0; draws++) {
      // 2^-512 for an honest source; without the bound a broken one would hang us.
      if (draws === 64) throw new ApiMisuse('the random source gave 64 zero bytes in a row')
      bytes[i] = random(1)[0]!
    }
  }
  return bytes
}
