/** server_name, ALPN, fragment lengths, staples and timestamps (RFC 6066, RFC 7301, RFC 8449, RFC 6962). */
import { describe, expect, test } from 'vitest'
import { selectByServerName } from '../../src/driver/certificates.ts'
import type { ServerConfig } from '../../src/handshake/config.ts'
import { decodeHandshakeBody } from '../../src/messages/handshake.ts'
import {
  cat,
  type ExtensionByHand,
  filled,
  handshakeMessage,
  hex,
  none,
  plainRecord,
  u8,
  u16,
  vec8,
  vec16,
  vec24,
} from '../support/by-hand.ts'
import {
  decodeError,
  illegalParameter,
  noApplicationProtocol,
  recordOverflow,
  unexpectedMessage,
  unsupportedExtension,
} from '../support/fatal.ts'
import { identity } from '../support/identities.ts'
import type { PairOptions } from '../support/pair.ts'
import type { Puppet, PuppetOptions } from '../support/puppet.ts'
import {
  asksForAll,
  clientPuppet,
  ocspResponse,
  serverPuppet,
  sessionId,
  sessionOf,
} from '../support/scenes.ts'

const ecdhe = { suite: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256' } as const
const ascii = (text: string) => Buffer.from(text, 'latin1')
const serverHelloOf = (puppet: Puppet) =>
  decodeHandshakeBody('server_hello', puppet.heardMessage('server_hello')!)
const answerTo = (puppet: Puppet, type: string) =>
  serverHelloOf(puppet).extensions?.find(each => each.extensionType === type)?.extensionData
const serverAfter = (extensions: readonly ExtensionByHand[], pair?: PairOptions, options?: PuppetOptions) =>
  clientPuppet(false, { ...options, extensions }, pair).advance(1)
const clientAfter = (extensions: readonly ExtensionByHand[], client: PairOptions['client']) =>
  serverPuppet(false, { extensions }, { client: client! }).advance(1)

describe('server_name (RFC 6066 §3)', () => {
  const name = (...entries: Uint8Array[]): ExtensionByHand => [0, vec16(...entries)]
  const host = (text: string) => cat(u8(0), vec16(ascii(text)))

  test('acknowledged with an empty body in a full handshake', () => {
    const puppet = serverAfter([name(host('localhost'))])
    expect(puppet.heardMessage('server_hello')!.slice(-13)).toEqual(hex('0000 0000 ff01 0001 00 0017 0000'))
    expect(answerTo(puppet, 'server_name')).toEqual({})
  })

  test.each<[string, Uint8Array]>([
    ['an empty list', vec16()],
    ['an empty name', vec16(u8(0), vec16())],
    ['a name longer than the list', hex('0006 00 0009 616161')],
    ['a list longer than the extension', hex('0010 00 0003 616161')],
    ['bytes behind the list', cat(vec16(host('a')), u8(0))],
    ['nothing', none],
  ])('%s: decode_error', (_, data) => {
    expect(serverAfter([[0, data]]).alert).toEqual(decodeError)
  })

  test('an unknown name gets the first certificate, and no warning', () => {
    const puppet = clientPuppet(false, { extensions: [name(host('nobody.example'))] }).advance()
    expect(puppet.subject.established).toMatchObject({ serverName: 'nobody.example' })
    expect(puppet.alerts).toEqual([])
  })

  test('names of other types are passed over, a NUL is not', () => {
    expect(serverAfter([name(cat(u8(9), vec16(ascii('x'))), host('localhost'))]).alert).toBeUndefined()
    expect(serverAfter([name(host('a\0b'))]).alert).toEqual(illegalParameter)
  })

  test('a body in the answer of a server: decode_error', () => {
    expect(clientAfter([name(host('localhost'))], {}).alert).toEqual(decodeError)
    expect(clientAfter([[0, none]], {}).alert).toBeUndefined()
  })
})

describe('ALPN (RFC 7301 §3)', () => {
  const alpn = (...names: string[]): ExtensionByHand => [16, vec16(...names.map(name => vec8(ascii(name))))]
  const protocols = (alpnProtocols: string[]): PairOptions => ({ server: { alpnProtocols } })
  const answered = (puppet: Puppet) =>
    puppet.alert ?? answerTo(puppet, 'application_layer_protocol_negotiation')
  const selected = (name: string) => ({ protocolNameList: [Uint8Array.from(ascii(name))] })

  test("the server's first that the client has; none: no_application_protocol", () => {
    expect(answered(serverAfter([alpn('http/1.1', 'h2')], protocols(['h2', 'http/1.1'])))).toEqual(
      selected('h2'),
    )
    expect(answered(serverAfter([alpn('http/1.1')], protocols(['h2', 'http/1.1'])))).toEqual(
      selected('http/1.1'),
    )
    expect(answered(serverAfter([alpn('h3', 'h')], protocols(['h2'])))).toEqual(noApplicationProtocol)
    expect(answered(serverAfter([alpn('x'.repeat(255))], protocols(['x'.repeat(255)])))).toEqual(
      selected('x'.repeat(255)),
    )
  })

  test('none offered, or a server that has none: no answer', () => {
    expect(answered(serverAfter([], protocols(['h2'])))).toBeUndefined()
    expect(answered(serverAfter([alpn('h2')]))).toBeUndefined()
  })

  test('a function chooses, refuses, or goes on without', () => {
    const by = (selectProtocol: ServerConfig['selectProtocol']) =>
      answered(serverAfter([alpn('a', 'b')], { server: { selectProtocol: selectProtocol! } }))
    expect(by(([, second]) => second)).toEqual(selected('b'))
    expect(by(() => undefined)).toEqual(noApplicationProtocol)
    expect(by(() => false)).toBeUndefined()
  })

  // RFC 7301 §3.1: ServerHello has "exactly one ProtocolName", and of the client's; else its client would blame the server.
  test.each(['c', ''])('a function that chooses what nobody offered, %j: internal_error', name => {
    const puppet = serverAfter([alpn('a', 'b')], { server: { selectProtocol: () => name } })
    expect(puppet.alert).toEqual({ level: 2, description: 80 })
  })

  test.each<[string, Uint8Array]>([
    ['an empty list', vec16()],
    ['an empty name', vec16(vec8(ascii('h2')), vec8())],
    ['a name longer than the list', hex('0003 03 6832')],
    ['a list longer than the extension', hex('0009 02 6832')],
    ['a byte behind', cat(vec16(vec8(ascii('h2'))), u8(0))],
    ['nothing', none],
  ])('%s: decode_error, whether we have protocols or not', (_, data) => {
    expect(serverAfter([[16, data]], protocols(['h2'])).alert).toEqual(decodeError)
    expect(serverAfter([[16, data]]).alert).toEqual(decodeError)
  })

  test('is settled anew when a session is resumed', () => {
    const puppet = clientPuppet(true, { extensions: [alpn('b')] }, protocols(['a', 'b'])).advance()
    expect(puppet.subject.established).toMatchObject({ resumed: true, alpnProtocol: 'b' })
    const refused = clientPuppet(true, { extensions: [alpn('c')] }, protocols(['a', 'b'])).advance(1)
    expect(refused.alert).toEqual(noApplicationProtocol)
  })

  test.each<[string, ExtensionByHand, typeof decodeError | undefined]>([
    ['one of ours', alpn('h2'), undefined],
    ['one not offered', alpn('h3'), illegalParameter],
    ['one that begins like ours', alpn('h'), illegalParameter],
    ['two', alpn('h2', 'http/1.1'), decodeError],
    ['none', [16, vec16()], decodeError],
    ['an empty one', [16, vec16(vec8())], decodeError],
    ['a byte behind', [16, cat(vec16(vec8(ascii('h2'))), u8(0))], decodeError],
  ])('a client and an answer with %s', (_, extension, alert) => {
    const puppet = clientAfter([extension], { alpnProtocols: ['http/1.1', 'h2'] })
    expect(puppet.alert).toEqual(alert)
  })

  test('a client that offered none, and an answer: unsupported_extension', () => {
    expect(clientAfter([alpn('h2')], {}).alert).toEqual(unsupportedExtension)
    expect(clientAfter([alpn('h2', 'h3')], {}).alert).toEqual(unsupportedExtension)
  })
})

/** The lengths of the plaintexts that the subject sent, by content type. */
const sizes = (puppet: Puppet, type: 'application_data') =>
  puppet.heard.flatMap(heard => (heard.type === type ? [heard.bytes.length] : []))

describe('max_fragment_length (RFC 6066 §4)', () => {
  const codes = [1, 2, 3, 4] as const
  const names = ['2^9', '2^10', '2^11', '2^12'] as const
  const asks = (code: number): ExtensionByHand => [1, u8(code)]

  test.each([0, 5, 6, 255])('%i: illegal_parameter', code => {
    expect(serverAfter([asks(code)]).alert).toEqual(illegalParameter)
  })
  test.each([none, hex('0101')])('of another length %#: decode_error', data => {
    expect(serverAfter([[1, data]]).alert).toEqual(decodeError)
  })

  test.each(codes)('%i: the server answers it, and both sides keep to it from there on', code => {
    const limit = 256 << code
    const puppet = clientPuppet(false, { extensions: [asks(code)] })
    const before = puppet.subject.sent.length
    puppet.advance(1)
    // Certificate is longer than 512 bytes: it is cut.
    for (const record of puppet.subject.sent.slice(before))
      expect(record.length).toBeLessThanOrEqual(5 + limit)
    expect(answerTo(puppet, 'max_fragment_length')).toEqual({ maxFragmentLength: names[code - 1] })
    for (const step of puppet.steps.slice(1)) {
      if (step === 'change_cipher_spec') puppet.changeCipherSpec()
      else puppet.say(step, puppet.rightBody(step))
    }
    puppet.subject.driver.write(filled(2 * limit + 1, 1))
    puppet.listen()
    expect(sizes(puppet, 'application_data')).toEqual([limit, limit, 1])
    puppet.send('application_data', filled(limit, 1))
    expect(puppet.subject.received).toHaveLength(limit)
    puppet.send('application_data', filled(limit + 1, 1))
    expect(puppet.alert).toEqual(recordOverflow)
  })

  test.each(codes)('%i: a client keeps to it, and holds the server to it', code => {
    const limit = 256 << code
    const client = { maxFragmentLength: names[code - 1]! }
    const open = () => serverPuppet(false, { extensions: [asks(code)] }, { client }).advance(1)
    const puppet = open()
    const certificate = handshakeMessage(11, puppet.rightBody('certificate'))
    if (certificate.length > limit) {
      puppet.deliver(plainRecord(22, certificate))
      expect(puppet.alert).toEqual(recordOverflow)
      return
    }
    for (const step of puppet.steps.slice(1)) {
      if (step === 'change_cipher_spec') puppet.changeCipherSpec()
      else puppet.say(step, puppet.rightBody(step))
    }
    puppet.subject.driver.write(filled(limit + 1, 1))
    puppet.listen()
    expect(sizes(puppet, 'application_data')).toEqual([limit, 1])
    puppet.send('application_data', filled(limit + 1, 1))
    expect(puppet.alert).toEqual(recordOverflow)
  })

  test('an answer other than what was asked, or unasked', () => {
    expect(clientAfter([asks(2)], { maxFragmentLength: '2^9' }).alert).toEqual(illegalParameter)
    expect(clientAfter([asks(9)], { maxFragmentLength: '2^9' }).alert).toEqual(illegalParameter)
    expect(clientAfter([asks(1)], {}).alert).toEqual(unsupportedExtension)
    expect(clientAfter([], { maxFragmentLength: '2^9' }).alert).toBeUndefined()
  })

  describe('and a client that resumes', () => {
    const play = (
      had: number,
      client: NonNullable<PairOptions['client']>,
      answer: readonly ExtensionByHand[],
    ) => {
      const session = { sessionId, session: sessionOf({ maxFragmentLengthCode: had }), verified: true }
      return serverPuppet(true, { extensions: answer }, { client: { ...client, session } })
    }
    const isOffered = (had: number, client: NonNullable<PairOptions['client']>) =>
      play(had, client, []).heardMessage('client_hello')![34] === 32

    test('offers a session of the length that it asks for, and of no other', () => {
      expect(isOffered(0, {})).toBe(true)
      expect(isOffered(1, { maxFragmentLength: '2^9' })).toBe(true)
      expect(isOffered(1, {})).toBe(false)
      expect(isOffered(0, { maxFragmentLength: '2^9' })).toBe(false)
      expect(isOffered(2, { maxFragmentLength: '2^9' })).toBe(false)
      expect(isOffered(0, { maxFragmentLength: '2^9', recordSizeLimit: 4096 })).toBe(true)
    })

    test.each([true, false])('keeps to it, whether the server says it again or not: %s', says => {
      const puppet = play(1, { maxFragmentLength: '2^9' }, says ? [asks(1)] : []).advance()
      expect(puppet.subject.established?.resumed).toBe(true)
      puppet.subject.driver.write(filled(513, 1))
      puppet.listen()
      expect(sizes(puppet, 'application_data')).toEqual([512, 1])
      puppet.send('application_data', filled(513, 1))
      expect(puppet.alert).toEqual(recordOverflow)
    })
  })

  // RFC 6066 §4: "the negotiated length applies for the duration of the session including session resumptions".
  describe('and resumption (docs/decisions/0019)', () => {
    const resume = (code: number, asked: number | undefined) => {
      const extensions = asked === undefined ? [] : [asks(asked)]
      const session = sessionOf({ maxFragmentLengthCode: code })
      return clientPuppet(
        true,
        { extensions },
        {
          serverAnswers: { sessionCache: cacheOf(session) },
        },
      )
    }
    test('the same length: resumed, answered, kept to', () => {
      const puppet = resume(1, 1).advance()
      expect(puppet.subject.established?.resumed).toBe(true)
      expect(answerTo(puppet, 'max_fragment_length')).toEqual({ maxFragmentLength: '2^9' })
      puppet.send('application_data', filled(513, 1))
      expect(puppet.alert).toEqual(recordOverflow)
    })
    test('no length asked for: the one of the session holds', () => {
      const puppet = resume(1, undefined).advance()
      expect(puppet.subject.established?.resumed).toBe(true)
      puppet.subject.driver.write(filled(513, 1))
      puppet.listen()
      expect(sizes(puppet, 'application_data')).toEqual([512, 1])
    })
    test.each([
      [1, 2],
      [0, 1],
    ])('of %i, and %i is asked for: a full handshake', (had, asked) => {
      const puppet = resume(had, asked).advance(1)
      expect(puppet.heardMessage('certificate')).toBeDefined()
      expect(answerTo(puppet, 'max_fragment_length')).toEqual({ maxFragmentLength: names[asked - 1] })
    })
  })
})

function cacheOf(session: ReturnType<typeof sessionOf>) {
  const lookup = () => ({ session: { ...session, masterSecret: session.masterSecret.copy() } })
  return { drawId: (random: (n: number) => Uint8Array) => random(32), load: lookup, save() {}, forget() {} }
}

describe('record_size_limit (RFC 8449 §4, docs/decisions/0018)', () => {
  const limited = (bytes: number): ExtensionByHand => [28, u16(bytes)]

  test.each([0, 1, 63])('%i: illegal_parameter, on either side', bytes => {
    expect(serverAfter([limited(bytes)]).alert).toEqual(illegalParameter)
    expect(clientAfter([limited(bytes)], { recordSizeLimit: 4096 }).alert).toEqual(illegalParameter)
  })
  test('of another length: decode_error', () => {
    expect(serverAfter([[28, hex('40')]]).alert).toEqual(decodeError)
    expect(serverAfter([[28, hex('004000')]]).alert).toEqual(decodeError)
  })

  test('is answered with our own, which may be all there is; unasked for it is refused', () => {
    expect(answerTo(serverAfter([limited(64)]), 'record_size_limit')).toEqual({ recordSizeLimit: 16384 })
    const own = { server: { recordSizeLimit: 1000 } }
    expect(answerTo(serverAfter([limited(2000)], own), 'record_size_limit')).toEqual({
      recordSizeLimit: 1000,
    })
    expect(answerTo(serverAfter([], own), 'record_size_limit')).toBeUndefined()
    expect(clientAfter([limited(100)], {}).alert).toEqual(unsupportedExtension)
  })

  test.each(['TLS_RSA_WITH_AES_128_GCM_SHA256', 'TLS_RSA_WITH_AES_128_CBC_SHA'] as const)(
    '%s: each side obeys the other, in protected records',
    suite => {
      for (const play of [
        () =>
          clientPuppet(false, { suite, extensions: [limited(100)] }, { server: { recordSizeLimit: 200 } }),
        () =>
          serverPuppet(false, { suite, extensions: [limited(100)] }, { client: { recordSizeLimit: 200 } }),
      ]) {
        const puppet = play().advance()
        expect(puppet.subject.established).toBeDefined()
        puppet.subject.driver.write(filled(201, 1))
        puppet.listen()
        expect(sizes(puppet, 'application_data')).toEqual([100, 100, 1])
        puppet.send('application_data', filled(200, 1))
        expect(puppet.subject.received).toHaveLength(200)
        puppet.send('application_data', filled(201, 1))
        expect(puppet.alert).toEqual(recordOverflow)
      }
    },
  )

  test('a client that allows more than 2^14 gets 2^14', () => {
    const puppet = clientPuppet(false, { extensions: [limited(65535)] }).advance()
    puppet.subject.driver.write(filled(2 ** 14 + 1, 1))
    puppet.listen()
    expect(sizes(puppet, 'application_data')).toEqual([2 ** 14, 1])
  })

  // RFC 8449 §5: "MUST ignore" max_fragment_length beside it; both in a ServerHello are illegal_parameter.
  test('wins over max_fragment_length', () => {
    const puppet = serverAfter([limited(2000), [1, u8(1)]])
    expect(answerTo(puppet, 'max_fragment_length')).toBeUndefined()
    expect(answerTo(puppet, 'record_size_limit')).toBeDefined()
    const client = { recordSizeLimit: 4096, maxFragmentLength: '2^9' } as const
    expect(clientAfter([limited(2000), [1, u8(1)]], client).alert).toEqual(illegalParameter)
    expect(clientAfter([limited(2000)], client).alert).toBeUndefined()
  })
})

describe('status_request (RFC 6066 §8)', () => {
  const [, asks] = asksForAll as readonly [ExtensionByHand, ExtensionByHand]
  const stapling: PairOptions = {
    serverAnswers: { selectCertificate: () => ({ ...identity('server'), ocspResponse }) },
  }
  const said = (puppet: Puppet) =>
    puppet.heard.map(heard => (heard.type === 'handshake' ? heard.message : heard.type))

  test('CertificateStatus follows Certificate, where both hellos have it', () => {
    const puppet = clientPuppet(false, { ...ecdhe, extensions: [asks] }, stapling).advance()
    expect(said(puppet).slice(0, 5)).toEqual([2, 11, 22, 12, 14])
    expect(puppet.heardMessage('certificate_status')).toEqual(cat(u8(1), vec24(ocspResponse)))
    expect(answerTo(puppet, 'status_request')).toEqual({})
  })

  test.each<[string, readonly ExtensionByHand[], PairOptions]>([
    ['the client did not ask', [], stapling],
    ['the server has none', [asks], {}],
    ['the client asked for another type', [[5, hex('02 0000 0000')]], stapling],
  ])('none when %s', (_, extensions, pair) => {
    const puppet = clientPuppet(false, { ...ecdhe, extensions }, pair).advance()
    expect(said(puppet)).not.toContain(22)
    expect(answerTo(puppet, 'status_request')).toBeUndefined()
  })

  test('none when a session is resumed', () => {
    const puppet = clientPuppet(true, { extensions: [asks] }, stapling).advance()
    expect(said(puppet)).not.toContain(22)
    expect(answerTo(puppet, 'status_request')).toBeUndefined()
  })

  test.each([none, hex('01'), hex('01 0000'), hex('01 0000 0000 00'), hex('01 0001 00 0000')])(
    'a malformed request %#: decode_error',
    data => {
      expect(clientPuppet(false, { ...ecdhe, extensions: [[5, data]] }).advance(1).alert).toEqual(decodeError)
    },
  )

  const client: PairOptions = { client: { requestOcspResponse: true } }
  test('a client has what was stapled, and goes on without where it does not come', () => {
    const puppet = serverPuppet(false, { ...ecdhe, ocspResponse }, client).advance()
    expect(puppet.subject.established?.ocspResponse).toEqual(ocspResponse)
    const silent = serverPuppet(false, { ...ecdhe, extensions: [[5, none]] }, client).advance()
    expect(silent.subject.established).toMatchObject({ ocspResponse: undefined })
  })

  test('hands it to whoever verifies the certificate', () => {
    const asked: (Uint8Array | undefined)[] = []
    const clientAnswers: PairOptions['clientAnswers'] = {
      verifyCertificate: ask => {
        asked.push(ask.ocspResponse)
        return { publicKey: identity('server').key.publicKey, verified: true }
      },
    }
    serverPuppet(false, { ...ecdhe, ocspResponse }, { ...client, clientAnswers }).advance()
    expect(asked).toEqual([ocspResponse])
  })

  test.each<[string, Uint8Array]>([
    ['empty', none],
    ['of an empty response', cat(u8(1), vec24())],
    ['of another type', cat(u8(2), vec24(hex('30')))],
    ['cut', hex('01 000005 30')],
    ['with a byte more', cat(u8(1), vec24(hex('30')), u8(0))],
  ])('CertificateStatus that is %s: decode_error', (_, body) => {
    const puppet = serverPuppet(false, { ...ecdhe, ocspResponse }, client).advance(2)
    puppet.say('certificate_status', body)
    expect(puppet.alert).toEqual(decodeError)
  })

  test('CertificateStatus that was not promised, or comes late or twice: unexpected_message', () => {
    const body = cat(u8(1), vec24(ocspResponse))
    const unasked = serverPuppet(false, ecdhe, client).advance(2)
    unasked.say('certificate_status', body)
    expect(unasked.alert).toEqual(unexpectedMessage)
    for (const count of [1, 3, 4]) {
      const puppet = serverPuppet(false, { ...ecdhe, ocspResponse }, client).advance(count)
      puppet.say('certificate_status', body)
      expect(puppet.alert).toEqual(unexpectedMessage)
    }
  })
})

describe('signed_certificate_timestamp (RFC 6962 §3.3)', () => {
  const list = vec16(vec16(hex('00aabb')), vec16(hex('cc')))
  const timestamps = [hex('00aabb'), hex('cc')]

  test('a server passes on what its certificate comes with, to who asks', () => {
    const pair: PairOptions = {
      serverAnswers: {
        selectCertificate: () => ({ ...identity('server'), signedCertificateTimestamps: timestamps }),
      },
    }
    expect(answerTo(serverAfter([[18, none]], pair), 'signed_certificate_timestamp')).toEqual({
      sctList: timestamps,
    })
    expect(answerTo(serverAfter([], pair), 'signed_certificate_timestamp')).toBeUndefined()
    expect(answerTo(serverAfter([[18, none]]), 'signed_certificate_timestamp')).toBeUndefined()
    expect(serverAfter([[18, hex('00')]], pair).alert).toEqual(decodeError)
  })

  test('a client hands on what came; malformed or unasked it is refused', () => {
    const client = { requestSignedCertificateTimestamps: true }
    const puppet = serverPuppet(false, { extensions: [[18, list]] }, { client }).advance()
    expect(puppet.subject.established?.signedCertificateTimestamps).toEqual(timestamps)
    for (const data of [none, vec16(), vec16(vec16()), cat(list, u8(0)), list.subarray(0, -1)])
      expect(clientAfter([[18, data]], client).alert).toEqual(decodeError)
    expect(clientAfter([[18, list]], {}).alert).toEqual(unsupportedExtension)
  })
})

test('several certificates: the one that names the host, of the kind the best suite wants', () => {
  const pair: PairOptions = {
    serverAnswers: { selectCertificate: selectByServerName([identity('server'), identity('ec')]) },
  }
  const certificate = (suites: number[]) =>
    clientPuppet(false, { ...ecdhe, hello: helloOf(suites) }, pair)
      .advance(1)
      .heardMessage('certificate')
  const helloOf = (suites: number[]) => ({
    suites,
    extensions: [
      [10, vec16(u16(29), u16(23))],
      [13, vec16(u16(0x0403), u16(0x0804))],
    ] as ExtensionByHand[],
  })
  const bodyOf = (name: 'server' | 'ec') => vec24(vec24(identity(name).leaf.raw))
  expect(certificate([0xc02b, 0xc02f])).toEqual(bodyOf('ec'))
  expect(certificate([0xc02f, 0x009c])).toEqual(bodyOf('server'))
})
