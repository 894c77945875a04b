/** RSA on BigInt with a public key (RFC 8017): PKCS #1 v1.5 encryption, and the verification of both kinds of signature. */
import { pow } from '@noble/curves/abstract/modular.js'
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js'
import { concatBytes, equalBytes } from '../../bytes.ts'
import type { RandomBytes, RsaPublicKey } from '../../crypto/provider.ts'
import type { SignatureSchemeRow } from '../../crypto/signature-schemes.ts'
import { ApiMisuse, TlsError } from '../../errors.ts'
import { encodePkcs1, verifyPss } from './rsa-encoding.ts'

/** Bytes of an encryption block that are not message: 00 02, at least 8 of padding, 00 (RFC 8017 §7.2.1). */
const encryptionOverhead = 11

/**
 * RSAES-PKCS1-v1_5 encryption (RFC 8017 §7.2.1): k bytes that hold `message`, at most k - 11 bytes long.
 * Throws TlsError UNSUPPORTED_CERTIFICATE when the peer's key is too short for the message, and ApiMisuse
 * when `random` gives nothing but zeros.
 */
export function encryptPkcs1(key: RsaPublicKey, message: Uint8Array, random: RandomBytes): Uint8Array {
  const k = key.modulusLength
  if (message.length > k - encryptionOverhead) {
    const problem = `an RSA key of ${k} bytes cannot carry a message of ${message.length} bytes`
    throw new TlsError(
      'UNSUPPORTED_CERTIFICATE',
      `${problem}: wanted at least ${message.length + encryptionOverhead}`,
    )
  }
  const padding = nonZeroBytes(k - message.length - 3, random)
  const encoded = concatBytes(Uint8Array.of(0x00, 0x02), padding, Uint8Array.of(0x00), message)
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
  if (algorithm === 'pss') return verifyPss(hash, message, encoded, key)
  return equalBytes(encoded, encodePkcs1(hash, message, key))
}

/** RSAEP and RSAVP1 (RFC 8017 §5.1.1 and RFC 8017 §5.2.2): m^e mod n, as k bytes. */
function publicOperation(key: RsaPublicKey, representative: bigint): Uint8Array {
  return numberToBytesBE(pow(representative, key.publicExponent, key.modulus), key.modulusLength)
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
