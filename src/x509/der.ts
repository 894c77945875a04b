/**
 * DER, the encoding of ASN.1 in which every value has exactly one form (X.690 §8 and §10, §11).
 *
 * A value is a tag, a length and that many bytes of contents; constructed contents are values again. The
 * reader is strict, because two parsers that read the same certificate differently are an attack: lengths
 * are definite and of the fewest bytes, numbers too, and nothing may follow the last field. Its caller
 * cannot forget that last check: the contents of a value are only read inside a callback, after which the
 * reader looks whether anything is left.
 *
 *     readContents(wholeValue(bytes, Tag.sequence, 'Validity'), fields => ({
 *       notBeforeMs: readTime(fields.next('notBefore')),
 *       notAfterMs: readTime(fields.next('notAfter')),
 *     }))
 *
 * Bytes are views of what was given, never copies, so the raw form of every value is at hand: a signature
 * covers bytes as they came, not as we would write them. All faults are TlsError BAD_CERTIFICATE with the path.
 */
import { asciiString } from '../bytes.ts'
import { TlsError } from '../errors.ts'

/** Identifier octets (X.690 §8.1.2): the universal types that certificates and keys are made of. */
export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/** The identifier of `[number]` where the tag replaces that of a primitive type (X.690 §8.14). */
export const implicitTag = (number: number) => 0x80 | number
/** The identifier of `[number]` around another value, or in place of a SEQUENCE or SET. */
export const constructedTag = (number: number) => 0xa0 | number

/** One value: `raw` is all of it, `contents` what follows tag and length. Both are views of the input. */
export interface DerValue {
  readonly tag: number
  readonly raw: Uint8Array
  readonly contents: Uint8Array
  /** Names from the outermost value down, joined by dots. */
  readonly path: string
}

/** The one value, with this tag, that all of `bytes` are. Throws TlsError BAD_CERTIFICATE. */
export function wholeValue(bytes: Uint8Array, tag: number, name: string): DerValue {
  const reader = new DerReader(bytes, '')
  const value = reader.take(tag, name)
  reader.end()
  return value
}

/** Reads the contents of a constructed value, all of them, with `read`. Throws TlsError BAD_CERTIFICATE. */
export function readContents<T>(value: DerValue, read: (reader: DerReader) => T): T {
  const reader = new DerReader(value.contents, value.path)
  const result = read(reader)
  reader.end()
  return result
}

/** The items of a SEQUENCE OF or SET OF, each read by `readItem`; at least one, as in SIZE (1..MAX). */
export function readItems<T>(value: DerValue, readItem: (reader: DerReader, index: string) => T): T[] {
  return readContents(value, reader => {
    const items: T[] = []
    do items.push(readItem(reader, String(items.length)))
    while (!reader.atEnd)
    return items
  })
}

/** Reads values one after the other. Made by the functions above, which also see to the end. */
export class DerReader {
  readonly #bytes: Uint8Array
  readonly #path: string
  #offset = 0

  constructor(bytes: Uint8Array, path: string) {
    this.#bytes = bytes
    this.#path = path
  }

  /** Whether all values have been read. */
  get atEnd(): boolean {
    return this.#offset === this.#bytes.length
  }

  /** The next value, whatever its tag. */
  next(name: string): DerValue {
    const path = this.#path ? `${this.#path}.${name}` : name
    const start = this.#offset
    const tag = this.#byte(path)
    // Tag numbers from 31 on take more bytes; nothing in RFC 5280 or RFC 5958 has one.
    if ((tag & 0x1f) === 0x1f) refuse(path, 'a tag number of more than one byte')
    const length = this.#length(path)
    const left = this.#bytes.length - this.#offset
    if (length > left) refuse(path, `need ${length} bytes, have ${left}`)
    const contents = this.#bytes.subarray(this.#offset, this.#offset + length)
    this.#offset += length
    return { tag, raw: this.#bytes.subarray(start, this.#offset), contents, path }
  }

  /** The next value, which must have this tag. */
  take(tag: number, name: string): DerValue {
    const value = this.next(name)
    if (value.tag !== tag) refuse(value.path, `tag ${hexByte(value.tag)}, wanted ${hexByte(tag)}`)
    return value
  }

  /** The next value if it has this tag: an OPTIONAL field, or one with a DEFAULT. */
  takeOptional(tag: number, name: string): DerValue | undefined {
    return this.#bytes[this.#offset] === tag ? this.take(tag, name) : undefined
  }

  /** Reads the contents of the next value, which must have this tag. */
  inside<T>(tag: number, name: string, read: (reader: DerReader) => T): T {
    return readContents(this.take(tag, name), read)
  }

  /** Refuses bytes after the last value. */
  end(): void {
    const left = this.#bytes.length - this.#offset
    if (left > 0) refuse(this.#path || 'DER', `${left} bytes left over`)
  }

  #byte(path: string): number {
    const byte = this.#bytes[this.#offset]
    if (byte === undefined) refuse(path, 'need 1 byte, have 0')
    this.#offset++
    return byte
  }

  /** X.690 §8.1.3, in the one form that §10.1 leaves: definite, and as short as can be. */
  #length(path: string): number {
    const first = this.#byte(path)
    if (first < 0x80) return first
    const count = first & 0x7f
    if (count === 0) refuse(path, 'an indefinite length')
    if (count > 4) refuse(path, `a length field of ${count} bytes`)
    let length = 0
    for (let i = 0; i < count; i++) length = length * 256 + this.#byte(path)
    const shortest = length < 0x80 ? 0 : Math.ceil((32 - Math.clz32(length)) / 8)
    if (count !== shortest) refuse(path, `a length of ${length} in ${count} bytes, fewer would do`)
    return length
  }
}

/** Ends reading: the value at `path` is not what DER or its type allows. */
export function refuse(path: string, problem: string): never {
  throw new TlsError('BAD_CERTIFICATE', `${path}: ${problem}`)
}

/** BOOLEAN: true is ff and nothing else (X.690 §11.1). */
export function readBoolean(value: DerValue): boolean {
  const [byte] = value.contents
  if (value.contents.length !== 1 || (byte !== 0x00 && byte !== 0xff)) refuse(value.path, 'not a BOOLEAN')
  return byte === 0xff
}

/** The bytes of an INTEGER: big-endian two's complement, as few as can be (X.690 §8.3.2). */
export function readIntegerBytes(value: DerValue): Uint8Array {
  const [first, second] = value.contents
  if (first === undefined) refuse(value.path, 'an INTEGER without bytes')
  const padded =
    second !== undefined && ((first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80))
  if (padded) refuse(value.path, 'an INTEGER with a byte too many')
  return value.contents
}

/** An INTEGER that may not be negative. */
export function readUnsigned(value: DerValue): bigint {
  const bytes = readIntegerBytes(value)
  if (bytes[0]! >= 0x80) refuse(value.path, 'a negative INTEGER, wanted one from 0')
  let hex = '0x'
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return BigInt(hex)
}

/** A small INTEGER, from 0 to `most`. */
export function readSmallNumber(value: DerValue, most: number): number {
  const number = readUnsigned(value)
  if (number > BigInt(most)) refuse(value.path, `an INTEGER above ${most}`)
  return Number(number)
}

/** A BIT STRING: its bytes and how many bits at their end are not part of it, which DER has at 0 (X.690 §11.2.1). */
export function readBitString(value: DerValue): { bytes: Uint8Array; unusedBits: number } {
  const [unusedBits] = value.contents
  const bytes = value.contents.subarray(1)
  if (unusedBits === undefined || unusedBits > 7) refuse(value.path, 'not a BIT STRING')
  const last = bytes.at(-1)
  if (last === undefined ? unusedBits > 0 : (last & ((1 << unusedBits) - 1)) !== 0) {
    refuse(value.path, 'a BIT STRING with unused bits that are not 0')
  }
  return { bytes, unusedBits }
}

/** A BIT STRING that holds whole bytes, as keys and signatures do. */
export function readBitStringBytes(value: DerValue): Uint8Array {
  const { bytes, unusedBits } = readBitString(value)
  if (unusedBits !== 0) refuse(value.path, `${unusedBits} unused bits, wanted whole bytes`)
  return bytes
}

/** Refuses anything in a NULL. */
export function readNull(value: DerValue): void {
  if (value.tag !== Tag.null || value.contents.length > 0) refuse(value.path, 'not a NULL')
}

/** No arc in use has more; UUIDs under 2.25 have 19. Without a bound, one long arc takes quadratic time. */
const maxArcBytes = 20

/** An OBJECT IDENTIFIER, dotted (X.690 §8.19). */
export function readObjectIdentifier(value: DerValue): string {
  const arcs: bigint[] = []
  let arc = 0n
  let arcBytes = 0
  for (const byte of value.contents) {
    if (arcBytes === 0 && byte === 0x80) refuse(value.path, 'an OBJECT IDENTIFIER with a byte too many')
    if (++arcBytes > maxArcBytes) {
      refuse(value.path, `an OBJECT IDENTIFIER with an arc above ${maxArcBytes} bytes`)
    }
    arc = (arc << 7n) | BigInt(byte & 0x7f)
    if (byte >= 0x80) continue
    arcs.push(arc)
    arc = 0n
    arcBytes = 0
  }
  const [first, ...rest] = arcs
  if (first === undefined || arcBytes > 0) refuse(value.path, 'an OBJECT IDENTIFIER cut short')
  // The first two arcs share a number: 40 times the first, which is 0, 1 or 2, plus the second.
  const root = first < 80n ? first / 40n : 2n
  return [root, first - 40n * root, ...rest].join('.')
}

/**
 * UTCTime or GeneralizedTime, to the second and in UTC, as milliseconds since 1970 (RFC 5280 §4.1.2.5).
 * Either type is taken for any year: which one a CA has to use from 2050 on protects nobody.
 */
export function readTime(value: DerValue): number {
  const text = asciiString(value.contents) ?? ''
  const pattern =
    value.tag === Tag.utcTime ? utcTime : value.tag === Tag.generalizedTime ? generalizedTime : undefined
  const match = pattern?.exec(text)
  if (!match) refuse(value.path, 'not a UTCTime or GeneralizedTime to the second with Z')
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as TimeParts
  const fullYear = value.tag === Tag.generalizedTime ? year : year >= 50 ? 1900 + year : 2000 + year
  const ms = Date.UTC(fullYear, month - 1, day, hour, minute, second)
  // Date.UTC takes 31 February for 3 March, and the years below 100 for 1900 and later: look what came out.
  const normal = `${String(fullYear).padStart(4, '0')}-${match.slice(2, 4).join('-')}T${match.slice(4).join(':')}.000Z`
  if (new Date(ms).toISOString() !== normal) refuse(value.path, `${text} is not a date`)
  return ms
}

type TimeParts = [number, number, number, number, number, number]
const utcTime = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
const generalizedTime = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/

const hexByte = (byte: number) => `0x${byte.toString(16).padStart(2, '0')}`
