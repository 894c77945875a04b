/** Unpadded base64url (RFC 4648 §5), in which keys, storage keys and MACs are written. */

/** Exactly 32 bytes: 43 characters, the last of which has two bits to spare that must be zero. */
export const base64url32 = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

/** Exactly 16 bytes: 22 characters, the last of which has four bits to spare that must be zero. */
export const base64url16 = /^[A-Za-z0-9_-]{21}[AQgw]$/

/** Base64 for paths and headers, without padding (RFC 4648 §5). */
export function toBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}

/** The bytes of a string that was checked before; what is not base64url is skipped. */
export function fromBase64url(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64url'))
}
