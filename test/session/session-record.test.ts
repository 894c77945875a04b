import { describe, expect, test } from 'vitest'
import { run } from '../../fuzz/targets/session-record.ts'
import { TlsError } from '../../src/errors.ts'
import { Secret } from '../../src/secret.ts'
import { hasExpired, type Session } from '../../src/session/session.ts'
import { decodeSession, encodeSession, maxPeerCertificateBytes } from '../../src/session/session-record.ts'

const createdMs = 0x0123_4567_89ab

const session: Session = {
  protocolVersion: 0x0303,
  cipherSuite: 'TLS_RSA_WITH_AES_256_GCM_SHA384',
  extendedMasterSecret: true,
  clientAuthenticated: true,
  maxFragmentLengthCode: 2,
  createdMs,
  lifetimeSeconds: 600,
  masterSecret: new Secret(new Uint8Array(48).fill(0x11)),
  clientRandom: new Uint8Array(32).fill(0x22),
  serverRandom: new Uint8Array(32).fill(0x33),
  serverName: 'a.test',
  policyHash: new Uint8Array(16).fill(0x44),
  peerCertificate: Uint8Array.of(0x30, 0x03, 0x01, 0x01, 0xff),
}

/** The layout of the specification, written down by hand. */
const byHand = Buffer.concat([
  Buffer.from([1]),
  Buffer.from([3, 3]),
  Buffer.from([0x00, 0x9d]),
  Buffer.from([0b11]),
  Buffer.from([2]),
  Buffer.from([0x01, 0x23, 0x45, 0x67, 0x89, 0xab]),
  Buffer.from([0, 0, 0x02, 0x58]),
  Buffer.alloc(48, 0x11),
  Buffer.alloc(32, 0x22),
  Buffer.alloc(32, 0x33),
  Buffer.from([6]),
  Buffer.from('a.test', 'latin1'),
  Buffer.alloc(16, 0x44),
  Buffer.from([0, 5]),
  Buffer.from([0x30, 0x03, 0x01, 0x01, 0xff]),
])

describe('a session record', () => {
  test('is laid out field by field as documented', () => {
    expect(Buffer.from(encodeSession(session)).toString('hex')).toBe(byHand.toString('hex'))
  })

  test('decodes to the session that was encoded', () => {
    const decoded = decodeSession(new Uint8Array(byHand))
    expect({ ...decoded, masterSecret: decoded.masterSecret.reveal() }).toEqual({
      ...session,
      masterSecret: session.masterSecret.reveal(),
    })
  })

  test('is about 230 bytes when sealed, without a certificate', () => {
    const plain = encodeSession({
      ...session,
      peerCertificate: new Uint8Array(0),
      serverName: 'www.example.test',
    })
    expect(plain.length + 33).toBeGreaterThan(190)
    expect(plain.length + 33).toBeLessThan(240)
  })

  test('decodes into copies, so that its bytes may be wiped', () => {
    const bytes = new Uint8Array(byHand)
    const decoded = decodeSession(bytes)
    bytes.fill(0)
    expect(Buffer.from(decoded.masterSecret.reveal()).equals(Buffer.alloc(48, 0x11))).toBe(true)
    expect(decoded.peerCertificate[0]).toBe(0x30)
    expect(decoded.policyHash[0]).toBe(0x44)
  })

  test('cut short at any place is refused with decode_error', () => {
    for (let length = 0; length < byHand.length; length++) {
      const prefix = new Uint8Array(byHand.subarray(0, length))
      expect(() => decodeSession(prefix)).toThrow(
        expect.objectContaining({ name: 'TlsError', code: 'DECODE_ERROR' }),
      )
    }
  })

  test('with a byte too many is refused', () => {
    expect(() => decodeSession(new Uint8Array([...byHand, 0]))).toThrow(TlsError)
  })

  test('with any byte changed is a session that encodes to the same bytes, or a TlsError', () => {
    for (let at = 0; at < byHand.length; at++) {
      for (const mask of [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff]) {
        const bytes = new Uint8Array(byHand)
        bytes[at]! ^= mask
        run(bytes)
      }
    }
  })

  test.each([
    ['version 2', 0, 2],
    ['TLS 1.1', 2, 2],
    ['a suite we do not do', 4, 0xa0],
    ['a third flag', 5, 4],
    ['max_fragment_length 5', 6, 5],
    ['a lifetime above 24 h', 14, 2],
    ['a server name outside ASCII', 130, 0xe9],
  ])('with %s is refused', (_, at, value) => {
    const bytes = new Uint8Array(byHand)
    bytes[at] = value
    expect(() => decodeSession(bytes)).toThrow(expect.objectContaining({ code: 'DECODE_ERROR' }))
  })

  test('holds a certificate of 3,072 bytes and none longer', () => {
    const longest = { ...session, peerCertificate: new Uint8Array(maxPeerCertificateBytes) }
    expect(decodeSession(encodeSession(longest)).peerCertificate.length).toBe(3072)
    const longer = { ...session, peerCertificate: new Uint8Array(maxPeerCertificateBytes + 1) }
    expect(() => encodeSession(longer)).toThrow(/3073 bytes/)
  })
})

describe('a session expires', () => {
  const lastMs = createdMs + 600_000

  test.each([
    ['1 ms before its lifetime is over: not yet', lastMs - 1, false],
    ['when its lifetime is over', lastMs, true],
    ['5 s ahead of our clock: tolerated', createdMs - 5000, false],
    ['further ahead: refused', createdMs - 5001, true],
  ])('%s', (_, nowMs, expired) => {
    expect(hasExpired(session, nowMs)).toBe(expired)
  })

  test('after 24 h, whatever it says', () => {
    const endless = { ...session, lifetimeSeconds: 1_000_000 }
    expect(hasExpired(endless, createdMs + 86_400_000 - 1)).toBe(false)
    expect(hasExpired(endless, createdMs + 86_400_000)).toBe(true)
  })
})
