import { type Infer, struct } from '../wire/codec.ts'

/** `struct { } HelloRequest` (RFC 5246 §7.4.1.1). Never in the transcript. */
export const helloRequest = struct({})
export type HelloRequest = Infer<typeof helloRequest>
