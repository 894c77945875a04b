import { type Infer, struct, uint8 } from '../wire/codec.ts'

/** `struct { enum { change_cipher_spec(1), (255) } type; } ChangeCipherSpec` (RFC 5246 §7.1). Not a handshake message. */
export const changeCipherSpec = struct({ type: uint8 })
export type ChangeCipherSpec = Infer<typeof changeCipherSpec>

/** The only value of its one field. */
export const changeCipherSpecType = 1
