/** Limits of what we write, seen from both ends: the use of a key (RFC 9325 §4.4) and the length of a fragment. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ApiMisuse, PeerAlert } from '../../src/errors.ts'
import { RecordLayer } from '../../src/record/record-layer.ts'
import { filled } from '../support/by-hand.ts'
import { connectPair, exchange } from '../support/pair.ts'

describe('the end of a key', () => {
  const maxRecords = 6
  afterEach(() => void vi.restoreAllMocks())

  /** A pair whose keys protect six records each, of which Finished was one. */
  function connectShortLived() {
    const { changeWriteState } = RecordLayer.prototype
    vi.spyOn(RecordLayer.prototype, 'changeWriteState').mockImplementation(function (
      this: RecordLayer,
      state,
    ) {
      changeWriteState.call(this, { ...state, maxRecords })
    })
    return connectPair()
  }

  const say = ({ client, server }: ReturnType<typeof connectPair>, text: string | Uint8Array) => {
    client.driver.write(Buffer.from(text))
    exchange(client, server)
  }

  // RFC 5246 §7.2.2: whoever finds a fault says so before he goes; an end without a word looks like a truncation.
  test('is told to the peer, who has read all that was written before', () => {
    const pair = connectShortLived()
    for (const text of ['1', '2', '3', '4']) say(pair, text)
    expect(pair.client.error).toBeUndefined()
    say(pair, '5')
    expect(pair.client.error).toMatchObject({ code: 'SEQUENCE_NUMBER_EXHAUSTED' })
    expect(pair.client.connection.state).toBe('failed')
    expect(pair.server.received).toBe('1234')
    expect(pair.server.error).toBeInstanceOf(PeerAlert)
    expect(pair.server.error).toMatchObject({ level: 'fatal', description: 'internal_error' })
  })

  // Of a write that does not fit nothing is protected: a gap in the sequence numbers would make the alert unreadable.
  test('comes before a write of several records, not in its middle', () => {
    const pair = connectShortLived()
    say(pair, 'whole')
    say(pair, filled(4 * 2 ** 14, 0x61))
    expect(pair.client.error).toMatchObject({ code: 'SEQUENCE_NUMBER_EXHAUSTED' })
    expect(pair.server.received).toBe('whole')
    expect(pair.server.error).toMatchObject({ level: 'fatal', description: 'internal_error' })
  })

  // RFC 5246 §7.2.1: "Each party is required to send a close_notify alert before closing the write side".
  test('leaves room for close_notify', () => {
    const pair = connectShortLived()
    for (const text of ['1', '2', '3', '4']) say(pair, text)
    pair.client.driver.close()
    exchange(pair.client, pair.server)
    expect(pair.client.error).toBeUndefined()
    expect(pair.server.events.at(-1)).toEqual({ type: 'peerClosed' })
  })
})

describe('limitWrite', () => {
  // Of no bytes a fragment would never come to an end of what is to be sent.
  test.each([0, -1, 0.5, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    '%d is a mistake of the caller',
    bytes => {
      const { client, server } = connectPair()
      expect(() => client.connection.limitWrite(bytes)).toThrow(ApiMisuse)
      client.driver.write(Buffer.from('as before'))
      exchange(client, server)
      expect(server.received).toBe('as before')
    },
  )

  test.each([1, 512, 2 ** 14, 2 ** 14 + 1])('%d is none', bytes => {
    const { client, server } = connectPair()
    client.connection.limitWrite(bytes)
    client.driver.write(Buffer.from('cut up'))
    exchange(client, server)
    expect(server.received).toBe('cut up')
  })
})

// RFC 8449 §4: "Unprotected messages are not subject to this limit", but GnuTLS 3.7 subjects them all the same.
test('a record_size_limit of the peer shortens the records after ServerHello, protected or not', () => {
  const { server } = connectPair({ client: { recordSizeLimit: 64 } })
  const records = server.sent.map(record => ({ type: record[0], length: record.length - 5 }))
  const [serverHello, ...others] = records.slice(
    0,
    records.findIndex(({ type }) => type === 20),
  )
  expect(serverHello?.length).toBeGreaterThan(64)
  expect(others.length).toBeGreaterThan(10)
  expect(Math.max(...others.map(({ length }) => length))).toBe(64)
})
