import { opaqueVector, struct, uint8 } from '../../wire/codec.ts'

/** `struct { opaque renegotiated_connection<0..255>; } RenegotiationInfo` (RFC 5746 §3.2). Empty in a first handshake. */
export const renegotiationInfo = struct({ renegotiatedConnection: opaqueVector(uint8, 0, 255) })
