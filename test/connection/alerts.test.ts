/** The fixed mapping of faults to alerts (DESIGN §5; RFC 5246 §7.2.2), written down a second time by hand. */
import { describe, expect, test } from 'vitest'
import { AlertDescription, type FaultCode, faults, TlsError } from '../../src/errors.ts'
import {
  cat,
  certificateBody,
  filled,
  handshakeMessage,
  hex,
  none,
  plainRecord,
  u8,
  u16,
  vec8,
  vec16,
} from '../support/by-hand.ts'
import type { Puppet } from '../support/puppet.ts'
import { clientPuppet, serverPuppet } from '../support/scenes.ts'

type Kind = 'decode' | 'misbehaved' | 'incompatible' | 'internal'

/** Code, kind, alert number, and a play that ends in it on a live connection where there is one. */
const table: readonly [FaultCode, Kind, number, (() => Puppet)?][] = [
  [
    'DECODE_ERROR',
    'decode',
    50,
    () => said(clientPuppet(false), 'handshake', handshakeMessage(1, hex('0303'))),
  ],
  [
    'BAD_CHANGE_CIPHER_SPEC',
    'misbehaved',
    10,
    () => said(clientPuppet(false).advance(2), 'change_cipher_spec', hex('02')),
  ],
  [
    'DUPLICATE_EXTENSION',
    'decode',
    50,
    () =>
      hello({
        extensions: [
          [23, none],
          [23, none],
        ],
      }),
  ],
  [
    'BAD_CERTIFICATE',
    'decode',
    42,
    () =>
      said(serverPuppet(false).advance(1), 'handshake', handshakeMessage(11, certificateBody([hex('30')]))),
  ],
  [
    'WRONG_VERSION_NUMBER',
    'incompatible',
    70,
    () => delivered(clientPuppet(false), plainRecord(22, hex('00'), 0x0200)),
  ],
  [
    'UNKNOWN_RECORD_TYPE',
    'misbehaved',
    10,
    () => delivered(clientPuppet(false), Buffer.from('GET / HTTP/1.1\r\n')),
  ],
  ['RECORD_OVERFLOW', 'misbehaved', 22, () => delivered(clientPuppet(false), hex('16 0303 4001'))],
  [
    'BAD_RECORD_MAC',
    'misbehaved',
    20,
    () => delivered(clientPuppet(false).advance(), plainRecord(23, filled(40, 0))),
  ],
  ['EMPTY_FRAGMENT', 'misbehaved', 10, () => said(clientPuppet(false), 'handshake', none)],
  [
    'TOO_MANY_EMPTY_FRAGMENTS',
    'misbehaved',
    10,
    () => repeated(clientPuppet(false).advance(), 33, 'application_data', none),
  ],
  ['TOO_MANY_WARNING_ALERTS', 'misbehaved', 10, () => repeated(clientPuppet(false), 5, 'alert', hex('015a'))],
  ['SEQUENCE_NUMBER_EXHAUSTED', 'internal', 80],
  ['UNKNOWN_ALERT_LEVEL', 'misbehaved', 47, () => said(clientPuppet(false), 'alert', hex('0300'))],
  [
    'UNEXPECTED_MESSAGE',
    'misbehaved',
    10,
    () => said(clientPuppet(false), 'handshake', handshakeMessage(14, none)),
  ],
  [
    'UNALIGNED_CHANGE_CIPHER_SPEC',
    'misbehaved',
    10,
    () => {
      const puppet = clientPuppet(false).advance(2)
      puppet.send('handshake', hex('14'))
      return said(puppet, 'change_cipher_spec', hex('01'))
    },
  ],
  [
    'EXCESSIVE_MESSAGE_SIZE',
    'misbehaved',
    50,
    () => said(clientPuppet(false), 'handshake', hex('01 ffffff')),
  ],
  ['UNSUPPORTED_PROTOCOL', 'incompatible', 70, () => hello({ version: 0x0302 })],
  ['NO_SHARED_CIPHER', 'incompatible', 40, () => hello({ suites: [0x1301] })],
  ['NO_CERTIFICATE', 'incompatible', 40],
  [
    'WRONG_CIPHER_RETURNED',
    'misbehaved',
    47,
    () => serverPuppet(false, { hello: { suites: [0x1301] } }).advance(1),
  ],
  ['UNSUPPORTED_COMPRESSION', 'misbehaved', 47, () => hello({ compression: [1] })],
  [
    'UNSOLICITED_EXTENSION',
    'misbehaved',
    110,
    () => serverPuppet(false, { hello: { extensions: [[35, none]] } }).advance(1),
  ],
  [
    'BAD_SERVER_NAME',
    'misbehaved',
    47,
    () => {
      const name = cat(u8(0), vec16(hex('61')))
      return hello({ extensions: [[0, vec16(name, name)]] })
    },
  ],
  [
    'SESSION_MISMATCH',
    'misbehaved',
    47,
    () => serverPuppet(true, { hello: { suites: [0x009d] } }).advance(1),
  ],
  [
    'EXTENDED_MASTER_SECRET_MISMATCH',
    'misbehaved',
    40,
    () => serverPuppet(true, { hello: { extensions: [] } }).advance(1),
  ],
  ['RENEGOTIATION_MISMATCH', 'misbehaved', 40, () => hello({ extensions: [[0xff01, vec8(hex('00'))]] })],
  [
    'ENCRYPT_THEN_MAC_MISMATCH',
    'misbehaved',
    47,
    () => serverPuppet(false, { hello: { extensions: [[22, none]] } }).advance(1),
  ],
  ['UNSUPPORTED_CERTIFICATE', 'incompatible', 43],
  [
    'CERTIFICATE_EXPIRED',
    'incompatible',
    45,
    () => serverPuppet(false, {}, { now: () => Date.UTC(2150, 0, 1) }).advance(2),
  ],
  ['CERTIFICATE_UNKNOWN', 'incompatible', 46],
  ['CERTIFICATE_REFUSED', 'incompatible', 42],
  ['UNKNOWN_CA', 'incompatible', 48],
  [
    'HOSTNAME_MISMATCH',
    'incompatible',
    42,
    () => serverPuppet(false, {}, { client: { serverName: 'other.example' } }).advance(2),
  ],
  [
    'DIGEST_CHECK_FAILED',
    'misbehaved',
    51,
    () => said(clientPuppet(false).advance(3), 'handshake', handshakeMessage(20, filled(12, 0))),
  ],
  ['INTERNAL_ERROR', 'internal', 80],
  // Neither is sent as a fatal alert: of these a connection dies in silence or with close_notify.
  ['TRUNCATED', 'misbehaved', 0],
  ['ABORTED', 'internal', 90],
]

function said(
  puppet: Puppet,
  type: 'handshake' | 'alert' | 'change_cipher_spec' | 'application_data',
  bytes: Uint8Array,
) {
  puppet.send(type, bytes)
  return puppet
}
function repeated(puppet: Puppet, times: number, type: 'alert' | 'application_data', bytes: Uint8Array) {
  for (let i = 0; i < times; i++) puppet.send(type, bytes)
  return puppet
}
function delivered(puppet: Puppet, bytes: Uint8Array) {
  puppet.deliver(bytes)
  return puppet
}
const hello = (fields: NonNullable<Parameters<typeof clientPuppet>[1]>['hello']) =>
  clientPuppet(false, { hello: fields ?? {} }).advance(1)

test('every fault has a row, once', () => {
  expect(table.map(([code]) => code).sort()).toEqual(Object.keys(faults).sort())
})

describe.each(table)('%s', (code, kind, alert, play) => {
  test(`is ${kind}, and alert ${alert}`, () => {
    const error = new TlsError(code, 'why')
    expect(error).toMatchObject({ code, kind, message: 'why', name: 'TlsError' })
    expect(AlertDescription[error.alert]).toBe(alert)
  })

  if (play) {
    test('is what a live connection sends, once, and then it is over', () => {
      const puppet = play()
      expect(puppet.subject.error).toMatchObject({ code, kind })
      expect(puppet.heard.filter(heard => heard.type === 'alert')).toEqual([
        { type: 'alert', level: 2, description: alert },
      ])
      expect(puppet.subject.connection.state).toBe('failed')
      expect(puppet.subject.events.at(-1)?.type).toBe('failed')
      const said = puppet.subject.sent.length
      puppet.deliver(hex('16 0303 0004 00000000'))
      expect(puppet.subject.sent).toHaveLength(said)
    })
  }
})

// RFC 5246 §7.2: the numbers, from its enumeration; the last ones from RFC 6066 §9, RFC 7301 §3.2 and RFC 7507 §5.
test('alert numbers', () => {
  expect(AlertDescription).toMatchObject({
    close_notify: 0,
    unexpected_message: 10,
    bad_record_mac: 20,
    decryption_failed_RESERVED: 21,
    record_overflow: 22,
    decompression_failure: 30,
    handshake_failure: 40,
    no_certificate_RESERVED: 41,
    bad_certificate: 42,
    unsupported_certificate: 43,
    certificate_revoked: 44,
    certificate_expired: 45,
    certificate_unknown: 46,
    illegal_parameter: 47,
    unknown_ca: 48,
    access_denied: 49,
    decode_error: 50,
    decrypt_error: 51,
    export_restriction_RESERVED: 60,
    protocol_version: 70,
    insufficient_security: 71,
    internal_error: 80,
    user_canceled: 90,
    no_renegotiation: 100,
    unsupported_extension: 110,
    certificate_unobtainable: 111,
    unrecognized_name: 112,
    bad_certificate_status_response: 113,
    bad_certificate_hash_value: 114,
    no_application_protocol: 120,
    inappropriate_fallback: 86,
  })
})

// RFC 5246 §7.2.2: these three "MUST NOT be sent".
test('no fault is answered with a reserved alert', () => {
  for (const [, alert] of Object.values(faults)) expect(alert).not.toContain('RESERVED')
})

// RFC 5246 §7.2.2 and REQUIREMENTS R047: an alert leaves under the state in force; the puppet has decrypted it above.
test('an alert before our ChangeCipherSpec is in the clear, one after it is not', () => {
  const before = clientPuppet(false).advance(1)
  before.send('application_data', u16(0))
  expect(before.subject.sent.at(-1)).toEqual(hex('15 0303 0002 020a'))
  const after = clientPuppet(false).advance()
  after.send('handshake', handshakeMessage(14, none))
  expect(after.subject.sent.at(-1)).toHaveLength(5 + 8 + 2 + 16)
  expect(after.alert).toEqual({ level: 2, description: 10 })
})
