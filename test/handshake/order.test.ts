/** Every message at every point where another one is due (RFC 5246 §7.3, figures 1 and 2; §7.4). */
import { describe, expect, it, test } from 'vitest'
import type { HandshakeType } from '../../src/messages/handshake.ts'
import {
  cat,
  filled,
  handshakeMessage,
  handshakeTypes,
  hex,
  none,
  typeNumbers,
  validBody,
} from '../support/by-hand.ts'
import type { Puppet } from '../support/puppet.ts'
import { allScenes, type Scene, scenes, sessionOf } from '../support/scenes.ts'

const unexpectedMessage = { level: 2, description: 10 }

type Foreign =
  | HandshakeType
  | 'unknown type'
  | 'change_cipher_spec'
  | 'application_data'
  | 'empty application_data'
const everything: readonly Foreign[] = [
  ...handshakeTypes,
  'unknown type',
  'change_cipher_spec',
  'application_data',
  'empty application_data',
]

function sayForeign(puppet: Puppet, foreign: Foreign): void {
  if (foreign === 'change_cipher_spec') puppet.send('change_cipher_spec', hex('01'))
  else if (foreign === 'application_data') puppet.send('application_data', Buffer.from('too early'))
  else if (foreign === 'empty application_data') puppet.send('application_data', none)
  else if (foreign === 'unknown type') puppet.send('handshake', handshakeMessage(99, hex('0102')))
  else puppet.send('handshake', handshakeMessage(typeNumbers[foreign], validBody(foreign)))
}

/** What else than `due` may come at this point, by the figures and by the sentences around them. */
function isAllowed(scene: Scene, step: number, foreign: Foreign): boolean {
  const due = scene.steps[step]
  if (foreign === due) return true
  // RFC 5246 §7.4.1.1: "This message will be ignored by the client if the client is currently negotiating a session."
  if (foreign === 'hello_request' && scene.role === 'server') return true
  // RFC 5246 §7.3, figure 1: CertificateRequest stands, once, between Certificate and ServerHelloDone.
  const isAsked = scene.steps.slice(0, step).includes('certificate_request')
  if (foreign === 'certificate_request' && due === 'server_hello_done') return !isAsked
  if (foreign === 'server_hello_done' && due === 'certificate_request') return true
  // RFC 6066 §8: CertificateStatus may be left out, whatever ServerHello has said.
  if (foreign === 'server_key_exchange' && due === 'certificate_status') return true
  return false
}

describe.each(allScenes)('$name', scene => {
  for (let step = 0; step < scene.steps.length; step++) {
    const due = scene.steps[step]!
    for (const foreign of everything.filter(each => !isAllowed(scene, step, each))) {
      it(`${step + 1}: ${foreign} where ${due} is due`, () => {
        const puppet = scene.play().advance(step)
        expect(puppet.subject.error).toBeUndefined()
        sayForeign(puppet, foreign)
        expect(puppet.alert).toEqual(unexpectedMessage)
        expect(puppet.subject.connection.state).toBe('failed')
        expect(puppet.subject.error).toMatchObject({ name: 'TlsError', alert: 'unexpected_message' })
        expect(puppet.subject.established).toBeUndefined()
      })
    }
  }

  // After the handshake application data alone goes on; a request to renegotiate is declined (RFC 5246 §7.2.2).
  const renegotiation = scene.role === 'client' ? 'client_hello' : 'hello_request'
  for (const foreign of everything.filter(
    each => !each.endsWith('application_data') && each !== renegotiation,
  )) {
    it(`${foreign} after the handshake`, () => {
      const puppet = scene.play().advance()
      expect(puppet.subject.established).toBeDefined()
      sayForeign(puppet, foreign)
      expect(puppet.alert).toEqual(unexpectedMessage)
      expect(puppet.subject.connection.state).toBe('failed')
    })
  }

  it(`${renegotiation} after the handshake is declined with a warning and the connection goes on`, () => {
    const puppet = scene.play().advance()
    for (let round = 1; round <= 4; round++) {
      sayForeign(puppet, renegotiation)
      // RFC 5246 §7.2.2: no_renegotiation "is always a warning".
      expect(puppet.alert).toEqual({ level: 1, description: 100 })
      expect(puppet.alerts).toHaveLength(round)
    }
    puppet.send('application_data', Buffer.from('still here'))
    puppet.subject.driver.write(Buffer.from('so am I'))
    puppet.listen()
    expect(puppet.subject.received).toBe('still here')
    expect(puppet.heardData).toBe('so am I')
    // A peer may ask a few times, not for ever.
    sayForeign(puppet, renegotiation)
    expect(puppet.alert).toEqual(unexpectedMessage)
  })

  it(`a malformed ${renegotiation} after the handshake is decode_error`, () => {
    const puppet = scene.play().advance()
    puppet.send('handshake', handshakeMessage(typeNumbers[renegotiation], hex('00')))
    expect(puppet.alert).toEqual({ level: 2, description: 50 })
  })

  // RFC 5246 §7.1: the key change stands at a message boundary. A half message is neither before nor after it.
  it('ChangeCipherSpec inside a half-received message', () => {
    const puppet = scene.play().advance(scene.steps.indexOf('change_cipher_spec'))
    puppet.send('handshake', hex('140000'))
    puppet.changeCipherSpec()
    expect(puppet.subject.error).toMatchObject({ alert: 'unexpected_message' })
    expect(puppet.alert).toEqual(unexpectedMessage)
  })

  it('Finished in the clear before ChangeCipherSpec, the right one too', () => {
    const puppet = scene.play().advance(scene.steps.indexOf('change_cipher_spec'))
    puppet.say('finished', puppet.verifyData(scene.role))
    expect(puppet.alert).toEqual(unexpectedMessage)
  })

  // RFC 5246 §7.4.9: Finished is the first message protected with the new keys; in the clear it does not verify.
  it('Finished in the clear after ChangeCipherSpec', () => {
    const puppet = scene.play().advance(scene.steps.indexOf('change_cipher_spec'))
    const record = cat(hex('16 0303 0010'), handshakeMessage(20, puppet.verifyData(scene.role)))
    puppet.changeCipherSpec()
    puppet.deliver(record)
    expect(puppet.alert).toEqual({ level: 2, description: 20 })
  })

  // RFC 5246 §7.4.9: "Recipients of Finished messages MUST verify that the contents are correct."
  it.each([0, 6, 11])('Finished with byte %i changed is decrypt_error', at => {
    const puppet = scene.play().advance(scene.steps.indexOf('finished'))
    const verifyData = puppet.verifyData(scene.role)
    verifyData[at]! ^= 1
    puppet.say('finished', verifyData)
    expect(puppet.alert).toEqual({ level: 2, description: 51 })
    expect(puppet.subject.established).toBeUndefined()
  })

  it("the other side's verify_data is decrypt_error", () => {
    const puppet = scene.play().advance(scene.steps.indexOf('finished'))
    puppet.say('finished', puppet.verifyData(scene.role === 'client' ? 'server' : 'client'))
    expect(puppet.alert).toEqual({ level: 2, description: 51 })
  })

  // REQUIREMENTS R169: nothing may follow Finished in its record.
  it.each([
    ['one byte', hex('00')],
    ['a whole message', handshakeMessage(0, none)],
    ['a ClientHello', handshakeMessage(1, validBody('client_hello'))],
  ])('Finished with %s behind it in the same record', (_, extra) => {
    const puppet = scene.play().advance(scene.steps.indexOf('finished'))
    puppet.send('handshake', cat(handshakeMessage(20, puppet.verifyData(scene.role)), extra))
    expect(puppet.alert).toEqual(unexpectedMessage)
    expect(puppet.subject.established).toBeUndefined()
  })

  // REQUIREMENTS R049 leaves three alerts; OpenSSL, GnuTLS and tlsfuzzer agree on unexpected_message.
  it('ChangeCipherSpec of another value or length', () => {
    for (const body of [hex('00'), hex('02'), hex('0101'), hex('ff')]) {
      const puppet = scene.play().advance(scene.steps.indexOf('change_cipher_spec'))
      puppet.send('change_cipher_spec', body)
      expect(puppet.alert).toEqual({ level: 2, description: 10 })
    }
  })

  it('handshakes that go right end with both sides established', () => {
    const puppet = scene.play().advance()
    expect(puppet.subject.established).toMatchObject({ resumed: scene.resumed })
    expect(puppet.heardMessage('finished')).toHaveLength(12)
    expect(puppet.subject.error).toBeUndefined()
    puppet.send('application_data', Buffer.from('hello'))
    puppet.subject.driver.write(Buffer.from('world'))
    puppet.listen()
    expect(puppet.subject.received).toBe('hello')
    expect(puppet.heardData).toBe('world')
  })
})

describe('HelloRequest at a client in a handshake', () => {
  for (const scene of allScenes.filter(each => each.role === 'server')) {
    for (let step = 0; step < scene.steps.length; step++) {
      // RFC 5246 §7.4.1.1: ignored, and "MUST NOT be included in the message hashes".
      it(`${scene.name}: before ${scene.steps[step]} it is ignored and stays out of the transcript`, () => {
        const puppet = scene.play().advance(step)
        puppet.send('handshake', handshakeMessage(0, none))
        expect(puppet.subject.error).toBeUndefined()
        for (const next of scene.steps.slice(step)) {
          if (next === 'change_cipher_spec') puppet.changeCipherSpec()
          else puppet.say(next, puppet.rightBody(next))
        }
        expect(puppet.subject.established).toBeDefined()
      })

      it(`${scene.name}: before ${scene.steps[step]} with a body it is decode_error`, () => {
        const puppet = scene.play().advance(step)
        puppet.send('handshake', handshakeMessage(0, hex('00')))
        expect(puppet.alert).toEqual({ level: 2, description: 50 })
      })
    }
  }

  test('a flood of them is refused', () => {
    const puppet = scenes.find(each => each.role === 'server')!.play()
    for (let i = 0; i < 4; i++) puppet.send('handshake', handshakeMessage(0, none))
    expect(puppet.subject.error).toBeUndefined()
    puppet.send('handshake', handshakeMessage(0, none))
    expect(puppet.subject.error).toMatchObject({ code: 'TOO_MANY_WARNING_ALERTS' })
  })
})

describe('CertificateRequest at a client', () => {
  const full = scenes.find(each => each.role === 'server' && !each.resumed)!

  // RFC 5246 §7.4.6: "If no suitable certificate is available, the client MUST send a certificate message
  // containing no certificates."
  test('is answered with an empty list, before ClientKeyExchange', () => {
    const puppet = full.play().advance(2)
    puppet.say('certificate_request', validBody('certificate_request'))
    puppet.say('server_hello_done', none)
    const said = puppet.heard.map(heard => (heard.type === 'handshake' ? heard.message : heard.type))
    expect(said).toEqual([1, 11, 16, 'change_cipher_spec', 20])
    expect(puppet.heardMessage('certificate')).toEqual(hex('000000'))
    puppet.changeCipherSpec()
    puppet.say('finished', puppet.verifyData('server'))
    expect(puppet.subject.established).toMatchObject({ resumed: false })
  })

  test('a second one is unexpected_message', () => {
    const puppet = full.play().advance(2)
    puppet.say('certificate_request', validBody('certificate_request'))
    puppet.say('certificate_request', validBody('certificate_request'))
    expect(puppet.alert).toEqual(unexpectedMessage)
  })

  test('before Certificate it is unexpected_message', () => {
    const puppet = full.play().advance(1)
    puppet.say('certificate_request', validBody('certificate_request'))
    expect(puppet.alert).toEqual(unexpectedMessage)
  })
})

describe('the echo of the session ID (DESIGN §7.1)', () => {
  const full = scenes.find(each => each.role === 'server' && !each.resumed)!

  // RFC 5246 §7.4.1.3: an empty ID says only that the session will not be cached.
  test('empty answers empty: a full handshake, without a session', () => {
    const puppet = full.play({ hello: { sessionId: none } }).advance()
    expect(puppet.subject.established).toMatchObject({ resumed: false, resumption: 'no_id' })
    expect(puppet.subject.events.some(event => event.type === 'sessionEstablished')).toBe(false)
  })

  test('empty answers empty, and the server goes on as if resumed: unexpected_message', () => {
    const puppet = full.play({ hello: { sessionId: none } }).advance(1)
    puppet.changeCipherSpec()
    expect(puppet.alert).toEqual(unexpectedMessage)
  })

  // A session without an ID is none to offer: its empty ID would be "echoed" by every server that keeps nothing.
  test('a configured session of an empty ID is not offered, and an empty ID is no echo of it', () => {
    const client = { session: { sessionId: none, session: sessionOf(), verified: true } }
    const puppet = full.play({ hello: { sessionId: none } }, { client }).advance()
    expect(puppet.subject.established).toMatchObject({ resumed: false, resumption: 'no_id' })
    const asIfResumed = full.play({ hello: { sessionId: none } }, { client }).advance(1)
    asIfResumed.changeCipherSpec()
    expect(asIfResumed.alert).toEqual(unexpectedMessage)
  })

  test('a new ID after an empty offer is a full handshake with a session', () => {
    const puppet = full.play({ hello: { sessionId: filled(32, 8) } }).advance()
    expect(puppet.subject.established).toMatchObject({ resumed: false })
    expect(puppet.subject.events).toContainEqual(
      expect.objectContaining({ type: 'sessionEstablished', id: filled(32, 8) }),
    )
  })

  test('an ID that was not offered, and the server goes on as if resumed: unexpected_message', () => {
    const puppet = full.play({ hello: { sessionId: filled(32, 8) } }).advance(1)
    puppet.changeCipherSpec()
    expect(puppet.alert).toEqual(unexpectedMessage)
  })
})
