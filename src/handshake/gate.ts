import { TlsError } from '../errors.ts'
import {
  decodeHandshakeBody,
  type HandshakeBody,
  type HandshakeFrame,
  type HandshakeType,
  handshakeTypeOf,
  type ReceivedMessage,
  type ReceivedType,
} from '../messages/handshake.ts'
import { ask, type Handshake } from './effects.ts'
import type { Flow } from './flow.ts'
import { type HandshakeAligned, verifyAligned } from './proofs.ts'

/** A decoded message with its type. */
export type Received<T extends HandshakeType> = {
  [K in T]: { readonly type: K; readonly body: HandshakeBody<K> }
}[T]

/** Waits for a message of exactly this type; the one gate through which every peer message comes. */
export function* receive<T extends HandshakeType>(hs: Flow, type: T): Handshake<HandshakeBody<T>> {
  const { body } = yield* receiveOneOf(hs, [type])
  return body as HandshakeBody<T>
}

/** Waits for a message of one of these types. Anything else is unexpected_message (RFC 5246 §7.4). */
export function* receiveOneOf<T extends HandshakeType>(
  hs: Flow,
  expected: readonly T[],
): Handshake<Received<T>> {
  const message = yield* receiveAny(hs, expected)
  if (message.kind !== 'handshake') throw unexpected('change_cipher_spec', expected)
  const type = handshakeTypeOf(message.type)
  if (type === undefined || !isOneOf(type, expected))
    throw unexpected(type ?? `type ${message.type}`, expected)
  return { type, body: takeIn(hs, type, message) } as Received<T>
}

/** A message that the peer may leave out: its body if it comes next, else `undefined`, and the message stays for the next to ask. */
export function* receiveIf<T extends HandshakeType>(
  hs: Flow,
  type: T,
): Handshake<HandshakeBody<T> | undefined> {
  const message = yield* receiveAny(hs, [type])
  if (message.kind === 'handshake' && handshakeTypeOf(message.type) === type) return takeIn(hs, type, message)
  hs.returned = message
  return undefined
}

function takeIn<T extends HandshakeType>(hs: Flow, type: T, message: HandshakeFrame): HandshakeBody<T> {
  const body = decodeHandshakeBody(type, message.body, hs.keyExchange)
  hs.transcript.add(message.raw)
  return body
}

/** Waits for ChangeCipherSpec and proves that it came between two handshake messages (RFC 5246 §7.1). */
export function* receiveChangeCipherSpec(hs: Flow): Handshake<HandshakeAligned> {
  const expected = ['change_cipher_spec'] as const
  const message = yield* receiveAny(hs, expected)
  if (message.kind !== 'change_cipher_spec')
    throw unexpected(handshakeTypeOf(message.type) ?? `type ${message.type}`, expected)
  return verifyAligned(hs.channel.isAligned)
}

/**
 * The next message but HelloRequest, which a server may send at any time: while a handshake runs the client
 * ignores it, also where ChangeCipherSpec is due, and it stays out of the transcript (RFC 5246 §7.4.1.1).
 */
function* receiveAny(hs: Flow, expected: readonly ReceivedType[]): Handshake<ReceivedMessage> {
  const { returned } = hs
  hs.returned = undefined
  if (returned) return returned
  for (;;) {
    const message = yield* ask({ kind: 'receive', expected })
    const isHelloRequest = message.kind === 'handshake' && handshakeTypeOf(message.type) === 'hello_request'
    if (!isHelloRequest || hs.config.role !== 'client') return message
    decodeHandshakeBody('hello_request', message.body)
    hs.channel.tolerate('HelloRequest')
  }
}

function isOneOf<T extends ReceivedType>(type: ReceivedType, expected: readonly T[]): type is T {
  return (expected as readonly ReceivedType[]).includes(type)
}

function unexpected(came: string, expected: readonly ReceivedType[]): TlsError {
  return new TlsError('UNEXPECTED_MESSAGE', `${came} came, wanted ${expected.join(' or ')}`)
}
