import type { CipherSuite } from '../crypto/cipher-suites.ts'
import type { WriteKeys } from '../crypto/key-schedule.ts'
import type { CryptoProvider, RandomBytes } from '../crypto/provider.ts'
import { aeadProtection } from './aead-protection.ts'
import { cbcProtection } from './cbc-protection.ts'
import { SequenceNumber } from './sequence-number.ts'

/**
 * One direction of a connection under one set of keys (RFC 5246 §6.1: a read or a write state). Its sequence
 * number starts at 0 and counts every record.
 */
export interface Protection {
  /** How many records may be written under this key, where that is fewer than there are sequence numbers (RFC 9325 §4.4). */
  readonly maxRecords?: number | undefined
  /** TLSPlaintext.fragment to TLSCiphertext.fragment (RFC 5246 §6.2.3). `contentType` is its number. */
  protect(contentType: number, fragment: Uint8Array): Uint8Array
  /** The way back. Throws bad_record_mac for whatever does not verify, record_overflow when too long inside. */
  unprotect(contentType: number, fragment: Uint8Array): Uint8Array
}

export interface ProtectionOptions {
  readonly provider: CryptoProvider
  readonly suite: CipherSuite
  readonly keys: WriteKeys
  /** CBC suites only: whether encrypt_then_mac was agreed (RFC 7366). */
  readonly encryptThenMac: boolean
  /** For the explicit IV of CBC (RFC 5246 §6.2.3.2). */
  readonly random: RandomBytes
  /** Where to start counting; a new state starts at 0 (RFC 5246 §6.1). */
  readonly sequenceNumber?: bigint
}

/** The protection of a suite under one direction's keys. The keys may be wiped afterwards. */
export function createProtection(options: ProtectionOptions): Protection {
  const sequence = new SequenceNumber(options.sequenceNumber ?? 0n)
  const { cipher } = options.suite
  switch (cipher.mode) {
    case 'gcm':
    case 'chacha20-poly1305':
      return aeadProtection(options, cipher, sequence)
    case 'cbc':
      return cbcProtection(options, cipher, sequence)
  }
}
