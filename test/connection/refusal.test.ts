/** The application ends a connection for a reason of its own, with an alert of its choice (RFC 5246 §7.2.2). */
import { describe, expect, it, test } from 'vitest'
import { AlertDescription, TlsError } from '../../src/errors.ts'
import { clientHelloBody, handshakeMessage, hex } from '../support/by-hand.ts'
import { allScenes, scenes, serverPuppet } from '../support/scenes.ts'

const refused = (alert?: AlertDescription) => new TlsError('REFUSED', 'no', alert && { alert })
const fatal = (alert: AlertDescription) => ({ level: 2, description: AlertDescription[alert] })

describe.each(allScenes)('$name', scene => {
  it('fails while open: the alert leaves, and the session is forgotten', () => {
    const puppet = scene.play().advance()
    const { driver, connection, events } = puppet.subject
    driver.fail(refused('certificate_revoked'))
    puppet.listen()
    expect(puppet.alert).toEqual(fatal('certificate_revoked'))
    expect(connection.state).toBe('failed')
    expect(puppet.subject.error).toMatchObject({ code: 'REFUSED', alert: 'certificate_revoked' })
    const { sessionId } = puppet.subject.established!
    const forgotten = events.filter(({ type }) => type === 'sessionForgotten')
    expect(forgotten).toHaveLength(sessionId.length > 0 ? 1 : 0)
  })

  it('fails in the middle of the handshake', () => {
    const puppet = scene.play().advance(1)
    puppet.subject.driver.fail(refused())
    puppet.listen()
    expect(puppet.alert).toEqual(fatal('access_denied'))
    expect(puppet.subject.established).toBeUndefined()
  })

  it('says nothing after close_notify, and nothing twice', () => {
    const puppet = scene.play().advance()
    puppet.subject.driver.close()
    puppet.subject.driver.fail(refused())
    puppet.subject.driver.fail(refused())
    puppet.listen()
    expect(puppet.alerts).toEqual([0])
  })
})

test('who judges a chain chooses the alert', () => {
  const verifyCertificate = () => {
    throw refused('certificate_revoked')
  }
  const puppet = serverPuppet(false, {}, { clientAnswers: { verifyCertificate } }).advance(2)
  expect(puppet.alert).toEqual(fatal('certificate_revoked'))
})

test('the alert of every other class of fault is fixed', () => {
  expect(new TlsError('UNKNOWN_CA', '', { alert: 'close_notify' }).alert).toBe('unknown_ca')
})

describe.each(scenes)('a request to renegotiate, $name', ({ role, play }) => {
  const request = () =>
    role === 'client' ? handshakeMessage(1, clientHelloBody()) : handshakeMessage(0, hex(''))
  const asked = { type: 'renegotiationRefused' }

  it('is told to the application', () => {
    const puppet = play().advance()
    puppet.send('handshake', request())
    expect(puppet.subject.events).toContainEqual(asked)
    expect(puppet.alert).toEqual({ level: 1, description: AlertDescription.no_renegotiation })
    expect(puppet.subject.connection.state).toBe('open')
  })

  it('also after close_notify, when nothing is said to the peer any more', () => {
    const puppet = play().advance()
    puppet.subject.driver.close()
    puppet.send('handshake', request())
    expect(puppet.subject.events).toContainEqual(asked)
    expect(puppet.alerts).toEqual([0])
  })
})
