/** Secrets are not printed, and do not outlive their use (DESIGN §3, §5; RFC 5246 §8.1). */
import { inspect } from 'node:util'
import { describe, expect, it, test } from 'vitest'
import type { ConnectionEvent } from '../../src/connection/connection.ts'
import type { CryptoProvider } from '../../src/crypto/provider.ts'
import type { Driver } from '../../src/driver/driver.ts'
import { choosePreMaster } from '../../src/handshake/pre-master.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { Secret } from '../../src/secret.ts'
import { encodeClientSession } from '../../src/session/client-session.ts'
import { filled, hex } from '../support/by-hand.ts'
import { FakeCache, hexOf, serverWith } from '../support/fake-cache.ts'
import { seededRandom, testCertifiedKey } from '../support/pair.ts'
import { Puppet } from '../support/puppet.ts'
import { allScenes, clientPuppet, scenes, sessionOf } from '../support/scenes.ts'

const zeros = filled(48, 0)

/** Everything that could give bytes away: hexadecimal, base64, and lists of numbers in both notations. */
function spellings(bytes: Uint8Array): string[] {
  const numbers = [...bytes]
  return [
    Buffer.from(bytes).toString('hex'),
    Buffer.from(bytes).toString('base64').replace(/=+$/, ''),
    Buffer.from(bytes).toString('base64url'),
    numbers.join(','),
    numbers.join(', '),
    numbers.map((byte, index) => `"${index}":${byte}`).join(','),
  ]
}

describe.each(allScenes)('$name', scene => {
  it('nothing that is printed holds the master secret or a key', () => {
    const puppet = scene.play().advance()
    const { subject } = puppet
    const { established, events, connection, driver } = subject
    const values = { established, events, connection, driver, session: established?.session, subject }
    const printed = Object.values(values).flatMap(value => [
      inspect(value, { depth: 20, showHidden: true, maxArrayLength: null }),
      JSON.stringify(value),
      String(value),
    ])
    const keys = [0, 16, 32].map(start => puppet.keyBlock.subarray(start, start + 16))
    for (const secret of [puppet.masterSecret!.subarray(0, 16), puppet.masterSecret!.subarray(32), ...keys]) {
      for (const spelling of spellings(secret))
        for (const text of printed) expect(text.replace(/\s+/g, ' ')).not.toContain(spelling)
    }
    // The way of looking is one that would find them.
    const open = JSON.stringify({ secret: puppet.masterSecret })
    expect(spellings(puppet.masterSecret!).some(spelling => open.includes(spelling))).toBe(true)
  })

  it.each<[string, (puppet: Puppet) => void]>([
    [
      'both have closed',
      puppet => {
        puppet.subject.driver.close()
        puppet.send('alert', hex('0100'))
      },
    ],
    ['an abort', puppet => puppet.subject.driver.abort()],
    ['an end of the transport', puppet => puppet.subject.driver.end()],
    ['a fatal alert of the peer', puppet => puppet.send('alert', hex('0228'))],
    ['a fault of the peer', puppet => puppet.send('handshake', hex('0e000000'))],
  ])('the master secret is wiped after %s', (_, finish) => {
    const puppet = scene.play().advance()
    const { masterSecret } = puppet.subject.established!.session
    expect(masterSecret.reveal()).toEqual(puppet.masterSecret)
    finish(puppet)
    expect(masterSecret.reveal()).toEqual(zeros)
  })
})

// The driver wipes too; who uses a Connection alone has nobody but it.
test.each<[string, (puppet: Puppet) => unknown]>([
  ['end()', puppet => puppet.subject.connection.end()],
  ['abort()', puppet => puppet.subject.connection.abort()],
  ['a fatal alert', puppet => puppet.subject.connection.receive(puppet.record('alert', hex('0228')))],
  ['a fault', puppet => puppet.subject.connection.receive(puppet.record('handshake', hex('0e000000')))],
])('a connection without a driver wipes its master secret after %s', (_, finish) => {
  const puppet = scenes[0]!.play().advance()
  const { masterSecret } = puppet.subject.established!.session
  expect(masterSecret.reveal()).toEqual(puppet.masterSecret)
  finish(puppet)
  expect(masterSecret.reveal()).toEqual(zeros)
})

/** A server that gets the client's Finished, and what follows, in one segment, before a host that reacts. */
function lastSegment(follow: Uint8Array, onEvent: (event: ConnectionEvent, driver: Driver) => void) {
  const cache = new FakeCache()
  const subject = serverWith({ cache })
  const push = subject.events.push.bind(subject.events)
  subject.events.push = (...events) => {
    for (const event of events) onEvent(event, subject.driver)
    return push(...events)
  }
  const puppet = new Puppet('client', subject).advance(3)
  const finished = puppet.record('handshake', puppet.note('finished', puppet.verifyData('client')))
  subject.driver.receive(Buffer.concat([finished, follow]))
  return { cache, puppet, events: subject.events }
}

// A session with a key of zeros would be one that anybody can resume.
describe('a session is never handed out wiped', () => {
  test('when the connection fails in the step that established it', () => {
    let secret = ''
    let kept: Secret | undefined
    const { cache, puppet, events } = lastSegment(
      hex('17 0303 0018 000000000000000000000000000000000000000000000000'),
      event => {
        if (event.type !== 'established') return
        kept = event.established.session.masterSecret
        secret = hexOf(kept.reveal())
      },
    )
    expect(events.map(event => event.type)).toEqual([
      'established',
      'sessionEstablished',
      'sessionForgotten',
      'failed',
    ])
    expect(secret).toBe(hexOf(puppet.masterSecret!))
    expect(cache.saved.map(each => each.masterSecret)).toEqual([hexOf(puppet.masterSecret!)])
    expect(cache.forgotten).toEqual(cache.saved.map(each => each.id))
    expect(kept?.reveal()).toEqual(zeros)
  })

  test('when the host aborts as soon as it is established', () => {
    const { cache, puppet } = lastSegment(new Uint8Array(0), (event, driver) => {
      if (event.type === 'established') driver.abort()
    })
    expect(cache.saved.map(each => each.masterSecret)).toEqual([hexOf(puppet.masterSecret!)])
  })
})

describe('handshakes that end early', () => {
  test("a resumed session's secret is wiped on a wrong Finished, an abort, and a fatal alert", () => {
    for (const finish of [
      (puppet: Puppet) => {
        puppet.changeCipherSpec()
        puppet.say('finished', filled(12, 0))
      },
      (puppet: Puppet) => puppet.subject.driver.abort(),
      (puppet: Puppet) => puppet.send('alert', hex('0228')),
      (puppet: Puppet) => puppet.subject.driver.end(),
    ]) {
      const session = sessionOf()
      const cache = new FakeCache(() => ({ session }))
      const offered = { id: filled(32, 0xab), masterSecret: session.masterSecret.reveal().slice() }
      const puppet = new Puppet('client', serverWith({ cache }), { session: offered }).advance(1)
      expect(session.masterSecret.reveal()).not.toEqual(zeros)
      finish(puppet)
      expect(session.masterSecret.reveal()).toEqual(zeros)
    }
  })

  // RFC 5246 §8.1: "The pre_master_secret should be deleted from memory once the master_secret has been computed."
  test('the decrypted block and with it the premaster secret are wiped', () => {
    const certified = testCertifiedKey()
    const blocks: Uint8Array[] = []
    const key = {
      publicKey: certified.key.publicKey,
      sign: certified.key.sign.bind(certified.key),
      decryptRaw: (ciphertext: Uint8Array) => {
        const block = certified.key.decryptRaw!(ciphertext)
        if (block instanceof Uint8Array) blocks.push(block)
        return block
      },
    }
    const answers = { selectCertificate: () => ({ ...certified, key }) }
    const puppet = new Puppet('client', serverWith({ cache: new FakeCache(), answers })).advance()
    expect(puppet.subject.established).toBeDefined()
    expect(blocks).toHaveLength(1)
    expect(blocks[0]!.every(byte => byte === 0)).toBe(true)
    expect(choosePreMaster(undefined, 256, 0x0303, filled(48, 1))).toEqual(filled(48, 1))
  })

  // Whatever way the bytes came: the ones that were drawn are the secret as much as the ones that were encrypted.
  test("the 46 bytes of a client's premaster secret are wiped where they were drawn", () => {
    const drawn: Uint8Array[] = []
    const source = seededRandom('premaster')
    const random = (length: number) => {
      const bytes = source(length)
      if (length === 46) drawn.push(bytes)
      return bytes
    }
    const scene = scenes.find(each => each.role === 'server' && !each.resumed)!
    const puppet = scene.play({}, { client: { random } }).advance()
    expect(puppet.subject.established).toBeDefined()
    expect(drawn).toEqual([filled(46, 0)])
  })

  test("the client's offered session outlives the connection", () => {
    const scene = scenes.find(each => each.role === 'server' && each.resumed)!
    const session = sessionOf()
    const offered = { sessionId: filled(32, 0xab), session, verified: true }
    const puppet = scene.play({}, { client: { session: offered } }).advance()
    puppet.subject.driver.abort()
    expect(session.masterSecret.reveal()).not.toEqual(zeros)
    expect(encodeClientSession(offered).length).toBeGreaterThan(100)
  })
})

describe('keylog', () => {
  test('is silent unless asked for, and then opens the traffic', () => {
    const silent = scenes[0]!.play().advance()
    expect(silent.subject.events.some(event => event.type === 'keylog')).toBe(false)
    const spoken = scenes[0]!.play({}, { server: { keylog: true } }).advance()
    const line = spoken.subject.events.flatMap(event => (event.type === 'keylog' ? [event.line] : []))
    expect(line).toEqual([`CLIENT_RANDOM ${'c1'.repeat(32)} ${hexOf(spoken.masterSecret!)}`])
  })
})

test('errors hold no key material', () => {
  const puppet = scenes[0]!.play().advance()
  puppet.send('handshake', hex('0e000000'))
  const text = inspect(puppet.subject.error, { depth: 20, showHidden: true })
  for (const spelling of spellings(puppet.masterSecret!)) expect(text).not.toContain(spelling)
  expect(inspect(new Secret(hex('0102')))).toBe('[secret, 2 bytes]')
})

describe('ephemeral keys', () => {
  const suite = 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'
  const asking = { clientAuth: 'require' } as const

  test.each<[string, (puppet: Puppet) => unknown]>([
    [
      'the client has a certificate that is none',
      puppet => puppet.say('certificate', hex('000004 000001 30')),
    ],
    ['the client breaks off', puppet => puppet.subject.driver.end()],
    ['we give up', puppet => puppet.subject.driver.abort()],
    ['the client says something else', puppet => puppet.send('application_data', hex('00'))],
  ])('a share that nobody answers is wiped when %s', (_, finish) => {
    const wiped: boolean[] = []
    const provider: CryptoProvider = {
      ...nobleProvider,
      keyShare: (group, random) => {
        const share = nobleProvider.keyShare(group, random)
        const index = wiped.push(false) - 1
        const wipe = () => {
          wiped[index] = true
          share.wipe()
        }
        return { publicKey: share.publicKey, agree: peer => share.agree(peer), wipe }
      },
    }
    const puppet = clientPuppet(false, { suite }, { provider, server: asking }).advance(1)
    expect(wiped).toEqual([false])
    finish(puppet)
    expect(wiped).toEqual([true])
  })
})
