/** Client certificates on both sides (RFC 5246 §7.4.4, §7.4.6, §7.4.8; RFC 9155 §5). */
import { describe, expect, test } from 'vitest'
import { selectByServerName } from '../../src/driver/certificates.ts'
import { decodeHandshakeBody } from '../../src/messages/handshake.ts'
import { cat, certificateBody, filled, hex, none, u16, vec8, vec16, vec24 } from '../support/by-hand.ts'
import {
  badCertificate,
  decodeError,
  decryptError,
  handshakeFailure,
  illegalParameter,
  unexpectedMessage,
  unknownCa,
} from '../support/fatal.ts'
import {
  certificateDer,
  clientAuthorityName,
  type IdentityName,
  identity,
  keyObject,
  signByHand,
} from '../support/identities.ts'
import type { PairOptions } from '../support/pair.ts'
import { allSchemes, type Puppet, type PuppetOptions } from '../support/puppet.ts'
import { clientPuppet, serverPuppet } from '../support/scenes.ts'

const ecdhe = { suite: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256' } as const
const asks = (clientAuth: 'request' | 'require', more: PairOptions['server'] = {}): PairOptions => ({
  server: { clientAuth, ...more },
})
const messages = (puppet: Puppet) =>
  puppet.heard.map(heard => (heard.type === 'handshake' ? heard.message : heard.type))

/** A client with a certificate, before it proves that it has the key. */
const beforeProof = (
  identity: IdentityName = 'client-ec',
  pair = asks('require'),
  options: PuppetOptions = ecdhe,
) => clientPuppet(false, { clientAuth: true, identity, ...options }, pair).advance(3)

describe('CertificateRequest (RFC 5246 §7.4.4)', () => {
  test.each([ecdhe, { suite: 'TLS_RSA_WITH_AES_128_GCM_SHA256' } as const])(
    '$suite: stands before ServerHelloDone and says what will do',
    options => {
      const certificateAuthorities = [clientAuthorityName(), hex('3000')]
      const puppet = clientPuppet(false, options, asks('request', { certificateAuthorities })).advance(1)
      expect(messages(puppet).slice(-2)).toEqual([13, 14])
      const body = puppet.heardMessage('certificate_request')!
      // rsa_sign and ecdsa_sign: fixed Diffie-Hellman is not done here, nor is DSS.
      expect(body.slice(0, 3)).toEqual(hex('02 01 40'))
      const request = decodeHandshakeBody('certificate_request', body)
      expect(request.certificateAuthorities).toEqual(certificateAuthorities)
      expect(request.supportedSignatureAlgorithms).toHaveLength(allSchemes.length)
    },
  )

  test('is sent to nobody by default, and not when a session is resumed', () => {
    expect(clientPuppet(false, ecdhe).advance(1).heardMessage('certificate_request')).toBeUndefined()
    const resumed = clientPuppet(true, {}, asks('request')).advance()
    expect(resumed.heardMessage('certificate_request')).toBeUndefined()
  })

  test('at a client, before Certificate or after ServerHelloDone: unexpected_message', () => {
    for (const count of [1, 4]) {
      const puppet = serverPuppet(false, ecdhe).advance(count)
      puppet.say('certificate_request', puppet.rightBody('certificate_request'))
      expect(puppet.alert).toEqual(unexpectedMessage)
    }
  })

  test.each<[string, Uint8Array]>([
    ['no types', cat(vec8(), vec16(hex('0401')), vec16())],
    ['no signature algorithms', cat(vec8(hex('01')), vec16(), vec16())],
    ['signature algorithms of an odd length', cat(vec8(hex('01')), vec16(hex('040104')), vec16())],
    ['an empty name', cat(vec8(hex('01')), vec16(hex('0401')), vec16(vec16()))],
    ['names that end early', cat(vec8(hex('01')), vec16(hex('0401')), hex('0005 0002 30'))],
    ['a byte more', cat(vec8(hex('01')), vec16(hex('0401')), vec16(), hex('00'))],
  ])('with %s: decode_error', (_, body) => {
    const puppet = serverPuppet(false, ecdhe).advance(3)
    puppet.say('certificate_request', body)
    if (!puppet.subject.error) puppet.say('server_hello_done', none)
    expect(puppet.alert).toEqual(decodeError)
  })
})

describe('a client that is asked', () => {
  const answer = (identities: readonly IdentityName[]): PairOptions => ({
    clientAnswers: { selectCertificate: selectByServerName(identities.map(identity)) },
  })
  /** What a client says to a request of these types, schemes and authorities. */
  function asked(
    pair: PairOptions,
    request: { types?: number[]; schemes?: number[]; names?: Uint8Array[] } = {},
  ) {
    const { types = [1, 64], schemes = allSchemes, names = [] } = request
    const puppet = serverPuppet(false, ecdhe, pair).advance(3)
    const body = cat(
      vec8(Uint8Array.from(types)),
      vec16(...schemes.map(u16)),
      vec16(...names.map(name => vec16(name))),
    )
    puppet.say('certificate_request', body)
    puppet.say('server_hello_done', none)
    puppet.changeCipherSpec()
    puppet.say('finished', puppet.verifyData('server'))
    expect(puppet.subject.established).toBeDefined()
    return puppet
  }
  const shown = (puppet: Puppet) => puppet.heardMessage('certificate')!
  const only = (name: IdentityName) => certificateBody([certificateDer(name)])

  test('says Certificate, ClientKeyExchange, CertificateVerify, ChangeCipherSpec, Finished', () => {
    const puppet = asked(answer(['client-ec']))
    expect(messages(puppet)).toEqual([1, 11, 16, 15, 'change_cipher_spec', 20])
    expect(shown(puppet)).toEqual(only('client-ec'))
    expect(puppet.subject.established).toMatchObject({ clientSignatureScheme: 'ecdsa_secp256r1_sha256' })
  })

  test('and has none says Certificate without any, and no CertificateVerify', () => {
    for (const pair of [{}, answer([]), { clientAnswers: { selectCertificate: () => undefined } }]) {
      const puppet = asked(pair)
      expect(messages(puppet)).toEqual([1, 11, 16, 'change_cipher_spec', 20])
      expect(shown(puppet)).toEqual(hex('000000'))
    }
  })

  test('shows only a certificate of the types, schemes and authorities asked for', () => {
    const both = answer(['client-ec', 'client-rsa', 'client-ed25519'])
    expect(shown(asked(both))).toEqual(only('client-ec'))
    expect(shown(asked(both, { types: [1] }))).toEqual(only('client-rsa'))
    expect(shown(asked(both, { types: [64] }))).toEqual(only('client-ec'))
    expect(shown(asked(both, { types: [2, 3, 4] }))).toEqual(hex('000000'))
    expect(shown(asked(both, { schemes: [0x0501] }))).toEqual(only('client-rsa'))
    expect(shown(asked(both, { schemes: [0x0807] }))).toEqual(only('client-ed25519'))
    expect(shown(asked(both, { schemes: [0x0101, 0xf0f0] }))).toEqual(hex('000000'))
    expect(shown(asked(both, { names: [clientAuthorityName()] }))).toEqual(only('client-ec'))
    expect(shown(asked(both, { names: [hex('3000')] }))).toEqual(hex('000000'))
  })

  test('and is given one that does not fit shows none all the same', () => {
    const pair = { clientAnswers: { selectCertificate: () => identity('client-ec') } }
    expect(shown(asked(pair, { types: [1] }))).toEqual(hex('000000'))
    expect(shown(asked(answer(['client-encrypting'])))).toEqual(hex('000000'))
  })

  test('signs with the first of its own schemes that the server takes', () => {
    const puppet = asked(answer(['client-rsa']), { schemes: [0x0401, 0x0601, 0x0805] })
    expect(puppet.heardMessage('certificate_verify')!.slice(0, 2)).toEqual(u16(0x0401))
  })
})

describe('a server that asks', () => {
  test('request: a client without a certificate goes on; require: handshake_failure', () => {
    const puppet = clientPuppet(false, { ...ecdhe, clientAuth: true }, asks('request')).advance()
    expect(puppet.subject.established).toMatchObject({ verified: false, peerCertificates: [] })
    expect(puppet.subject.established?.session.clientAuthenticated).toBe(false)
    const required = clientPuppet(false, { ...ecdhe, clientAuth: true }, asks('require')).advance(2)
    expect(required.alert).toEqual(handshakeFailure)
  })

  test('a client with one: it is in the session', () => {
    for (const clientAuth of ['request', 'require'] as const) {
      const said = { ...ecdhe, clientAuth: true, identity: 'client-rsa' } as const
      const { established } = clientPuppet(false, said, asks(clientAuth)).advance().subject
      expect(established).toMatchObject({ verified: true, session: { clientAuthenticated: true } })
      expect(established?.session.peerCertificate).toEqual(certificateDer('client-rsa'))
    }
  })

  test('a Certificate that was not asked for: unexpected_message', () => {
    const puppet = clientPuppet(false, { ...ecdhe, clientAuth: true }).advance(2)
    expect(puppet.alert).toEqual(unexpectedMessage)
  })

  test.each<[string, Uint8Array, { level: number; description: number }]>([
    ['a certificate that is none', certificateBody([hex('3003020101')]), badCertificate],
    ['an empty one', vec24(vec24()), decodeError],
    ['a list that is longer than the message', hex('000010 000001 30'), decodeError],
    [
      'one behind the first that is none',
      certificateBody([certificateDer('client-ec'), hex('30')]),
      badCertificate,
    ],
    ['no list', none, decodeError],
  ])('%s', (_, body, alert) => {
    const puppet = clientPuppet(false, ecdhe, asks('require')).advance(1)
    puppet.say('certificate', body)
    expect(puppet.alert).toEqual(alert)
  })

  test.each<[IdentityName, number]>([
    ['client-stranger', unknownCa.description],
    ['client-expired', 45],
    ['client-not-for-clients', badCertificate.description],
    ['client-encrypting', illegalParameter.description],
  ])('%s is refused', (name, description) => {
    const said = { ...ecdhe, clientAuth: true, identity: name } as const
    expect(clientPuppet(false, said, asks('request')).advance(2).alert).toEqual({ level: 2, description })
  })
})

describe('CertificateVerify (RFC 5246 §7.4.8)', () => {
  const key = keyObject('client-ec')
  const proof = (scheme: number, signature: Uint8Array) => cat(u16(scheme), vec16(signature))

  test('signs all messages from ClientHello to ClientKeyExchange, themselves and not their hash', () => {
    const puppet = beforeProof()
    puppet.say('certificate_verify', puppet.rightBody('certificate_verify'))
    puppet.changeCipherSpec()
    puppet.say('finished', puppet.verifyData('client'))
    expect(puppet.subject.established).toMatchObject({ clientSignatureScheme: 'ecdsa_secp256r1_sha256' })
  })

  const wrong: readonly [string, (messages: Uint8Array) => Uint8Array][] = [
    ['nothing', () => none],
    ['all but the first byte', all => all.slice(1)],
    ['all but the last message', all => all.slice(0, -37)],
    ['one message more', all => cat(all, hex('0e000000'))],
    ['one bit less', all => all.map((byte, at) => (at === 40 ? byte ^ 1 : byte))],
  ]
  test.each(wrong)('over %s: decrypt_error', (_, change) => {
    const puppet = beforeProof()
    puppet.say('certificate_verify', puppet.signed(change(puppet.handshakeMessages)))
    expect(puppet.alert).toEqual(decryptError)
    expect(puppet.subject.established).toBeUndefined()
  })

  test('by another key, cut, longer, empty, or all zero: decrypt_error', () => {
    const other = keyObject('ec')
    const signature = (puppet: Puppet) => signByHand(key, 0x0403, puppet.handshakeMessages)
    for (const body of [
      (puppet: Puppet) => proof(0x0403, signByHand(other, 0x0403, puppet.handshakeMessages)),
      (puppet: Puppet) => proof(0x0403, signature(puppet).slice(0, -1)),
      (puppet: Puppet) => proof(0x0403, cat(signature(puppet), hex('00'))),
      () => proof(0x0403, none),
      () => proof(0x0403, hex('3006020100020100')),
      () => proof(0x0403, filled(70, 0)),
    ]) {
      const puppet = beforeProof()
      puppet.say('certificate_verify', body(puppet))
      expect(puppet.alert).toEqual(decryptError)
    }
  })

  test('lengths that do not fit: decode_error', () => {
    const puppet = () => beforeProof()
    for (const change of [
      (body: Uint8Array) => cat(body, hex('00')),
      (body: Uint8Array) => body.slice(0, -1),
      () => hex('0403'),
      () => none,
    ]) {
      const each = puppet()
      each.say('certificate_verify', change(each.rightBody('certificate_verify')))
      expect(each.alert).toEqual(decodeError)
    }
  })

  // RFC 9155 §5 and RFC 5246 §7.4.8: it MUST be one of those in CertificateRequest, and fit the key.
  test.each([0x0101, 0x0201, 0x0203, 0x0303, 0x0401, 0x0804, 0x0807, 0xffff])(
    "of a scheme that was not asked for, or is another key's: %i: illegal_parameter",
    scheme => {
      const puppet = beforeProof()
      puppet.say('certificate_verify', proof(scheme, signByHand(key, 0x0403, puppet.handshakeMessages)))
      expect(puppet.alert).toEqual(illegalParameter)
    },
  )

  test('of a scheme that this server alone did not ask for: illegal_parameter', () => {
    const pair = asks('require', {
      signatureSchemes: ['ecdsa_secp384r1_sha384'],
      signingSchemes: ['rsa_pkcs1_sha256'],
    })
    const puppet = beforeProof('client-ec', pair)
    puppet.say('certificate_verify', puppet.rightBody('certificate_verify'))
    expect(puppet.alert).toEqual(illegalParameter)
  })

  test('missing after a certificate, or there after none: unexpected_message', () => {
    const missing = beforeProof()
    missing.changeCipherSpec()
    expect(missing.alert).toEqual(unexpectedMessage)
    const surplus = clientPuppet(false, { ...ecdhe, clientAuth: true }, asks('request')).advance(3)
    expect(surplus.alert).toBeUndefined()
    const signed = cat(u16(0x0403), vec16(signByHand(key, 0x0403, surplus.handshakeMessages)))
    surplus.say('certificate_verify', signed)
    expect(surplus.alert).toEqual(unexpectedMessage)
  })

  test('before ClientKeyExchange: unexpected_message', () => {
    const said = { ...ecdhe, clientAuth: true, identity: 'client-ec' } as const
    const puppet = clientPuppet(false, said, asks('require')).advance(2)
    puppet.say('certificate_verify', puppet.rightBody('certificate_verify'))
    expect(puppet.alert).toEqual(unexpectedMessage)
  })

  test('with RSA key exchange, DHE, and without the extended master secret', () => {
    for (const options of [
      { suite: 'TLS_RSA_WITH_AES_128_CBC_SHA' },
      { suite: 'TLS_DHE_RSA_WITH_AES_128_GCM_SHA256' },
      { ...ecdhe, extendedMasterSecret: false },
      { suite: 'TLS_RSA_WITH_AES_256_GCM_SHA384', extendedMasterSecret: false },
    ] as const) {
      const said = { ...options, clientAuth: true, identity: 'client-rsa' } as const
      expect(clientPuppet(false, said, asks('require')).advance().subject.established?.verified).toBe(true)
      const pair = { clientAnswers: { selectCertificate: () => identity('client-rsa') } }
      const puppet = serverPuppet(false, { ...options, clientAuth: true }, pair).advance()
      expect(puppet.subject.established?.clientSignatureScheme).toBeDefined()
    }
  })
})
