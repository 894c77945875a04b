/** Messages whose bytes are known from elsewhere: OpenSSL's, and others spelt out from the structs of RFC 5246 §7.4. */
import { describe, expect, test } from 'vitest'
import { alert } from '../../src/messages/alert.ts'
import { changeCipherSpec } from '../../src/messages/change-cipher-spec.ts'
import { clientDiffieHellmanPublic } from '../../src/messages/client-key-exchange.ts'
import { findExtension } from '../../src/messages/extensions/index.ts'
import { hostNameOf, serverNameListOf } from '../../src/messages/extensions/server-name.ts'
import { decodeHandshakeBody, encodeHandshake } from '../../src/messages/handshake.ts'
import { decode, encode } from '../../src/wire/codec.ts'
import { filled, hex, none } from '../support/by-hand.ts'

/**
 * The first records of node:tls 20.20.2 (OpenSSL 3.0) as client and server on loopback, minVersion and
 * maxVersion TLSv1.2, client ciphers AES128-GCM-SHA256:AES256-SHA256:AES128-SHA, servername localhost,
 * recorded by a proxy between them.
 */
const openssl = {
  clientHello: hex(`
    16 0301 0081 01 00007d 0303
    bdf1a11f135e3bfe2a83099e81d43961018951da18595071d5528cf6be1f9d14
    00 0008 009c 003d 002f 00ff 01 00 004c
    0000 000e 000c 00 0009 6c6f63616c686f7374
    0023 0000 0016 0000 0017 0000
    000d 002a 0028 0403 0503 0603 0807 0808 0809 080a 080b 0804 0805 0806
    0401 0501 0601 0303 0301 0302 0402 0502 0602`),
  serverHello: hex(`
    16 0303 0039 02 000035 0303
    d661ba48d3921f6de4b09a74ae4f2e03a284f272d20df5772e7c3f65af1aeb2a
    00 009c 00 000d ff01 0001 00 0023 0000 0017 0000`),
}

describe('OpenSSL', () => {
  test('ClientHello', () => {
    const hello = decodeHandshakeBody('client_hello', openssl.clientHello.subarray(9))
    expect(hello.clientVersion).toBe(0x0303)
    expect(hello.random).toEqual(hex('bdf1a11f135e3bfe2a83099e81d43961018951da18595071d5528cf6be1f9d14'))
    expect(hello.sessionId).toEqual(none)
    expect(hello.cipherSuites).toEqual([
      'TLS_RSA_WITH_AES_128_GCM_SHA256',
      'TLS_RSA_WITH_AES_256_CBC_SHA256',
      'TLS_RSA_WITH_AES_128_CBC_SHA',
      'TLS_EMPTY_RENEGOTIATION_INFO_SCSV',
    ])
    expect(hello.compressionMethods).toEqual(['null'])
    expect(hello.extensions?.map(extension => extension.extensionType)).toEqual([
      'server_name',
      'session_ticket',
      'encrypt_then_mac',
      'extended_master_secret',
      'signature_algorithms',
    ])
    expect(hostNameOf(findExtension(hello.extensions, 'server_name'))).toBe('localhost')
    const { supportedSignatureAlgorithms } = findExtension(hello.extensions, 'signature_algorithms')!
    expect(supportedSignatureAlgorithms).toHaveLength(20)
    expect(supportedSignatureAlgorithms[0]).toBe('ecdsa_secp256r1_sha256')
    expect(supportedSignatureAlgorithms[3]).toBe('ed25519') // 8, 7 (RFC 8422 §5.1.3)
    expect(supportedSignatureAlgorithms[4]).toBe(0x0808) // ed448, which is not done here
    expect(supportedSignatureAlgorithms[11]).toBe('rsa_pkcs1_sha256')
    expect(encodeHandshake('client_hello', hello)).toEqual(openssl.clientHello.subarray(5))
  })

  test('ServerHello', () => {
    const message = openssl.serverHello.subarray(5)
    const hello = decodeHandshakeBody('server_hello', message.subarray(4))
    expect(hello.serverVersion).toBe(0x0303)
    expect(hello.sessionId).toEqual(none)
    expect(hello.cipherSuite).toBe('TLS_RSA_WITH_AES_128_GCM_SHA256')
    expect(hello.compressionMethod).toBe('null')
    expect(hello.extensions).toEqual([
      { extensionType: 'renegotiation_info', extensionData: { renegotiatedConnection: none } },
      { extensionType: 'session_ticket', extensionData: {} },
      { extensionType: 'extended_master_secret', extensionData: {} },
    ])
    expect(encodeHandshake('server_hello', hello)).toEqual(message)
  })

  test('ServerHelloDone and the length field of ClientKeyExchange', () => {
    expect(encodeHandshake('server_hello_done', {})).toEqual(hex('0e 000000'))
    const exchange = { encryptedPreMasterSecret: filled(256, 0x52) }
    expect(encodeHandshake('client_key_exchange', exchange).subarray(0, 7)).toEqual(hex('10 000102 0100 52'))
  })
})

describe('spelt out', () => {
  test('ClientHello without extensions, an unknown suite, two compression methods', () => {
    const body = hex(`0304 ${'11'.repeat(32)} 02 aabb 0006 1301 0035 5600 02 01 00`)
    expect(decodeHandshakeBody('client_hello', body)).toEqual({
      clientVersion: 0x0304,
      random: filled(32, 0x11),
      sessionId: hex('aabb'),
      cipherSuites: [0x1301, 'TLS_RSA_WITH_AES_256_CBC_SHA', 'TLS_FALLBACK_SCSV'],
      compressionMethods: [1, 'null'],
      extensions: undefined,
    })
  })

  test('an empty extensions block is not an absent one', () => {
    const body = hex(`0303 ${'11'.repeat(32)} 00 0002 002f 01 00 0000`)
    expect(decodeHandshakeBody('client_hello', body).extensions).toEqual([])
  })

  test('Certificate: two of them, and none', () => {
    const value = { certificateList: [hex('3001'), hex('300200')] }
    const bytes = hex('0b 00000e 00000b 000002 3001 000003 300200')
    expect(encodeHandshake('certificate', value)).toEqual(bytes)
    expect(decodeHandshakeBody('certificate', bytes.subarray(4))).toEqual(value)
    expect(encodeHandshake('certificate', { certificateList: [] })).toEqual(hex('0b 000003 000000'))
  })

  test('ServerKeyExchange', () => {
    expect(
      decodeHandshakeBody('server_key_exchange', hex('0001 11 0001 05 0001 09 0401 0004 01020304'), 'dhe'),
    ).toEqual({
      params: { dhP: hex('11'), dhG: hex('05'), dhYs: hex('09') },
      signedParams: { algorithm: 'rsa_pkcs1_sha256', signature: hex('01020304') },
    })
  })

  test('CertificateRequest', () => {
    expect(
      decodeHandshakeBody('certificate_request', hex('03 01 40 05 0004 0401 0603 0004 0002 3000')),
    ).toEqual({
      certificateTypes: ['rsa_sign', 'ecdsa_sign', 5],
      supportedSignatureAlgorithms: [
        'rsa_pkcs1_sha256',
        'ecdsa_secp521r1_sha512', // sha512, ecdsa
      ],
      certificateAuthorities: [hex('3000')],
    })
  })

  test('CertificateVerify', () => {
    expect(decodeHandshakeBody('certificate_verify', hex('0201 0002 abcd'))).toEqual({
      handshakeMessages: { algorithm: 'rsa_pkcs1_sha1', signature: hex('abcd') },
    })
  })

  test('Finished, HelloRequest, ClientDiffieHellmanPublic', () => {
    const verifyData = hex('000102030405060708090a0b')
    expect(encodeHandshake('finished', { verifyData })).toEqual(hex('14 00000c 000102030405060708090a0b'))
    expect(encodeHandshake('hello_request', {})).toEqual(hex('00 000000'))
    expect(decode(clientDiffieHellmanPublic, hex('0002 abcd'), 'X')).toEqual({ dhYc: hex('abcd') })
  })

  // RFC 5246 §7.2: level 2 is fatal, 1 a warning.
  test.each([
    ['0100', 'warning', 'close_notify'],
    ['020a', 'fatal', 'unexpected_message'],
    ['0214', 'fatal', 'bad_record_mac'],
    ['0216', 'fatal', 'record_overflow'],
    ['0228', 'fatal', 'handshake_failure'],
    ['022f', 'fatal', 'illegal_parameter'],
    ['0232', 'fatal', 'decode_error'],
    ['0233', 'fatal', 'decrypt_error'],
    ['0246', 'fatal', 'protocol_version'],
    ['0250', 'fatal', 'internal_error'],
    ['0164', 'warning', 'no_renegotiation'],
    ['026e', 'fatal', 'unsupported_extension'],
  ] as const)('alert %s is %s %s', (bytes, level, description) => {
    expect(decode(alert, hex(bytes), 'Alert')).toEqual({ level, description })
    expect(encode(alert, { level, description })).toEqual(hex(bytes))
  })

  test('unknown alerts stay numbers, ChangeCipherSpec is one byte', () => {
    expect(decode(alert, hex('03ff'), 'Alert')).toEqual({ level: 3, description: 255 })
    expect(encode(changeCipherSpec, { type: 1 })).toEqual(hex('01'))
  })
})

describe('server_name', () => {
  const hostOf = (...names: readonly [type: number, name: string][]) =>
    hostNameOf({
      serverNameList: names.map(([type, name]) => ({
        nameType: type === 0 ? ('host_name' as const) : type,
        name: Buffer.from(name, 'latin1'),
      })),
    })

  test('a host name in lower case, other types of name ignored', () => {
    expect(hostOf([0, 'ExAmple.ORG'])).toBe('example.org')
    expect(hostOf([7, 'x'], [0, 'a.b'])).toBe('a.b')
    expect(hostOf([7, 'x'])).toBeUndefined()
    expect(hostNameOf(undefined)).toBeUndefined()
    expect(hostNameOf(serverNameListOf('localhost'))).toBe('localhost')
    expect(hostOf([0, 'a'.repeat(255)])).toHaveLength(255)
  })

  // RFC 6066 §3: "The ServerNameList MUST NOT contain more than one name of the same name_type."
  test.each<[string, readonly [number, string][]]>([
    [
      'two host names',
      [
        [0, 'a'],
        [0, 'b'],
      ],
    ],
    [
      'the same twice',
      [
        [0, 'a'],
        [0, 'a'],
      ],
    ],
    ['a NUL', [[0, 'good.example\0.evil']]],
    ['a space', [[0, 'a b']]],
    ['not ASCII', [[0, 'b\u00fccher.example']]],
    ['a control character', [[0, 'a\x7f']]],
    ['longer than DNS allows', [[0, 'a'.repeat(256)]]],
  ])('%s: illegal_parameter', (_, names) => {
    expect(() => hostOf(...names)).toThrow(
      expect.objectContaining({ code: 'BAD_SERVER_NAME', alert: 'illegal_parameter' }),
    )
  })
})
