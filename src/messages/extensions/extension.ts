import { ApiMisuse } from '../../errors.ts'
import { type Codec, type Infer, uint16 } from '../../wire/codec.ts'
import type { Reader } from '../../wire/reader.ts'

/** `enum { ... } ExtensionType` (RFC 5246 §7.4.1.4): those we know by name, done here or not. */
export const ExtensionType = {
  server_name: 0,
  max_fragment_length: 1,
  status_request: 5,
  supported_groups: 10,
  ec_point_formats: 11,
  signature_algorithms: 13,
  application_layer_protocol_negotiation: 16,
  signed_certificate_timestamp: 18,
  padding: 21,
  encrypt_then_mac: 22,
  extended_master_secret: 23,
  record_size_limit: 28,
  session_ticket: 35,
  supported_versions: 43,
  signature_algorithms_cert: 50,
  renegotiation_info: 65281,
} as const
export type ExtensionType = keyof typeof ExtensionType

/** An extension we read, or one that is kept as it came and otherwise ignored. */
export type Extension<B extends Bodies> =
  | { readonly [T in keyof B]: { readonly extensionType: T; readonly extensionData: Infer<B[T]> } }[keyof B]
  | { readonly extensionType: number; readonly extensionData: Uint8Array }

/** The extensions of one message that are read rather than kept, each with its body. */
export type Bodies = { readonly [T in ExtensionType]?: Codec<unknown> }

/**
 * `Extension extensions<0..2^16-1>` (RFC 5246 §7.4.1.4). Two of one type are refused, unknown ones too: a
 * peer that repeats itself contradicts itself sooner or later.
 */
export function extensionList<const B extends Bodies>(bodies: B): Codec<readonly Extension<B>[]> {
  const byNumber: Known = new Map(
    Object.entries(bodies).map(([name, body]) => [
      ExtensionType[name as ExtensionType],
      { name, body: body as Codec<unknown> },
    ]),
  )
  return {
    shape: {
      kind: 'extensions',
      bodies: Object.fromEntries(Object.entries(bodies).map(([name, body]) => [name, body.shape])),
    },
    read: reader => {
      const start = reader.offset
      const length = reader.part('length', uint16.read)
      const list = reader.within(length, () => readExtensions(reader, byNumber))
      return reader.traced(start, list, false) as readonly Extension<B>[]
    },
    write: (writer, list) => {
      writer.withLength(uint16.bytes, () => {
        for (const { extensionType, extensionData } of list) {
          const number =
            typeof extensionType === 'number' ? extensionType : ExtensionType[extensionType as ExtensionType]
          const known = byNumber.get(number)
          if (typeof extensionType !== 'number' && !known)
            throw new ApiMisuse(`${String(extensionType)} has no body here`)
          writer.uint(number, 2)
          writer.withLength(uint16.bytes, () => {
            if (typeof extensionType !== 'number' && known) known.body.write(writer, extensionData)
            else writer.append(extensionData as Uint8Array)
          })
        }
      })
    },
  }
}

/** The body of the extension of one type, `undefined` when the list lacks it. */
export function findExtension<B extends Bodies, T extends keyof B>(
  list: readonly Extension<B>[] | undefined,
  type: T,
): Infer<B[T]> | undefined {
  return list?.find(extension => extension.extensionType === type)?.extensionData as Infer<B[T]> | undefined
}

type Known = ReadonlyMap<number, { readonly name: string; readonly body: Codec<unknown> }>

function readExtensions(reader: Reader, byNumber: Known): unknown[] {
  const list: unknown[] = []
  const seen = new Set<number>()
  while (reader.remaining > 0)
    list.push(reader.part(list.length, () => readExtension(reader, byNumber, seen)))
  return list
}

function readExtension(reader: Reader, byNumber: Known, seen: Set<number>): unknown {
  const start = reader.offset
  const type = reader.part('extensionType', uint16.read)
  if (seen.has(type)) reader.fail(`extension ${type} came twice`, 'DUPLICATE_EXTENSION')
  seen.add(type)
  const known = byNumber.get(type)
  const length = reader.part('length', uint16.read)
  const extensionData = reader.part(known?.name ?? 'extensionData', () =>
    reader.within(length, () => (known ? known.body.read(reader) : readUnknown(reader, length))),
  )
  return reader.traced(start, { extensionType: known?.name ?? type, extensionData }, false)
}

function readUnknown(reader: Reader, length: number): Uint8Array {
  return reader.traced(reader.offset, reader.take(length), true)
}
