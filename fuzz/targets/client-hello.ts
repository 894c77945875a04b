import type fc from 'fast-check'
import { equalBytes, fromHex } from '../../src/bytes.ts'
import { TlsError } from '../../src/errors.ts'
import { clientHello } from '../../src/messages/client-hello.ts'
import { decode, encode } from '../../src/wire/codec.ts'
import { DecodeError, type Span } from '../../src/wire/reader.ts'
import { arbitraryOf, editedBytes } from '../arbitraries.ts'

export const name = 'client-hello'

/** A body that openssl s_client 3.0 sent, and the smallest one that is valid. */
export const seeds: Uint8Array[] = [
  fromHex(`0303 5a0b1d0f7b9c8b1e5a0b1d0f7b9c8b1e5a0b1d0f7b9c8b1e5a0b1d0f7b9c8b1e 00 0004 009c00ff 01 00
    0038 0000000e000c0000096c6f63616c686f7374 00160000 00170000 000d001a0018 040305030603080708080809080a080b080408050806 0401`),
  fromHex(`0303 ${'00'.repeat(32)} 00 0002 002f 01 00`),
]

export const arbitrary: fc.Arbitrary<Uint8Array> = editedBytes(
  arbitraryOf(clientHello.shape).map(value =>
    encode(clientHello, value as Parameters<typeof clientHello.write>[1]),
  ),
)

/** Any bytes give a value or a DecodeError inside the input; a value re-encodes to the same bytes; its leaves cover them all once. */
export function run(bytes: Uint8Array): void {
  const leaves: Span[] = []
  let hello: ReturnType<typeof clientHello.read>
  try {
    hello = decode(clientHello, bytes, 'ClientHello', span => span.leaf && leaves.push(span))
  } catch (error) {
    if (!(error instanceof TlsError)) throw error
    if (error instanceof DecodeError && error.offset > bytes.length)
      throw new Error('the error points behind the input')
    return
  }
  if (!equalBytes(encode(clientHello, hello), bytes))
    throw new Error('decoding and encoding changed the bytes')
  let offset = 0
  for (const leaf of leaves) {
    if (leaf.offset !== offset)
      throw new Error(`a leaf starts at ${leaf.offset}, the one before ended at ${offset}`)
    offset += leaf.length
  }
  if (offset !== bytes.length) throw new Error(`the leaves cover ${offset} of ${bytes.length} bytes`)
}
