import { type Infer, struct } from '../wire/codec.ts'

/** `struct { } ServerHelloDone` (RFC 5246 §7.4.5). */
export const serverHelloDone = struct({})
export type ServerHelloDone = Infer<typeof serverHelloDone>
