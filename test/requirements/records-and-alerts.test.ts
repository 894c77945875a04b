/** Records, alerts and what is no TLS at all (RFC 5246 §6, §7.2; RFC 6176): what the other tests leave to be shown. */
import { describe, expect, test } from 'vitest'
import { Connection } from '../../src/connection/connection.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import {
  cat,
  clientHelloBody,
  filled,
  handshakeMessage,
  hex,
  none,
  plainRecord,
  u16,
  vec8,
} from '../support/by-hand.ts'
import { decodeError, unexpectedMessage } from '../support/fatal.ts'
import { seededRandom, testNowMs } from '../support/pair.ts'
import { allScenes, clientPuppet, scenes, serverPuppet } from '../support/scenes.ts'

describe.each(allScenes)('$name', scene => {
  // RFC 5246 §7.2.2: nobody obeys an alert that anybody could have sent.
  test.each(['0100', '0228'])(
    'alert %s in the clear where a protected one is due: bad_record_mac, and no close',
    alert => {
      const puppet = scene.play().advance(scene.steps.indexOf('finished'))
      puppet.deliver(plainRecord(21, hex(alert)))
      expect(puppet.subject.error).toMatchObject({ code: 'BAD_RECORD_MAC' })
      expect(puppet.alert).toEqual({ level: 2, description: 20 })
    },
  )

  // RFC 5246 §7.2.2: user_canceled "should be followed by a close_notify".
  test('user_canceled and close_notify in a handshake are a closure', () => {
    const puppet = scene.play().advance(scene.steps.length - 1)
    puppet.send('alert', hex('015a'))
    expect(puppet.subject.connection.state).toBe('handshaking')
    puppet.send('alert', hex('0100'))
    expect(puppet.subject.error).toMatchObject({ code: 'TRUNCATED' })
    expect(puppet.alert).toEqual({ level: 1, description: 0 })
  })

  // RFC 5246 §6.2.1: "Implementations MUST NOT send zero-length fragments of Handshake, Alert, or ChangeCipherSpec".
  test('no record that we send in a handshake is empty, and none is longer than 2^14', () => {
    const { subject } = scene.play().advance()
    subject.driver.close()
    for (const record of subject.sent) {
      expect(record.length).toBeGreaterThan(5)
      expect((record[3]! << 8) | record[4]!).toBe(record.length - 5)
    }
  })
})

describe('limits of a handshake', () => {
  const starts = scenes.filter(scene => !scene.resumed)

  test.each(starts)('$name: the bytes of all messages together', scene => {
    const limits = { maxHandshakeBytes: 300 }
    const puppet = scene.play({}, { client: { limits }, server: { limits } })
    const body = scene.role === 'client' ? clientHelloBody({ extensions: [[0x7777, filled(280, 1)]] }) : none
    if (scene.role === 'client') puppet.say('client_hello', body)
    else puppet.advance(2)
    expect(puppet.subject.error).toMatchObject({ code: 'EXCESSIVE_MESSAGE_SIZE' })
    expect(puppet.alert).toEqual(decodeError)
  })

  test.each(starts)('$name: the number of messages', scene => {
    const count = scene.role === 'client' ? 2 : 3
    for (const [maxHandshakeMessages, isRefused] of [
      [count - 1, true],
      [count, false],
    ] as const) {
      const limits = { maxHandshakeMessages }
      const puppet = scene.play({}, { client: { limits }, server: { limits } }).advance(count)
      expect(puppet.subject.error !== undefined).toBe(isRefused)
    }
  })

  // 2^16 - 2 bytes of suites and 2^16 - 1 of extensions: RFC 5246 §7.4.1.2 allows no longer hello.
  test('the longest ClientHello there can be, in records of any size', () => {
    const suites = [0x009c, ...Array.from({ length: 2 ** 15 - 2 }, () => 0x0a0a)]
    const extensions = [[0x7777, filled(2 ** 16 - 1 - 4, 0)] as const]
    const sessionId = filled(32, 1)
    const body = clientHelloBody({ suites, extensions, sessionId })
    const message = handshakeMessage(1, body)
    for (const size of [2 ** 14, 1000, 77]) {
      const puppet = clientPuppet(false)
      for (let at = 0; at < message.length; at += size)
        puppet.deliver(plainRecord(22, message.slice(at, at + size), 0x0301))
      expect(puppet.alert).toBeUndefined()
      expect(puppet.heardMessage('server_hello')).toBeDefined()
    }
  })
})

describe('what is no TLS record', () => {
  const sslv2 = (version: number) => {
    const body = cat(hex('01'), u16(version), u16(3), u16(0), u16(16), hex('00009c'), filled(16, 1))
    return cat(u16(0x8000 | body.length), body)
  }
  // RFC 6176 §3, RFC 5246 §E.2: it "MAY" be taken where it offers TLS; it is not.
  test.each([0x0002, 0x0300, 0x0303])(
    'an SSLv2 hello that offers %i is refused, without an SSLv2 answer',
    version => {
      const puppet = clientPuppet(false)
      puppet.deliver(sslv2(version))
      expect(puppet.alert).toEqual(unexpectedMessage)
      expect(Buffer.concat(puppet.subject.sent)).toEqual(Buffer.from('1503030002020a', 'hex'))
      expect(puppet.subject.error?.message).toMatch(/SSLv2/)
    },
  )

  test.each(['GET / HTTP/1.1\r\n', 'POST /', 'CONNECT a:1'])('%s', text => {
    const puppet = clientPuppet(false)
    puppet.deliver(Buffer.from(text))
    expect(puppet.alert).toEqual(unexpectedMessage)
    expect(puppet.subject.error?.message).toMatch(/HTTP/)
  })
})

describe('renegotiation is refused', () => {
  // RFC 5246 §7.4.1.1: the client "may, if it wishes, ignore" HelloRequest "or respond with a no_renegotiation alert".
  test('a client that is told to ignores HelloRequest', () => {
    const puppet = serverPuppet(false, {}, { client: { ignoreHelloRequests: true } }).advance()
    puppet.send('handshake', handshakeMessage(0, none))
    puppet.send('application_data', hex('41'))
    expect(puppet.subject.received).toBe('A')
    expect(puppet.alerts).toEqual([])
  })

  // RFC 5246 §7.2.2 and RFC 5746 §4.4: a warning, legacy or secure, and the connection goes on.
  test.each<[string, readonly (readonly [number, Uint8Array])[]]>([
    ['without renegotiation_info', []],
    ['with the verify_data of the first handshake', [[0xff01, vec8(filled(12, 1))]]],
  ])('a ClientHello %s', (_, extensions) => {
    const puppet = clientPuppet(false).advance()
    puppet.send('handshake', handshakeMessage(1, clientHelloBody({ extensions })))
    expect(puppet.alert).toEqual({ level: 1, description: 100 })
    puppet.send('application_data', hex('41'))
    expect(puppet.subject.received).toBe('A')
  })
})

test('the same inputs give the same bytes: a handshake replays', () => {
  const play = () => {
    const connection = new Connection({
      role: 'client',
      provider: nobleProvider,
      random: seededRandom('replay'),
      now: () => testNowMs,
      serverName: 'localhost',
    })
    return Buffer.concat(connection.start().outgoing)
  }
  expect(play()).toEqual(play())
  const [first, second] = [clientPuppet(false), clientPuppet(false)].map(puppet => puppet.advance(1))
  expect(first!.subject.sent).toEqual(second!.subject.sent)
})

test('an alert record of one byte, and one of three, are two halves and a half', () => {
  for (const puppet of [clientPuppet(false).advance(), serverPuppet(false).advance()]) {
    puppet.send('alert', hex('01'))
    puppet.send('alert', cat(hex('5a'), hex('01')))
    expect(puppet.subject.events.at(-1)).toEqual({ type: 'warning', description: 'user_canceled' })
    puppet.send('alert', hex('00'))
    expect(puppet.subject.events.at(-1)).toEqual({ type: 'peerClosed' })
  }
})
