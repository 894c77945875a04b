import { closedEnumeration, type Infer, opaqueVector, struct, uint8, uint16 } from '../wire/codec.ts'
import { namedGroup } from './named-group.ts'
import { digitallySigned } from './signature-algorithm.ts'

/** `struct { opaque dh_p, dh_g, dh_Ys <1..2^16-1> } ServerDHParams` (RFC 5246 §7.4.3). */
export const serverDhParams = struct({
  dhP: opaqueVector(uint16, 1, 0xffff),
  dhG: opaqueVector(uint16, 1, 0xffff),
  dhYs: opaqueVector(uint16, 1, 0xffff),
})
export type ServerDhParams = Infer<typeof serverDhParams>

/** `enum { explicit_prime(1), explicit_char2(2), named_curve(3), (255) } ECCurveType` (RFC 8422 §5.4); only the last is still allowed. */
const curveType = closedEnumeration(uint8, { named_curve: 3 }, 'WRONG_CURVE')

/** `struct { ECParameters curve_params; ECPoint public; } ServerECDHParams` (RFC 8422 §5.4). */
export const serverEcdhParams = struct({
  curveType,
  namedCurve: namedGroup,
  public: opaqueVector(uint8, 1, 0xff),
})
export type ServerEcdhParams = Infer<typeof serverEcdhParams>

/** ServerKeyExchange of DHE_RSA (RFC 5246 §7.4.3). RSA key exchange has none: it is refused there. */
export const serverDheKeyExchange = struct({ params: serverDhParams, signedParams: digitallySigned })
/** ServerKeyExchange of ECDHE_RSA and ECDHE_ECDSA (RFC 8422 §5.4). */
export const serverEcdheKeyExchange = struct({ params: serverEcdhParams, signedParams: digitallySigned })
export type ServerKeyExchange = Infer<typeof serverDheKeyExchange> | Infer<typeof serverEcdheKeyExchange>
