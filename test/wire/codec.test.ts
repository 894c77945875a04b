/** The presentation language of RFC 5246 §4, one combinator after the other. */
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { ApiMisuse, TlsError } from '../../src/errors.ts'
import {
  type Codec,
  decode,
  encode,
  enumeration,
  opaque,
  opaqueVector,
  optionalTail,
  struct,
  uint8,
  uint16,
  uint24,
  uint32,
  uint48,
  vector,
} from '../../src/wire/codec.ts'
import { DecodeError, Reader, type Span } from '../../src/wire/reader.ts'
import { Writer } from '../../src/wire/writer.ts'
import { filled, hex, none } from '../support/by-hand.ts'
import { expectPartition } from '../support/partition.ts'

/** The message of the DecodeError that reading `bytes` ends in. */
function problem(codec: Codec<unknown>, bytes: Uint8Array): string {
  try {
    decode(codec, bytes, 'X')
  } catch (error) {
    expect(error).toBeInstanceOf(DecodeError)
    expect(error).toBeInstanceOf(TlsError)
    expect(error).toMatchObject({ kind: 'decode', alert: 'decode_error' })
    const { offset } = error as DecodeError
    expect(offset).toBeGreaterThanOrEqual(0)
    expect(offset).toBeLessThanOrEqual(bytes.length)
    return (error as DecodeError).message
  }
  throw new Error('it was decoded')
}

const Color = { red: 3, blue: 5, white: 7 } as const // RFC 5246 §4.5's own example

describe('unsigned integers', () => {
  // RFC 5246 §4.4: "All values, here and elsewhere in the specification, are stored in network byte order".
  test.each([
    ['uint8', uint8, 'ff', 255],
    ['uint16', uint16, '0102', 258],
    ['uint24', uint24, '010203', 66051],
    ['uint32', uint32, 'fffefdfc', 4294901244],
    ['uint48', uint48, '010203040506', 1108152157446],
  ] as const)('%s', (_, codec, bytes, value) => {
    expect(decode(codec, hex(bytes), 'X')).toBe(value)
    expect(encode(codec, value)).toEqual(hex(bytes))
    expect(codec.bytes).toBe(bytes.length / 2)
  })

  test('too few bytes, and too many', () => {
    expect(problem(uint16, hex('01'))).toBe('X: need 2 bytes, have 1')
    expect(problem(uint8, none)).toBe('X: need 1 byte, have 0')
    expect(problem(uint8, hex('0102'))).toBe('X: 1 byte left over')
    expect(problem(uint8, hex('010203'))).toBe('X: 2 bytes left over')
  })

  test.each([-1, 256, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('%d is no uint8', value => {
    expect(() => encode(uint8, value)).toThrow(ApiMisuse)
  })
})

describe('enumerations', () => {
  const color = enumeration(uint8, Color)
  test('a known number is its name, an unknown one stays a number', () => {
    expect(decode(color, hex('05'), 'X')).toBe('blue')
    expect(decode(color, hex('04'), 'X')).toBe(4)
    expect(encode(color, 'white')).toEqual(hex('07'))
    expect(encode(color, 4)).toEqual(hex('04'))
  })
  test('a name that is not in the table is a misuse', () => {
    expect(() => encode(color, 'constructor' as 'red')).toThrow(ApiMisuse)
    expect(() => encode(color, 300)).toThrow(ApiMisuse)
  })
})

describe('opaque', () => {
  test('of a fixed length', () => {
    expect(decode(opaque(3), hex('010203'), 'X')).toEqual(hex('010203'))
    expect(problem(opaque(3), hex('0102'))).toBe('X: need 3 bytes, have 2')
    expect(() => encode(opaque(3), hex('0102'))).toThrow(ApiMisuse)
  })

  // RFC 5246 §4.3: "mandatory<300..400>" has a length field of two bytes.
  const mandatory = opaqueVector(uint16, 300, 400)
  test('of a variable length', () => {
    expect(decode(opaqueVector(uint8, 0, 4), hex('02 aabb'), 'X')).toEqual(hex('aabb'))
    expect(encode(opaqueVector(uint8, 0, 4), hex('aabb'))).toEqual(hex('02 aabb'))
    expect(encode(mandatory, filled(300, 1)).subarray(0, 2)).toEqual(hex('012c'))
  })
  test('bounds are inclusive, both ways', () => {
    for (const length of [300, 400]) {
      expect(decode(mandatory, encode(mandatory, filled(length, 1)), 'X')).toHaveLength(length)
    }
    for (const length of [299, 401]) {
      expect(() => encode(mandatory, filled(length, 1))).toThrow(ApiMisuse)
      const bytes = new Uint8Array(2 + length)
      bytes.set([length >> 8, length & 0xff])
      expect(problem(mandatory, bytes)).toBe(`X: length ${length} is outside 300 to 400`)
    }
  })
  test('longer than what is there', () => {
    expect(problem(opaqueVector(uint8, 0, 9), hex('03 0102'))).toBe('X.bytes: need 3 bytes, have 2')
    expect(problem(opaqueVector(uint16, 0, 9), hex('00'))).toBe('X.length: need 2 bytes, have 1')
  })
  test('the value is a view of the input', () => {
    const bytes = hex('02 aabb')
    const value = decode(opaqueVector(uint8, 0, 4), bytes, 'X')
    expect(value.buffer).toBe(bytes.buffer)
  })
})

describe('vectors', () => {
  const uint16s = vector(uint16, uint16, 2, 8)
  test('items fill the length exactly', () => {
    expect(decode(uint16s, hex('0004 0001 0002'), 'X')).toEqual([1, 2])
    expect(encode(uint16s, [1, 2])).toEqual(hex('0004 0001 0002'))
    // RFC 5246 §4.3: "the length ... must be an even multiple of the length of a single element".
    expect(problem(uint16s, hex('0003 0001 02'))).toBe('X.1: need 2 bytes, have 1')
  })
  test('bounds are in bytes, not in items', () => {
    expect(problem(uint16s, hex('0000'))).toBe('X: length 0 is outside 2 to 8')
    expect(problem(uint16s, hex('000a 0001 0002 0003 0004 0005'))).toBe('X: length 10 is outside 2 to 8')
    expect(() => encode(uint16s, [])).toThrow(ApiMisuse)
    expect(() => encode(uint16s, [1, 2, 3, 4, 5])).toThrow(ApiMisuse)
    expect(encode(uint16s, [1, 2, 3, 4])).toHaveLength(10)
  })
  test('an inner length may not reach past the outer one', () => {
    const nested = vector(uint8, opaqueVector(uint8, 0, 255), 0, 255)
    expect(decode(nested, hex('03 01aa 00'), 'X')).toEqual([hex('aa'), none])
    expect(problem(nested, hex('02 02aa bb'))).toBe('X.0.bytes: need 2 bytes, have 1')
  })
  test('an outer length past the end', () => {
    expect(problem(vector(uint8, uint8, 0, 255), hex('03 0102'))).toBe('X: need 3 bytes, have 2')
  })
  test('a vector that outgrows its length field is a misuse', () => {
    expect(() => encode(vector(uint8, uint8, 0, 999), Array(256).fill(0))).toThrow(ApiMisuse)
    expect(() => encode(opaqueVector(uint8, 0, 999), filled(256, 0))).toThrow(ApiMisuse)
  })
})

describe('structs', () => {
  const point = struct({ x: uint8, y: uint16 })
  const line = struct({ from: point, to: point, label: opaqueVector(uint8, 0, 9) })
  test('fields in the order of their declaration', () => {
    const value = { from: { x: 1, y: 2 }, to: { x: 3, y: 4 }, label: hex('ff') }
    expect(encode(line, value)).toEqual(hex('01 0002 03 0004 01 ff'))
    expect(decode(line, hex('01 0002 03 0004 01 ff'), 'Line')).toEqual(value)
  })
  test('the path names every level', () => {
    expect(problem(line, hex('01 0002 03 00'))).toBe('X.to.y: need 2 bytes, have 1')
    expect(problem(struct({ lines: vector(uint8, line, 0, 99) }), hex('06 01 0002 03 0004'))).toBe(
      'X.lines.0.label.length: need 1 byte, have 0',
    )
  })
  test('an empty struct takes nothing', () => {
    expect(decode(struct({}), none, 'X')).toEqual({})
    expect(encode(struct({}), {})).toEqual(none)
    expect(problem(struct({}), hex('00'))).toBe('X: 1 byte left over')
  })
})

describe('an optional tail', () => {
  const hello = struct({ x: uint8, tail: optionalTail(opaqueVector(uint8, 0, 9)) })
  test('absent, empty and present are three things', () => {
    expect(decode(hello, hex('07'), 'X')).toEqual({ x: 7, tail: undefined })
    expect(decode(hello, hex('07 00'), 'X')).toEqual({ x: 7, tail: none })
    expect(decode(hello, hex('07 01aa'), 'X')).toEqual({ x: 7, tail: hex('aa') })
    expect(encode(hello, { x: 7, tail: undefined })).toEqual(hex('07'))
    expect(encode(hello, { x: 7, tail: none })).toEqual(hex('07 00'))
    expect(problem(hello, hex('07 02aa'))).toBe('X.tail.bytes: need 2 bytes, have 1')
    expect(problem(hello, hex('07 00 00'))).toBe('X: 1 byte left over')
  })
})

describe('shapes', () => {
  test('say what was declared', () => {
    const codec = struct({
      color: enumeration(uint16, Color),
      ids: vector(uint8, opaque(4), 0, 40),
      tail: optionalTail(opaqueVector(uint8, 1, 9)),
    })
    expect(codec.shape).toEqual({
      kind: 'struct',
      fields: {
        color: { kind: 'uint', bytes: 2, names: Color },
        ids: { kind: 'vector', item: { kind: 'opaque', length: 4 }, min: 0, max: 40 },
        tail: { kind: 'optionalTail', body: { kind: 'opaqueVector', min: 1, max: 9 } },
      },
    })
  })
})

describe('round trips', () => {
  const color = enumeration(uint8, Color)
  const everything = struct({
    a: uint8,
    b: uint24,
    c: uint48,
    color,
    fixed: opaque(5),
    bytes: opaqueVector(uint16, 0, 300),
    items: vector(uint16, struct({ color, name: opaqueVector(uint8, 1, 20) }), 0, 0xffff),
    tail: optionalTail(vector(uint8, uint16, 0, 254)),
  })
  const bytesOf = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max })
  const colors = fc.oneof(
    fc.constantFrom('red', 'blue', 'white'),
    fc.integer({ min: 8, max: 255 }),
  ) as fc.Arbitrary<'red' | 'blue' | 'white' | number>
  const arbitrary = fc.record({
    a: fc.integer({ min: 0, max: 0xff }),
    b: fc.integer({ min: 0, max: 0xffffff }),
    c: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    color: colors,
    fixed: bytesOf(5, 5),
    bytes: bytesOf(0, 300),
    items: fc.array(fc.record({ color: colors, name: bytesOf(1, 20) }), { maxLength: 20 }),
    tail: fc.option(fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 127 }), { nil: undefined }),
  })

  test('P1: decode after encode is the identity, and encode after decode', () => {
    fc.assert(
      fc.property(arbitrary, value => {
        const bytes = encode(everything, value)
        const decoded = decode(everything, bytes, 'X')
        expect(decoded).toEqual(value)
        expect(encode(everything, decoded)).toEqual(bytes)
      }),
      { numRuns: 300 },
    )
  })

  test('P4: the leaves of the trace partition the bytes, and each group spans its leaves', () => {
    fc.assert(
      fc.property(arbitrary, value => {
        const bytes = encode(everything, value)
        const spans: Span[] = []
        decode(everything, bytes, 'X', span => spans.push(span))
        expectPartition(spans, bytes.length)
      }),
      { numRuns: 100 },
    )
  })

  test('P2: any bytes give a value that encodes back, or a DecodeError inside them', () => {
    fc.assert(
      fc.property(bytesOf(0, 80), bytes => {
        try {
          expect(encode(everything, decode(everything, bytes, 'X'))).toEqual(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError)
          expect((error as DecodeError).offset).toBeLessThanOrEqual(bytes.length)
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('the reader and the writer alone', () => {
  it('reads inside its view, not the buffer under it', () => {
    const view = hex('ff 01 02 ff').subarray(1, 3)
    expect(decode(uint16, view, 'X')).toBe(0x0102)
    expect(problem(uint24, view)).toBe('X: need 3 bytes, have 2')
  })
  it('restores the outer end after an inner vector', () => {
    const reader = new Reader(hex('01 aa bb'), 'X')
    reader.within(2, inner => inner.take(2))
    expect(reader.remaining).toBe(1)
    expect(reader.offset).toBe(2)
  })
  it('grows past its first buffer, and wipes what it leaves behind', () => {
    const writer = new Writer()
    for (let i = 0; i < 300; i++) writer.append(filled(10, i & 0xff))
    const bytes = writer.finish()
    expect(bytes).toHaveLength(3000)
    expect(bytes.subarray(2990)).toEqual(filled(10, 299 & 0xff))
    writer.wipe()
    expect(writer.finish().every(byte => byte === 0)).toBe(true)
  })
})
