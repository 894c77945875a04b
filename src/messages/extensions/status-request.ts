import {
  enumeration,
  opaqueVector,
  remainder,
  struct,
  uint8,
  uint16,
  variant,
  vector,
} from '../../wire/codec.ts'

/** `enum { ocsp(1), (255) } CertificateStatusType` (RFC 6066 §8). */
export const CertificateStatusType = { ocsp: 1 } as const

/** `struct { ResponderID responder_id_list<0..2^16-1>; Extensions request_extensions; } OCSPStatusRequest` (RFC 6066 §8). */
const ocspStatusRequest = struct({
  responderIdList: vector(uint16, opaqueVector(uint16, 1, 0xffff), 0, 0xffff),
  requestExtensions: opaqueVector(uint16, 0, 0xffff),
})

/** `struct { CertificateStatusType status_type; select (status_type) request; } CertificateStatusRequest` (RFC 6066 §8), in ClientHello;
 * of another type the request is kept as it came. */
export const certificateStatusRequest = variant(enumeration(uint8, CertificateStatusType), {
  ocsp: ocspStatusRequest,
  other: struct({ request: remainder }),
})

/** In ServerHello: a CertificateStatus may follow the Certificate (RFC 6066 §8). */
export const certificateStatusPromised = struct({})
