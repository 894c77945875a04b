/** Framing, limits and versions of the record layer (RFC 5246 §6.2.1, §6.2.3, §E.1). */
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { TlsError } from '../../src/errors.ts'
import { ByteQueue } from '../../src/record/byte-queue.ts'
import { type ContentType, contentTypeOf } from '../../src/record/content-type.ts'
import { HandshakeJoiner } from '../../src/record/handshake-joiner.ts'
import type { Protection } from '../../src/record/protection.ts'
import { RecordLayer } from '../../src/record/record-layer.ts'
import { cat, contentTypes, filled, handshakeMessage, hex, none, plainRecord } from '../support/by-hand.ts'

function codeOf(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof TlsError) return error.code
    throw error
  }
}

const layer = (...chunks: readonly Uint8Array[]) => {
  const records = new RecordLayer(3)
  for (const chunk of chunks) records.append(chunk)
  return records
}

/** Protects nothing: the limits of a protected record without its cipher. */
const identity: Protection = { protect: (_, fragment) => fragment, unprotect: (_, fragment) => fragment }

describe('reading', () => {
  it('gives whole records only, in their order', () => {
    const records = layer(plainRecord(22, hex('0102')), plainRecord(23, hex('03')))
    expect(records.next()).toEqual({ type: 'handshake', fragment: hex('0102') })
    expect(records.next()).toEqual({ type: 'application_data', fragment: hex('03') })
    expect(records.next()).toBeUndefined()
    records.append(hex('15 0303 0002 02'))
    expect(records.next()).toBeUndefined()
    records.append(hex('28'))
    expect(records.next()).toEqual({ type: 'alert', fragment: hex('0228') })
    expect(records.bufferedBytes).toBe(0)
  })

  // RFC 5246 §6: a record of another type is answered with unexpected_message.
  test('types other than 20 to 23 are refused by their first byte', () => {
    for (let type = 0; type < 256; type++) {
      const expected = type >= 20 && type <= 23 ? undefined : 'UNKNOWN_RECORD_TYPE'
      expect(
        codeOf(() => layer(Uint8Array.of(type)).next()),
        String(type),
      ).toBe(expected)
    }
  })

  test('content types have the numbers of RFC 5246 §6.2.1', () => {
    for (const [name, number] of Object.entries(contentTypes)) expect(contentTypeOf(number)).toBe(name)
    expect(contentTypeOf(24)).toBeUndefined()
  })

  // RFC 5246 §E.1: a server "MUST accept any value {03,XX} as the record layer version number for ClientHello".
  test('any 3.x until the version is fixed, 3.3 alone after that', () => {
    for (const version of [0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x03ff]) {
      expect(layer(plainRecord(22, hex('00'), version)).next()).toBeDefined()
      const fixed = layer(plainRecord(22, hex('00'), version))
      fixed.fixVersion()
      expect(codeOf(() => fixed.next())).toBe(version === 0x0303 ? undefined : 'WRONG_VERSION_NUMBER')
    }
    for (const version of [0x0002, 0x0200, 0x0403, 0xfefd, 0x4854]) {
      expect(codeOf(() => layer(plainRecord(22, hex('00'), version)).next())).toBe('WRONG_VERSION_NUMBER')
    }
  })

  // RFC 5246 §E.1: clients "that wish to negotiate with older servers may send any value {03,XX}".
  test('a hello may say another version than what comes after it', () => {
    const records = new RecordLayer(3, 0x0301)
    expect(records.protect('handshake', hex('aa'))).toEqual([hex('16 0301 0001 aa')])
    records.fixVersion()
    expect(records.protect('handshake', hex('bb'))).toEqual([hex('16 0303 0001 bb')])
    expect(layer().protect('alert', hex('0228'))).toEqual([hex('15 0303 0002 0228')])
  })

  // RFC 5246 §6.2.1: "The length MUST NOT exceed 2^14."
  test('2^14 bytes of plaintext are fine, one more is judged by the header alone', () => {
    expect(layer(plainRecord(23, filled(2 ** 14, 1))).next()?.fragment).toHaveLength(2 ** 14)
    expect(codeOf(() => layer(hex('17 0303 4000')).next())).toBeUndefined()
    expect(codeOf(() => layer(hex('17 0303 4001')).next())).toBe('RECORD_OVERFLOW')
  })

  // RFC 5246 §6.2.3: "The length MUST NOT exceed 2^14 + 2048."
  test('2^14 + 2048 bytes of ciphertext are fine, one more is judged by the header alone', () => {
    const protectedLayer = (bytes: Uint8Array) => {
      const records = layer(bytes)
      records.changeReadState(identity)
      return records
    }
    expect(protectedLayer(plainRecord(23, filled(2 ** 14 + 2048, 1))).next()).toBeDefined()
    expect(codeOf(() => protectedLayer(hex('17 0303 4800')).next())).toBeUndefined()
    expect(codeOf(() => protectedLayer(hex('17 0303 4801')).next())).toBe('RECORD_OVERFLOW')
    expect(codeOf(() => protectedLayer(hex('17 0303 ffff')).next())).toBe('RECORD_OVERFLOW')
  })

  // RFC 5246 §6.2.1: "Implementations MUST NOT send zero-length fragments of Handshake, Alert, or ChangeCipherSpec".
  test.each([20, 21, 22])('an empty record of type %i is refused', type => {
    expect(codeOf(() => layer(plainRecord(type, none)).next())).toBe('EMPTY_FRAGMENT')
  })

  // RFC 5246 §6.2.1: "Zero-length fragments of Application data MAY be sent".
  test('empty application data is borne, a run of it is bounded, and data ends the run', () => {
    const empty = plainRecord(23, none)
    const records = layer(empty, empty, empty, plainRecord(23, hex('01')), empty, empty, empty, empty)
    for (let i = 0; i < 7; i++) expect(records.next()).toBeDefined()
    expect(codeOf(() => records.next())).toBe('TOO_MANY_EMPTY_FRAGMENTS')
  })

  // RFC 6066 §4 and RFC 8449 §4: what was agreed bounds the plaintext, and a longer one is record_overflow.
  test('an agreed limit bounds the plaintext: before protection by the header, under protection after it', () => {
    const limited = (bytes: Uint8Array, state?: Protection) => {
      const records = layer(bytes)
      records.limitRead(512)
      if (state) records.changeReadState(state)
      return records
    }
    expect(limited(plainRecord(22, filled(512, 1))).next()?.fragment).toHaveLength(512)
    expect(codeOf(() => limited(hex('16 0303 0201')).next())).toBe('RECORD_OVERFLOW')
    // A ciphertext is longer than its content: only that counts.
    const cutting = (length: number): Protection => ({
      ...identity,
      unprotect: (_, fragment) => fragment.subarray(0, length),
    })
    expect(limited(plainRecord(23, filled(512 + 2048, 1)), cutting(512)).next()?.fragment).toHaveLength(512)
    expect(codeOf(() => limited(plainRecord(23, filled(600, 1)), cutting(513)).next())).toBe(
      'RECORD_OVERFLOW',
    )
    expect(codeOf(() => limited(hex('17 0303 4800'), identity).next())).toBeUndefined()
    expect(codeOf(() => limited(hex('17 0303 4801'), identity).next())).toBe('RECORD_OVERFLOW')
  })

  test('a forged record is bad_record_mac, however long it would be inside', () => {
    const records = layer(plainRecord(23, filled(2000, 1)))
    records.limitRead(512)
    records.changeReadState({
      ...identity,
      unprotect: () => {
        throw new TlsError('BAD_RECORD_MAC', 'forged')
      },
    })
    expect(codeOf(() => records.next())).toBe('BAD_RECORD_MAC')
  })

  test('a limit holds from the moment it is set, for every type and for what came before and was not asked for', () => {
    for (const type of [20, 21, 22, 23]) {
      const records = layer(plainRecord(type, filled(65, 1)), plainRecord(type, filled(65, 1)))
      expect(records.next()?.fragment).toHaveLength(65)
      records.limitRead(64)
      expect(codeOf(() => records.next())).toBe('RECORD_OVERFLOW')
    }
  })

  // RFC 8449 §4: the least there is to agree on is 64.
  test('the message names the limit that was passed', () => {
    const records = layer(hex('17 0303 0041'))
    records.limitRead(64)
    expect(() => records.next()).toThrow('65 bytes, at most 64')
  })

  test.each([
    ['GET / HTTP/1.1\r\n\r\n', /plain HTTP request; use https/],
    ['POST / HTTP/1.1\r\n', /plain HTTP request; use https/],
    ['CONNECT host:443 HTTP/1.1\r\n', /plain HTTP request; use https/],
    ['G', /plain HTTP request; use https/],
    // RFC 5246 §E.2: a V2ClientHello starts with a length whose highest bit is set, then 1 and the version.
    ['\x80\x2e\x01\x03\x03\x00\x15\x00\x00\x00\x10', /ClientHello of SSLv2/],
    ['SSH-2.0-OpenSSH_9.2\r\n', /text, perhaps a plain HTTP request/],
    ['\x05\x01\x00', /not a TLS record/],
  ])('who begins with %j is told what a TLS port wants', (text, message) => {
    const records = layer(Buffer.from(text, 'latin1'))
    expect(codeOf(() => records.next())).toBe('UNKNOWN_RECORD_TYPE')
    expect(() => records.next()).toThrow(message)
  })

  test('a warning between two empty records does not end the run', () => {
    const [empty, warning] = [plainRecord(23, none), plainRecord(21, hex('0164'))]
    const records = layer(...[0, 1, 2, 3].flatMap(() => [empty, warning]))
    for (let i = 0; i < 6; i++) expect(records.next()).toBeDefined()
    expect(codeOf(() => records.next())).toBe('TOO_MANY_EMPTY_FRAGMENTS')
  })

  test('the state of a record is the one in force when it is asked for, not when it came', () => {
    const records = layer(plainRecord(20, hex('01')), plainRecord(22, hex('aa')))
    records.next()
    records.changeReadState({ ...identity, unprotect: () => hex('bb') })
    expect(records.next()?.fragment).toEqual(hex('bb'))
  })
})

describe('writing', () => {
  const lengths = (records: readonly Uint8Array[]) => records.map(record => record.length - 5)
  test.each<[number, number[]]>([
    [0, [0]],
    [1, [1]],
    [2 ** 14, [2 ** 14]],
    [2 ** 14 + 1, [2 ** 14, 1]],
    [2 ** 15 + 7, [2 ** 14, 2 ** 14, 7]],
  ])('%i bytes are fragments of at most 2^14', (length, expected) => {
    const bytes = filled(length, 5)
    const records = new RecordLayer(3).protect('application_data', bytes)
    expect(lengths(records)).toEqual(expected)
    expect(cat(...records.map(record => record.subarray(5)))).toEqual(bytes)
    for (const record of records) expect(record.subarray(0, 3)).toEqual(hex('17 0303'))
  })

  test.each<[number, number, number[]]>([
    [512, 512, [512]],
    [512, 513, [512, 1]],
    [512, 0, [0]],
    [64, 200, [64, 64, 64, 8]],
    [1, 3, [1, 1, 1]],
  ])('under a limit of %i, %i bytes are fragments of %j', (limit, length, expected) => {
    for (const type of ['handshake', 'application_data'] as const) {
      const records = new RecordLayer(3)
      records.limitWrite(limit)
      const bytes = Uint8Array.from({ length }, (_, i) => i)
      const written = records.protect(type, bytes)
      expect(lengths(written)).toEqual(expected)
      expect(cat(...written.map(record => record.subarray(5)))).toEqual(bytes)
    }
  })

  // RFC 8449 §4: the limit is of the plaintext; protection comes on top.
  test('the limit counts before protection, and holds over a change of state', () => {
    const records = new RecordLayer(3)
    records.limitWrite(100)
    const protectedLengths: number[] = []
    records.changeWriteState({
      ...identity,
      protect: (_, fragment) => {
        protectedLengths.push(fragment.length)
        return cat(fragment, filled(24, 0))
      },
    })
    expect(lengths(records.protect('application_data', filled(250, 1)))).toEqual([124, 124, 74])
    expect(protectedLengths).toEqual([100, 100, 50])
  })

  test('a limit only ever gets shorter, and none is longer than 2^14', () => {
    const records = new RecordLayer(3)
    records.limitWrite(2 ** 14 + 1)
    expect(lengths(records.protect('handshake', filled(2 ** 14 + 1, 1)))).toEqual([2 ** 14, 1])
    records.limitWrite(100)
    records.limitWrite(200)
    expect(lengths(records.protect('handshake', filled(150, 1)))).toEqual([100, 50])
  })

  // RFC 9325 §4.4: a key protects only so many records. There is no renegotiation here, so that the connection ends.
  test('a key that has protected all the records it may protects no more', () => {
    const records = new RecordLayer(3)
    records.protect('handshake', filled(10, 1))
    const written: number[] = []
    const counting = (maxRecords?: number): Protection => ({
      ...identity,
      maxRecords,
      protect: (_, fragment) => {
        written.push(fragment.length)
        return fragment
      },
    })
    records.changeWriteState(counting(3))
    records.limitWrite(4)
    records.protect('application_data', filled(8, 1))
    // The third may be written, and is kept for the alert that says so; the fourth is refused before it is protected.
    expect(codeOf(() => records.protect('application_data', filled(5, 1)))).toBe('SEQUENCE_NUMBER_EXHAUSTED')
    expect(codeOf(() => records.protect('application_data', filled(1, 1)))).toBe('SEQUENCE_NUMBER_EXHAUSTED')
    expect(written).toEqual([4, 4])
    expect(records.protect('alert', hex('0100'))).toHaveLength(1)
    expect(codeOf(() => records.protect('alert', hex('0100')))).toBe('SEQUENCE_NUMBER_EXHAUSTED')
    expect(written).toEqual([4, 4, 2])
    // A new key counts from the start, one without a bound not at all.
    records.changeWriteState(counting(1))
    expect(records.protect('alert', hex('0100'))).toHaveLength(1)
    records.changeWriteState(counting())
    for (let i = 0; i < 10; i++) records.protect('alert', hex('0100'))
    expect(written).toHaveLength(3 + 1 + 10)
  })

  test('records that are written without protection are not counted', () => {
    const records = new RecordLayer(3)
    for (let i = 0; i < 10; i++) records.protect('handshake', hex('00'))
    records.changeWriteState({ ...identity, maxRecords: 2 })
    expect(records.protect('handshake', hex('00'))).toHaveLength(1)
    expect(codeOf(() => records.protect('handshake', hex('00')))).toBe('SEQUENCE_NUMBER_EXHAUSTED')
  })

  test('what is written reads back, in any portions', () => {
    const type = fc.constantFrom<ContentType>('alert', 'handshake', 'application_data')
    const property = fc.property(
      type,
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.nat(9),
      (name, bytes, cut) => {
        const written = cat(...new RecordLayer(3).protect(name, bytes))
        const records = new RecordLayer(3)
        for (let i = 0; i < written.length; i += cut + 1) records.append(written.subarray(i, i + cut + 1))
        expect(records.next()).toEqual({ type: name, fragment: bytes })
      },
    )
    fc.assert(property, { numRuns: 100 })
  })
})

describe('ByteQueue', () => {
  test('gives back what was put in, whatever the portions (against a plain array)', () => {
    const operation = fc.oneof(
      fc.record({ put: fc.uint8Array({ maxLength: 700 }) }),
      fc.record({ take: fc.nat(900) }),
    )
    const property = fc.property(fc.array(operation, { maxLength: 60 }), operations => {
      const queue = new ByteQueue()
      let model: number[] = []
      for (const step of operations) {
        if ('put' in step) {
          queue.append(step.put)
          model.push(...step.put)
        } else {
          const length = Math.min(step.take, model.length)
          expect([...queue.take(length)]).toEqual(model.slice(0, length))
          model = model.slice(length)
        }
        expect(queue.length).toBe(model.length)
        if (model.length >= 3)
          expect(queue.uintAt(0, 3)).toBe((model[0]! << 16) | (model[1]! << 8) | model[2]!)
      }
    })
    fc.assert(property, { numRuns: 100 })
  })

  test('what it gives is a copy: later bytes do not change it', () => {
    const queue = new ByteQueue()
    queue.append(hex('01020304'))
    const taken = queue.take(2)
    queue.append(filled(600, 9))
    expect(taken).toEqual(hex('0102'))
  })
})

describe('HandshakeJoiner', () => {
  // RFC 5246 §6.2.1: "a single handshake message may be split across multiple records", and many share one.
  test('joins messages out of fragments of any size', () => {
    const messages = [
      handshakeMessage(14, none),
      handshakeMessage(20, filled(12, 7)),
      handshakeMessage(1, filled(300, 8)),
    ]
    const bytes = cat(...messages)
    for (const size of [1, 2, 3, 5, 16, 317, 1000]) {
      const joiner = new HandshakeJoiner(1000)
      const read: Uint8Array[] = []
      for (let i = 0; i < bytes.length; i += size) {
        joiner.add(bytes.subarray(i, i + size))
        for (let frame = joiner.next(); frame; frame = joiner.next()) {
          expect(frame.body).toEqual(frame.raw.subarray(4))
          expect(frame.type).toBe(frame.raw[0])
          read.push(frame.raw)
        }
      }
      expect(read).toEqual(messages)
      expect(joiner.isAligned).toBe(true)
    }
  })

  test('is aligned only when nothing is left, a whole unread message included', () => {
    const joiner = new HandshakeJoiner(1000)
    joiner.add(hex('14'))
    expect(joiner.isAligned).toBe(false)
    joiner.clear()
    joiner.add(handshakeMessage(14, none))
    expect(joiner.isAligned).toBe(false)
    joiner.next()
    expect(joiner.isAligned).toBe(true)
  })

  // DESIGN §7.10: the length is judged before the body is waited for.
  test('a message that announces too much is refused by its header', () => {
    const joiner = new HandshakeJoiner(1000)
    joiner.add(hex('01 0003e8'))
    expect(joiner.next()).toBeUndefined()
    const refusing = new HandshakeJoiner(1000)
    refusing.add(hex('01 0003e9'))
    expect(codeOf(() => refusing.next())).toBe('EXCESSIVE_MESSAGE_SIZE')
  })
})
