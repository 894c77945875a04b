import { type Infer, opaqueVector, struct, uint16 } from '../wire/codec.ts'
import { digitallySigned } from './signature-algorithm.ts'

/** `struct { opaque dh_p, dh_g, dh_Ys <1..2^16-1> } ServerDHParams` (RFC 5246 §7.4.3). */
export const serverDhParams = struct({
  dhP: opaqueVector(uint16, 1, 0xffff),
  dhG: opaqueVector(uint16, 1, 0xffff),
  dhYs: opaqueVector(uint16, 1, 0xffff),
})

/** ServerKeyExchange of DHE_RSA and DHE_DSS (RFC 5246 §7.4.3). RSA key exchange has none: it is refused there. */
export const serverKeyExchange = struct({ params: serverDhParams, signedParams: digitallySigned })
export type ServerKeyExchange = Infer<typeof serverKeyExchange>
