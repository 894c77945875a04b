import { describe, expect, it } from 'vitest'
import type { CipherSuiteName } from '../../src/crypto/cipher-suites.ts'
import { cipherSuiteNames } from '../../src/crypto/cipher-suites.ts'
import { MemorySessionCache } from '../../src/driver/memory-session-cache.ts'
import { findExtension } from '../../src/messages/extensions/index.ts'
import { supportedGroups } from '../../src/messages/extensions/supported-groups.ts'
import { decodeHandshakeBody } from '../../src/messages/handshake.ts'
import { encode } from '../../src/wire/codec.ts'
import { type ExtensionByHand, u16, vec16 } from '../support/by-hand.ts'
import { certificateDer, identity } from '../support/identities.ts'
import { groupNumbers } from '../support/key-exchange-by-hand.ts'
import { clientSide, connectPair, exchange, serverSide, testNowMs } from '../support/pair.ts'
import { clientPuppet, serverPuppet } from '../support/scenes.ts'

describe('client and server in memory', () => {
  it.each(cipherSuiteNames)('%s: full, then resumed, data both ways', suite => {
    const cache = new MemorySessionCache({ now: () => testNowMs })
    const first = connectPair({ cache, client: { cipherSuites: [suite] } })
    expect(first.server.error).toBeUndefined()
    expect(first.client.error).toBeUndefined()
    const made = first.client.established!
    expect(made).toMatchObject({ suite, resumed: false, verified: true, resumption: 'no_id' })
    expect(first.server.established).toMatchObject({ suite, resumed: false, resumption: 'no_id' })
    first.client.driver.write(Buffer.from('ping'))
    exchange(first.client, first.server)
    first.server.driver.write(Buffer.from('pong'))
    exchange(first.client, first.server)
    expect(first.server.received).toBe('ping')
    expect(first.client.received).toBe('pong')

    const session = { sessionId: made.sessionId, session: made.session, verified: true }
    const second = connectPair({ cache, seed: 'second', client: { cipherSuites: [suite], session } })
    expect(second.client.error).toBeUndefined()
    expect(second.client.established).toMatchObject({ suite, resumed: true })
    expect(second.server.established).toMatchObject({ suite, resumed: true, resumption: 'hit' })
  })
})

/** What a puppet may leave out: each by each (RFC 7366 §2, RFC 7627 §5.2). */
const choices = cipherSuiteNames.flatMap(suite =>
  [true, false].flatMap(extendedMasterSecret =>
    (suite.includes('_CBC_') ? [true, false] : [false]).map(encryptThenMac => ({
      suite,
      extendedMasterSecret,
      encryptThenMac,
    })),
  ),
)

describe('a peer by hand, with and without each extension', () => {
  for (const role of ['client', 'server'] as const) {
    const play = role === 'client' ? clientPuppet : serverPuppet
    it.each(choices)(
      `${role}: $suite, extended master secret $extendedMasterSecret, encrypt-then-MAC $encryptThenMac`,
      choice => {
        for (const resumed of [false, true]) {
          const puppet = play(resumed, choice).advance()
          expect(puppet.subject.error).toBeUndefined()
          const { suite, extendedMasterSecret, encryptThenMac } = choice
          expect(puppet.subject.established).toMatchObject({
            ...{ suite, encryptThenMac, resumed },
            session: { cipherSuite: suite, extendedMasterSecret },
          })
          puppet.send('application_data', Buffer.from('ping'))
          puppet.subject.driver.write(Buffer.from('pong'))
          puppet.listen()
          expect([puppet.subject.received, puppet.heardData]).toEqual(['ping', 'pong'])
        }
      },
    )
  }
})

describe('every group with a peer by hand', () => {
  const suites = {
    curve: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    field: 'TLS_DHE_RSA_WITH_AES_128_GCM_SHA256',
  } as const
  const groups = ['x25519', 'secp256r1', 'secp384r1', 'secp521r1', 'ffdhe2048'] as const
  it.each(groups)('%s, both roles', group => {
    const suite = group === 'ffdhe2048' ? suites.field : suites.curve
    const only: ExtensionByHand = [10, vec16(u16(groupNumbers[group]))]
    // The certificate's curve is one that the client must name, too (RFC 8422 §5.1).
    const list: ExtensionByHand = [10, vec16(u16(groupNumbers[group]), u16(groupNumbers.secp256r1))]
    const config = { groups: [group] }
    const client = clientPuppet(false, { suite, extensions: [list] }, { server: config }).advance()
    expect(client.subject.established).toMatchObject({ suite, group })
    const toClient = suite.replace('ECDSA', 'RSA') as CipherSuiteName
    const server = serverPuppet(false, { suite: toClient, group }, { client: config }).advance()
    expect(server.subject.established).toMatchObject({ suite: toClient, group })
    const offered = decodeHandshakeBody('client_hello', server.heardMessage('client_hello')!).extensions
    expect(encode(supportedGroups, findExtension(offered, 'supported_groups')!)).toEqual(only[1])
  })
})

describe('every key with a peer by hand, on either side', () => {
  const servers = ['ec', 'ec384', 'ec521', 'ed25519', 'server', 'rsa-pss', 'rsa-signing'] as const
  it.each(servers)('a server with %s', name => {
    const kind = name.startsWith('ec') || name === 'ed25519' ? 'ECDSA' : 'RSA'
    const suite = `TLS_ECDHE_${kind}_WITH_AES_128_GCM_SHA256` as const
    const answers = { serverAnswers: { selectCertificate: () => identity(name) } }
    expect(clientPuppet(false, { suite }, answers).advance().subject.established).toMatchObject({ suite })
    const puppet = serverPuppet(false, { suite, identity: name }).advance()
    expect(puppet.subject.established).toMatchObject({ suite, verified: true })
  })

  const clients = ['client-ec', 'client-rsa', 'client-ed25519', 'client-rsa-pss'] as const
  it.each(clients)('a client with %s', name => {
    const suite = 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'
    const said = { suite, clientAuth: true, identity: name } as const
    const puppet = clientPuppet(false, said, { server: { clientAuth: 'require' } }).advance()
    expect(puppet.subject.established).toMatchObject({ verified: true })
    expect(puppet.subject.established!.peerCertificates).toEqual([certificateDer(name)])
    const pair = { clientAnswers: { selectCertificate: () => identity(name) } }
    const server = serverPuppet(false, { suite, clientAuth: true }, pair).advance()
    expect(server.subject.established?.clientSignatureScheme).toBeDefined()
    expect(server.heardMessage('certificate_verify')).toBeDefined()
  })
})

it('data that comes in one piece with the last Finished is not counted to the handshake', () => {
  const cache = new MemorySessionCache({ now: () => testNowMs })
  const { sessionId, session, verified } = connectPair({ cache }).client.established!
  const server = serverSide({ cache, seed: 'second' })
  const client = clientSide({ seed: 'second', client: { session: { sessionId, session, verified } } })
  server.driver.start()
  client.driver.start()
  server.driver.receive(client.take())
  client.driver.receive(server.take())
  const finished = client.take()
  client.driver.write(Buffer.from('at once'))
  const data = client.take()
  server.driver.receive(Buffer.concat([finished, data]))
  expect(server.connection.handshakeBytesRead).toBe(Buffer.concat(client.sent).length - data.length)
  expect(server.established?.resumed).toBe(true)
  expect(server.received).toBe('at once')
})
