import { type Infer, opaqueVector, struct, uint24, vector } from '../wire/codec.ts'

/** `opaque ASN.1Cert<1..2^24-1>` (RFC 5246 §7.4.2): one certificate in DER. */
const asn1Cert = opaqueVector(uint24, 1, 0xffffff)

/** RFC 5246 §7.4.2: the sender's own certificate first, each next one certifying the one before. */
export const certificate = struct({ certificateList: vector(uint24, asn1Cert, 0, 0xffffff) })
export type CertificateMessage = Infer<typeof certificate>
