import { opaqueVector, struct, uint16, vector } from '../../wire/codec.ts'

/** In ClientHello: an empty body asks for timestamps (RFC 6962 §3.3.1). */
export const signedCertificateTimestampsWanted = struct({})

/** `SerializedSCT sct_list<1..2^16-1>`, each `opaque<1..2^16-1>` (RFC 6962 §3.3), in ServerHello. Handed on, not looked into. */
export const signedCertificateTimestampList = struct({
  sctList: vector(uint16, opaqueVector(uint16, 1, 0xffff), 1, 0xffff),
})
