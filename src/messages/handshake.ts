import { type Codec, decode, encode, type Infer, uint24 } from '../wire/codec.ts'
import type { TraceSink } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { certificate } from './certificate.ts'
import { certificateRequest } from './certificate-request.ts'
import { certificateVerify } from './certificate-verify.ts'
import type { ChangeCipherSpec } from './change-cipher-spec.ts'
import { clientHello } from './client-hello.ts'
import { clientKeyExchange } from './client-key-exchange.ts'
import { finished } from './finished.ts'
import { helloRequest } from './hello-request.ts'
import { serverHello } from './server-hello.ts'
import { serverHelloDone } from './server-hello-done.ts'
import { serverKeyExchange } from './server-key-exchange.ts'

/** `enum { ... } HandshakeType` (RFC 5246 §7.4). */
export const HandshakeType = {
  hello_request: 0,
  client_hello: 1,
  server_hello: 2,
  certificate: 11,
  server_key_exchange: 12,
  certificate_request: 13,
  server_hello_done: 14,
  certificate_verify: 15,
  client_key_exchange: 16,
  finished: 20,
} as const
export type HandshakeType = keyof typeof HandshakeType

/** The body of every handshake message (RFC 5246 §7.4). */
export const handshakeBodies = {
  hello_request: helloRequest,
  client_hello: clientHello,
  server_hello: serverHello,
  certificate,
  server_key_exchange: serverKeyExchange,
  certificate_request: certificateRequest,
  server_hello_done: serverHelloDone,
  certificate_verify: certificateVerify,
  client_key_exchange: clientKeyExchange,
  finished,
} as const satisfies Record<HandshakeType, Codec<unknown>>
export type HandshakeBody<T extends HandshakeType> = Infer<(typeof handshakeBodies)[T]>

/** The struct names of the RFC, which start the path in an error: `ClientHello.cipherSuites.3`. */
const structNames: Readonly<Record<HandshakeType, string>> = {
  hello_request: 'HelloRequest',
  client_hello: 'ClientHello',
  server_hello: 'ServerHello',
  certificate: 'Certificate',
  server_key_exchange: 'ServerKeyExchange',
  certificate_request: 'CertificateRequest',
  server_hello_done: 'ServerHelloDone',
  certificate_verify: 'CertificateVerify',
  client_key_exchange: 'ClientKeyExchange',
  finished: 'Finished',
}

const typeOfNumber = new Map<number, HandshakeType>(
  Object.entries(HandshakeType).map(([name, number]) => [number, name as HandshakeType]),
)

/** The name of a handshake type's number; an unknown one has none. */
export function handshakeTypeOf(number: number): HandshakeType | undefined {
  return typeOfNumber.get(number)
}

/** A whole handshake message as it came, before its body is looked at. */
export interface HandshakeFrame {
  readonly kind: 'handshake'
  /** HandshakeType's number. */
  readonly type: number
  readonly body: Uint8Array
  /** Header and body as received: what the transcript hashes, never a re-encoding (RFC 5246 §7.4.9). */
  readonly raw: Uint8Array
}

/** What a handshake can be waiting for. ChangeCipherSpec is no handshake message, but it has its place among them. */
export type ReceivedType = HandshakeType | 'change_cipher_spec'
export type ReceivedMessage =
  | HandshakeFrame
  | { readonly kind: 'change_cipher_spec'; readonly value: ChangeCipherSpec }

/** Decodes a body; throws DecodeError with the path inside the message. */
export function decodeHandshakeBody<T extends HandshakeType>(
  type: T,
  body: Uint8Array,
  trace?: TraceSink,
): HandshakeBody<T> {
  return decode(handshakeBodies[type] as Codec<unknown>, body, structNames[type], trace) as HandshakeBody<T>
}

/** Encodes `struct { HandshakeType msg_type; uint24 length; body } Handshake` (RFC 5246 §7.4). */
export function encodeHandshake<T extends HandshakeType>(type: T, value: HandshakeBody<T>): Uint8Array {
  return frameHandshake(HandshakeType[type], encode(handshakeBodies[type] as Codec<HandshakeBody<T>>, value))
}

/** Puts the 4-byte header before a body. */
export function frameHandshake(type: number, body: Uint8Array): Uint8Array {
  const writer = new Writer()
  writer.uint(type, 1)
  writer.withLength(uint24.bytes, () => writer.append(body))
  return writer.finish()
}
