/** When a server resumes, and to what the session is bound (RFC 5246 §7.4.1.2, §F.1.4; RFC 6066 §3; RFC 7627 §5.3). */
import { describe, expect, it, test } from 'vitest'
import { decodeHandshakeBody } from '../../src/messages/handshake.ts'
import type { Session } from '../../src/session/session.ts'
import { extensions, filled, type HelloByHand, hex, none } from '../support/by-hand.ts'
import { FakeCache, type FakeServerOptions, hexOf, lookupOf, serverWith } from '../support/fake-cache.ts'
import { testNowMs } from '../support/pair.ts'
import { Puppet, type PuppetOptions } from '../support/puppet.ts'
import { sessionId, sessionMaster, sessionOf } from '../support/scenes.ts'

interface Case extends Partial<FakeServerOptions> {
  readonly session?: Session
  readonly puppet?: PuppetOptions
}

const offeredId = hexOf(sessionId)
const resuming: PuppetOptions = { session: { id: sessionId, masterSecret: sessionMaster } }

/** A client that offers the ID, before a server whose cache holds `session`. */
function offer({ session = sessionOf(), puppet = resuming, ...options }: Case = {}) {
  const cache = options.cache ?? new FakeCache(() => lookupOf(session))
  return { cache, puppet: new Puppet('client', serverWith({ ...options, cache }), puppet) }
}

/** The full handshake that a client goes through whose ID was not taken up. */
function playFull(puppet: Puppet): void {
  puppet.say('client_key_exchange', puppet.rightBody('client_key_exchange'))
  puppet.changeCipherSpec()
  puppet.say('finished', puppet.verifyData('client'))
}

const declined: PuppetOptions = { hello: { sessionId } }

describe('a hit', () => {
  it('echoes the ID, sends ServerHello, ChangeCipherSpec and Finished, and nothing else (RFC 5246 §7.3, figure 2)', () => {
    const { cache, puppet } = offer()
    puppet.advance(1)
    const said = puppet.heard.map(heard => (heard.type === 'handshake' ? heard.message : heard.type))
    expect(said).toEqual([2, 'change_cipher_spec', 20])
    expect(puppet.heardMessage('finished')).toHaveLength(12)
    puppet.changeCipherSpec()
    puppet.say('finished', puppet.verifyData('client'))
    expect(puppet.subject.established).toMatchObject({
      resumed: true,
      resumption: 'hit',
      suite: 'TLS_RSA_WITH_AES_128_GCM_SHA256',
      sessionId,
    })
    expect(cache.loaded).toEqual([offeredId])
    expect(cache.saved).toEqual([]) // RFC 5246 §F.1.4: its lifetime runs from its making
    expect(puppet.subject.events.some(event => event.type === 'sessionEstablished')).toBe(false)
  })

  test('its suite is the stored one, whatever better one is offered (RFC 5246 §7.4.1.3)', () => {
    const suite = 'TLS_RSA_WITH_AES_128_CBC_SHA'
    const { puppet } = offer({
      session: sessionOf({ cipherSuite: suite }),
      puppet: { ...resuming, suite, hello: { suites: [0x009c, 0x009d, 0x002f] } },
    })
    expect(puppet.advance().subject.established).toMatchObject({ resumed: true, suite })
  })

  test('server_name is not answered, renegotiation_info is (RFC 6066 §3, RFC 5746 §3.6)', () => {
    const { puppet } = offer()
    puppet.advance(1)
    const { extensions: answered } = decodeHandshakeBody('server_hello', puppet.heardMessage('server_hello')!)
    expect(answered?.map(each => each.extensionType)).toEqual([
      'renegotiation_info',
      'extended_master_secret',
    ])
  })

  // RFC 7366 §3.1: the order of MAC and encryption follows this hello.
  test.each([true, false])('encrypt_then_mac follows the hello: %s', encryptThenMac => {
    const suite = 'TLS_RSA_WITH_AES_128_CBC_SHA256'
    const { puppet } = offer({
      session: sessionOf({ cipherSuite: suite }),
      puppet: { ...resuming, suite, encryptThenMac },
    })
    expect(puppet.advance().subject.established).toMatchObject({ resumed: true, encryptThenMac })
  })

  // RFC 5246 §F.1.4: new randoms and so new keys, from the same master secret.
  test('twice: other randoms and keys, the same master secret, and createdMs stays', () => {
    const session = sessionOf()
    const [first, second] = ['one', 'two'].map(seed => offer({ session, seed }).puppet.advance())
    expect(first!.subject.established?.resumed).toBe(true)
    expect(second!.subject.established?.resumed).toBe(true)
    const randomOf = (puppet: Puppet) => puppet.heardMessage('server_hello')!.subarray(2, 34)
    expect(randomOf(first!)).not.toEqual(randomOf(second!))
    expect(first!.keyBlock).not.toEqual(second!.keyBlock)
    for (const { subject } of [first!, second!]) {
      expect(subject.established?.session.masterSecret.reveal()).toEqual(sessionMaster)
      expect(subject.established?.session.createdMs).toBe(session.createdMs)
    }
  })

  test('the name in other case is the same name', () => {
    const { puppet } = offer({
      puppet: {
        ...resuming,
        hello: { extensions: [extensions.serverName('LOCALhost'), extensions.extendedMasterSecret] },
      },
    })
    expect(puppet.advance().subject.established?.resumed).toBe(true)
  })

  test('an answer that comes later', async () => {
    const session = sessionOf()
    const { puppet } = offer({ cache: new FakeCache(() => Promise.resolve(lookupOf(session))) })
    puppet.advance(1)
    expect(puppet.heard).toEqual([])
    await Promise.resolve().then(() => undefined)
    await new Promise(resolve => setImmediate(resolve))
    puppet.listen()
    puppet.changeCipherSpec()
    puppet.say('finished', puppet.verifyData('client'))
    expect(puppet.subject.established?.resumed).toBe(true)
  })
})

describe('a full handshake instead, and why', () => {
  const name = (text: string): HelloByHand => ({
    sessionId,
    extensions: [extensions.serverName(text), extensions.extendedMasterSecret],
  })
  const other = filled(16, 1)

  test.each<[string, string, Case]>([
    [
      'expired, at its last millisecond',
      'expired',
      { session: sessionOf({ createdMs: testNowMs - 600_000 }) },
    ],
    [
      'longer than 24 hours (RFC 5246 §F.1.4)',
      'expired',
      { session: sessionOf({ createdMs: testNowMs - 86_400_000, lifetimeSeconds: 999_999 }) },
    ],
    ['made too far in the future', 'expired', { session: sessionOf({ createdMs: testNowMs + 5001 }) }],
    ['another policy', 'policy', { session: sessionOf({ policyHash: other }) }],
    ['another server name', 'server_name', { puppet: { hello: name('other.example') } }],
    ['a longer server name', 'server_name', { puppet: { hello: name('localhost.example') } }],
    [
      'no server name now',
      'server_name',
      { puppet: { hello: { sessionId, extensions: [extensions.extendedMasterSecret] } } },
    ],
    ['no server name then', 'server_name', { session: sessionOf({ serverName: '' }) }],
    [
      'the suite is not offered',
      'suite',
      { session: sessionOf({ cipherSuite: 'TLS_RSA_WITH_AES_256_CBC_SHA' }) },
    ],
    [
      'the suite is not enabled here',
      'suite',
      {
        session: sessionOf({ cipherSuite: 'TLS_RSA_WITH_AES_128_CBC_SHA' }),
        puppet: { hello: { sessionId, suites: [0x009c, 0x002f] } },
        config: { cipherSuites: ['TLS_RSA_WITH_AES_128_GCM_SHA256'] },
      },
    ],
    // RFC 7627 §5.3: "the server MUST NOT perform session resumption" when only the new hello has the extension.
    [
      'the session lacks the extended master secret',
      'ems',
      { session: sessionOf({ extendedMasterSecret: false }) },
    ],
    ['nobody has it', 'miss', { cache: new FakeCache() }],
    ['the ID is foreign', 'foreign_id', { cache: new FakeCache(() => ({ miss: 'foreign_id' })) }],
    [
      'the cache throws',
      'error',
      {
        cache: new FakeCache(() => {
          throw new Error('the cache is broken')
        }),
      },
    ],
  ])('%s', (_, reason, { puppet = declined, ...options }) => {
    const { cache, puppet: client } = offer({ ...options, puppet })
    client.advance(1)
    expect(client.alert).toBeUndefined()
    const { sessionId: fresh } = decodeHandshakeBody('server_hello', client.heardMessage('server_hello')!)
    // RFC 5246 §7.4.1.3: a new ID, for the client reads its own as a resumption.
    expect(fresh).toHaveLength(32)
    expect(fresh).not.toEqual(sessionId)
    playFull(client)
    expect(client.subject.established).toMatchObject({ resumed: false, resumption: reason })
    expect(cache.saved.map(each => each.id)).toEqual([hexOf(fresh)])
    expect(cache.forgotten).toEqual([])
  })

  test('one millisecond before its end it resumes', () => {
    const session = sessionOf({ createdMs: testNowMs - 600_000 + 1 })
    expect(offer({ session }).puppet.advance().subject.established?.resumed).toBe(true)
  })

  test('as far in the future as clocks may differ it resumes', () => {
    const session = sessionOf({ createdMs: testNowMs + 5000 })
    expect(offer({ session }).puppet.advance().subject.established?.resumed).toBe(true)
  })

  test('an empty ID asks nobody', () => {
    const { cache, puppet } = offer({ puppet: { hello: { sessionId: none } } })
    expect(puppet.advance().subject.established).toMatchObject({ resumption: 'no_id' })
    expect(cache.loaded).toEqual([])
  })

  test('a session that does not fit is wiped', () => {
    const session = sessionOf({ policyHash: other })
    offer({ cache: new FakeCache(() => ({ session })), puppet: declined }).puppet.advance(1)
    expect(session.masterSecret.reveal()).toEqual(filled(48, 0))
  })
})

// RFC 7627 §5.3, all four.
describe('the extended master secret of session and hello', () => {
  const play = (had: boolean, has: boolean) =>
    offer({
      session: sessionOf({ extendedMasterSecret: had }),
      puppet: { ...(had === has ? resuming : declined), extendedMasterSecret: has },
    })

  test('had and has: resumes', () => {
    expect(play(true, true).puppet.advance().subject.established?.resumed).toBe(true)
  })
  test('had, and has not: "the server MUST abort"', () => {
    const session = sessionOf()
    const cache = new FakeCache(() => ({ session }))
    const { puppet } = offer({ cache, puppet: { ...declined, extendedMasterSecret: false } })
    puppet.advance(1)
    expect(puppet.alert).toEqual({ level: 2, description: 40 })
    expect(puppet.subject.error).toMatchObject({ code: 'EXTENDED_MASTER_SECRET_MISMATCH' })
    expect(cache.forgotten).toEqual([]) // refused before it was taken up
    expect(session.masterSecret.reveal()).toEqual(filled(48, 0))
  })
  test('had not, and has: a full handshake', () => {
    const { puppet } = play(false, true)
    puppet.advance(1)
    playFull(puppet)
    expect(puppet.subject.established).toMatchObject({ resumed: false, resumption: 'ems' })
    expect(puppet.subject.established?.session.extendedMasterSecret).toBe(true)
  })
  test('neither: resumes', () => {
    expect(play(false, false).puppet.advance().subject.established?.resumed).toBe(true)
  })
})

describe('policies', () => {
  test.each([
    ['is answered where', true, ['server_name']],
    ['is not answered unless', false, undefined],
  ])('server_name %s the name made a difference (RFC 6066 §3)', (_, usesServerName, expected) => {
    const policy = { policyHash: filled(16, 0), resumable: false, usesServerName }
    const puppet = { hello: { extensions: [extensions.serverName('localhost')] } }
    const offered = offer({ answers: { selectPolicy: () => policy }, puppet }).puppet.advance(1)
    const hello = decodeHandshakeBody('server_hello', offered.heardMessage('server_hello')!)
    expect(hello.extensions?.map(each => each.extensionType)).toEqual(expected)
  })

  test('one that does not resume gives an empty ID, asks nobody and keeps nothing', () => {
    const answers = { selectPolicy: () => ({ policyHash: filled(16, 0), resumable: false }) }
    const { cache, puppet } = offer({ answers, puppet: declined })
    puppet.advance(1)
    const hello = decodeHandshakeBody('server_hello', puppet.heardMessage('server_hello')!)
    expect(hello.sessionId).toEqual(none)
    playFull(puppet)
    expect(puppet.subject.established).toMatchObject({
      resumed: false,
      resumption: 'policy',
      sessionId: none,
    })
    expect(cache).toMatchObject({ loaded: [], saved: [] })
  })

  test('is asked with the server name before the session is looked up, and bound into a new one', () => {
    const asked: (string | undefined)[] = []
    const cache = new FakeCache(() => {
      asked.push('look-up')
      return { miss: 'miss' }
    })
    const policyHash = filled(16, 0x70)
    const answers = {
      selectPolicy: ({ serverName }: { serverName: string | undefined }) => {
        asked.push(serverName)
        return { policyHash, resumable: true }
      },
    }
    const { puppet } = offer({ cache, answers, puppet: declined })
    puppet.advance(1)
    playFull(puppet)
    expect(asked).toEqual(['localhost', 'look-up'])
    expect(cache.saved[0]?.session.policyHash).toEqual(policyHash)
  })
})

describe('what is stored, and when', () => {
  // RFC 5246 §F.1.4: a session is there once its Finished messages were verified.
  test("not before the client's Finished is verified", () => {
    const { cache, puppet } = offer({ puppet: {} })
    puppet.advance(3)
    expect(cache.saved).toEqual([])
    puppet.say('finished', puppet.verifyData('client'))
    expect(cache.saved).toHaveLength(1)
    const { id, session, masterSecret } = cache.saved[0]!
    const hello = decodeHandshakeBody('server_hello', puppet.heardMessage('server_hello')!)
    expect(id).toBe(hexOf(hello.sessionId))
    expect(masterSecret).toBe(hexOf(puppet.masterSecret!))
    expect(session).toMatchObject({
      protocolVersion: 0x0303,
      cipherSuite: 'TLS_RSA_WITH_AES_128_GCM_SHA256',
      extendedMasterSecret: true,
      clientAuthenticated: false,
      createdMs: testNowMs,
      lifetimeSeconds: 600,
      serverName: 'localhost',
      clientRandom: filled(32, 0xc1),
      serverRandom: hello.random,
    })
  })

  test('not when Finished is wrong', () => {
    const { cache, puppet } = offer({ puppet: {} })
    puppet.advance(3).say('finished', filled(12, 0))
    expect(puppet.alert).toEqual({ level: 2, description: 51 })
    expect(cache).toMatchObject({ saved: [], forgotten: [] })
  })

  test('a lifetime of more than a day is a day (RFC 5246 §F.1.4)', () => {
    const { cache, puppet } = offer({ puppet: {}, config: { sessionLifetimeSeconds: 1_000_000 } })
    puppet.advance()
    expect(cache.saved[0]?.session.lifetimeSeconds).toBe(86_400)
  })
})

// RFC 5246 §7.2.2: after a fatal alert both sides "MUST forget any session-identifiers, keys, and secrets".
describe('what is forgotten', () => {
  const fatalAlert = hex('0228')
  const idOf = (puppet: Puppet) =>
    hexOf(decodeHandshakeBody('server_hello', puppet.heardMessage('server_hello')!).sessionId)

  test('a session that was made, on a fatal alert received', () => {
    const { cache, puppet } = offer({ puppet: {} })
    puppet.advance().send('alert', fatalAlert)
    expect(cache.forgotten).toEqual([idOf(puppet)])
  })

  test('a session that was made, on a fatal alert sent', () => {
    const { cache, puppet } = offer({ puppet: {} })
    puppet.advance().send('handshake', hex('14000000'))
    expect(cache.forgotten).toEqual([idOf(puppet)])
  })

  test('a session that was taken up, before the handshake has ended', () => {
    for (const spoil of [
      (puppet: Puppet) => puppet.send('alert', fatalAlert),
      (puppet: Puppet) => puppet.send('application_data', hex('00')),
      (puppet: Puppet) => {
        puppet.changeCipherSpec()
        puppet.say('finished', filled(12, 9))
      },
    ]) {
      const { cache, puppet } = offer()
      spoil(puppet.advance(1))
      expect(puppet.subject.connection.state).toBe('failed')
      expect(cache.forgotten).toEqual([offeredId])
    }
  })

  test('a session that was resumed, once open', () => {
    const { cache, puppet } = offer()
    puppet.advance().send('alert', fatalAlert)
    expect(cache.forgotten).toEqual([offeredId])
  })

  // DESIGN §7.13: or anyone could delete sessions whose IDs he has seen.
  test('nothing for a hello that is refused before the session is taken up', () => {
    for (const hello of [
      { version: 0x0301 },
      { compression: [1] },
      { extensions: [[0xff01, hex('0100')] as const] },
      { suites: [0x1301] },
    ]) {
      const { cache, puppet } = offer({ puppet: { hello: { sessionId, ...hello } } })
      puppet.advance(1)
      expect(puppet.subject.connection.state).toBe('failed')
      expect(cache.forgotten).toEqual([])
    }
  })

  // RFC 7301 §3.2 ends it with a fatal alert, but the session was not taken up, and its copy is wiped.
  test('nothing for a hello whose protocols nobody speaks', () => {
    const session = sessionOf()
    const cache = new FakeCache(() => ({ session }))
    const resumingWith = { ...resuming, extensions: [[16, hex('0003 02 6832')] as const] }
    const config = { alpnProtocols: ['http/1.1'] }
    const { puppet } = offer({ cache, config, puppet: resumingWith })
    puppet.advance(1)
    expect(puppet.alert).toEqual({ level: 2, description: 120 })
    expect(cache.forgotten).toEqual([])
    expect(session.masterSecret.reveal()).toEqual(filled(48, 0))
  })

  test('nothing for a full handshake that fails before its Finished', () => {
    const { cache, puppet } = offer({ puppet: {} })
    puppet.advance(2).send('alert', fatalAlert)
    expect(cache.forgotten).toEqual([])
  })

  test('nothing for a fault after our own close_notify: no fatal alert is sent then', () => {
    const { cache, puppet } = offer({ puppet: {} })
    puppet.advance().subject.driver.close()
    puppet.send('alert', hex('0000'))
    expect(puppet.subject.error).toMatchObject({ code: 'UNKNOWN_ALERT_LEVEL' })
    expect(cache.forgotten).toEqual([])
  })

  // RFC 5246 §7.2.1: a missing close_notify alone does not forbid to resume.
  test('nothing when the transport ends, or the connection closes, or is aborted', () => {
    for (const end of [
      (puppet: Puppet) => puppet.subject.driver.end(),
      (puppet: Puppet) => puppet.send('alert', hex('0100')),
      (puppet: Puppet) => puppet.subject.driver.close(),
      (puppet: Puppet) => puppet.subject.driver.abort(),
    ]) {
      const { cache, puppet } = offer()
      end(puppet.advance())
      expect(cache.forgotten).toEqual([])
    }
  })
})

test('one session is resumed by many connections at once (REQUIREMENTS R183)', () => {
  const session = sessionOf()
  const cache = new FakeCache(() => lookupOf(session))
  const puppets = Array.from({ length: 5 }, (_, i) => offer({ cache, seed: `many ${i}` }).puppet.advance(1))
  for (const puppet of puppets) {
    puppet.changeCipherSpec()
    puppet.say('finished', puppet.verifyData('client'))
    expect(puppet.subject.established?.resumed).toBe(true)
  }
})
