/** Data before the server's Finished, for clients that are told to (RFC 7918). */
import { expect, test } from 'vitest'
import type { CipherSuiteName } from '../../src/crypto/cipher-suites.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { filled } from '../support/by-hand.ts'
import { serverPuppet } from '../support/scenes.ts'

const ecdhe: CipherSuiteName = 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'
/** Server's messages up to the ServerHelloDone, after which the client finishes. */
const firstFlight = (suite: CipherSuiteName) => (suite.startsWith('TLS_RSA') ? 3 : 4)

function halfWay(suite: CipherSuiteName, falseStart: boolean, resumed = false) {
  const puppet = serverPuppet(resumed, { suite }, { client: { falseStart } })
  return puppet.advance(resumed ? 1 : firstFlight(suite))
}
const write = (puppet: ReturnType<typeof halfWay>) => puppet.subject.driver.write(Buffer.from('early'))

test('a request goes out behind our Finished, and the handshake ends as ever', () => {
  const puppet = halfWay(ecdhe, true)
  expect(puppet.subject.events).toEqual([{ type: 'falseStart', alpnProtocol: undefined }])
  expect(puppet.subject.connection).toMatchObject({ state: 'handshaking', isWritable: true })
  write(puppet)
  puppet.listen()
  expect(puppet.heardData).toBe('early')
  puppet.changeCipherSpec()
  puppet.say('finished', puppet.verifyData('server'))
  expect(puppet.subject.established).toMatchObject({ suite: ecdhe })
  expect(puppet.subject.connection.state).toBe('open')
})

test('a server that does not finish rightly is found out all the same', () => {
  const puppet = halfWay(ecdhe, true)
  write(puppet)
  puppet.changeCipherSpec()
  puppet.say('finished', filled(12, 0))
  expect(puppet.alert).toEqual({ level: 2, description: 51 })
  expect(puppet.subject.established).toBeUndefined()
  expect(puppet.subject.connection.isWritable).toBe(false)
})

test("the server's data has to wait for its Finished", () => {
  const puppet = halfWay(ecdhe, true)
  puppet.switchKeys()
  puppet.send('application_data', Buffer.from('early, too'))
  expect(puppet.subject.error).toBeDefined()
  expect(puppet.subject.received).toBe('')
})

// RFC 7918 §5: forward secrecy and a strong cipher.
test.each<[string, CipherSuiteName, boolean, boolean]>([
  ['without being told to', ecdhe, false, false],
  ['with RSA key exchange', 'TLS_RSA_WITH_AES_128_GCM_SHA256', true, false],
  ['with CBC', 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA', true, false],
  // There the server finishes first.
  ['when resumed', ecdhe, true, true],
])('not %s', (_, suite, falseStart, resumed) => {
  const puppet = halfWay(suite, falseStart, resumed)
  expect(puppet.subject.connection).toMatchObject({ state: 'handshaking', isWritable: false })
  expect(() => write(puppet)).toThrow(ApiMisuse)
})
