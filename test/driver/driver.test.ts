/** Effects to answers: a store can only help, deadlines on virtual time, and whose secrets are wiped (DESIGN §3). */
import { describe, expect, it, test } from 'vitest'
import { Connection } from '../../src/connection/connection.ts'
import { Driver } from '../../src/driver/driver.ts'
import { MemorySessionCache } from '../../src/driver/memory-session-cache.ts'
import { ApiMisuse, TlsError } from '../../src/errors.ts'
import type { ServerConfig } from '../../src/handshake/config.ts'
import type { Lookup } from '../../src/handshake/effects.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { cat, filled, hex, none } from '../support/by-hand.ts'
import { FakeCache, hexOf, lookupOf, serverWith } from '../support/fake-cache.ts'
import {
  clientSide,
  connectPair,
  Side,
  seededRandom,
  stillTimers,
  testCertifiedKey,
  testNowMs,
} from '../support/pair.ts'
import { Puppet, type PuppetOptions } from '../support/puppet.ts'
import { sessionId, sessionMaster, sessionOf } from '../support/scenes.ts'
import { VirtualTimers } from '../support/virtual-timers.ts'

/** Lets every promise that can settle do so. */
const settle = () => new Promise(resolve => setImmediate(resolve))

function deferred<T>() {
  let resolve: (value: T) => void = () => {}
  let reject: (reason: unknown) => void = () => {}
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** A promise as another library makes them: it has `then`, and is no Promise of ours. */
const foreignPromise = Object.fromEntries([
  ['then', (_: unknown, no: (reason: Error) => void) => no(new Error('x'))],
])

/** A server that looks a session up. @param odd what its cache answers instead of waiting for `answer` */
function waitingServer(odd?: () => unknown) {
  const answer = deferred<Lookup>()
  const timers = new VirtualTimers()
  const cache = new FakeCache((odd as () => Lookup) ?? (() => answer.promise))
  const subject = serverWith({ cache, timers })
  const puppet = new Puppet('client', subject, { hello: { sessionId } }).advance(1)
  return { answer, timers, cache, subject, puppet }
}

function playFull(puppet: Puppet): void {
  puppet.listen()
  puppet.say('client_key_exchange', puppet.rightBody('client_key_exchange'))
  puppet.changeCipherSpec()
  puppet.say('finished', puppet.verifyData('client'))
}

describe('a look-up', () => {
  it('that answers in time is a hit, and its time is measured', async () => {
    const answer = deferred<Lookup>()
    const timers = new VirtualTimers()
    const subject = serverWith({ cache: new FakeCache(() => answer.promise), timers })
    const session = { id: sessionId, masterSecret: sessionMaster }
    const puppet = new Puppet('client', subject, { session }).advance(1)
    timers.advance(49)
    answer.resolve(lookupOf(sessionOf()))
    await settle()
    puppet.listen()
    puppet.changeCipherSpec()
    puppet.say('finished', puppet.verifyData('client'))
    expect(subject.established).toMatchObject({ resumed: true, resumption: 'hit' })
    expect(subject.driver.lookupMs).toBe(49)
    expect(timers.pending).toBe(0)
  })

  it('that does not answer is a full handshake after 50 ms, for the reason timeout', async () => {
    const { timers, cache, subject, puppet } = waitingServer()
    timers.advance(49)
    await settle()
    expect(subject.outgoing).toEqual([])
    expect(cache.signal?.aborted).toBe(false)
    timers.advance(1)
    await settle()
    expect(cache.signal?.aborted).toBe(true)
    playFull(puppet)
    expect(subject.established).toMatchObject({ resumed: false, resumption: 'timeout' })
    expect(subject.driver.lookupMs).toBe(50)
  })

  it('that answers too late changes nothing, and its secret is wiped', async () => {
    const { answer, timers, subject, puppet } = waitingServer()
    timers.advance(50)
    await settle()
    const late = sessionOf()
    timers.advance(450)
    answer.resolve({ session: late })
    await settle()
    expect(late.masterSecret.reveal()).toEqual(filled(48, 0))
    expect(subject.driver.lookupMs).toBe(50)
    playFull(puppet)
    expect(subject.established).toMatchObject({ resumed: false, resumption: 'timeout' })
  })

  it('that fails too late changes nothing', async () => {
    const { answer, timers, subject, puppet } = waitingServer()
    timers.advance(50)
    await settle()
    timers.advance(50)
    answer.reject(new Error('ECONNRESET'))
    await settle()
    expect(subject.driver.lookupMs).toBe(50)
    playFull(puppet)
    expect(subject.established).toMatchObject({ resumption: 'timeout' })
  })

  it('that rejects is a full handshake, for the reason error', async () => {
    const { answer, timers, subject, puppet } = waitingServer()
    answer.reject(new Error('HTTP 500'))
    await settle()
    expect(timers.pending).toBe(0)
    playFull(puppet)
    expect(subject.established).toMatchObject({ resumed: false, resumption: 'error' })
  })

  // A store can only help: one that is not ours may answer anything, in any kind of promise.
  it.each<[string, () => unknown]>([
    ['nothing', () => undefined],
    ['nothing, later', async () => undefined],
    ['null, later', async () => null],
    ['a word', async () => 'miss'],
    ['something that is no session', async () => ({ session: { cipherSuite: 'none' } })],
    ['a promise of another make that rejects', () => foreignPromise],
  ])('that answers %s is a full handshake, for the reason error', async (_, odd) => {
    const { timers, subject, puppet } = waitingServer(odd)
    await settle()
    expect(timers.pending).toBe(0)
    playFull(puppet)
    expect(subject.established).toMatchObject({ resumed: false, resumption: 'error' })
  })

  it('whose connection has ended meanwhile: nothing happens, and the secret is wiped', async () => {
    for (const end of [
      (side: Side) => side.driver.abort(),
      (side: Side) => side.driver.end(),
      (side: Side) => side.driver.close(),
    ]) {
      const { answer, subject } = waitingServer()
      end(subject)
      const late = sessionOf()
      const said = subject.sent.length
      answer.resolve({ session: late })
      await settle()
      expect(subject.sent).toHaveLength(said)
      expect(subject.established).toBeUndefined()
      expect(late.masterSecret.reveal()).toEqual(filled(48, 0))
    }
  })

  it('keeps what comes meanwhile, and reads it afterwards', async () => {
    const { answer, subject, puppet } = waitingServer()
    puppet.say('client_key_exchange', puppet.rightBody('client_key_exchange'))
    expect(subject.outgoing).toEqual([])
    answer.resolve({ miss: 'miss' })
    await settle()
    puppet.listen()
    // It was read: the next thing due is ChangeCipherSpec, and a second ClientKeyExchange has no place.
    puppet.send('handshake', hex('10 000003 0001 00'))
    expect(puppet.alert).toEqual({ level: 2, description: 10 })
  })

  it('does not keep more than its bound', () => {
    const { subject } = waitingServer()
    const record = cat(hex('17 0303 4000'), filled(2 ** 14, 1))
    for (let i = 0; i < 63; i++) subject.driver.receive(record)
    expect(subject.error).toBeUndefined()
    subject.driver.receive(record)
    expect(subject.error).toMatchObject({ code: 'EXCESSIVE_MESSAGE_SIZE' })
  })
})

describe('the host', () => {
  it('hears that an answer is awaited, and no longer', async () => {
    const heard: boolean[] = []
    const answer = deferred<Lookup>()
    const cache = new FakeCache(() => answer.promise)
    const connection = new Connection({
      role: 'server',
      provider: nobleProvider,
      random: seededRandom('host'),
      now: () => testNowMs,
      drawSessionId: random => cache.drawId(random),
    })
    const flights: number[] = []
    const driver = new Driver({
      connection,
      answers: { sessionCache: cache, selectCertificate: () => testCertifiedKey() },
      host: { send: chunks => flights.push(chunks.length), event: () => {}, waiting: is => heard.push(is) },
      timers: stillTimers,
    })
    const asking = clientSide({ client: { session: { sessionId, session: sessionOf(), verified: true } } })
    asking.driver.start()
    driver.start()
    driver.receive(asking.take())
    expect(heard).toEqual([true])
    answer.resolve({ miss: 'miss' })
    await settle()
    expect(heard).toEqual([true, false])
    // DESIGN §3: a flight leaves in one write: ServerHello, Certificate, ServerKeyExchange, ServerHelloDone.
    expect(flights).toEqual([4])
  })
})

describe('the other effects', () => {
  test('a certificate that is chosen later', async () => {
    const subject = serverWith({
      cache: new FakeCache(),
      answers: { selectCertificate: () => Promise.resolve(testCertifiedKey()) },
    })
    const puppet = new Puppet('client', subject).advance(1)
    await settle()
    playFull(puppet)
    expect(subject.established).toMatchObject({ resumed: false })
  })

  test('a certificate that cannot be chosen is internal_error, or the alert of the reason', () => {
    for (const [reason, alert] of [
      [new Error('no disk'), 80],
      [new TlsError('NO_CERTIFICATE', 'none'), 40],
    ] as const) {
      const selectCertificate = () => {
        throw reason
      }
      const subject = serverWith({ cache: new FakeCache(), answers: { selectCertificate } })
      const puppet = new Puppet('client', subject).advance(1)
      expect(puppet.alert).toEqual({ level: 2, description: alert })
    }
  })

  // A peer's bytes show it, and whoever reads them from a socket can only crash of an exception.
  describe('a wrong option that shows itself in the middle ends the connection, and throws at nobody', () => {
    const alpn: PuppetOptions = { extensions: [[16, hex('0003 02 6832')]] }
    const misuses: readonly [string, Partial<ServerConfig>, PuppetOptions][] = [
      ['a session ID of 33 bytes', { drawSessionId: () => filled(33, 1) }, {}],
      [
        'a misuse of its own in the choice of a protocol',
        {
          selectProtocol: () => {
            throw new ApiMisuse('of another object')
          },
        },
        alpn,
      ],
      [
        'more authorities than CertificateRequest holds',
        {
          clientAuth: 'request',
          certificateAuthorities: Array.from({ length: 700 }, () => filled(100, 0x30)),
        },
        {},
      ],
    ]
    test.each(misuses)('%s', async (_, config, options) => {
      for (const selectCertificate of [() => testCertifiedKey(), () => Promise.resolve(testCertifiedKey())]) {
        const subject = serverWith({ cache: new FakeCache(), config, answers: { selectCertificate } })
        new Puppet('client', subject, options).advance(1)
        await settle()
        expect(subject.error).toMatchObject({ code: 'INTERNAL_ERROR', cause: expect.any(ApiMisuse) })
        expect(subject.connection.state).toBe('failed')
      }
    })
  })

  test('nobody there to verify a certificate is internal_error, never acceptance', () => {
    const connection = new Connection({
      role: 'client',
      provider: nobleProvider,
      random: seededRandom('nobody'),
      now: () => testNowMs,
      serverName: 'localhost',
    })
    const puppet = new Puppet('server', new Side(connection, {})).advance(2)
    expect(puppet.alert).toEqual({ level: 2, description: 80 })
    expect(puppet.subject.established).toBeUndefined()
  })

  test('a certificate that does not verify: the alert of the reason', () => {
    const { client } = connectPair({ client: { serverName: 'other.example' } })
    expect(client.error).toMatchObject({ code: 'HOSTNAME_MISMATCH', alert: 'bad_certificate' })
    const expired = connectPair({ now: () => Date.UTC(2150, 0, 1) })
    expect(expired.client.error).toMatchObject({ alert: 'certificate_expired' })
  })

  test('without a cache nothing is resumable, and no ID is drawn', () => {
    const subject = serverWith({ cache: new FakeCache(), answers: { sessionCache: undefined } })
    const puppet = new Puppet('client', subject).advance()
    expect(subject.established).toMatchObject({ sessionId: none, resumption: 'no_id' })
    expect(puppet.heardMessage('server_hello')![34]).toBe(0)
  })
})

describe('MemorySessionCache', () => {
  const cacheAt = (nowMs: () => number, maxSessions?: number) =>
    new MemorySessionCache({ now: nowMs, ...(maxSessions ? { maxSessions } : {}) })

  test('gives copies, and keeps one of its own', () => {
    const cache = cacheAt(() => testNowMs)
    const session = sessionOf()
    cache.save(sessionId, session)
    session.masterSecret.wipe()
    for (let i = 0; i < 2; i++) {
      const found = cache.load(sessionId)
      if (!('session' in found)) throw new Error('a miss')
      expect(found.session.masterSecret.reveal()).toEqual(sessionMaster)
      found.session.masterSecret.wipe()
    }
  })

  test('forgets, expires, and evicts the one least recently used', () => {
    let nowMs = testNowMs
    const cache = cacheAt(() => nowMs, 2)
    const ids = [1, 2, 3].map(value => filled(32, value))
    cache.save(ids[0]!, sessionOf({ createdMs: nowMs }))
    cache.save(ids[1]!, sessionOf({ createdMs: nowMs }))
    expect(cache.load(ids[0]!)).toHaveProperty('session')
    cache.save(ids[2]!, sessionOf({ createdMs: nowMs }))
    expect(cache.load(ids[1]!)).toEqual({ miss: 'miss' })
    cache.forget(ids[0]!)
    expect(cache.load(ids[0]!)).toEqual({ miss: 'miss' })
    nowMs += 599_999
    expect(cache.load(ids[2]!)).toHaveProperty('session')
    nowMs += 1
    expect(cache.load(ids[2]!)).toEqual({ miss: 'expired' })
    expect(cache.load(ids[2]!)).toEqual({ miss: 'miss' })
  })

  test('keeps no session with a certificate that no record of one can hold', () => {
    const cache = new MemorySessionCache({ now: () => testNowMs })
    cache.save(sessionId, sessionOf({ peerCertificate: filled(3073, 0x30) }))
    expect(cache.load(sessionId)).toEqual({ miss: 'miss' })
    cache.save(sessionId, sessionOf({ peerCertificate: filled(3072, 0x30) }))
    expect(cache.load(sessionId)).toMatchObject({ session: { serverName: 'localhost' } })
  })

  test('draws 32 bytes and never all zero', () => {
    const draws = [filled(32, 0), filled(32, 0), filled(32, 5)]
    expect(cacheAt(() => 0).drawId(() => draws.shift()!)).toEqual(filled(32, 5))
    const random = seededRandom('ids')
    const ids = new Set(Array.from({ length: 50 }, () => hexOf(cacheAt(() => 0).drawId(random))))
    expect(ids.size).toBe(50)
  })
})
