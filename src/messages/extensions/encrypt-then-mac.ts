import { struct } from '../../wire/codec.ts'

/** An empty body in both hellos (RFC 7366 §2). */
export const encryptThenMac = struct({})
