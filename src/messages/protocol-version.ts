import { uint16 } from '../wire/codec.ts'

/** `struct { uint8 major; uint8 minor; } ProtocolVersion`, read as one number (RFC 5246 §6.2.1). */
export const protocolVersion = uint16

export const tls12 = 0x0303

/** A version as errors show it: `0x0303`. */
export function versionText(version: number): string {
  return `0x${version.toString(16).padStart(4, '0')}`
}

/**
 * What the record of a ClientHello says. RFC 5246 §E.1 leaves it open; OpenSSL and BoringSSL say TLS 1.0, because there are old servers that
 * hang up on a record of a version they never heard of.
 */
export const clientHelloRecordVersion = 0x0301
