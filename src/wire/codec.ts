/**
 * The presentation language of RFC 5246 §4 as values. One declaration gives the decoder, the encoder, the
 * TypeScript type (`Infer`), the path in an error, the spans of a trace, and by its `shape` the arbitrary
 * that a fuzzer draws from.
 */
import { ApiMisuse } from '../errors.ts'
import { type DecodeFault, Reader, type TraceSink } from './reader.ts'
import { Writer } from './writer.ts'

export interface Codec<T> {
  /** What was declared, for those who generate values rather than read them. */
  readonly shape: Shape
  /** Throws DecodeError; byte strings in the value are views of the input. */
  read(reader: Reader): T
  /** Throws ApiMisuse when the value is outside its declaration. */
  write(writer: Writer, value: T): void
}

/** The TypeScript type that a codec reads and writes. */
export type Infer<C> = C extends Codec<infer T> ? T : never

export type Shape =
  | {
      readonly kind: 'uint'
      readonly bytes: number
      readonly names?: Readonly<Record<string, number>>
      /** No number but those with a name. */
      readonly closed?: boolean
    }
  | { readonly kind: 'opaque'; readonly length: number }
  | { readonly kind: 'opaqueVector'; readonly min: number; readonly max: number }
  | { readonly kind: 'vector'; readonly item: Shape; readonly min: number; readonly max: number }
  | { readonly kind: 'struct'; readonly fields: Readonly<Record<string, Shape>> }
  | { readonly kind: 'optionalTail'; readonly body: Shape }
  | { readonly kind: 'remainder' }
  | { readonly kind: 'variant'; readonly selector: Shape; readonly cases: Readonly<Record<string, Shape>> }
  | { readonly kind: 'extensions'; readonly bodies: Readonly<Record<string, Shape>> }

/** Decodes all of `bytes`; `name` starts the path in errors and spans. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array, name: string, trace?: TraceSink): T {
  const reader = new Reader(bytes, name, trace)
  const value = codec.read(reader)
  reader.finish()
  return value
}

/** Encodes a value. */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new Writer()
  codec.write(writer, value)
  return writer.finish()
}

/** An unsigned integer, with its length in bytes so that it can be a length field too. */
export interface UintCodec extends Codec<number> {
  readonly bytes: number
}

function uint(bytes: number): UintCodec {
  return {
    bytes,
    shape: { kind: 'uint', bytes },
    read: reader => reader.traced(reader.offset, reader.uint(bytes), true),
    write: (writer, value) => writer.uint(value, bytes),
  }
}

// RFC 5246 §4.4; uint48 is not in the RFC's list, our session record counts milliseconds with it.
export const uint8 = uint(1)
export const uint16 = uint(2)
export const uint24 = uint(3)
export const uint32 = uint(4)
export const uint48 = uint(6)

/** An enumeration (RFC 5246 §4.5): a known number reads as its name, an unknown one stays a number. */
export function enumeration<const N extends Readonly<Record<string, number>>>(
  integer: UintCodec,
  names: N,
): Codec<(keyof N & string) | number> {
  const nameOf = new Map<number, keyof N & string>(
    Object.entries(names).map(([name, number]) => [number, name]),
  )
  return {
    shape: { kind: 'uint', bytes: integer.bytes, names },
    read: reader => {
      const start = reader.offset
      const number = reader.uint(integer.bytes)
      return reader.traced(start, nameOf.get(number) ?? number, true)
    },
    write: (writer, value) => {
      const number = typeof value === 'number' ? value : names[value]
      if (number === undefined) throw new ApiMisuse(`no number is known for ${String(value)}`)
      writer.uint(number, integer.bytes)
    },
  }
}

/** An enumeration of which no other value can be read: whatever followed would be laid out otherwise. Another is refused with `code`. */
export function closedEnumeration<const N extends Readonly<Record<string, number>>>(
  integer: UintCodec,
  names: N,
  code: DecodeFault = 'DECODE_ERROR',
): Codec<keyof N & string> {
  const open = enumeration(integer, names)
  return {
    shape: { kind: 'uint', bytes: integer.bytes, names, closed: true },
    read: reader => {
      const value = open.read(reader)
      if (typeof value === 'number') reader.fail(`${value}, wanted ${Object.keys(names).join(' or ')}`, code)
      return value as keyof N & string
    },
    write: open.write,
  }
}

/** All bytes that are left of the innermost vector, where the RFC gives a field no length of its own. */
export const remainder: Codec<Uint8Array> = {
  shape: { kind: 'remainder' },
  read: reader => reader.traced(reader.offset, reader.take(reader.remaining), true),
  write: (writer, value) => writer.append(value),
}

/** `opaque x[length]`: exactly so many bytes (RFC 5246 §4.3). */
export function opaque(length: number): Codec<Uint8Array> {
  return {
    shape: { kind: 'opaque', length },
    read: reader => reader.traced(reader.offset, reader.take(length), true),
    write: (writer, value) => {
      if (value.length !== length) throw new ApiMisuse(`need exactly ${length} bytes, have ${value.length}`)
      writer.append(value)
    },
  }
}

/** `opaque x<min..max>`: a length field, then so many bytes (RFC 5246 §4.3). Bounds are in bytes. */
export function opaqueVector(prefix: UintCodec, min: number, max: number): Codec<Uint8Array> {
  return {
    shape: { kind: 'opaqueVector', min, max },
    read: reader => {
      const start = reader.offset
      const length = readLength(reader, prefix, min, max)
      const value = reader.part('bytes', () => reader.traced(reader.offset, reader.take(length), true))
      return reader.traced(start, value, false)
    },
    write: (writer, value) => {
      checkBounds(value.length, min, max)
      writer.withLength(prefix.bytes, () => writer.append(value))
    },
  }
}

/** `T x<min..max>`: a length field, then items that fill it exactly (RFC 5246 §4.3). Bounds are in bytes. */
export function vector<T>(prefix: UintCodec, item: Codec<T>, min: number, max: number): Codec<readonly T[]> {
  return {
    shape: { kind: 'vector', item: item.shape, min, max },
    read: reader => {
      const start = reader.offset
      const length = readLength(reader, prefix, min, max)
      const items = reader.within(length, () => {
        const read: T[] = []
        while (reader.remaining > 0) read.push(reader.part(read.length, item.read))
        return read
      })
      return reader.traced(start, items, false)
    },
    write: (writer, items) => {
      const length = writer.withLength(prefix.bytes, () => {
        for (const value of items) item.write(writer, value)
      })
      checkBounds(length, min, max)
    },
  }
}

type Fields = Readonly<Record<string, Codec<unknown>>>
type StructOf<F> = { readonly [K in keyof F]: Infer<F[K]> }

/** `struct { ... }`: its fields in the order of declaration (RFC 5246 §4.6). */
export function struct<const F extends { readonly [name: string]: unknown }>(fields: F): Codec<StructOf<F>> {
  const entries = Object.entries(fields as Fields)
  return {
    shape: {
      kind: 'struct',
      fields: Object.fromEntries(entries.map(([name, codec]) => [name, codec.shape])),
    },
    read: reader => {
      const start = reader.offset
      const value: Record<string, unknown> = {}
      for (const [name, codec] of entries) value[name] = reader.part(name, codec.read)
      return reader.traced(start, value as StructOf<F>, false)
    },
    write: (writer, value) => {
      for (const [name, codec] of entries) codec.write(writer, value[name as keyof F])
    },
  }
}

type VariantOf<C> = {
  [K in keyof C]: { readonly type: K extends 'other' ? number : K; readonly body: Infer<C[K]> }
}[keyof C]

/**
 * `select (E) { case ... }`: a selector, then the struct it chooses (RFC 5246 §4.6.1). Every value without a case of its own,
 * always a number, takes the case `other`.
 */
export function variant<const C extends { readonly other: unknown; readonly [name: string]: unknown }>(
  selector: Codec<string | number>,
  cases: C,
): Codec<VariantOf<C>> {
  const bodies = cases as Readonly<Record<string, Codec<unknown>>>
  const bodyOf = (type: string | number) => bodies[type] ?? bodies.other!
  return {
    shape: {
      kind: 'variant',
      selector: selector.shape,
      cases: Object.fromEntries(Object.entries(bodies).map(([name, body]) => [name, body.shape])),
    },
    read: reader => {
      const start = reader.offset
      const type = reader.part('type', selector.read)
      const body = reader.part('body', bodyOf(type).read)
      return reader.traced(start, { type, body } as VariantOf<C>, false)
    },
    write: (writer, { type, body }) => {
      selector.write(writer, type as string | number)
      bodyOf(type as string | number).write(writer, body)
    },
  }
}

/** A last field that may be absent altogether, as the hellos' extensions (RFC 5246 §7.4.1.2). */
export function optionalTail<T>(body: Codec<T>): Codec<T | undefined> {
  return {
    shape: { kind: 'optionalTail', body: body.shape },
    read: reader => (reader.remaining === 0 ? undefined : body.read(reader)),
    write: (writer, value) => {
      if (value !== undefined) body.write(writer, value)
    },
  }
}

function readLength(reader: Reader, prefix: UintCodec, min: number, max: number): number {
  const length = reader.part('length', prefix.read)
  if (length < min || length > max) reader.fail(`length ${length} is outside ${min} to ${max}`)
  return length
}

function checkBounds(length: number, min: number, max: number): void {
  if (length < min || length > max)
    throw new ApiMisuse(`a vector of ${length} bytes is outside ${min} to ${max}`)
}
