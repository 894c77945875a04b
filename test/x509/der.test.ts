import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes.ts'
import { TlsError } from '../../src/errors.ts'
import * as der from '../../src/x509/der.ts'

const { Tag } = der
const bad = expect.objectContaining({ name: 'TlsError', code: 'BAD_CERTIFICATE' })

/** Reads the hexadecimal text as one value with this tag. */
const value = (tag: number, hex: string) => der.wholeValue(fromHex(hex), tag, 'value')

describe('tag and length (X.690 §8.1, §10.1)', () => {
  test('the shortest form is read, for lengths on both sides of each border', () => {
    for (const [header, length] of [
      ['0400', 0],
      ['047f', 0x7f],
      ['048180', 0x80],
      ['0481ff', 0xff],
      ['04820100', 0x100],
      ['0482ffff', 0xffff],
      ['0483010000', 0x10000],
    ] as const) {
      const read = value(Tag.octetString, header + 'ab'.repeat(length))
      expect(read.contents).toHaveLength(length)
      expect(read.raw).toHaveLength(header.length / 2 + length)
    }
  })

  test.each([
    ['a length in two bytes that fits in one', '04810100'],
    ['127 in two bytes', `04817f${'00'.repeat(127)}`],
    ['255 in three bytes', `048200ff${'00'.repeat(255)}`],
    ['65535 in four bytes', `048300ffff${'00'.repeat(65535)}`],
    ['0 in two bytes', '048100'],
    ['an indefinite length', '04800000'],
    ['a length of five bytes', '04850100000000'],
    ['the reserved length ff', '04ff'],
    ['a length beyond the end', '040200'],
    ['a huge length', '0484ffffffff'],
    ['a tag alone', '04'],
    ['nothing', ''],
    ['a length cut short', '0482ff'],
    ['a byte after the value', '040000'],
    ['a tag number of more bytes', '1f0400'],
    ['another tag', '0500'],
  ])('%s is refused', (_, hex) => {
    expect(() => value(Tag.octetString, hex)).toThrow(bad)
  })

  test('bytes left over inside a value are refused, and the error names the place', () => {
    const outer = value(Tag.sequence, '30050400020100')
    expect(() => der.readContents(outer, fields => fields.take(Tag.octetString, 'first'))).toThrow(
      'value: 3 bytes left over',
    )
    expect(() => der.readContents(outer, fields => fields.take(Tag.integer, 'first'))).toThrow(
      'value.first: tag 0x04, wanted 0x02',
    )
  })

  test('raw and contents are views of the input', () => {
    const bytes = fromHex('3003020105')
    const read = der.wholeValue(bytes, Tag.sequence, 'value')
    expect(read.contents.buffer).toBe(bytes.buffer)
    expect(toHex(read.contents)).toBe('020105')
  })

  test('an OPTIONAL field that is not there leaves the next one alone', () => {
    const fields = der.readContents(value(Tag.sequence, '3003020105'), reader => [
      reader.takeOptional(Tag.boolean, 'flag'),
      der.readUnsigned(reader.take(Tag.integer, 'number')),
      reader.takeOptional(Tag.boolean, 'flag'),
    ])
    expect(fields).toEqual([undefined, 5n, undefined])
  })

  test('a SEQUENCE OF needs an item', () => {
    expect(() => der.readItems(value(Tag.sequence, '3000'), reader => reader.next('item'))).toThrow(bad)
  })
})

describe('values', () => {
  // The examples of X.690 §8 and of "A Layman's Guide to a Subset of ASN.1, BER, and DER" §5.
  test.each([
    ['020100', 0n],
    ['02017f', 127n],
    ['02020080', 128n],
    ['02020100', 256n],
    [`021100${'ff'.repeat(16)}`, 2n ** 128n - 1n],
  ])('INTEGER %s', (hex, number) => {
    expect(der.readUnsigned(value(Tag.integer, hex))).toBe(number)
  })

  test.each(['0200', '02020000', '0202007f', '0202ff80', '020180', '0202ff7f'])(
    'INTEGER %s is refused',
    hex => {
      expect(() => der.readUnsigned(value(Tag.integer, hex))).toThrow(bad)
    },
  )

  test.each([
    ['06062a864886f70d', '1.2.840.113549'],
    ['0603883703', '2.999.3'],
    ['0603550403', '2.5.4.3'],
    ['060100', '0.0'],
    ['06014f', '1.39'],
    ['060150', '2.0'],
    // 2.25 with a UUID, from X.667 §6 with RFC 9562 §A: f81d4fae-7dec-11d0-a765-00a0c91e6bf6.
    ['06146983f09da7ebcfdee0c7a1a7b2c0948cc8f9d776', '2.25.329800735698586629295641978511506172918'],
  ])('OBJECT IDENTIFIER %s', (hex, dotted) => {
    expect(der.readObjectIdentifier(value(Tag.objectIdentifier, hex))).toBe(dotted)
  })

  test.each(['0600', '060180', '06022a86', '06032a8001', `0616${'ff'.repeat(21)}01`])(
    'OBJECT IDENTIFIER %s is refused',
    hex => {
      expect(() => der.readObjectIdentifier(value(Tag.objectIdentifier, hex))).toThrow(bad)
    },
  )

  test('BOOLEAN is 00 or ff', () => {
    expect(der.readBoolean(value(Tag.boolean, '0101ff'))).toBe(true)
    expect(der.readBoolean(value(Tag.boolean, '010100'))).toBe(false)
    for (const hex of ['010101', '0100', '0102ffff']) {
      expect(() => der.readBoolean(value(Tag.boolean, hex))).toThrow(bad)
    }
  })

  test('BIT STRING', () => {
    const { bytes, unusedBits } = der.readBitString(value(Tag.bitString, '0304066e5dc0'))
    expect([toHex(bytes), unusedBits]).toEqual(['6e5dc0', 6])
    expect(der.readBitStringBytes(value(Tag.bitString, '030100'))).toHaveLength(0)
    for (const hex of ['0300', '030101', '0304066e5de0', '03020880', '0302ff80']) {
      expect(() => der.readBitString(value(Tag.bitString, hex)), hex).toThrow(bad)
    }
    expect(() => der.readBitStringBytes(value(Tag.bitString, '0304066e5dc0'))).toThrow(bad)
  })

  test.each([
    [Tag.utcTime, '910506234540Z', '1991-05-06T23:45:40Z'],
    [Tag.utcTime, '491231235959Z', '2049-12-31T23:59:59Z'],
    [Tag.utcTime, '500101000000Z', '1950-01-01T00:00:00Z'],
    [Tag.utcTime, '240229120000Z', '2024-02-29T12:00:00Z'],
    [Tag.generalizedTime, '20500101000000Z', '2050-01-01T00:00:00Z'],
    [Tag.generalizedTime, '99991231235959Z', '9999-12-31T23:59:59Z'],
  ])('time %i %s', (tag, text, iso) => {
    const hex = toHex(Uint8Array.of(tag, text.length)) + Buffer.from(text).toString('hex')
    expect(der.readTime(value(tag, hex))).toBe(Date.parse(iso))
  })

  test.each([
    [Tag.utcTime, '9105062345Z'],
    [Tag.utcTime, '910506234540+0100'],
    [Tag.utcTime, '230229120000Z'],
    [Tag.utcTime, '231301120000Z'],
    [Tag.utcTime, '230001120000Z'],
    [Tag.utcTime, '230101240000Z'],
    [Tag.utcTime, '230101126000Z'],
    [Tag.utcTime, '161231235960Z'],
    [Tag.utcTime, '20500101000000Z'],
    [Tag.generalizedTime, '20500101000000.5Z'],
    [Tag.generalizedTime, '910506234540Z'],
    [Tag.generalizedTime, '00500101000000Z'],
    [Tag.utf8String, '910506234540Z'],
    [Tag.utcTime, ''],
  ])('time %i %s is refused', (tag, text) => {
    const hex = toHex(Uint8Array.of(tag, text.length)) + Buffer.from(text).toString('hex')
    expect(() => der.readTime(value(tag, hex))).toThrow(bad)
  })

  test('all faults are TlsError', () => {
    expect(() => der.refuse('a.b', 'no')).toThrow(new TlsError('BAD_CERTIFICATE', 'a.b: no'))
  })
})
