/** Messages put together byte by byte from the structs of RFC 5246 §7.4, with no help from the code under test. */
import { Buffer } from 'node:buffer'
import type { HandshakeType } from '../../src/messages/handshake.ts'
import { testCertifiedKey } from './pair.ts'

export type Bytes = Uint8Array<ArrayBuffer>

export const cat = (...parts: readonly Uint8Array[]): Bytes => new Uint8Array(Buffer.concat(parts))
export const hex = (text: string): Bytes => new Uint8Array(Buffer.from(text.replace(/\s+/g, ''), 'hex'))
export const u8 = (value: number): Bytes => Uint8Array.of(value)
export const u16 = (value: number): Bytes => Uint8Array.of(value >> 8, value & 0xff)
export const u24 = (value: number): Bytes => Uint8Array.of(value >> 16, (value >> 8) & 0xff, value & 0xff)
export const vec8 = (...parts: readonly Uint8Array[]): Bytes => cat(u8(cat(...parts).length), ...parts)
export const vec16 = (...parts: readonly Uint8Array[]): Bytes => cat(u16(cat(...parts).length), ...parts)
export const vec24 = (...parts: readonly Uint8Array[]): Bytes => cat(u24(cat(...parts).length), ...parts)
export const filled = (length: number, value: number): Bytes => new Uint8Array(length).fill(value)
export const none: Bytes = new Uint8Array(0)

/** RFC 5246 §7.4, RFC 5077 §3.3, RFC 6066 §8: `enum { ... } HandshakeType`. */
export const typeNumbers: Readonly<Record<HandshakeType, number>> = {
  hello_request: 0,
  client_hello: 1,
  server_hello: 2,
  new_session_ticket: 4,
  certificate: 11,
  server_key_exchange: 12,
  certificate_request: 13,
  server_hello_done: 14,
  certificate_verify: 15,
  client_key_exchange: 16,
  finished: 20,
  certificate_status: 22,
}
export const handshakeTypes = Object.keys(typeNumbers) as readonly HandshakeType[]

/** RFC 5246 §6.2.1. */
export const contentTypes = {
  change_cipher_spec: 20,
  alert: 21,
  handshake: 22,
  application_data: 23,
} as const

export const plainRecord = (type: number, fragment: Uint8Array, version = 0x0303): Bytes =>
  cat(u8(type), u16(version), vec16(fragment))
export const handshakeMessage = (type: number, body: Uint8Array): Bytes => cat(u8(type), vec24(body))

export type ExtensionByHand = readonly [type: number, data: Uint8Array]
export const extensions = {
  serverName: (name: string): ExtensionByHand => [0, vec16(u8(0), vec16(Buffer.from(name, 'latin1')))],
  signatureAlgorithms: [13, vec16(hex('0401 0501'))] as ExtensionByHand,
  encryptThenMac: [22, none] as ExtensionByHand,
  extendedMasterSecret: [23, none] as ExtensionByHand,
  renegotiationInfo: [0xff01, vec8()] as ExtensionByHand,
}
const extensionBlock = (list: readonly ExtensionByHand[] | undefined): Bytes =>
  list ? vec16(...list.map(([type, data]) => cat(u16(type), vec16(data)))) : none

export interface HelloByHand {
  readonly version?: number
  readonly random?: Uint8Array
  readonly sessionId?: Uint8Array
  readonly suites?: readonly number[]
  readonly compression?: readonly number[]
  readonly extensions?: readonly ExtensionByHand[] | undefined
}

/** RFC 5246 §7.4.1.2. */
export function clientHelloBody(hello: HelloByHand = {}): Bytes {
  return cat(
    u16(hello.version ?? 0x0303),
    hello.random ?? filled(32, 0xc1),
    vec8(hello.sessionId ?? none),
    vec16(...(hello.suites ?? [0x009c]).map(u16)),
    vec8(...(hello.compression ?? [0]).map(u8)),
    extensionBlock(hello.extensions),
  )
}

/** RFC 5246 §7.4.1.3. */
export function serverHelloBody(hello: HelloByHand = {}): Bytes {
  return cat(
    u16(hello.version ?? 0x0303),
    hello.random ?? filled(32, 0x5e),
    vec8(hello.sessionId ?? none),
    u16(hello.suites?.[0] ?? 0x009c),
    u8(hello.compression?.[0] ?? 0),
    extensionBlock(hello.extensions),
  )
}

export const certificateBody = (list: readonly Uint8Array[] = testCertifiedKey().certificateList): Bytes =>
  vec24(...list.map(der => vec24(der)))

/** A well-formed body of every type (RFC 5246 §7.4); two of them are laid out as the key exchange wants it. */
export function validBody(type: HandshakeType, keyExchange: 'rsa' | 'dhe' | 'ecdhe' = 'rsa'): Bytes {
  switch (type) {
    case 'hello_request':
    case 'server_hello_done':
      return none
    case 'client_hello':
      return clientHelloBody({ sessionId: filled(4, 7), extensions: helloExtensions })
    case 'server_hello':
      return serverHelloBody({
        sessionId: filled(4, 9),
        extensions: [extensions.extendedMasterSecret, extensions.renegotiationInfo],
      })
    case 'certificate':
      return certificateBody()
    case 'certificate_status':
      return cat(u8(1), vec24(hex('3003020101')))
    case 'new_session_ticket':
      return cat(hex('00000e10'), vec16(filled(40, 0x71)))
    case 'server_key_exchange':
      // named_curve, x25519, sha256 with ecdsa, a signature of 4 bytes.
      if (keyExchange === 'ecdhe')
        return cat(hex('03 001d'), vec8(filled(32, 9)), hex('0403'), vec16(hex('01020304')))
      // dh_p = 17, dh_g = 5, dh_Ys = 9, sha256 with rsa, a signature of 4 bytes.
      return cat(vec16(u8(0x11)), vec16(u8(5)), vec16(u8(9)), hex('0401'), vec16(hex('01020304')))
    case 'certificate_request':
      // rsa_sign; sha256 with rsa; one authority, an empty SEQUENCE.
      return cat(vec8(u8(1)), vec16(hex('0401')), vec16(vec16(hex('3000'))))
    case 'certificate_verify':
      return cat(hex('0401'), vec16(hex('01020304')))
    case 'client_key_exchange':
      return keyExchange === 'ecdhe' ? vec8(filled(32, 9)) : vec16(filled(256, 0x33))
    case 'finished':
      return filled(12, 0xf1)
  }
}

const helloExtensions: readonly ExtensionByHand[] = [
  extensions.serverName('localhost'),
  extensions.signatureAlgorithms,
  extensions.encryptThenMac,
  extensions.extendedMasterSecret,
  extensions.renegotiationInfo,
  [0x1234, hex('aabb')],
]
