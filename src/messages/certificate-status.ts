import { closedEnumeration, type Infer, opaqueVector, struct, uint8, uint24 } from '../wire/codec.ts'
import { CertificateStatusType } from './extensions/status-request.ts'

/**
 * `struct { CertificateStatusType status_type; opaque OCSPResponse<1..2^24-1>; } CertificateStatus` (RFC 6066 §8): OCSP alone
 * was asked for. The response is DER (RFC 6960 §4.2.1).
 */
export const certificateStatus = struct({
  statusType: closedEnumeration(uint8, CertificateStatusType),
  response: opaqueVector(uint24, 1, 0xffffff),
})
export type CertificateStatus = Infer<typeof certificateStatus>
