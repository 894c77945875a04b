/**
 * CBC suites (RFC 5246 §6.2.3.2). TLS 1.2 authenticates the plaintext and then encrypts, padding included,
 * so a receiver must decrypt before it knows whether anything is genuine. Whoever learns which check failed
 * first - by the alert, by the time, by the work done - decrypts records one byte after the other (Vaudenay
 * 2002, Lucky 13 in 2013). Therefore below: one path, one error, the same number of hash compressions
 * whatever the padding says. encrypt_then_mac (RFC 7366) turns the order round, and the problem is gone.
 */
import { concatBytes, equalBytes } from '../bytes.ts'
import type { BulkCipher } from '../crypto/cipher-suites.ts'
import type { Hash } from '../crypto/provider.ts'
import { TlsError } from '../errors.ts'
import { maxPlaintextBytes } from './content-type.ts'
import type { Protection, ProtectionOptions } from './protection.ts'
import { additionalData, type SequenceNumber } from './sequence-number.ts'

const blockBytes = 16
/** What a MAC's hash compresses at a time, and its padding at the end: a byte 0x80 and the length (FIPS 180-4 §5.1). */
interface Compression {
  readonly blockBytes: number
  readonly endBytes: number
}
const shortBlocks: Compression = { blockBytes: 64, endBytes: 1 + 8 }
const compressionOf: Readonly<Record<CbcCipher['mac'], Compression>> = {
  sha1: shortBlocks,
  sha256: shortBlocks,
  sha384: { blockBytes: 128, endBytes: 1 + 16 },
}

type CbcCipher = Extract<BulkCipher, { mode: 'cbc' }>

/** The protection of a CBC suite, in the order of MAC and encryption that the hellos agreed on. */
export function cbcProtection(
  options: ProtectionOptions,
  cipher: CbcCipher,
  sequence: SequenceNumber,
): Protection {
  const { provider, keys, random } = options
  const cbc = provider.aesCbc(keys.key)
  const keyedMac = provider.hmac(cipher.mac, keys.macKey)
  const mac: Mac = (number, contentType, content) =>
    keyedMac
      .clone()
      .update(additionalData(number, contentType, content.length))
      .update(content)
      .digest()
  const encrypt = (plaintext: Uint8Array) => {
    const iv = random(blockBytes)
    return concatBytes(iv, cbc.encrypt(iv, plaintext))
  }
  const decrypt = (fragment: Uint8Array) =>
    cbc.decrypt(fragment.subarray(0, blockBytes), fragment.subarray(blockBytes))
  const compress = () => provider.hash(cipher.mac)
  const compression = compressionOf[cipher.mac]
  const parts: CbcParts = {
    mac,
    encrypt,
    decrypt,
    compress,
    compression,
    macLength: cipher.macLength,
    sequence,
  }
  return options.encryptThenMac ? encryptThenMac(parts) : macThenEncrypt(parts)
}

type Mac = (sequenceNumber: Uint8Array, contentType: number, content: Uint8Array) => Uint8Array

interface CbcParts {
  readonly mac: Mac
  /** Blocks to IV and ciphertext, and back. */
  readonly encrypt: (plaintext: Uint8Array) => Uint8Array
  readonly decrypt: (fragment: Uint8Array) => Uint8Array
  /** A fresh hash of the MAC's kind, for work that only evens out the count. */
  readonly compress: () => Hash
  readonly compression: Compression
  readonly macLength: number
  readonly sequence: SequenceNumber
}

/** RFC 5246 §6.2.3.2: encrypt(content + MAC + padding). */
function macThenEncrypt(parts: CbcParts): Protection {
  const { mac, encrypt, decrypt, macLength, sequence } = parts
  return {
    protect(contentType, fragment) {
      return encrypt(withPadding(concatBytes(fragment, mac(sequence.next(), contentType, fragment))))
    },

    unprotect(contentType, fragment) {
      const number = sequence.next()
      // Lengths are public: a fragment that cannot hold IV, MAC and one byte of padding is refused at once.
      refuseUnless(isWholeBlocks(fragment.length - blockBytes, macLength + 1), fragment)
      const plaintext = decrypt(fragment)
      const { paddingLength, isGood } = checkPadding(plaintext, macLength)
      const contentLength = plaintext.length - 1 - paddingLength - macLength
      const content = plaintext.subarray(0, contentLength)
      const expected = mac(number, contentType, content)
      evenOutCompressions(parts, contentLength, plaintext.length - 1 - macLength)
      const isAuthentic = equalBytes(expected, plaintext.subarray(contentLength, contentLength + macLength))
      // Both checks were made in full; `&` looks at both results where `&&` would stop at the first.
      refuseUnless((Number(isGood) & Number(isAuthentic)) === 1, fragment)
      return refuseOverflow(content)
    },
  }
}

/** RFC 7366 §3: encrypt(content + padding) + MAC; the MAC is checked before anything is decrypted. */
function encryptThenMac({ mac, encrypt, decrypt, macLength, sequence }: CbcParts): Protection {
  return {
    protect(contentType, fragment) {
      const encrypted = encrypt(withPadding(fragment))
      return concatBytes(encrypted, mac(sequence.next(), contentType, encrypted))
    },

    unprotect(contentType, fragment) {
      const number = sequence.next()
      refuseUnless(isWholeBlocks(fragment.length - blockBytes - macLength, 1), fragment)
      const encrypted = fragment.subarray(0, fragment.length - macLength)
      const expected = mac(number, contentType, encrypted)
      refuseUnless(equalBytes(expected, fragment.subarray(fragment.length - macLength)), fragment)
      const plaintext = decrypt(encrypted)
      const { paddingLength, isGood } = checkPadding(plaintext, 0)
      refuseUnless(isGood, fragment)
      return refuseOverflow(plaintext.subarray(0, plaintext.length - 1 - paddingLength))
    },
  }
}

/** Pads to whole blocks with the least padding: n bytes of value n, and n itself (RFC 5246 §6.2.3.2). */
function withPadding(bytes: Uint8Array): Uint8Array {
  const paddingLength = blockBytes - 1 - (bytes.length % blockBytes)
  const padded = new Uint8Array(bytes.length + paddingLength + 1).fill(paddingLength, bytes.length)
  padded.set(bytes)
  return padded
}

/**
 * Compares every padding byte with the last one, over all 256 places where padding may stand, so that the
 * loop does not tell how long it is. Padding that is not good counts as none, and the MAC is computed all the
 * same (RFC 5246 §6.2.3.2, implementation note).
 */
function checkPadding(plaintext: Uint8Array, macLength: number): { paddingLength: number; isGood: boolean } {
  const claimed = plaintext[plaintext.length - 1]!
  const last = plaintext.length - 1
  let bad = Number(claimed + 1 + macLength > plaintext.length)
  for (let i = 1; i <= 255 && i <= last; i++) {
    const isPadding = Number(i <= claimed)
    bad |= (plaintext[last - i]! ^ claimed) * isPadding
  }
  const isGood = bad === 0
  return { paddingLength: claimed * Number(isGood), isGood }
}

/** Runs as many compressions as the longest content would have taken over the actual one (Lucky 13). */
function evenOutCompressions(
  { compress, compression }: CbcParts,
  contentLength: number,
  longestContentLength: number,
): void {
  const missing = compressions(longestContentLength, compression) - compressions(contentLength, compression)
  compress()
    .update(new Uint8Array(missing * compression.blockBytes))
    .digest()
}

/** Compressions of the inner hash over 13 bytes of header, the content and what the hash puts at the end. */
function compressions(contentLength: number, { blockBytes, endBytes }: Compression): number {
  return Math.ceil((13 + contentLength + endBytes) / blockBytes)
}

function isWholeBlocks(length: number, atLeast: number): boolean {
  return length >= atLeast && length % blockBytes === 0
}

function refuseUnless(condition: boolean, fragment: Uint8Array): void {
  if (!condition) throw new TlsError('BAD_RECORD_MAC', `a record of ${fragment.length} bytes does not verify`)
}

function refuseOverflow(content: Uint8Array): Uint8Array {
  if (content.length > maxPlaintextBytes) {
    throw new TlsError(
      'RECORD_OVERFLOW',
      `a record holds ${content.length} bytes, at most ${maxPlaintextBytes} are allowed`,
    )
  }
  return content
}
