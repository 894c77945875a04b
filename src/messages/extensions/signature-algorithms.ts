import { struct, uint16, vector } from '../../wire/codec.ts'
import { signatureAndHashAlgorithm } from '../signature-algorithm.ts'

/** `SignatureAndHashAlgorithm supported_signature_algorithms<2..2^16-2>` (RFC 5246 §7.4.1.4.1). Only in ClientHello. */
export const signatureAlgorithms = struct({
  supportedSignatureAlgorithms: vector(uint16, signatureAndHashAlgorithm, 2, 0xfffe),
})

/** The same list for the signatures of certificates alone (RFC 8446 §4.2.3). Read, so that a malformed one is refused; our one chain a key is sent all the same. */
export const signatureAlgorithmsCert = signatureAlgorithms
