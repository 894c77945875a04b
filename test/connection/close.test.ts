/** Alerts and the end of a connection (RFC 5246 §7.2). */
import { describe, expect, it, test } from 'vitest'
import { Connection } from '../../src/connection/connection.ts'
import { ApiMisuse, PeerAlert } from '../../src/errors.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { clientHelloBody, filled, handshakeMessage, hex, none, plainRecord } from '../support/by-hand.ts'
import { seededRandom, testCertifiedKey, testNowMs } from '../support/pair.ts'
import { allScenes, scenes } from '../support/scenes.ts'

const closeNotify = { level: 1, description: 0 }
const typesOf = (events: readonly { readonly type: string }[]) => events.map(event => event.type)

describe.each(allScenes)('$name', scene => {
  const open = () => {
    const puppet = scene.play().advance()
    puppet.subject.events.length = 0
    return puppet
  }

  it('we close first: close_notify, data still read until the peer closes too', () => {
    const puppet = open()
    const { driver, connection } = puppet.subject
    driver.close()
    puppet.listen()
    expect(puppet.alert).toEqual(closeNotify)
    expect(connection.state).toBe('closing')
    expect(connection.isWritable).toBe(false)
    puppet.send('application_data', Buffer.from('the rest'))
    expect(puppet.subject.received).toBe('the rest')
    puppet.send('alert', hex('0100'))
    expect(connection.state).toBe('closed')
    expect(typesOf(puppet.subject.events)).toEqual(['data', 'peerClosed'])
    expect(puppet.alerts).toEqual([0])
  })

  it('the peer closes first: we may still write, and close with our own close_notify', () => {
    const puppet = open()
    const { driver, connection } = puppet.subject
    puppet.send('alert', hex('0100'))
    expect(typesOf(puppet.subject.events)).toEqual(['peerClosed'])
    expect(connection.state).toBe('open')
    driver.write(Buffer.from('last words'))
    driver.close()
    puppet.listen()
    expect(puppet.heardData).toBe('last words')
    expect(puppet.alert).toEqual(closeNotify)
    expect(connection.state).toBe('closed')
    driver.end()
    expect(typesOf(puppet.subject.events)).toEqual(['peerClosed'])
  })

  // RFC 5246 §7.2.1: "Any data received after a closure alert is ignored."
  it('what comes after close_notify is ignored, in the same bytes and later', () => {
    const puppet = open()
    const [notify, data] = [puppet.record('alert', hex('0100')), puppet.record('application_data', hex('41'))]
    puppet.deliver(Buffer.concat([notify, data]))
    puppet.send('application_data', hex('42'))
    puppet.deliver(hex('ff ff ff ff ff ff'))
    expect(typesOf(puppet.subject.events)).toEqual(['peerClosed'])
    expect(puppet.subject.connection.state).toBe('open')
    expect(puppet.alerts).toEqual([])
  })

  it('an end of the transport without close_notify is a truncation (DESIGN §7.12)', () => {
    const puppet = open()
    puppet.send('application_data', hex('41'))
    puppet.subject.driver.end()
    expect(typesOf(puppet.subject.events)).toEqual(['data', 'failed'])
    expect(puppet.subject.error).toMatchObject({ code: 'TRUNCATED' })
    expect(puppet.subject.connection.state).toBe('failed')
    puppet.listen()
    expect(puppet.alerts).toEqual([])
  })

  it('an end in the middle of a record is a truncation', () => {
    const puppet = open()
    puppet.deliver(puppet.record('application_data', hex('41')).subarray(0, 12))
    puppet.subject.driver.end()
    expect(puppet.subject.error).toMatchObject({ code: 'TRUNCATED' })
  })

  // RFC 5246 §7.2.1: who closes "need not wait" for the answer.
  it('an end after our close_notify is clean', () => {
    const puppet = open()
    puppet.subject.driver.close()
    puppet.subject.driver.end()
    expect(puppet.subject.events).toEqual([])
    expect(puppet.subject.connection.state).toBe('closed')
  })

  // A client that half-closes after its request and reads to the end must not take half an answer for a whole one.
  it('an end after our close_notify is a truncation when the peer went on talking', () => {
    const puppet = open()
    puppet.subject.driver.close()
    puppet.send('application_data', hex('41'))
    puppet.subject.driver.end()
    expect(typesOf(puppet.subject.events)).toEqual(['data', 'failed'])
    expect(puppet.subject.error).toMatchObject({ code: 'TRUNCATED' })
  })

  it('an end after our close_notify is a truncation in the middle of a record', () => {
    const puppet = open()
    puppet.subject.driver.close()
    puppet.deliver(puppet.record('application_data', hex('41')).subarray(0, 12))
    puppet.subject.driver.end()
    expect(puppet.subject.error).toMatchObject({ code: 'TRUNCATED' })
  })

  // RFC 5246 §7.2.1: close_notify says "that the sender will not send any more messages".
  it('after our close_notify nothing is sent any more, not even an alert', () => {
    const puppet = open()
    puppet.subject.driver.close()
    puppet.listen()
    puppet.send('handshake', hex('0e000000'))
    expect(puppet.subject.error).toMatchObject({ code: 'UNEXPECTED_MESSAGE' })
    expect(puppet.alerts).toEqual([0])
  })

  it('close() twice says it once', () => {
    const puppet = open()
    puppet.subject.driver.close()
    puppet.subject.driver.close()
    puppet.listen()
    expect(puppet.alerts).toEqual([0])
  })

  // RFC 5246 §7.2.2: "Upon transmission or receipt of a fatal alert message, both parties immediately close".
  it('a fatal alert of the peer ends it, and nothing more is said', () => {
    const puppet = open()
    puppet.send('alert', hex('0250'))
    expect(puppet.subject.error).toBeInstanceOf(PeerAlert)
    expect(puppet.subject.error).toMatchObject({ level: 'fatal', description: 'internal_error' })
    expect(puppet.subject.connection.state).toBe('failed')
    // What a server has put in a ticket it cannot take back (RFC 5077 §5.3).
    const hasGivenAway = scene.role === 'client' && scene.name.match(/ticket|every message/)
    const types = hasGivenAway ? ['failed'] : ['sessionForgotten', 'failed']
    expect(typesOf(puppet.subject.events)).toEqual(types)
    expect(puppet.heard.filter(heard => heard.type === 'alert')).toEqual([])
    puppet.send('application_data', hex('41'))
    expect(typesOf(puppet.subject.events)).toEqual(types)
  })

  it('a fatal alert with an unknown number', () => {
    const puppet = open()
    puppet.send('alert', hex('02c8'))
    expect(puppet.subject.error).toMatchObject({ level: 'fatal', description: 200 })
  })

  for (let step = 0; step < scene.steps.length; step++) {
    it(`a fatal alert where ${scene.steps[step]} is due`, () => {
      const puppet = scene.play().advance(step)
      puppet.send('alert', hex('0228'))
      expect(puppet.subject.error).toMatchObject({ name: 'PeerAlert', description: 'handshake_failure' })
      expect(puppet.subject.established).toBeUndefined()
      expect(puppet.alerts).toEqual([])
    })

    // RFC 5246 §7.2.1: "The other party MUST respond with a close_notify alert of its own".
    it(`close_notify where ${scene.steps[step]} is due is answered and no success`, () => {
      const puppet = scene.play().advance(step)
      puppet.send('alert', hex('0100'))
      expect(puppet.subject.error).toMatchObject({ code: 'TRUNCATED' })
      expect(puppet.subject.connection.state).toBe('failed')
      expect(puppet.alert).toEqual(closeNotify)
    })

    it(`we close where ${scene.steps[step]} is due`, () => {
      const puppet = scene.play().advance(step)
      puppet.subject.driver.close()
      puppet.listen()
      expect(puppet.alert).toEqual(closeNotify)
      expect(puppet.subject.error).toMatchObject({ code: 'ABORTED' })
    })

    it(`the transport ends where ${scene.steps[step]} is due`, () => {
      const puppet = scene.play().advance(step)
      puppet.subject.driver.end()
      expect(puppet.subject.error).toMatchObject({ code: 'TRUNCATED' })
    })

    it(`warnings where ${scene.steps[step]} is due do not end it`, () => {
      const puppet = scene.play().advance(step)
      puppet.send('alert', hex('015a'))
      for (const next of scene.steps.slice(step)) {
        if (next === 'change_cipher_spec') puppet.changeCipherSpec()
        else puppet.say(next, puppet.rightBody(next))
      }
      expect(puppet.subject.established).toBeDefined()
      expect(typesOf(puppet.subject.events)).toContain('warning')
    })
  }

  // REQUIREMENTS R042: a few warnings are borne, a flood is not.
  it('a flood of warnings', () => {
    const puppet = open()
    for (let i = 0; i < 4; i++) puppet.send('alert', hex('015a'))
    expect(typesOf(puppet.subject.events)).toEqual(['warning', 'warning', 'warning', 'warning'])
    expect(puppet.subject.events[0]).toEqual({ type: 'warning', description: 'user_canceled' })
    puppet.send('alert', hex('015a'))
    expect(puppet.subject.error).toMatchObject({ code: 'TOO_MANY_WARNING_ALERTS' })
    expect(puppet.alert).toEqual({ level: 2, description: 10 })
  })

  // REQUIREMENTS R033: an alert may be cut in two, and two may share a record.
  it('an alert over two records, and two alerts in one', () => {
    const cut = open()
    cut.send('alert', hex('02'))
    expect(cut.subject.error).toBeUndefined()
    cut.send('alert', hex('28'))
    expect(cut.subject.error).toMatchObject({ description: 'handshake_failure' })
    const two = open()
    two.send('alert', hex('015a 0100'))
    expect(typesOf(two.subject.events)).toEqual(['warning', 'peerClosed'])
  })

  it('something else between two halves of an alert: unexpected_message', () => {
    for (const type of ['application_data', 'handshake', 'change_cipher_spec'] as const) {
      const puppet = open()
      puppet.send('alert', hex('01'))
      puppet.send(type, hex('00'))
      expect(puppet.alert).toEqual({ level: 2, description: 10 })
    }
  })

  it('application data between two halves of a handshake message: unexpected_message', () => {
    const puppet = open()
    puppet.send('handshake', hex('00 0000'))
    puppet.send('application_data', hex('41'))
    expect(puppet.alert).toEqual({ level: 2, description: 10 })
  })

  it('an alert of an unknown level: illegal_parameter', () => {
    for (const level of ['00', '03', 'ff']) {
      const puppet = open()
      puppet.send('alert', hex(`${level} 00`))
      expect(puppet.alert).toEqual({ level: 2, description: 47 })
    }
  })

  it('empty alert and handshake records: unexpected_message; empty data is borne', () => {
    for (const type of ['alert', 'handshake', 'change_cipher_spec'] as const) {
      const puppet = open()
      puppet.send(type, none)
      expect(puppet.alert).toEqual({ level: 2, description: 10 })
    }
    const puppet = open()
    for (let i = 0; i < 32; i++) puppet.send('application_data', none)
    expect(puppet.subject.events).toEqual([])
    puppet.send('application_data', hex('41'))
    for (let i = 0; i < 32; i++) puppet.send('application_data', none)
    expect(puppet.subject.received).toBe('A')
    puppet.send('application_data', none)
    expect(puppet.subject.error).toMatchObject({ code: 'TOO_MANY_EMPTY_FRAGMENTS' })
  })

  it('writing nothing sends nothing; writing much sends fragments', () => {
    const puppet = open()
    puppet.subject.driver.write(none)
    expect(puppet.subject.outgoing).toEqual([])
    puppet.subject.driver.write(filled(40_000, 0x61))
    expect(puppet.subject.outgoing).toHaveLength(3)
    puppet.listen()
    expect(puppet.heardData).toBe('a'.repeat(40_000))
  })
})

describe('misuse', () => {
  const helloRecord = plainRecord(22, handshakeMessage(1, clientHelloBody()))
  const fresh = () =>
    new Connection({
      role: 'client',
      provider: nobleProvider,
      random: seededRandom('misuse'),
      now: () => testNowMs,
      serverName: 'localhost',
    })

  test('anything before start', () => {
    expect(() => fresh().receive(none)).toThrow(ApiMisuse)
    expect(() => fresh().close()).toThrow(ApiMisuse)
    expect(() => fresh().end()).toThrow(ApiMisuse)
    expect(() => fresh().write(hex('41'))).toThrow(ApiMisuse)
  })

  test('start twice', () => {
    const connection = fresh()
    connection.start()
    expect(() => connection.start()).toThrow(ApiMisuse)
  })

  test('write before it is open, while closing and after the end', () => {
    const connection = fresh()
    connection.start()
    expect(() => connection.write(hex('41'))).toThrow(ApiMisuse)
    for (const finish of ['close', 'abort', 'end'] as const) {
      const { subject } = scenes[0]!.play().advance()
      subject.connection[finish]()
      expect(() => subject.connection.write(hex('41'))).toThrow(ApiMisuse)
    }
  })

  test('an answer that nobody asked for, and one that comes twice', () => {
    const connection = new Connection({
      role: 'server',
      provider: nobleProvider,
      random: seededRandom('misuse'),
      now: () => testNowMs,
      drawSessionId: () => none,
    })
    connection.start()
    const { effect } = connection.receive(helloRecord)
    expect(effect?.kind).toBe('selectPolicy')
    if (effect?.kind !== 'selectPolicy') return
    const policy = { policyHash: filled(16, 0), resumable: false }
    expect(() => connection.answer({ kind: 'selectPolicy', serverName: 'localhost' }, policy)).toThrow(
      ApiMisuse,
    )
    expect(connection.answer(effect, policy).effect?.kind).toBe('selectCertificate')
    expect(() => connection.answer(effect, policy)).toThrow(ApiMisuse)
    expect(() => connection.refuse(effect, new Error('late'))).toThrow(ApiMisuse)
  })

  test('an abort before start: nothing is said, then or later', () => {
    const connection = fresh()
    connection.abort()
    const nothing = { outgoing: [], events: [], effect: undefined }
    expect(connection.start()).toEqual(nothing)
    expect(connection.receive(hex('16'))).toEqual(nothing)
    expect(connection.state).toBe('failed')
  })

  // A wrong option that shows itself in the middle is thrown to the caller, and ends the connection.
  test('a session ID of 33 bytes from the configuration', () => {
    const connection = new Connection({
      role: 'server',
      provider: nobleProvider,
      random: seededRandom('misuse'),
      now: () => testNowMs,
      drawSessionId: () => filled(33, 1),
    })
    connection.start()
    const { effect } = connection.receive(helloRecord)
    if (effect?.kind !== 'selectPolicy') throw new Error('another effect')
    const next = connection.answer(effect, { policyHash: filled(16, 0), resumable: true })
    if (next.effect?.kind !== 'selectCertificate') throw new Error('another effect')
    const choose = next.effect
    expect(() => connection.answer(choose, testCertifiedKey())).toThrow(ApiMisuse)
    expect(connection.state).toBe('failed')
    expect(connection.receive(helloRecord)).toEqual({ outgoing: [], events: [], effect: undefined })
  })
})
