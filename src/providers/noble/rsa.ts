/** RSA on BigInt with a public key (RFC 8017): PKCS #1 v1.5 encryption, and the verification of both kinds of signature. */
import { pow } from '@noble/curves/abstract/modular.js'
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js'
import { equalBytes } from '../../bytes.ts'
import type { RandomBytes, RsaPublicKey } from '../../crypto/provider.ts'
import { encodeForEncryption, encodePkcs1, verifyPss } from '../../crypto/rsa-encoding.ts'
import type { SignatureSchemeRow } from '../../crypto/signature-schemes.ts'
import { digestWith } from './hash.ts'

/**
 * RSAES-PKCS1-v1_5 encryption (RFC 8017 §7.2.1): k bytes that hold `message`, at most k - 11 bytes long.
 * Throws what `encodeForEncryption` does.
 */
export function encryptPkcs1(key: RsaPublicKey, message: Uint8Array, random: RandomBytes): Uint8Array {
  const encoded = encodeForEncryption(key, message, random)
  const ciphertext = publicOperation(key, bytesToNumberBE(encoded))
  encoded.fill(0)
  return ciphertext
}

/**
 * RSASSA-PKCS1-v1_5 and RSASSA-PSS verification (RFC 8017 §8.2.2 and RFC 8017 §8.1.2) by a key that can do the scheme.
 * PKCS #1: the expected encoding is built anew and compared whole, never parsed: a parser that skips what it does not
 * know is how Bleichenbacher's 2006 forgery gets in. False for a signature of any other length or value; it does not throw.
 */
export function verifyRsa(
  { algorithm, hash }: SignatureSchemeRow,
  key: RsaPublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (!hash || signature.length !== key.modulusLength) return false
  const representative = bytesToNumberBE(signature)
  if (representative >= key.modulus) return false
  const encoded = publicOperation(key, representative)
  if (algorithm === 'pss') return verifyPss(digestWith(hash), message, encoded, key)
  return equalBytes(encoded, encodePkcs1(digestWith(hash), message, key))
}

/** RSAEP and RSAVP1 (RFC 8017 §5.1.1 and RFC 8017 §5.2.2): m^e mod n, as k bytes. */
function publicOperation(key: RsaPublicKey, representative: bigint): Uint8Array {
  return numberToBytesBE(pow(representative, key.publicExponent, key.modulus), key.modulusLength)
}
