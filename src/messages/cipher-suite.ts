import { cipherSuites } from '../crypto/cipher-suites.ts'
import { enumeration, uint16 } from '../wire/codec.ts'
import { numbersOf } from './numbers.ts'

/** Values in a list of suites that signal something and are never selected. */
export const signallingSuites = {
  /** An empty renegotiation_info for peers that cannot send extensions (RFC 5746 §3.3). */
  TLS_EMPTY_RENEGOTIATION_INFO_SCSV: 0x00ff,
  /** "I have been refused with a better version before" (RFC 7507 §2). */
  TLS_FALLBACK_SCSV: 0x5600,
} as const

/** `uint8 CipherSuite[2]` (RFC 5246 §7.4.1.2); a suite we do not do stays a number. */
export const cipherSuite = enumeration(uint16, { ...numbersOf(cipherSuites), ...signallingSuites })

/** `enum { null(0), (255) } CompressionMethod` (RFC 5246 §7.4.1.2). */
export const CompressionMethod = { null: 0 } as const
