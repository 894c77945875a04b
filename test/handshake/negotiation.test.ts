/** What the two hellos may and may not say (RFC 5246 §7.4.1, RFC 5746, RFC 6066 §3, RFC 7366, RFC 7627). */
import { describe, expect, it, test } from 'vitest'
import { Connection } from '../../src/connection/connection.ts'
import { decodeHandshakeBody } from '../../src/messages/handshake.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import {
  certificateBody,
  clientHelloBody,
  type ExtensionByHand,
  extensions,
  filled,
  type HelloByHand,
  handshakeMessage,
  hex,
  none,
  plainRecord,
  u8,
  u16,
  validBody,
  vec8,
  vec16,
} from '../support/by-hand.ts'
import { clientSide, type PairOptions, Side, seededRandom, testNowMs } from '../support/pair.ts'
import type { Puppet, PuppetOptions } from '../support/puppet.ts'
import { clientPuppet, serverPuppet, sessionOf } from '../support/scenes.ts'

const fatal = (description: number) => ({ level: 2, description })
const protocolVersion = fatal(70)
const illegalParameter = fatal(47)
const handshakeFailure = fatal(40)
const decodeError = fatal(50)
const unsupportedExtension = fatal(110)

/** A server after this ClientHello. */
const serverAfter = (hello: HelloByHand, pair?: PairOptions) =>
  clientPuppet(false, { hello }, pair).advance(1)
const serverHelloOf = (puppet: Puppet) =>
  decodeHandshakeBody('server_hello', puppet.heardMessage('server_hello')!)
const answered = (puppet: Puppet) => serverHelloOf(puppet).extensions?.map(each => each.extensionType)

describe('a server and client_version', () => {
  // RFC 5246 §E.1: a server that supports only higher versions "MUST send a protocol_version alert".
  test.each([0x0000, 0x0002, 0x0200, 0x0300, 0x0301, 0x0302])('%i is too low', version => {
    const puppet = serverAfter({ version })
    expect(puppet.alert).toEqual(protocolVersion)
    expect(puppet.heardMessage('server_hello')).toBeUndefined()
  })

  // RFC 5246 §E.1: to a higher version the server answers with its own highest.
  test.each([0x0303, 0x0304, 0x03ff, 0x0400, 0xffff])('%i is answered with 3.3', version => {
    const puppet = serverAfter({ version })
    expect(puppet.alert).toBeUndefined()
    expect(serverHelloOf(puppet).serverVersion).toBe(0x0303)
  })

  test.each([0x0300, 0x0301, 0x0302, 0x0304])('the first record may say 3.x', version => {
    const puppet = clientPuppet(false)
    puppet.deliver(plainRecord(22, puppet.note('client_hello', puppet.rightBody('client_hello')), version))
    expect(puppet.heardMessage('server_hello')).toBeDefined()
    // ... and after ServerHello no longer.
    puppet.deliver(plainRecord(22, handshakeMessage(16, validBody('client_key_exchange')), version))
    expect(puppet.alert).toEqual(protocolVersion)
  })

  test('TLS_FALLBACK_SCSV with 3.3 is ignored (RFC 7507 §3)', () => {
    expect(serverAfter({ suites: [0x5600, 0x009c] }).alert).toBeUndefined()
  })

  // RFC 7507 §3 asks for inappropriate_fallback, or protocol_version where the lower version is not spoken.
  test.each([0x0300, 0x0301, 0x0302])(
    'TLS_FALLBACK_SCSV with %i is protocol_version all the same',
    version => {
      expect(serverAfter({ version, suites: [0x5600, 0x009c] }).alert).toEqual(protocolVersion)
    },
  )
})

test('the longest ClientHello that RFC 5246 §7.4.1.2 allows is read', () => {
  const suites = [...Array<number>(2 ** 15 - 2).fill(0x0a0a), 0x009c]
  const compression = [...Array<number>(254).fill(1), 0]
  const extensions = [[0xfafa, filled(0xffff - 4, 0)] as const]
  const puppet = clientPuppet(false, { hello: { suites, compression, sessionId: filled(32, 7), extensions } })
  const body = puppet.rightBody('client_hello')
  expect(body).toHaveLength(131_396)
  const message = puppet.note('client_hello', body)
  for (let offset = 0; offset < message.length; offset += 2 ** 14) {
    puppet.deliver(plainRecord(22, message.subarray(offset, offset + 2 ** 14)))
  }
  expect(puppet.alert).toBeUndefined()
  expect(serverHelloOf(puppet).cipherSuite).toBe('TLS_RSA_WITH_AES_128_GCM_SHA256')
})

describe('a server and the cipher suites', () => {
  test('unknown, GREASE, TLS 1.3 and signalling values are passed over (RFC 8701 §3)', () => {
    const puppet = serverAfter({ suites: [0x1301, 0x0a0a, 0x00ff, 0xfafa, 0xc02f, 0x0035, 0x5600] })
    expect(serverHelloOf(puppet).cipherSuite).toBe('TLS_RSA_WITH_AES_256_CBC_SHA')
  })

  test.each([
    ['only signalling values', [0x00ff, 0x5600]],
    ['only unknown ones', [0x1301, 0x0005, 0xc030]],
    [
      'RC4, NULL, anonymous, export and DES (RFC 7465, RFC 9325 §4.1)',
      [0x0004, 0x0005, 0x0001, 0x0018, 0x0003, 0x0009],
    ],
  ])('%s: handshake_failure', (_, suites) => {
    expect(serverAfter({ suites }).alert).toEqual(handshakeFailure)
  })

  test("the server's order decides, and only what is enabled counts", () => {
    const all = [0x002f, 0x0035, 0x003c, 0x003d, 0x009d, 0x009c]
    expect(serverHelloOf(serverAfter({ suites: all })).cipherSuite).toBe('TLS_RSA_WITH_AES_128_GCM_SHA256')
    const enabled = {
      server: { cipherSuites: ['TLS_RSA_WITH_AES_256_CBC_SHA256', 'TLS_RSA_WITH_AES_128_CBC_SHA'] },
    } as const
    expect(serverHelloOf(serverAfter({ suites: all }, enabled)).cipherSuite).toBe(
      'TLS_RSA_WITH_AES_256_CBC_SHA256',
    )
    expect(serverAfter({ suites: [0x009c] }, enabled).alert).toEqual(handshakeFailure)
  })

  test('no certificate: handshake_failure', () => {
    const connection = new Connection({
      role: 'server',
      provider: nobleProvider,
      random: seededRandom('x'),
      now: () => testNowMs,
      drawSessionId: () => none,
    })
    const side = new Side(connection, { selectCertificate: () => undefined })
    side.driver.start()
    side.driver.receive(plainRecord(22, handshakeMessage(1, clientHelloBody())))
    expect(side.take()).toEqual(Buffer.from('15030300020228', 'hex'))
    expect(side.error).toMatchObject({ code: 'NO_CERTIFICATE' })
  })
})

describe('a server and the other fields of ClientHello', () => {
  // RFC 5246 §7.4.1.2: the list "MUST contain, and all implementations MUST support, CompressionMethod.null".
  test('compression without null: illegal_parameter', () => {
    expect(serverAfter({ compression: [1] }).alert).toEqual(illegalParameter)
    expect(serverAfter({ compression: [1, 64, 0] }).alert).toBeUndefined()
    expect(serverHelloOf(serverAfter({ compression: [1, 0] })).compressionMethod).toBe('null')
  })

  // RFC 5246 §7.4.1.2: `opaque SessionID<0..32>`.
  test('a session ID of 33 bytes: decode_error', () => {
    expect(serverAfter({ sessionId: filled(33, 1) }).alert).toEqual(decodeError)
    expect(serverAfter({ sessionId: filled(32, 1) }).alert).toBeUndefined()
  })

  test('no extensions at all, and an empty block (RFC 5246 §7.4.1.2)', () => {
    for (const list of [undefined, []]) {
      const puppet = clientPuppet(false, {
        extendedMasterSecret: false,
        hello: { extensions: list },
      }).advance()
      expect(puppet.subject.established).toMatchObject({ serverName: undefined, encryptThenMac: false })
      expect(puppet.subject.established?.session.extendedMasterSecret).toBe(false)
      // RFC 5246 §7.4.1.3: with nothing to answer there is no extensions block either.
      expect(serverHelloOf(puppet).extensions).toBeUndefined()
    }
  })

  test("the random of ServerHello is fresh and not the client's", () => {
    const first = serverHelloOf(serverAfter({}, { seed: 'one' })).random
    const second = serverHelloOf(serverAfter({}, { seed: 'two' })).random
    expect(first).toHaveLength(32)
    expect(first).not.toEqual(second)
    expect(first).not.toEqual(filled(32, 0xc1))
  })
})

describe('a server and the extensions of ClientHello', () => {
  const helloWith = (list: readonly ExtensionByHand[]) => serverAfter({ extensions: list })

  test('duplicates, known or unknown: decode_error', () => {
    expect(helloWith([extensions.extendedMasterSecret, extensions.extendedMasterSecret]).alert).toEqual(
      decodeError,
    )
    expect(helloWith([[0x7777, none], extensions.extendedMasterSecret, [0x7777, hex('00')]]).alert).toEqual(
      decodeError,
    )
  })

  // RFC 5246 §7.4.1.4: ServerHello holds only what was asked, and unknown ones are ignored.
  test('unknown ones are ignored and not answered', () => {
    const puppet = helloWith([
      [0x0a0a, none],
      [35, none],
      [43, hex('020304')],
      [0xabcd, filled(500, 1)],
      extensions.extendedMasterSecret,
      [21, filled(9, 0)],
    ])
    expect(puppet.alert).toBeUndefined()
    expect(answered(puppet)).toEqual(['extended_master_secret'])
  })

  test('signature_algorithms is never answered (RFC 5246 §7.4.1.4.1)', () => {
    const puppet = helloWith([extensions.signatureAlgorithms])
    expect(serverHelloOf(puppet).extensions).toBeUndefined()
  })

  test.each<[string, readonly ExtensionByHand[], readonly string[] | undefined]>([
    ['server_name', [extensions.serverName('localhost')], ['server_name']],
    ['extended_master_secret', [extensions.extendedMasterSecret], ['extended_master_secret']],
    ['renegotiation_info', [extensions.renegotiationInfo], ['renegotiation_info']],
    // RFC 7366 §3.1: not with an AEAD suite.
    ['encrypt_then_mac with GCM', [extensions.encryptThenMac], undefined],
  ])('%s is answered as asked', (_, list, expected) => {
    expect(answered(helloWith(list))).toEqual(expected)
  })

  test('encrypt_then_mac is answered with a CBC suite, when asked (RFC 7366 §2)', () => {
    const asked = serverAfter({ suites: [0x002f], extensions: [extensions.encryptThenMac] })
    expect(answered(asked)).toEqual(['encrypt_then_mac'])
    expect(answered(serverAfter({ suites: [0x002f], extensions: [] }))).toBeUndefined()
  })

  // RFC 5746 §3.6: the signalling suite counts as an empty extension; neither gets no answer.
  test('the signalling suite is answered with renegotiation_info', () => {
    expect(answered(serverAfter({ suites: [0x009c, 0x00ff], extensions: [] }))).toEqual([
      'renegotiation_info',
    ])
    expect(answered(serverAfter({ suites: [0x009c, 0x00ff], extensions: undefined }))).toEqual([
      'renegotiation_info',
    ])
    expect(answered(serverAfter({ suites: [0x009c], extensions: [] }))).toBeUndefined()
  })

  // RFC 5746 §3.6: "if this field is not ... empty, MUST abort the handshake" with handshake_failure.
  test('renegotiation_info that is not empty: handshake_failure', () => {
    expect(helloWith([[0xff01, vec8(hex('00'))]]).alert).toEqual(handshakeFailure)
    expect(helloWith([[0xff01, vec8(filled(12, 3))]]).alert).toEqual(handshakeFailure)
  })

  test('server_name with two names: illegal_parameter (RFC 6066 §3)', () => {
    const entry = (name: string) => [u8(0), vec16(Buffer.from(name))]
    const two: ExtensionByHand = [0, vec16(...entry('a.example'), ...entry('b.example'))]
    expect(helloWith([two]).alert).toEqual(illegalParameter)
  })

  test('the certificate is chosen by the name in lower case', () => {
    expect(serverAfter({ extensions: [extensions.serverName('LOCALHOST')] }).alert).toBeUndefined()
  })
})

describe('a client and ServerHello', () => {
  const clientAfter = (hello: HelloByHand, options: PuppetOptions = {}, pair?: PairOptions) =>
    serverPuppet(false, { ...options, hello }, pair).advance(1)

  test('what it offers: version, null compression, its suites, its extensions', () => {
    const hello = decodeHandshakeBody('client_hello', serverPuppet(false).heardMessage('client_hello')!)
    expect(hello.clientVersion).toBe(0x0303)
    expect(hello.compressionMethods).toEqual(['null'])
    expect(hello.sessionId).toEqual(none)
    expect(hello.cipherSuites).toEqual(nobleProvider.cipherSuites)
    expect(hello.extensions?.map(each => each.extensionType)).toEqual([
      'server_name',
      'renegotiation_info',
      'extended_master_secret',
      'encrypt_then_mac',
      'supported_groups',
      'ec_point_formats',
      'signature_algorithms',
    ])
  })

  // RFC 5246 §7.4.1.3 and §E.1.
  test.each([0x0300, 0x0301, 0x0302, 0x0304, 0x0a0a])('server_version %i: protocol_version', version => {
    expect(clientAfter({ version }).alert).toEqual(protocolVersion)
  })

  test.each([0x0005, 0x1301, 0x0a0a, 0x00ff, 0x5600, 0x0000])(
    'suite %i was not offered: illegal_parameter',
    suite => {
      expect(clientAfter({ suites: [suite] }).alert).toEqual(illegalParameter)
    },
  )

  test('a suite we know but did not offer: illegal_parameter', () => {
    const pair: PairOptions = { client: { cipherSuites: ['TLS_RSA_WITH_AES_128_GCM_SHA256'] } }
    expect(clientAfter({ suites: [0x009d] }, {}, pair).alert).toEqual(illegalParameter)
    expect(clientAfter({ suites: [0x009c] }, {}, pair).alert).toBeUndefined()
  })

  test.each([1, 64, 255])('compression %i: illegal_parameter', method => {
    expect(clientAfter({ compression: [method] }).alert).toEqual(illegalParameter)
  })

  // RFC 5246 §7.4.1.4: "If a client receives an extension type in ServerHello that it did not request ...
  // it MUST abort the handshake with an unsupported_extension fatal alert."
  test.each<[string, ExtensionByHand]>([
    ['session_ticket', [35, none]],
    ['supported_versions', [43, u16(0x0304)]],
    ['GREASE', [0x0a0a, none]],
    ['ALPN', [16, hex('0003026832')]],
    ['an unknown one', [0x7654, hex('0102')]],
  ])('%s was not offered: unsupported_extension', (_, extension) => {
    expect(clientAfter({ extensions: [extension] }).alert).toEqual(unsupportedExtension)
  })

  // RFC 8422 §5.2 has no such answer, but there are servers that give it.
  test('supported_groups is borne from a server that it was sent to, and from no other', () => {
    const groups: ExtensionByHand = [10, vec16(u16(23))]
    expect(clientAfter({ extensions: [groups] }).alert).toBeUndefined()
    const pair: PairOptions = { client: { cipherSuites: ['TLS_RSA_WITH_AES_128_GCM_SHA256'] } }
    expect(clientAfter({ extensions: [groups] }, {}, pair).alert).toEqual(unsupportedExtension)
  })

  test('server_name without having sent one: unsupported_extension', () => {
    const pair: PairOptions = { client: { serverName: undefined, peerName: 'localhost' } }
    expect(clientAfter({ extensions: [[0, none]] }, {}, pair).alert).toEqual(unsupportedExtension)
  })

  // RFC 7366 §3: with anything but CBC the extension "MUST NOT" come back.
  test('encrypt_then_mac with GCM: illegal_parameter', () => {
    expect(clientAfter({ extensions: [extensions.encryptThenMac] }).alert).toEqual(illegalParameter)
  })

  test('renegotiation_info that is not empty: handshake_failure (RFC 5746 §3.4)', () => {
    expect(clientAfter({ extensions: [[0xff01, vec8(hex('0102'))]] }).alert).toEqual(handshakeFailure)
  })

  test('duplicates: decode_error', () => {
    expect(
      clientAfter({ extensions: [extensions.renegotiationInfo, extensions.renegotiationInfo] }).alert,
    ).toEqual(decodeError)
  })

  test('a session ID of 33 bytes: decode_error', () => {
    expect(clientAfter({ sessionId: filled(33, 1) }).alert).toEqual(decodeError)
  })

  test('no extensions at all is a handshake of 2008', () => {
    const puppet = serverPuppet(false, {
      extendedMasterSecret: false,
      hello: { extensions: undefined },
    }).advance()
    expect(puppet.subject.established?.session.extendedMasterSecret).toBe(false)
  })

  // RFC 5246 §7.4.2: the server's list holds at least its own certificate.
  test('an empty certificate list: decode_error', () => {
    const puppet = serverPuppet(false).advance(1)
    puppet.say('certificate', certificateBody([]))
    expect(puppet.alert).toEqual(decodeError)
  })

  test('a certificate that is no certificate: bad_certificate', () => {
    const puppet = serverPuppet(false).advance(1)
    puppet.say('certificate', certificateBody([hex('3003020101')]))
    expect(puppet.alert).toEqual(fatal(42))
  })

  // RFC 5246 §7.4.3: "It is not legal to send the server key exchange message" with RSA key exchange.
  test('ServerKeyExchange: unexpected_message', () => {
    const puppet = serverPuppet(false).advance(2)
    puppet.say('server_key_exchange', validBody('server_key_exchange'))
    expect(puppet.alert).toEqual(fatal(10))
  })

  it('keeps the premaster secret to the version it offered, and 48 bytes (RFC 5246 §7.4.7.1)', () => {
    const puppet = serverPuppet(false).advance()
    expect(puppet.preMasterSecret).toHaveLength(48)
    expect(puppet.preMasterSecret!.subarray(0, 2)).toEqual(hex('0303'))
    expect(new Set(puppet.preMasterSecret!.subarray(2)).size).toBeGreaterThan(20)
  })
})

describe('a client and the echo of its session ID', () => {
  const echo = (hello: HelloByHand, options: PuppetOptions = {}) =>
    serverPuppet(true, { ...options, hello }).advance(1)

  // RFC 5246 §7.4.1.3: a resumed session has the suite it was made with.
  test('with another suite: illegal_parameter', () => {
    expect(echo({ suites: [0x009d] }).alert).toEqual(illegalParameter)
  })

  // RFC 7627 §5.3: "the client MUST abort the handshake" when the extension is switched on or off.
  test('with the extended master secret switched off: handshake_failure', () => {
    expect(echo({ extensions: [extensions.renegotiationInfo] }).alert).toEqual(handshakeFailure)
  })
  test('with the extended master secret switched on: handshake_failure', () => {
    const options = { extendedMasterSecret: false, hello: { extensions: [extensions.extendedMasterSecret] } }
    expect(serverPuppet(true, options).advance(1).alert).toEqual(handshakeFailure)
  })

  test('without either it resumes as it was (RFC 7627 §5.3)', () => {
    const puppet = serverPuppet(true, { extendedMasterSecret: false }).advance()
    expect(puppet.subject.established).toMatchObject({ resumed: true })
  })

  test('declined with an empty or another ID: a full handshake with any suite that was offered', () => {
    for (const sessionId of [none, filled(32, 0x77), filled(31, 0xab), filled(4, 0xab)]) {
      const client = { session: { sessionId: filled(32, 0xab), session: sessionOf(), verified: true } }
      const options: PuppetOptions = { suite: 'TLS_RSA_WITH_AES_256_CBC_SHA', hello: { sessionId } }
      const puppet = serverPuppet(false, options, { client }).advance()
      expect(puppet.subject.established).toMatchObject({ resumed: false, resumption: 'miss' })
      expect(puppet.heardMessage('client_hello')!.subarray(34, 67)).toEqual(vec8(filled(32, 0xab)))
    }
  })
})

describe('which session a client offers', () => {
  const offered = (client: PairOptions['client']) => {
    const side = clientSide({ client: client! })
    side.driver.start()
    return decodeHandshakeBody('client_hello', side.take().subarray(9)).sessionId.length > 0
  }
  const sessionId = filled(32, 0xab)
  const session = { sessionId, session: sessionOf(), verified: true }

  test('one that fits', () => expect(offered({ session })).toBe(true))
  test('one of the same name in other case', () =>
    expect(offered({ session, serverName: 'LocalHost' })).toBe(true))
  // DESIGN §7.8
  test('none made for another name', () =>
    expect(offered({ session, serverName: 'example.test' })).toBe(false))
  test('none whose suite is not offered', () =>
    expect(offered({ session, cipherSuites: ['TLS_RSA_WITH_AES_128_CBC_SHA'] })).toBe(false))
  test('none without an ID', () => expect(offered({ session: { ...session, sessionId: none } })).toBe(false))
  test('none unverified when only verified ones may be', () => {
    const unverified = { ...session, verified: false }
    expect(offered({ session: unverified, verifiedSessionsOnly: true })).toBe(false)
    expect(offered({ session: unverified, verifiedSessionsOnly: false })).toBe(true)
    expect(offered({ session, verifiedSessionsOnly: true })).toBe(true)
  })
  test('none that has expired, to the millisecond', () => {
    const createdMs = testNowMs - 600_000
    const of = (ms: number) => offered({ session: { ...session, session: sessionOf({ createdMs: ms }) } })
    expect(of(createdMs + 1)).toBe(true)
    expect(of(createdMs)).toBe(false)
  })
})
