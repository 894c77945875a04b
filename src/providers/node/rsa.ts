/**
 * RSA as two raw operations of OpenSSL (RFC 8017 §5), on k bytes each; what they are done on is encoded and judged in
 * crypto/rsa-encoding.ts, for this provider as for any other. So there is one strictness, and random bytes come from who hands them in.
 */
import { constants, createPublicKey, type KeyObject, privateDecrypt, publicEncrypt } from 'node:crypto'
import { equalBytes } from '../../bytes.ts'
import { bytesOf, numberOf } from '../../crypto/finite-fields.ts'
import type { PrivateKey, RandomBytes, RsaPublicKey } from '../../crypto/provider.ts'
import { encodeForEncryption, encodeForSignature, encodePkcs1, verifyPss } from '../../crypto/rsa-encoding.ts'
import type { SignatureScheme, SignatureSchemeRow } from '../../crypto/signature-schemes.ts'
import { TlsError } from '../../errors.ts'
import { digestWith, plainBytes } from './hash.ts'

const padding = constants.RSA_NO_PADDING

/**
 * RSAES-PKCS1-v1_5 encryption (RFC 8017 §7.2.1): k bytes that hold `message`, at most k - 11 bytes long.
 * Throws what `encodeForEncryption` does.
 */
export function encryptPkcs1(key: RsaPublicKey, message: Uint8Array, random: RandomBytes): Uint8Array {
  const encoded = encodeForEncryption(key, message, random)
  const ciphertext = publicOperation(key, encoded)
  encoded.fill(0)
  if (!ciphertext)
    throw new TlsError(
      'UNSUPPORTED_CERTIFICATE',
      'OpenSSL does not encrypt to the RSA key of the certificate',
    )
  return ciphertext
}

/**
 * RSASSA-PKCS1-v1_5 and RSASSA-PSS verification (RFC 8017 §8.2.2 and RFC 8017 §8.1.2) by a key that can do the scheme; the
 * expected encoding of PKCS #1 is built anew and compared whole. False for a signature of any other length or value; it does not throw.
 */
export function verifyRsa(
  { algorithm, hash }: SignatureSchemeRow,
  key: RsaPublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (!hash || !isBelowModulus(key, signature)) return false
  const encoded = publicOperation(key, signature)
  if (!encoded) return false
  if (algorithm === 'pss') return verifyPss(digestWith(hash), message, encoded, key)
  return equalBytes(encoded, encodePkcs1(digestWith(hash), message, key))
}

/** RSAEP and RSAVP1 (RFC 8017 §5.1.1 and RFC 8017 §5.2.2) of k bytes below n. `undefined` for a key that OpenSSL does not work with. */
function publicOperation(key: RsaPublicKey, block: Uint8Array): Uint8Array | undefined {
  const text = (number: bigint) => Buffer.from(bytesOf(number)).toString('base64url')
  const jwk = { kty: 'RSA', n: text(key.modulus), e: text(key.publicExponent) }
  try {
    return plainBytes(publicEncrypt({ key: createPublicKey({ key: jwk, format: 'jwk' }), padding }, block))
  } catch {
    return undefined
  }
}

function isBelowModulus({ modulus, modulusLength }: RsaPublicKey, block: Uint8Array): boolean {
  return block.length === modulusLength && numberOf(block) < modulus
}

/** An RSA key that signs and decrypts here and now. OpenSSL blinds it, in constant time; `random` salts PSS. */
export class NodeRsaPrivateKey implements PrivateKey {
  readonly publicKey: RsaPublicKey
  readonly #key: KeyObject
  readonly #random: RandomBytes

  /** `key` is one of type `rsa`, whatever `publicKey` says that it is for: OpenSSL has no raw operation for an `rsa-pss` one. */
  constructor(key: KeyObject, publicKey: RsaPublicKey, random: RandomBytes) {
    this.publicKey = publicKey
    this.#key = key
    this.#random = random
  }

  /** RSADP (RFC 8017 §5.1.2). A ciphertext that cannot be right takes the same path, with a stand-in, and fails at its end. */
  decryptRaw(ciphertext: Uint8Array): Uint8Array | undefined {
    const isCiphertext = isBelowModulus(this.publicKey, ciphertext)
    const encoded = this.#operate(isCiphertext ? ciphertext : this.#standIn())
    return isCiphertext ? encoded : undefined
  }

  /** RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017 §8.2.1 and RFC 8017 §8.1.1). */
  sign(scheme: SignatureScheme, message: Uint8Array): Uint8Array {
    const wanted = { scheme, message, digestWith, random: this.#random }
    const encoded = encodeForSignature(this.publicKey, wanted)
    const signature = this.#operate(encoded)
    if (!signature)
      throw new TlsError('INTERNAL_ERROR', 'RSA: a signature of our own does not verify, and is withheld')
    return signature
  }

  /**
   * c^d mod n for k bytes below n. `undefined` when m^e = c does not hold: a fault in one half of the CRT gives a prime of n
   * away (Boneh, DeMillo and Lipton 1997). OpenSSL looks too, and goes on without the CRT; who hands out the key looks again.
   */
  #operate(c: Uint8Array): Uint8Array | undefined {
    const powered = privateOperation(this.#key, c)
    const again = powered && publicOperation(this.publicKey, powered)
    return again && equalBytes(again, c) ? powered : undefined
  }

  /** Goes through the motions in place of a ciphertext out of range; anything but 0 and 1 would do. */
  #standIn(): Uint8Array {
    const block = new Uint8Array(this.publicKey.modulusLength)
    block[block.length - 1] = 2
    return block
  }
}

/** RSADP and RSASP1; `undefined` where OpenSSL refuses, since an exception would tell a bad ciphertext from a good one. */
function privateOperation(key: KeyObject, block: Uint8Array): Uint8Array | undefined {
  try {
    return plainBytes(privateDecrypt({ key, padding }, block))
  } catch {
    return undefined
  }
}
