/** Records to messages: what is cut is joined, what stands between two halves is refused (RFC 5246 §6.2.1, §7.1, §7.2). */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Incoming, MessageReader } from '../../src/connection/message-reader.ts'
import { TlsError } from '../../src/errors.ts'
import { RecordLayer } from '../../src/record/record-layer.ts'
import { cat, filled, handshakeMessage, hex, none, plainRecord } from '../support/by-hand.ts'

const maxMessageBytes = 2 ** 16

/** A reader over a record layer that has all of `records` already. */
function readerOf(...records: readonly Uint8Array[]): MessageReader {
  const layer = new RecordLayer(3)
  for (const record of records) layer.append(record)
  return new MessageReader(layer, maxMessageBytes)
}

/** Everything there is to read; then undefined, or the code of the fault. */
function readAll(...records: readonly Uint8Array[]): { messages: Incoming[]; fault: string | undefined } {
  const reader = readerOf(...records)
  const messages: Incoming[] = []
  try {
    for (let next = reader.next(); next; next = reader.next()) messages.push(next)
    return { messages, fault: undefined }
  } catch (error) {
    if (error instanceof TlsError) return { messages, fault: error.code }
    throw error
  }
}

const frame = (raw: Uint8Array): Incoming => ({
  kind: 'handshake',
  type: raw[0]!,
  body: raw.slice(4),
  raw,
})

/** `bytes` as records of one type, each of at most `size` bytes. */
function inRecords(type: number, bytes: Uint8Array, size: number): Uint8Array[] {
  const count = Math.ceil(bytes.length / size)
  return Array.from({ length: count }, (_, i) => plainRecord(type, bytes.subarray(i * size, (i + 1) * size)))
}

const messages = [
  handshakeMessage(11, filled(1000, 1)),
  handshakeMessage(14, none),
  handshakeMessage(20, filled(12, 2)),
]
const clientKeyExchange = handshakeMessage(16, filled(258, 3))

describe('handshake messages', () => {
  // RFC 6066 §4: fragments of 2^9, 2^10, 2^11, 2^12; RFC 8449 §4: of 64 and more.
  test.each([1, 3, 4, 5, 63, 64, 512, 1023, 1024, 2 ** 14])('are joined out of fragments of %i', size => {
    const records = inRecords(22, cat(...messages), size)
    expect(readAll(...records)).toEqual({ messages: messages.map(frame), fault: undefined })
  })

  test('what a record layer with a limit cuts up, a reader joins', () => {
    const property = fc.property(fc.integer({ min: 1, max: 600 }), limit => {
      const writer = new RecordLayer(3)
      writer.limitWrite(limit)
      const records = messages.flatMap(message => writer.protect('handshake', message))
      expect(readAll(...records).messages).toEqual(messages.map(frame))
    })
    fc.assert(property, { numRuns: 60 })
  })

  // RFC 6066 §4: "including handshake messages".
  test('in records that are longer than agreed are refused', () => {
    const layer = new RecordLayer(3)
    layer.limitRead(64)
    for (const record of [...inRecords(22, messages[2]!, 8), plainRecord(22, filled(65, 0))])
      layer.append(record)
    const reader = new MessageReader(layer, maxMessageBytes)
    expect(reader.next()).toEqual(frame(messages[2]!))
    expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'RECORD_OVERFLOW' }))
  })

  test('too long to be waited for are refused by their header', () => {
    expect(readAll(plainRecord(22, hex('0b 010000'))).fault).toBeUndefined()
    expect(readAll(plainRecord(22, hex('0b 010001'))).fault).toBe('EXCESSIVE_MESSAGE_SIZE')
  })

  // RFC 5246 §7.1: the keys change between two messages, and whoever changes them wants to know that it is so.
  test('that are half received leave the reader unaligned', () => {
    const layer = new RecordLayer(3)
    const reader = new MessageReader(layer, maxMessageBytes)
    expect(reader.isAligned).toBe(true)
    layer.append(plainRecord(22, clientKeyExchange.subarray(0, 100)))
    expect(reader.next()).toBeUndefined()
    expect(reader.isAligned).toBe(false)
    layer.append(plainRecord(22, cat(clientKeyExchange.subarray(100), hex('14'))))
    expect(reader.next()).toEqual(frame(clientKeyExchange))
    expect(reader.isAligned).toBe(false)
    reader.clear()
    expect(reader.isAligned).toBe(true)
  })
})

describe('between two halves of a handshake message', () => {
  const half = plainRecord(22, clientKeyExchange.subarray(0, 100))
  const rest = plainRecord(22, clientKeyExchange.subarray(100))

  test('application data is refused', () => {
    expect(readAll(half, plainRecord(23, hex('61')), rest)).toEqual({
      messages: [],
      fault: 'UNEXPECTED_MESSAGE',
    })
  })

  // Whether a ChangeCipherSpec is due and at a boundary is the gate's to say; the reader tells it both.
  test('a ChangeCipherSpec is given out, and the reader is not aligned', () => {
    const reader = readerOf(half, plainRecord(20, hex('01')))
    expect(reader.next()).toMatchObject({ kind: 'change_cipher_spec' })
    expect(reader.isAligned).toBe(false)
  })

  test('an alert is given out at once', () => {
    const reader = readerOf(half, plainRecord(21, hex('02 28')))
    expect(reader.next()).toEqual({ kind: 'alert', level: 'fatal', description: 'handshake_failure' })
  })
})

describe('alerts', () => {
  const closeNotify = { kind: 'alert', level: 'warning', description: 'close_notify' }
  const handshakeFailure = { kind: 'alert', level: 'fatal', description: 'handshake_failure' }

  test('many of one record, and one of many records', () => {
    expect(readAll(plainRecord(21, hex('0100 0228'))).messages).toEqual([closeNotify, handshakeFailure])
    expect(
      readAll(plainRecord(21, hex('01')), plainRecord(21, hex('0002')), plainRecord(21, hex('28'))),
    ).toEqual({ messages: [closeNotify, handshakeFailure], fault: undefined })
  })

  test.each([20, 22, 23])('nothing comes between the halves of one: type %i', type => {
    const { messages, fault } = readAll(plainRecord(21, hex('01')), plainRecord(type, hex('01')))
    expect({ messages, fault }).toEqual({ messages: [], fault: 'UNEXPECTED_MESSAGE' })
  })

  test('an unknown description is a number, an unknown level a fault', () => {
    expect(readAll(plainRecord(21, hex('01 ff'))).messages).toEqual([{ ...closeNotify, description: 255 }])
    for (const level of ['00', '03', 'ff'])
      expect(readAll(plainRecord(21, hex(`${level} 00`))).fault).toBe('UNKNOWN_ALERT_LEVEL')
  })
})

describe('ChangeCipherSpec', () => {
  // RFC 5246 §7.1: "The message consists of a single byte of value 1."
  test.each(['00', '02', 'ff', '0101', '0100', '010101'])('%s is none', bytes => {
    expect(readAll(plainRecord(20, hex(bytes))).fault).toBe('BAD_CHANGE_CIPHER_SPEC')
  })

  // What stands behind it is under the next state: it must not be looked at before that is there.
  test('no record after it is taken with it', () => {
    const layer = new RecordLayer(3)
    layer.append(cat(plainRecord(20, hex('01')), plainRecord(22, filled(40, 0x2a))))
    const reader = new MessageReader(layer, maxMessageBytes)
    expect(reader.next()).toEqual({ kind: 'change_cipher_spec', value: { type: 1 } })
    expect(layer.bufferedBytes).toBe(45)
  })
})

// A server answers what is no TLS with an alert record, and says to its own people what it was.
test('what is no TLS is told so before a whole record could be there', () => {
  expect(readAll(Buffer.from('GET / HTTP/1.1\r\n\r\n')).fault).toBe('UNKNOWN_RECORD_TYPE')
  expect(readAll(hex('80')).fault).toBe('UNKNOWN_RECORD_TYPE')
})
