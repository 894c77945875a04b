import { type Infer, struct } from '../wire/codec.ts'
import { digitallySigned } from './signature-algorithm.ts'

/** `struct { digitally-signed struct { opaque handshake_messages[...]; } } CertificateVerify` (RFC 5246 §7.4.8). */
export const certificateVerify = struct({ handshakeMessages: digitallySigned })
export type CertificateVerify = Infer<typeof certificateVerify>
