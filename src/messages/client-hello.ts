import {
  enumeration,
  type Infer,
  opaque,
  opaqueVector,
  optionalTail,
  struct,
  uint8,
  uint16,
  vector,
} from '../wire/codec.ts'
import { CompressionMethod, cipherSuite } from './cipher-suite.ts'
import { clientHelloExtensions } from './extensions/index.ts'
import { protocolVersion } from './protocol-version.ts'

/** RFC 5246 §7.4.1.2. `random` is the RFC's Random, 4 bytes of time and 28 random ones, which nobody tells apart any more. */
export const clientHello = struct({
  clientVersion: protocolVersion,
  random: opaque(32),
  sessionId: opaqueVector(uint8, 0, 32),
  cipherSuites: vector(uint16, cipherSuite, 2, 0xfffe),
  compressionMethods: vector(uint8, enumeration(uint8, CompressionMethod), 1, 0xff),
  extensions: optionalTail(clientHelloExtensions),
})
export type ClientHello = Infer<typeof clientHello>
