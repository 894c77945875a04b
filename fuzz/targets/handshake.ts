/** Every handshake message but ClientHello, which has a target of its own: a first byte says which, the rest is its body. */
import fc from 'fast-check'
import { concatBytes, equalBytes, fromHex } from '../../src/bytes.ts'
import type { KeyExchange } from '../../src/crypto/cipher-suites.ts'
import { TlsError } from '../../src/errors.ts'
import {
  decodeHandshakeBody,
  encodeHandshake,
  type HandshakeType,
  handshakeBody,
  HandshakeType as handshakeTypes,
} from '../../src/messages/handshake.ts'
import { encode } from '../../src/wire/codec.ts'
import { DecodeError, type Span } from '../../src/wire/reader.ts'
import { arbitraryOf, editedBytes } from '../arbitraries.ts'

export const name = 'handshake'

interface Message {
  readonly type: HandshakeType
  readonly keyExchange: KeyExchange
}

const plain = (Object.keys(handshakeTypes) as HandshakeType[]).filter(
  type => type !== 'client_hello' && !type.endsWith('key_exchange'),
)
const messages: readonly Message[] = [
  ...plain.map(type => ({ type, keyExchange: 'rsa' as const })),
  { type: 'client_key_exchange', keyExchange: 'rsa' },
  ...(['dhe', 'ecdhe'] as const).flatMap(keyExchange =>
    (['server_key_exchange', 'client_key_exchange'] as const).map(type => ({ type, keyExchange })),
  ),
]

/** A ServerKeyExchange of X25519 and a CertificateRequest. */
export const seeds: Uint8Array[] = [
  seed('server_key_exchange', `03001d20${'09'.repeat(32)} 0403 0004 01020304`),
  seed('certificate_request', '020140 0004 04010403 0006 0004 30023000'),
]

export const arbitrary: fc.Arbitrary<Uint8Array> = fc.nat(messages.length - 1).chain(index => {
  const codec = handshakeBody(messages[index]!.type, messages[index]!.keyExchange)
  const valid = arbitraryOf(codec.shape).map(value => encode(codec, value))
  return editedBytes(valid).map(body => concatBytes(Uint8Array.of(index), body))
})

/** Any bytes give a value or a TlsError, inside the input; a value re-encodes to the same bytes; its leaves cover them all once. */
export function run(bytes: Uint8Array): void {
  const { type, keyExchange } = messages[(bytes[0] ?? 0) % messages.length]!
  const body = bytes.subarray(1)
  const leaves: Span[] = []
  let value: ReturnType<typeof decodeHandshakeBody>
  try {
    value = decodeHandshakeBody(type, body, keyExchange, span => span.leaf && leaves.push(span))
  } catch (error) {
    if (!(error instanceof TlsError)) throw error
    if (error instanceof DecodeError && error.offset > body.length)
      throw new Error('the error points behind the input')
    return
  }
  if (!equalBytes(encodeHandshake(type, value, keyExchange).subarray(4), body))
    throw new Error('decoding and encoding changed the bytes')
  let offset = 0
  for (const leaf of leaves) {
    if (leaf.offset !== offset)
      throw new Error(`a leaf starts at ${leaf.offset}, the one before ended at ${offset}`)
    offset += leaf.length
  }
  if (offset !== body.length) throw new Error(`the leaves cover ${offset} of ${body.length} bytes`)
}

function seed(type: HandshakeType, body: string): Uint8Array {
  const index = messages.findIndex(message => message.type === type && message.keyExchange !== 'dhe')
  return concatBytes(Uint8Array.of(index), fromHex(body))
}
