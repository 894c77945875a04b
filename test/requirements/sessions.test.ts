/** Resumption by ID and by ticket, the extended master secret, and what is bound to a session (RFC 5246 §7.2.2, §F.1.4; RFC 5077; RFC 5705; RFC 5929; RFC 7627). */
import { describe, expect, test } from 'vitest'
import { MemorySessionCache } from '../../src/driver/memory-session-cache.ts'
import type { Lookup } from '../../src/handshake/effects.ts'
import { decodeHandshakeBody } from '../../src/messages/handshake.ts'
import { Secret } from '../../src/secret.ts'
import type { Session } from '../../src/session/session.ts'
import { decodeSession, encodeSession } from '../../src/session/session-record.ts'
import { cat, type ExtensionByHand, extensions, filled, hex, none, u16, vec16 } from '../support/by-hand.ts'
import {
  decodeError,
  decryptError,
  handshakeFailure,
  illegalParameter,
  protocolVersion,
  unexpectedMessage,
  unsupportedExtension,
} from '../support/fatal.ts'
import { certificateDer, identity } from '../support/identities.ts'
import { connectPair, type PairOptions, serverSide, testCertifiedKey, testNowMs } from '../support/pair.ts'
import { Puppet, type PuppetOptions, prfByHand } from '../support/puppet.ts'
import {
  clientPuppet,
  scenes,
  serverPuppet,
  sessionId,
  sessionMaster,
  sessionOf,
  ticket,
} from '../support/scenes.ts'

const newCache = () => new MemorySessionCache({ now: () => testNowMs })
const serverHelloOf = (puppet: Puppet) =>
  decodeHandshakeBody('server_hello', puppet.heardMessage('server_hello')!)
const said = (puppet: Puppet) =>
  puppet.heard.map(heard => (heard.type === 'handshake' ? heard.message : heard.type))

describe('a session after its connection (RFC 5246 §7.2.2, §F.1.4)', () => {
  /** A full handshake with a server of this cache, and the session it made. */
  function made(cache: MemorySessionCache, count?: number) {
    const puppet = clientPuppet(false, {}, { cache }).advance(count)
    const { sessionId: id } = serverHelloOf(puppet)
    return { puppet, session: { id, masterSecret: puppet.masterSecret?.slice() ?? none } }
  }
  const again = (cache: MemorySessionCache, session: PuppetOptions['session']) => {
    const declined = { hello: { sessionId: session!.id } }
    const resuming = clientPuppet(false, { session }, { cache, seed: 'again' })
    const isResumed = said(resuming.advance(1))[1] === 'change_cipher_spec'
    if (isResumed) return true
    const full = clientPuppet(false, declined, { cache, seed: 'once more' }).advance()
    expect(full.subject.established?.resumed).toBe(false)
    return false
  }

  test('that ended well resumes, any number of times', () => {
    const cache = newCache()
    const { session } = made(cache)
    expect([again(cache, session), again(cache, session)]).toEqual([true, true])
  })

  test.each<[string, (puppet: Puppet) => void]>([
    ['a fatal alert of the client', puppet => puppet.send('alert', hex('0250'))],
    ['a fatal alert of ours', puppet => puppet.send('handshake', hex('0e000000'))],
    ['a record that does not verify', puppet => puppet.deliver(cat(hex('17 0303 0020'), filled(32, 1)))],
  ])('that ended in %s gets a full handshake', (_, end) => {
    const cache = newCache()
    const { puppet, session } = made(cache)
    end(puppet)
    expect(again(cache, session)).toBe(false)
  })

  test.each<[string, (puppet: Puppet) => void]>([
    ['the transport', puppet => puppet.subject.driver.end()],
    ['close_notify', puppet => puppet.send('alert', hex('0100'))],
  ])('that ended by %s resumes (RFC 5246 §7.2.1)', (_, end) => {
    const cache = newCache()
    const { puppet, session } = made(cache)
    end(puppet)
    expect(again(cache, session)).toBe(true)
  })

  test('whose client Finished was wrong, or never came, is unknown', () => {
    for (const count of [2, 3]) {
      const cache = newCache()
      const { puppet, session } = made(cache, count)
      if (count === 3) puppet.say('finished', filled(12, 0))
      expect(again(cache, { ...session, masterSecret: sessionMaster })).toBe(false)
    }
  })

  test('of another version is no session: a record says 3.3 or is refused', () => {
    const record = encodeSession(sessionOf())
    record.set(u16(0x0302), 1)
    expect(() => decodeSession(record)).toThrow(expect.objectContaining({ code: 'DECODE_ERROR' }))
  })
})

describe('the terms of a session', () => {
  const offered = (session: Session, options: PuppetOptions = {}, pair: PairOptions = {}) => {
    const lookup = (): Lookup => ({ session: { ...session, masterSecret: session.masterSecret.copy() } })
    const cache = {
      drawId: (random: (n: number) => Uint8Array) => random(32),
      load: lookup,
      save() {},
      forget() {},
    }
    const serverAnswers = { sessionCache: cache, ...pair.serverAnswers }
    const resuming = { id: sessionId, masterSecret: sessionMaster }
    return clientPuppet(false, { session: resuming, ...options }, { ...pair, serverAnswers })
  }
  const resumes = (session: Session, pair: PairOptions = {}) =>
    said(offered(session, {}, pair).advance(1))[1] === 'change_cipher_spec'
  const certified = (name: 'client-ec' | 'client-expired', verified = true) =>
    sessionOf({ peerCertificate: certificateDer(name), clientAuthenticated: verified })

  // RFC 5246 §F.1.4: what was proved for one context is not proved for another.
  test('a session without a certificate where one is required: a full handshake', () => {
    const requiring = { server: { clientAuth: 'require' } } as const
    expect(resumes(sessionOf(), requiring)).toBe(false)
    expect(resumes(certified('client-ec'), requiring)).toBe(true)
    expect(resumes(sessionOf(), { server: { clientAuth: 'request' } })).toBe(true)
  })

  test('a session of a certificate that has expired: a full handshake', () => {
    expect(resumes(certified('client-expired'))).toBe(false)
  })

  test('a session that is resumed shows the identity it was made with', () => {
    const puppet = offered(certified('client-ec')).advance()
    expect(puppet.subject.established).toMatchObject({ verified: true, resumed: true })
    expect(puppet.subject.established?.peerCertificates).toEqual([certificateDer('client-ec')])
  })

  test('a session of another policy, which names the authorities: a full handshake', () => {
    const answers = { selectPolicy: () => ({ policyHash: filled(16, 9), resumable: true }) }
    expect(resumes(certified('client-ec'), { serverAnswers: answers })).toBe(false)
    expect(
      resumes({ ...certified('client-ec'), policyHash: filled(16, 9) }, { serverAnswers: answers }),
    ).toBe(true)
  })

  test('a session lives no longer than its certificate', () => {
    const hourBefore = identity('client-expired').leaf.notAfterMs - 3_600_000
    const said = { clientAuth: true, identity: 'client-expired' } as const
    const server = { clientAuth: 'require', sessionLifetimeSeconds: 86_400 } as const
    const { established } = clientPuppet(false, said, { server, now: () => hourBefore }).advance().subject
    expect(established?.session.lifetimeSeconds).toBe(3600)
  })

  test('what each hello renews: renegotiation_info, encrypt_then_mac and the extended master secret are answered', () => {
    const suite = 'TLS_RSA_WITH_AES_128_CBC_SHA'
    const puppet = offered(sessionOf({ cipherSuite: suite }), { suite, encryptThenMac: true }).advance()
    expect(puppet.subject.established).toMatchObject({ resumed: true, encryptThenMac: true })
    expect(serverHelloOf(puppet).extensions?.map(each => each.extensionType)).toEqual([
      'renegotiation_info',
      'extended_master_secret',
      'encrypt_then_mac',
    ])
  })

  test('a refused version deletes nothing and resumes nothing', () => {
    const puppet = offered(sessionOf(), { hello: { version: 0x0302, sessionId } }).advance(1)
    expect(puppet.alert).toEqual(protocolVersion)
  })
})

/** What is done with tickets in a test: which sessions they stand for, and what was sealed. */
function tickets(lookup: Lookup = { miss: 'miss' }) {
  const sealed: Session[] = []
  const opened: string[] = []
  const pair: PairOptions = {
    server: {
      sealTicket: session => {
        sealed.push({ ...session, masterSecret: session.masterSecret.copy() })
        return ticket
      },
    },
    serverAnswers: {
      openTicket: bytes => {
        opened.push(Buffer.from(bytes).toString('hex'))
        return lookup
      },
    },
  }
  return { pair, sealed, opened }
}

const asksTicket: ExtensionByHand = [35, none]
const copyOf = (session: Session): Session => ({
  ...session,
  masterSecret: new Secret(session.masterSecret.reveal().slice()),
})

describe('a server and tickets (RFC 5077)', () => {
  test("promises one to who asks, and sends it after the client's Finished, before ChangeCipherSpec", () => {
    const { pair, sealed } = tickets()
    const puppet = clientPuppet(false, { extensions: [asksTicket] }, pair).advance()
    expect(puppet.subject.established).toMatchObject({ resumed: false })
    expect(said(puppet)).toEqual([2, 11, 14, 4, 'change_cipher_spec', 20])
    // ticket_lifetime_hint: the ten minutes of a session, in seconds.
    expect(puppet.heardMessage('new_session_ticket')).toEqual(cat(hex('00000258'), vec16(ticket)))
    expect(serverHelloOf(puppet)).toMatchObject({ sessionId: none })
    expect(serverHelloOf(puppet).extensions).toContainEqual({
      extensionType: 'session_ticket',
      extensionData: {},
    })
    expect(sealed[0]?.masterSecret.reveal()).toEqual(puppet.masterSecret)
  })

  test('not before Finished is verified', () => {
    const { pair, sealed } = tickets()
    const puppet = clientPuppet(false, { extensions: [asksTicket] }, pair).advance(3)
    puppet.say('finished', filled(12, 0))
    expect(puppet.alert).toEqual(decryptError)
    expect(puppet.heardMessage('new_session_ticket')).toBeUndefined()
    expect(sealed).toEqual([])
  })

  test('none to who does not ask, or where tickets are off, or nothing is resumable', () => {
    const { pair } = tickets()
    const unasked = clientPuppet(false, {}, pair).advance()
    expect(said(unasked)).not.toContain(4)
    expect(serverHelloOf(unasked).sessionId).toHaveLength(32)
    const off = clientPuppet(false, { extensions: [asksTicket] }).advance()
    expect(said(off)).not.toContain(4)
    const answers = {
      ...pair.serverAnswers,
      selectPolicy: () => ({ policyHash: filled(16, 0), resumable: false }),
    }
    const notResumable = clientPuppet(
      false,
      { extensions: [asksTicket] },
      { ...pair, serverAnswers: answers },
    ).advance()
    expect(said(notResumable)).not.toContain(4)
  })

  test('an empty one where it cannot be made: the handshake goes on', () => {
    const sealTicket = () => {
      throw new Error('no key')
    }
    const puppet = clientPuppet(false, { extensions: [asksTicket] }, { server: { sealTicket } }).advance()
    expect(puppet.subject.established).toBeDefined()
    expect(puppet.heardMessage('new_session_ticket')!.slice(4)).toEqual(hex('0000'))
  })

  test('without the extended master secret, and with every hash, the transcript has it', () => {
    for (const options of [
      { extendedMasterSecret: false },
      { suite: 'TLS_RSA_WITH_AES_256_GCM_SHA384' },
      { suite: 'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384' },
    ] as const) {
      const { pair } = tickets()
      const puppet = clientPuppet(false, { ...options, extensions: [asksTicket] }, pair).advance()
      // What our Finished must be is what the puppet makes of the messages before it.
      const before = puppet.handshakeMessages.slice(0, -16)
      expect(puppet.heardMessage('finished')).toEqual(puppet.verifyData('server', before))
      expect(puppet.subject.established).toBeDefined()
    }
  })

  const presented = (session: Session, options: PuppetOptions = {}, renew = false) => {
    const kept = tickets({ session: copyOf(session), renew })
    const by = { id: filled(9, 0x1e), masterSecret: sessionMaster, ticket }
    const cache = newCache()
    cache.save(filled(9, 0x1e), sessionOf())
    const puppet = new Puppet('client', serverSide({ ...kept.pair, cache }), { session: by, ...options })
    return { puppet, ...kept }
  }

  test('takes one up: the ID beside it is echoed, and not looked up', () => {
    const { puppet, opened, sealed } = presented(sessionOf())
    puppet.advance()
    expect(puppet.subject.established).toMatchObject({ resumed: true, resumption: 'hit', sessionId: none })
    expect(serverHelloOf(puppet).sessionId).toEqual(filled(9, 0x1e))
    expect(opened).toEqual([Buffer.from(ticket).toString('hex')])
    expect(said(puppet)).toEqual([2, 'change_cipher_spec', 20])
    expect(sealed).toEqual([])
  })

  test('one whose key is on its way out is replaced', () => {
    const { puppet, sealed } = presented(sessionOf(), {}, true)
    puppet.advance()
    expect(said(puppet)).toEqual([2, 4, 'change_cipher_spec', 20])
    expect(puppet.subject.established).toMatchObject({ resumed: true })
    expect(sealed[0]).toMatchObject({ createdMs: testNowMs - 60_000 })
    // Nine minutes are left of the ten.
    expect(puppet.heardMessage('new_session_ticket')!.slice(0, 4)).toEqual(hex('0000021c'))
  })

  test.each<[string, Session, PuppetOptions, string]>([
    ['expired', sessionOf({ createdMs: testNowMs - 600_000 }), {}, 'expired'],
    ['of another policy', sessionOf({ policyHash: filled(16, 1) }), {}, 'policy'],
    ['of another name', sessionOf({ serverName: 'other.example' }), {}, 'server_name'],
    [
      'of a suite that is not offered',
      sessionOf({ cipherSuite: 'TLS_RSA_WITH_AES_256_CBC_SHA' }),
      {},
      'suite',
    ],
    [
      'without the extended master secret, which is offered',
      sessionOf({ extendedMasterSecret: false }),
      {},
      'ems',
    ],
  ])('%s: a full handshake, no alert, and a new ticket', (_, session, options, reason) => {
    const kept = tickets({ session: copyOf(session) })
    const list: ExtensionByHand[] = [[35, ticket]]
    const puppet = clientPuppet(false, { ...options, extensions: list }, kept.pair).advance()
    expect(puppet.subject.established).toMatchObject({ resumed: false, resumption: reason })
    expect(puppet.heardMessage('new_session_ticket')).toBeDefined()
    expect(puppet.alerts).toEqual([])
  })

  test('one that does not open: a full handshake, and the ID is not asked either', () => {
    const kept = tickets({ miss: 'auth' })
    const cache = newCache()
    cache.save(sessionId, sessionOf())
    const by = { id: sessionId, masterSecret: sessionMaster, ticket: filled(50, 3) }
    const puppet = new Puppet('client', serverSide({ ...kept.pair, cache }), { session: by }).advance(1)
    expect(said(puppet)).toEqual([2, 11, 14])
    expect(serverHelloOf(puppet).sessionId).toEqual(none)
  })

  // docs/decisions/0019: where there are no tickets, the ID beside one is an ID like any other.
  test('where tickets are off, the ID beside one decides', () => {
    const cache = newCache()
    cache.save(sessionId, sessionOf())
    const by = { id: sessionId, masterSecret: sessionMaster, ticket }
    const puppet = new Puppet('client', serverSide({ cache }), { session: by }).advance()
    expect(puppet.subject.established).toMatchObject({ resumed: true, sessionId })
  })

  test('a long ticket is taken for what it is', () => {
    const kept = tickets({ miss: 'auth' })
    const puppet = clientPuppet(false, { extensions: [[35, filled(16_000, 1)]] }, kept.pair).advance()
    expect(puppet.subject.established).toMatchObject({ resumption: 'auth' })
  })
})

// Else a server would go on being the one that a certificate named which names nobody any more.
describe("a client's session and the certificate of its server", () => {
  const { leaf, key } = testCertifiedKey()
  const unverified = { verifyCertificate: () => ({ publicKey: key.publicKey, verified: false }) }
  const serverAnswers = { selectCertificate: () => testCertifiedKey() }
  const lifetimeAt = (nowMs: number, clientAnswers?: PairOptions['clientAnswers']) => {
    const options = { now: () => nowMs, serverAnswers, ...(clientAnswers && { clientAnswers }) }
    return connectPair(options).client.established?.session.lifetimeSeconds
  }

  test('end together, where it was verified', () => {
    expect(lifetimeAt(leaf.notAfterMs - 30_500)).toBe(30)
    expect(lifetimeAt(leaf.notAfterMs - 600_000)).toBe(600)
    expect(lifetimeAt(leaf.notAfterMs + 1000, unverified)).toBe(600)
  })
})

describe('a client and tickets (RFC 5077)', () => {
  const client = { tickets: true }
  const offered = { sessionId: none, ticket, session: sessionOf(), verified: true }
  const taking = { id: none, masterSecret: sessionMaster, ticket }

  test('asks with an empty extension, and keeps what it gets', () => {
    const puppet = serverPuppet(false, { newTicket: filled(200, 2) }, { client }).advance()
    const hello = decodeHandshakeBody('client_hello', puppet.heardMessage('client_hello')!)
    expect(hello.extensions).toContainEqual({
      extensionType: 'session_ticket',
      extensionData: { ticket: none },
    })
    expect(puppet.subject.established).toMatchObject({ ticket: filled(200, 2), resumed: false })
    // 300 s of the hint are less than its own ten minutes.
    expect(puppet.subject.established?.session.lifetimeSeconds).toBe(300)
  })

  test('shows it with an ID of its own, whose echo says that it was taken', () => {
    const puppet = serverPuppet(false, { session: taking }, { client: { ...client, session: offered } })
    const hello = decodeHandshakeBody('client_hello', puppet.heardMessage('client_hello')!)
    expect(hello.sessionId).toHaveLength(32)
    expect(hello.extensions).toContainEqual({ extensionType: 'session_ticket', extensionData: { ticket } })
    puppet.advance()
    expect(puppet.subject.established).toMatchObject({ resumed: true, ticket })
  })

  test('a new one takes its place', () => {
    const pair = { client: { ...client, session: offered } }
    const puppet = serverPuppet(false, { session: taking, newTicket: filled(9, 9) }, pair).advance()
    expect(puppet.subject.established).toMatchObject({ resumed: true, ticket: filled(9, 9) })
  })

  test.each([none, filled(32, 7), filled(31, 7)])('%#: an ID that is no echo: a full handshake', id => {
    const pair = { client: { ...client, session: offered } }
    const puppet = serverPuppet(false, { hello: { sessionId: id } }, pair).advance()
    expect(puppet.subject.established).toMatchObject({ resumed: false, resumption: 'miss' })
  })

  test('an empty ticket is none', () => {
    const puppet = serverPuppet(false, { extensions: [[35, none]] }, { client }).advance(3)
    puppet.say('new_session_ticket', hex('00000000 0000'))
    puppet.changeCipherSpec()
    puppet.say('finished', puppet.verifyData('server'))
    expect(puppet.subject.established).toMatchObject({ ticket: undefined })
  })

  test('NewSessionTicket without a promise, and a promise without one: unexpected_message', () => {
    const unpromised = serverPuppet(false, {}, { client }).advance(3)
    unpromised.say('new_session_ticket', hex('00000000 0001 aa'))
    expect(unpromised.alert).toEqual(unexpectedMessage)
    const broken = serverPuppet(false, { extensions: [[35, none]] }, { client }).advance(3)
    broken.changeCipherSpec()
    expect(broken.alert).toEqual(unexpectedMessage)
  })

  test('an answer that is not empty, or unasked', () => {
    expect(serverPuppet(false, { extensions: [[35, hex('00')]] }, { client }).advance(1).alert).toEqual(
      decodeError,
    )
    expect(serverPuppet(false, { extensions: [[35, none]] }).advance(1).alert).toEqual(unsupportedExtension)
  })

  test('is not shown where tickets are off, to another name, or past its time', () => {
    for (const other of [
      { session: offered },
      { ...client, session: offered, serverName: 'example.test' },
      { ...client, session: { ...offered, session: sessionOf({ createdMs: testNowMs - 600_000 }) } },
    ]) {
      const puppet = serverPuppet(false, {}, { client: other })
      const hello = decodeHandshakeBody('client_hello', puppet.heardMessage('client_hello')!)
      expect(hello.sessionId).toEqual(none)
    }
  })

  // RFC 5077 §3.3 lets a ticket have 65,535 bytes; all extensions of a hello together have no more (RFC 5246 §7.4.1.2).
  test('one that no hello can carry is not shown, and the connection is a full one', () => {
    const given = connectPair({ client, server: { sealTicket: () => filled(65_500, 7) } }).client.established!
    expect(given.ticket).toHaveLength(65_500)
    const { ticket, session } = given
    const next = { ...client, session: { sessionId: none, ticket, session, verified: true } }
    const puppet = serverPuppet(false, {}, { client: next }).advance()
    expect(puppet.subject.established).toMatchObject({ resumed: false, resumption: 'no_id' })
  })

  test('two sides in memory: full, then resumed by the ticket, then with the one that replaced it', () => {
    const sessions = new Map<string, Session>()
    let number = 0
    const server: PairOptions['server'] = {
      sealTicket: session => {
        const name = Buffer.from(`ticket ${number++}`)
        sessions.set(name.toString(), copyOf(session))
        return name
      },
    }
    const serverAnswers: PairOptions['serverAnswers'] = {
      openTicket: bytes => {
        const session = sessions.get(Buffer.from(bytes).toString())
        return session ? { session: copyOf(session), renew: true } : { miss: 'auth' }
      },
    }
    let session: PairOptions['client']
    for (const [round, resumed] of [false, true, true].entries()) {
      const options = { client: { ...client, ...session }, server, serverAnswers, seed: `round ${round}` }
      const pair = connectPair(options)
      const { established } = pair.client
      expect(established).toMatchObject({ resumed })
      expect(pair.server.established).toMatchObject({ resumed })
      expect(Buffer.from(established!.ticket!).toString()).toBe(`ticket ${round}`)
      const { ticket: kept, session: made } = established!
      session = { session: { sessionId: none, ticket: kept, session: copyOf(made), verified: true } }
    }
  })
})

// RFC 7627 §5.3, by ID (test/handshake/resumption.test.ts has the IDs of a server) and by ticket, on both sides.
describe('the extended master secret of session and hello', () => {
  const byTicket = (had: boolean, has: boolean) => {
    const kept = tickets({ session: copyOf(sessionOf({ extendedMasterSecret: had })) })
    const by = { id: filled(9, 1), masterSecret: sessionMaster, ticket }
    const resuming = had === has ? { session: by } : { extensions: [[35, ticket] as const] }
    return clientPuppet(false, { ...resuming, extendedMasterSecret: has }, kept.pair)
  }
  test('by ticket: had and has, resumes', () => {
    expect(byTicket(true, true).advance().subject.established?.resumed).toBe(true)
  })
  test('by ticket: had and has not, aborts', () => {
    expect(byTicket(true, false).advance(1).alert).toEqual(handshakeFailure)
  })
  test('by ticket: had not and has, a full handshake', () => {
    expect(byTicket(false, true).advance().subject.established).toMatchObject({ resumed: false })
  })
  test('by ticket: neither, resumes', () => {
    expect(byTicket(false, false).advance().subject.established?.resumed).toBe(true)
  })

  test('where it is required, a hello without it is handshake_failure, and a session without it is none', () => {
    const server = { requireExtendedMasterSecret: true }
    expect(clientPuppet(false, { extendedMasterSecret: false }, { server }).advance(1).alert).toEqual(
      handshakeFailure,
    )
    const resumed = clientPuppet(true, { extendedMasterSecret: false }, { server }).advance(1)
    expect(resumed.alert).toEqual(handshakeFailure)
    const client = { requireExtendedMasterSecret: true }
    expect(serverPuppet(false, { extendedMasterSecret: false }, { client }).advance(1).alert).toEqual(
      handshakeFailure,
    )
    expect(serverPuppet(false, {}, { client }).advance().subject.established).toBeDefined()
  })

  test.each([true, false])('a client whose ticket had it: %s, and an answer that has it not so', had => {
    const session = {
      sessionId: none,
      ticket,
      session: sessionOf({ extendedMasterSecret: had }),
      verified: true,
    }
    const taking = { id: none, masterSecret: sessionMaster, ticket }
    const answer = (has: boolean) =>
      serverPuppet(
        false,
        { session: taking, extendedMasterSecret: has },
        { client: { tickets: true, session } },
      )
    expect(answer(!had).advance(1).alert).toEqual(handshakeFailure)
    expect(answer(had).advance().subject.established?.resumed).toBe(true)
  })

  test('a client offers it with every hello, resumed or not', () => {
    for (const resumed of [false, true]) {
      const hello = serverPuppet(resumed).heardMessage('client_hello')!
      const types = decodeHandshakeBody('client_hello', hello).extensions?.map(each => each.extensionType)
      expect(types).toContain('extended_master_secret')
      expect(types).toContain('renegotiation_info')
    }
  })

  test('a body that is not empty: decode_error on either side', () => {
    expect(clientPuppet(false, { extensions: [[23, hex('00')]] }).advance(1).alert).toEqual(decodeError)
    expect(serverPuppet(false, { extensions: [[23, hex('00')]] }).advance(1).alert).toEqual(decodeError)
  })
})

describe('renegotiation_info (RFC 5746)', () => {
  test.each([hex(''), hex('01'), hex('00 00'), hex('02 00'), hex('0c 000102')])(
    'malformed %#: decode_error',
    data => {
      expect(clientPuppet(false, { extensions: [[0xff01, data]] }).advance(1).alert).toEqual(decodeError)
      expect(serverPuppet(false, { extensions: [[0xff01, data]] }).advance(1).alert).toEqual(decodeError)
    },
  )

  test('a server without it: handshake_failure where the client wants it (RFC 9325 §3.5)', () => {
    const hello = { extensions: [extensions.extendedMasterSecret] }
    const strict = { requireSecureRenegotiation: true }
    expect(serverPuppet(false, { hello }, { client: strict }).advance(1).alert).toEqual(handshakeFailure)
    const lenient = serverPuppet(false, { hello }).advance()
    expect(lenient.subject.established).toMatchObject({ secureRenegotiation: false })
  })

  test('not empty at a resumption either: handshake_failure', () => {
    const list: ExtensionByHand[] = [[0xff01, hex('01 00')]]
    expect(clientPuppet(true, { extensions: list }).advance(1).alert).toEqual(handshakeFailure)
    expect(serverPuppet(true, { extensions: list }).advance(1).alert).toEqual(handshakeFailure)
  })
})

describe('what a connection binds', () => {
  // RFC 5929 §3: the first Finished of the handshake, the client's when full, the server's when resumed.
  test.each(scenes)('$name: tls-unique is the first Finished', scene => {
    const puppet = scene.play()
    expect(puppet.subject.connection.tlsUnique).toBeUndefined()
    const steps = puppet.steps.length
    const first = scene.resumed ? 'server' : 'client'
    let own: Uint8Array = none
    puppet.advance(steps - 1)
    own = puppet.verifyData(scene.role)
    puppet.say('finished', own)
    const expected = scene.role === first ? own : puppet.heardMessage('finished')!
    expect(puppet.subject.connection.tlsUnique).toEqual(expected)
  })

  // RFC 5705 §4: PRF(master_secret, label, client_random + server_random [+ context length + context]).
  test.each(scenes)('$name: exporters are those of the other side', scene => {
    const puppet = scene.play()
    expect(() => puppet.subject.connection.exportKeyingMaterial(8, 'EXPERIMENTAL')).toThrow(/master secret/)
    puppet.advance()
    const { client, server } = puppet.randoms
    for (const context of [undefined, none, filled(300, 7)]) {
      const suffix = context ? cat(u16(context.length), context) : none
      const seed = cat(client, server, suffix)
      const expected = prfByHand('sha256', puppet.masterSecret!, { label: 'EXPERIMENTAL', seed, length: 45 })
      expect(puppet.subject.connection.exportKeyingMaterial(45, 'EXPERIMENTAL', context)).toEqual(expected)
    }
    puppet.subject.driver.abort()
    expect(() => puppet.subject.connection.exportKeyingMaterial(8, 'EXPERIMENTAL')).toThrow()
  })

  // RFC 5246 §7.3: application data waits for both Finished messages.
  test.each(scenes)("$name: nothing may be written before the peer's Finished is verified", scene => {
    const puppet = scene.play()
    for (const step of scene.steps) {
      expect(puppet.subject.connection.isWritable).toBe(false)
      if (step === 'change_cipher_spec') puppet.changeCipherSpec()
      else puppet.say(step, puppet.rightBody(step))
    }
    expect(puppet.subject.connection.isWritable).toBe(true)
  })

  test('a client that is resumed with another suite or version than its session has', () => {
    expect(serverPuppet(true, { hello: { suites: [0x009d], sessionId } }).advance(1).alert).toEqual(
      illegalParameter,
    )
    expect(serverPuppet(true, { hello: { version: 0x0302, sessionId } }).advance(1).alert).toEqual(
      protocolVersion,
    )
  })
})
