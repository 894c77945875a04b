import { type Infer, opaque, struct } from '../wire/codec.ts'

/** `struct { opaque verify_data[12]; } Finished` (RFC 5246 §7.4.9): every suite we do has 12 bytes. */
export const finished = struct({ verifyData: opaque(12) })
export type Finished = Infer<typeof finished>
