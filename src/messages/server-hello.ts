import { enumeration, type Infer, opaque, opaqueVector, optionalTail, struct, uint8 } from '../wire/codec.ts'
import { CompressionMethod, cipherSuite } from './cipher-suite.ts'
import { serverHelloExtensions } from './extensions/index.ts'
import { protocolVersion } from './protocol-version.ts'

/** RFC 5246 §7.4.1.3. */
export const serverHello = struct({
  serverVersion: protocolVersion,
  random: opaque(32),
  sessionId: opaqueVector(uint8, 0, 32),
  cipherSuite,
  compressionMethod: enumeration(uint8, CompressionMethod),
  extensions: optionalTail(serverHelloExtensions),
})
export type ServerHello = Infer<typeof serverHello>
