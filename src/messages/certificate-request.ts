import { enumeration, type Infer, opaqueVector, struct, uint8, uint16, vector } from '../wire/codec.ts'
import { signatureAndHashAlgorithm } from './signature-algorithm.ts'

/** RFC 5246 §7.4.4, ecdsa_sign from RFC 8422 §5.5. */
export const ClientCertificateType = {
  rsa_sign: 1,
  dss_sign: 2,
  rsa_fixed_dh: 3,
  dss_fixed_dh: 4,
  ecdsa_sign: 64,
} as const

/** RFC 5246 §7.4.4. An authority is a DistinguishedName in DER. */
export const certificateRequest = struct({
  certificateTypes: vector(uint8, enumeration(uint8, ClientCertificateType), 1, 0xff),
  supportedSignatureAlgorithms: vector(uint16, signatureAndHashAlgorithm, 2, 0xfffe),
  certificateAuthorities: vector(uint16, opaqueVector(uint16, 1, 0xffff), 0, 0xffff),
})
export type CertificateRequest = Infer<typeof certificateRequest>
