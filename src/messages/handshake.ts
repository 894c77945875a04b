import type { KeyExchange } from '../crypto/cipher-suites.ts'
import { ApiMisuse } from '../errors.ts'
import { type Codec, decode, encode, type Infer, uint24 } from '../wire/codec.ts'
import type { TraceSink } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { certificate } from './certificate.ts'
import { certificateRequest } from './certificate-request.ts'
import { certificateStatus } from './certificate-status.ts'
import { certificateVerify } from './certificate-verify.ts'
import type { ChangeCipherSpec } from './change-cipher-spec.ts'
import { clientHello } from './client-hello.ts'
import {
  type ClientKeyExchange,
  clientDiffieHellmanPublic,
  clientEcDiffieHellmanPublic,
  encryptedPreMasterSecret,
} from './client-key-exchange.ts'
import { finished } from './finished.ts'
import { helloRequest } from './hello-request.ts'
import { newSessionTicket } from './new-session-ticket.ts'
import { serverHello } from './server-hello.ts'
import { serverHelloDone } from './server-hello-done.ts'
import {
  type ServerKeyExchange,
  serverDheKeyExchange,
  serverEcdheKeyExchange,
} from './server-key-exchange.ts'

/** `enum { ... } HandshakeType` (RFC 5246 §7.4, RFC 5077 §3.3, RFC 6066 §8). */
export const HandshakeType = {
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
} as const
export type HandshakeType = keyof typeof HandshakeType

/** The body of every handshake message that looks the same whatever the key exchange (RFC 5246 §7.4). */
const handshakeBodies = {
  hello_request: helloRequest,
  client_hello: clientHello,
  server_hello: serverHello,
  new_session_ticket: newSessionTicket,
  certificate,
  certificate_request: certificateRequest,
  server_hello_done: serverHelloDone,
  certificate_verify: certificateVerify,
  finished,
  certificate_status: certificateStatus,
} as const

/** The bodies that the suite's key exchange decides (RFC 5246 §7.4.3, §7.4.7; RFC 8422 §5.4, §5.7). */
const keyExchangeBodies: Readonly<
  Record<KeyExchange, Readonly<Partial<Record<HandshakeType, Codec<ServerKeyExchange | ClientKeyExchange>>>>>
> = {
  rsa: { client_key_exchange: encryptedPreMasterSecret as Codec<ClientKeyExchange> },
  dhe: {
    server_key_exchange: serverDheKeyExchange as Codec<ServerKeyExchange>,
    client_key_exchange: clientDiffieHellmanPublic as Codec<ClientKeyExchange>,
  },
  ecdhe: {
    server_key_exchange: serverEcdheKeyExchange as Codec<ServerKeyExchange>,
    client_key_exchange: clientEcDiffieHellmanPublic as Codec<ClientKeyExchange>,
  },
}

export type HandshakeBody<T extends HandshakeType> = T extends keyof typeof handshakeBodies
  ? Infer<(typeof handshakeBodies)[T]>
  : T extends 'server_key_exchange'
    ? ServerKeyExchange
    : ClientKeyExchange

/** The codec of a body. Throws ApiMisuse for the ServerKeyExchange of RSA key exchange, which has none: nobody should wait for it. */
export function handshakeBody(type: HandshakeType, keyExchange: KeyExchange): Codec<unknown> {
  const codec = type in handshakeBodies ? handshakeBodies[type as keyof typeof handshakeBodies] : undefined
  const found = codec ?? keyExchangeBodies[keyExchange][type]
  if (!found) throw new ApiMisuse(`${type} has no body in ${keyExchange} key exchange`)
  return found as Codec<unknown>
}

/** The struct names of the RFC, which start the path in an error: `ClientHello.cipherSuites.3`. */
const structNames: Readonly<Record<HandshakeType, string>> = {
  hello_request: 'HelloRequest',
  client_hello: 'ClientHello',
  server_hello: 'ServerHello',
  new_session_ticket: 'NewSessionTicket',
  certificate: 'Certificate',
  server_key_exchange: 'ServerKeyExchange',
  certificate_request: 'CertificateRequest',
  server_hello_done: 'ServerHelloDone',
  certificate_verify: 'CertificateVerify',
  client_key_exchange: 'ClientKeyExchange',
  finished: 'Finished',
  certificate_status: 'CertificateStatus',
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
  keyExchange: KeyExchange = 'rsa',
  trace?: TraceSink,
): HandshakeBody<T> {
  return decode(handshakeBody(type, keyExchange), body, structNames[type], trace) as HandshakeBody<T>
}

/** Encodes `struct { HandshakeType msg_type; uint24 length; body } Handshake` (RFC 5246 §7.4). */
export function encodeHandshake<T extends HandshakeType>(
  type: T,
  value: HandshakeBody<T>,
  keyExchange: KeyExchange = 'rsa',
): Uint8Array {
  return frameHandshake(HandshakeType[type], encode(handshakeBody(type, keyExchange), value))
}

/** Puts the 4-byte header before a body. */
export function frameHandshake(type: number, body: Uint8Array): Uint8Array {
  const writer = new Writer()
  writer.uint(type, 1)
  writer.withLength(uint24.bytes, () => writer.append(body))
  return writer.finish()
}
