import { uint16 } from '../wire/codec.ts'

/** `struct { uint8 major; uint8 minor; } ProtocolVersion`, read as one number (RFC 5246 §6.2.1). */
export const protocolVersion = uint16

export const tls12 = 0x0303
