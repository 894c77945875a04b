import { struct } from '../../wire/codec.ts'

/** An empty body in both hellos (RFC 7627 §5.1). */
export const extendedMasterSecret = struct({})
