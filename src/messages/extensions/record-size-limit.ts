import { struct, uint16 } from '../../wire/codec.ts'

/** `uint16 RecordSizeLimit` (RFC 8449 §4), in both hellos: the longest protected plaintext, in bytes, that its sender wants to receive. */
export const recordSizeLimit = struct({ recordSizeLimit: uint16 })

/** "A value smaller than 64 MUST be treated as a fatal error" (RFC 8449 §4). */
export const minRecordSizeLimit = 64
