/** The fixed mapping of faults to alerts (DESIGN §5; RFC 5246 §7.2.2), written down a second time by hand. */
import { describe, expect, test } from 'vitest'
import { AlertDescription, type FaultCode, faults, TlsError } from '../../src/errors.ts'
import type { ServerConfig } from '../../src/handshake/config.ts'
import {
  cat,
  certificateBody,
  type ExtensionByHand,
  filled,
  type HelloByHand,
  handshakeMessage,
  hex,
  none,
  plainRecord,
  u8,
  u16,
  vec8,
  vec16,
} from '../support/by-hand.ts'
import type { Puppet, PuppetOptions } from '../support/puppet.ts'
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
  // Negotiation.
  ['NO_SHARED_GROUP', 'incompatible', 40, () => ecdheHello([10, vec16(u16(0x1234))])],
  ['NO_SHARED_FINITE_FIELD', 'incompatible', 71, () => dheHello([10, vec16(u16(0x0104))])],
  ['NO_COMMON_SIGNATURE_ALGORITHMS', 'incompatible', 40, () => ecdheHello([13, vec16(hex('0403'))])],
  [
    'NO_APPLICATION_PROTOCOL',
    'incompatible',
    120,
    () => hello({ extensions: [[16, vec16(vec8(hex('6832')))]] }, { alpnProtocols: ['http/1.1'] }),
  ],
  ['BAD_POINT_FORMATS', 'misbehaved', 47, () => ecdheHello([11, vec8(hex('0102'))])],
  [
    'BAD_APPLICATION_PROTOCOL',
    'misbehaved',
    47,
    () =>
      serverPuppet(
        false,
        { extensions: [[16, vec16(vec8(hex('6832')))]] },
        { client: { alpnProtocols: ['h3'] } },
      ).advance(1),
  ],
  ['BAD_FRAGMENT_LIMIT', 'misbehaved', 47, () => hello({ extensions: [[1, hex('05')]] })],
  [
    'EXTENDED_MASTER_SECRET_REQUIRED',
    'incompatible',
    40,
    () => hello({ extensions: [] }, { requireExtendedMasterSecret: true }),
  ],
  [
    'SECURE_RENEGOTIATION_REQUIRED',
    'incompatible',
    40,
    () =>
      serverPuppet(
        false,
        { hello: { extensions: [] } },
        { client: { requireSecureRenegotiation: true } },
      ).advance(1),
  ],
  // Key exchange.
  ['WRONG_CURVE', 'misbehaved', 47, () => withParams(ecdhe, cat(hex('03 0018'), vec8(filled(97, 4))))],
  ['BAD_KEY_SHARE', 'misbehaved', 47, () => withParams(ecdhe, cat(hex('03 001d'), vec8(filled(32, 0))))],
  [
    'WEAK_DH_GROUP',
    'incompatible',
    71,
    () => withParams(dhe, cat(vec16(filled(128, 0xff)), vec16(hex('02')), vec16(hex('05')))),
  ],
  [
    'BAD_DH_GROUP',
    'misbehaved',
    47,
    () => withParams(dhe, cat(vec16(filled(256, 0xfe)), vec16(hex('02')), vec16(hex('05')))),
  ],
  ['WRONG_SIGNATURE_TYPE', 'misbehaved', 47, () => signedWith(0x0201)],
  [
    'BAD_SIGNATURE',
    'misbehaved',
    51,
    () => {
      const puppet = serverPuppet(false, ecdhe).advance(2)
      const body = puppet.serverKeyExchange()
      body[body.length - 1]! ^= 1
      puppet.say('server_key_exchange', body)
      puppet.say('server_hello_done', none)
      return puppet
    },
  ],
  // Certificates.
  [
    'PEER_DID_NOT_RETURN_A_CERTIFICATE',
    'incompatible',
    40,
    () => clientPuppet(false, { clientAuth: true }, { server: { clientAuth: 'require' } }).advance(2),
  ],
  [
    'WRONG_CERTIFICATE_TYPE',
    'misbehaved',
    47,
    () => serverPuppet(false, { ...ecdhe, identity: 'ec' }).advance(2),
  ],
  [
    'KEY_USAGE_BIT_INCORRECT',
    'misbehaved',
    47,
    () => serverPuppet(false, { ...ecdhe, identity: 'rsa-encrypting' }).advance(2),
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
  // RFC 6066 §8: "bad_certificate_status_response(113)".
  ['BAD_OCSP_RESPONSE', 'incompatible', 113],
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
  ['REFUSED', 'incompatible', 49],
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
const hello = (fields: HelloByHand, server: Partial<ServerConfig> = {}) =>
  clientPuppet(false, { hello: fields }, { server }).advance(1)

const ecdhe = { suite: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256' } as const
const dhe = { suite: 'TLS_DHE_RSA_WITH_AES_128_GCM_SHA256' } as const
const ecdheHello = (extension: ExtensionByHand) =>
  clientPuppet(false, { ...ecdhe, extensions: [extension] }).advance(1)
const dheHello = (extension: ExtensionByHand) =>
  clientPuppet(false, { ...dhe, extensions: [extension] }, { server: { groups: ['ffdhe2048'] } }).advance(1)

/** A client after a ServerKeyExchange of these parameters, well signed. */
function withParams(options: PuppetOptions, params: Uint8Array): Puppet {
  const puppet = serverPuppet(false, options, { client: { groups: ['x25519', 'ffdhe2048'] } }).advance(2)
  puppet.say('server_key_exchange', puppet.serverKeyExchange({ params }))
  if (!puppet.subject.error) puppet.say('server_hello_done', none)
  return puppet
}

function signedWith(scheme: number): Puppet {
  const puppet = serverPuppet(false, ecdhe).advance(2)
  puppet.say('server_key_exchange', puppet.serverKeyExchange({ scheme }))
  return puppet
}

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
