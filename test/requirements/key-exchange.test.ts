/** Ephemeral key exchange and its signatures (RFC 5246 §7.4.1.4.1, §7.4.3, §7.4.7; RFC 7919; RFC 8422; RFC 9155). */
import { describe, expect, test } from 'vitest'
import { decodeHandshakeBody } from '../../src/messages/handshake.ts'
import { cat, type ExtensionByHand, filled, hex, none, u8, u16, vec8, vec16 } from '../support/by-hand.ts'
import {
  decodeError,
  decryptError,
  handshakeFailure,
  illegalParameter,
  insufficientSecurity,
  unexpectedMessage,
} from '../support/fatal.ts'
import { type IdentityName, identity } from '../support/identities.ts'
import {
  bytesOf,
  ffdhe2048,
  type GroupByHand,
  groupNumbers,
  numberOf,
  paramsBody,
  readParams,
  shareOf,
  shortFieldShare,
} from '../support/key-exchange-by-hand.ts'
import type { PairOptions } from '../support/pair.ts'
import { allSchemes, type Puppet, type PuppetOptions } from '../support/puppet.ts'
import { clientPuppet, serverPuppet } from '../support/scenes.ts'

const ecdhe = { suite: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256' } as const
const ecdsa = { suite: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256' } as const
const dhe = { suite: 'TLS_DHE_RSA_WITH_AES_128_GCM_SHA256' } as const
const serverHelloOf = (puppet: Puppet) =>
  decodeHandshakeBody('server_hello', puppet.heardMessage('server_hello')!)
const withKey = (name: IdentityName): PairOptions => ({
  serverAnswers: { selectCertificate: () => identity(name) },
})
const schemesOf = (...numbers: number[]): ExtensionByHand => [13, vec16(...numbers.map(u16))]
const groupsOf = (...numbers: number[]): ExtensionByHand => [10, vec16(...numbers.map(u16))]

/** The scheme and group that a server chose. */
function choiceOf(puppet: Puppet) {
  const body = puppet.heardMessage('server_key_exchange')!
  const { group, end } = readParams(body, puppet.keyExchange === 'ecdhe')
  return { group, scheme: (body[end]! << 8) | body[end + 1]! }
}

describe('the server signs with what the client takes (RFC 5246 §7.4.1.4.1, RFC 8446 §4.2.3)', () => {
  const fitting: readonly [IdentityName, readonly number[]][] = [
    ['server', [0x0401, 0x0501, 0x0601, 0x0804, 0x0805, 0x0806]],
    ['rsa-pss', [0x0809, 0x080a, 0x080b]],
    ['ec', [0x0403, 0x0503, 0x0603]],
    ['ec384', [0x0403, 0x0503, 0x0603]],
    ['ed25519', [0x0807]],
  ]
  test.each(fitting)('%s', (name, schemes) => {
    const options = name.startsWith('e') ? ecdsa : ecdhe
    const groups = groupsOf(29, 23, 24)
    for (const scheme of allSchemes) {
      const extensions = [schemesOf(scheme), groups]
      const puppet = clientPuppet(false, { ...options, extensions }, withKey(name)).advance(1)
      if (schemes.includes(scheme)) expect(choiceOf(puppet).scheme).toBe(scheme)
      else expect(puppet.alert, scheme.toString(16)).toEqual(handshakeFailure)
    }
  })

  test('our own order decides among several, and unknown pairs and long lists are passed over', () => {
    const unknown = Array.from({ length: 200 }, (_, i) => 0xf000 + i)
    const extensions = [schemesOf(...unknown, 0x0601, 0x0401, 0x0804, 0x0804, 0x0101, 0xfe04)]
    const puppet = clientPuppet(false, { ...ecdhe, extensions }).advance()
    expect(choiceOf(puppet).scheme).toBe(0x0804)
    expect(puppet.subject.established).toMatchObject({ serverSignatureScheme: 'rsa_pss_rsae_sha256' })
  })

  test('none in common: RSA key exchange where it is offered, else handshake_failure', () => {
    const extensions = [schemesOf(0x0807)]
    const rsaToo = { ...ecdhe, extensions, hello: { suites: [0xc02f, 0x009c], extensions } }
    const puppet = clientPuppet(false, rsaToo).advance(1)
    expect(serverHelloOf(puppet).cipherSuite).toBe('TLS_RSA_WITH_AES_128_GCM_SHA256')
    expect(puppet.heardMessage('server_key_exchange')).toBeUndefined()
    expect(clientPuppet(false, { ...ecdhe, extensions }).advance(1).alert).toEqual(handshakeFailure)
  })

  // docs/decisions/0016: RFC 9155 §4 against RFC 5246 §7.4.1.4.1.
  describe('a hello without signature_algorithms', () => {
    const extensions = [groupsOf(23), [23, none] as const]
    const hello = (suites: number[]) => ({ ...ecdhe, hello: { suites, extensions } })
    test('gets RSA key exchange where it is offered', () => {
      const puppet = clientPuppet(false, hello([0xc02f, 0x009c])).advance(1)
      expect(serverHelloOf(puppet).cipherSuite).toBe('TLS_RSA_WITH_AES_128_GCM_SHA256')
    })
    test('gets handshake_failure where a signature is needed', () => {
      expect(clientPuppet(false, hello([0xc02f])).advance(1).alert).toEqual(handshakeFailure)
    })
    test('gets SHA-1 from a server that names it', () => {
      const server = { signingSchemes: ['rsa_pkcs1_sha1'] } as const
      expect(choiceOf(clientPuppet(false, hello([0xc02f]), { server }).advance(1)).scheme).toBe(0x0201)
    })
  })

  // RFC 5246 §7.4.2: the chain's own signatures are another matter: there is one chain a key.
  test('the chain is sent though the client names no scheme that signed it', () => {
    const puppet = clientPuppet(false, { ...ecdhe, extensions: [schemesOf(0x0806)] }).advance()
    expect(puppet.subject.established).toMatchObject({ serverSignatureScheme: 'rsa_pss_rsae_sha512' })
    const onlyEc = [schemesOf(0x0804), [50, vec16(u16(0x0403))] as const]
    expect(clientPuppet(false, { ...ecdhe, extensions: onlyEc }).advance().subject.error).toBeUndefined()
  })

  test('a malformed signature_algorithms_cert is decode_error', () => {
    for (const data of [none, vec16(), vec16(hex('04')), cat(vec16(hex('0401')), u8(0))]) {
      const puppet = clientPuppet(false, { ...ecdhe, extensions: [[50, data]] }).advance(1)
      expect(puppet.alert).toEqual(decodeError)
    }
  })

  // RFC 9155 §2, §4 and RFC 5246: neither MD5 (1) nor SHA-1 (2) is offered or used.
  test('no MD5 and no SHA-1 in our signature_algorithms and CertificateRequest', () => {
    const hashes = (schemes: readonly (string | number)[]) =>
      schemes.filter(scheme => typeof scheme === 'number' || /sha1$|md5/.test(scheme))
    const hello = decodeHandshakeBody('client_hello', serverPuppet(false).heardMessage('client_hello')!)
    const list = hello.extensions!.find(each => each.extensionType === 'signature_algorithms')!
    const { supportedSignatureAlgorithms } = list.extensionData as {
      supportedSignatureAlgorithms: readonly string[]
    }
    expect(hashes(supportedSignatureAlgorithms)).toEqual([])
    const asking = clientPuppet(false, ecdhe, { server: { clientAuth: 'request' } }).advance(1)
    const request = decodeHandshakeBody('certificate_request', asking.heardMessage('certificate_request')!)
    expect(hashes(request.supportedSignatureAlgorithms)).toEqual([])
    for (const scheme of [0x0201, 0x0203, 0x0101])
      expect(clientPuppet(false, { ...ecdhe, extensions: [schemesOf(scheme)] }).advance(1).alert).toEqual(
        handshakeFailure,
      )
  })

  // RFC 5246 §7.4.1.4.1: "in the case of session resumption ... the server will ... ignore" it.
  test('on resumption the extension has no effect', () => {
    for (const extensions of [[schemesOf(0x0807)], [schemesOf(0xf0f0)], []])
      expect(clientPuppet(true, { ...ecdhe, extensions }).advance().subject.established?.resumed).toBe(true)
  })
})

/** A client that has heard ServerHello and Certificate. */
const waiting = (options: PuppetOptions = ecdhe, client: PairOptions['client'] = {}) =>
  serverPuppet(false, options, { client }).advance(2)

/** What a client says to a ServerKeyExchange and, if it has not complained, to ServerHelloDone. */
function judged(puppet: Puppet, body: Uint8Array) {
  puppet.say('server_key_exchange', body)
  if (!puppet.subject.error) puppet.say('server_hello_done', none)
  return puppet.alert
}

describe('a client and the signature of ServerKeyExchange (RFC 5246 §7.4.3)', () => {
  test.each([0x0201, 0x0101, 0x0400, 0x0402, 0x0000, 0xffff])('of a scheme not offered: %i', scheme => {
    const puppet = waiting()
    const body = puppet.serverKeyExchange()
    body.set(u16(scheme), 4 + 32)
    expect(judged(puppet, body)).toEqual(illegalParameter)
  })

  test.each([0x0403, 0x0807, 0x0809])('of a scheme for another key: %i', scheme => {
    const puppet = waiting()
    const body = puppet.serverKeyExchange()
    body.set(u16(scheme), 4 + 32)
    expect(judged(puppet, body)).toEqual(illegalParameter)
  })

  test('of a scheme that this client alone does not take', () => {
    const puppet = waiting(ecdhe, { signatureSchemes: ['rsa_pss_rsae_sha256'] })
    expect(judged(puppet, puppet.serverKeyExchange())).toEqual(illegalParameter)
    const other = waiting(ecdhe, { signatureSchemes: ['rsa_pss_rsae_sha256'] })
    expect(judged(other, other.serverKeyExchange({ scheme: 0x0804 }))).toBeUndefined()
  })

  test.each<[string, (puppet: Puppet) => Uint8Array]>([
    ['the randoms swapped', ({ randoms }) => cat(randoms.server, randoms.client)],
    ['another client random', ({ randoms }) => cat(filled(32, 1), randoms.server)],
    ['another server random', ({ randoms }) => cat(randoms.client, filled(32, 1))],
    ['no randoms', () => none],
  ])('over %s: decrypt_error', (_, randoms) => {
    const puppet = waiting()
    const params = paramsBody('x25519', shareOf('x25519').publicKey)
    const signed = cat(randoms(puppet), params)
    expect(judged(puppet, puppet.serverKeyExchange({ params, signed }))).toEqual(decryptError)
  })

  test('over another key: decrypt_error', () => {
    const puppet = waiting()
    const params = paramsBody('x25519', shareOf('x25519').publicKey)
    const other = paramsBody('x25519', shareOf('x25519').publicKey)
    const signed = cat(puppet.randoms.client, puppet.randoms.server, other)
    expect(judged(puppet, puppet.serverKeyExchange({ params, signed }))).toEqual(decryptError)
  })

  test.each([ecdhe, ecdsa])('$suite: empty, cut or with a bit changed: decrypt_error', options => {
    const signatureStart = 4 + 32 + 2
    for (const change of [
      () => none,
      (signature: Uint8Array) => signature.slice(0, -1),
      (signature: Uint8Array) => cat(signature, u8(0)),
      (signature: Uint8Array) => signature.map((byte, at) => (at === 9 ? byte ^ 1 : byte)),
    ]) {
      const puppet = waiting(options)
      const body = puppet.serverKeyExchange()
      const signature = body.slice(signatureStart + 2)
      const changed = cat(body.slice(0, signatureStart), vec16(change(signature)))
      expect(judged(puppet, changed)).toEqual(decryptError)
    }
  })

  test('missing altogether: decode_error', () => {
    const puppet = waiting()
    expect(judged(puppet, puppet.serverKeyExchange().slice(0, 4 + 32))).toEqual(decodeError)
  })
})

describe('a client and the group of ServerKeyExchange', () => {
  test.each([1, 2, 0, 4, 255])('curve_type %i: illegal_parameter (RFC 8422 §5.4)', curveType => {
    const puppet = waiting()
    const params = cat(u8(curveType), u16(29), vec8(filled(32, 9)))
    expect(judged(puppet, puppet.serverKeyExchange({ params }))).toEqual(illegalParameter)
  })

  test.each<GroupByHand>(['secp256r1', 'secp384r1'])(
    '%s, which was not offered: illegal_parameter',
    group => {
      const puppet = waiting({ ...ecdhe, group }, { groups: ['x25519'] })
      expect(judged(puppet, puppet.serverKeyExchange())).toEqual(illegalParameter)
    },
  )

  test('a number of no curve, and one of a finite field: illegal_parameter', () => {
    for (const number of [0x001e, 0x0016, 0x0100, 0xff01]) {
      const puppet = waiting()
      const params = cat(u8(3), u16(number), vec8(filled(32, 9)))
      expect(judged(puppet, puppet.serverKeyExchange({ params }))).toEqual(illegalParameter)
    }
  })

  // docs/decisions/0017: RFC 7919 §3 leaves it to the client's own checks.
  test('a finite field of 2,048 bits that RFC 7919 does not name is taken; shorter ones are insufficient_security', () => {
    // Any odd number will do: the puppet is honest about its numbers, not about their being prime.
    const p = ffdhe2048.p - 2n ** 100n
    expect(judged2({ p, g: 2n })).toBeUndefined()
    const short = (2n ** 1023n + 5n) | 1n
    expect(judged2({ p: short, g: 2n })).toEqual(insufficientSecurity)
    expect(judged2({ p: 2n ** 2046n + 1n, g: 2n })).toEqual(insufficientSecurity)
  })
  const judged2 = (group: { p: bigint; g: bigint }) => {
    const puppet = waiting({ ...dhe, group })
    return judged(puppet, puppet.serverKeyExchange())
  }
})

const p256 = {
  p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
  // RFC 5639 has no curve here; the base point is that of SEC 2 §2.4.2.
  x: BigInt('0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296'),
  y: BigInt('0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5'),
}
const coordinate = (number: bigint) => hex(number.toString(16).padStart(64, '0'))

/** Bytes that are no public key of their group, each with the group (RFC 8422 §5.11, RFC 7748 §6.1, RFC 7919 §5.1). */
const badShares: readonly [string, GroupByHand, Uint8Array][] = [
  ['off the curve', 'secp256r1', cat(u8(4), coordinate(p256.x), coordinate(p256.y ^ 1n))],
  ['infinity', 'secp256r1', u8(0)],
  ['infinity, padded', 'secp256r1', filled(65, 0)],
  ['all zero', 'secp256r1', cat(u8(4), filled(64, 0))],
  ['x not below p', 'secp256r1', cat(u8(4), coordinate(p256.p), coordinate(p256.y))],
  ['x plus p', 'secp256r1', cat(u8(4), coordinate((p256.x + p256.p) % 2n ** 256n), coordinate(p256.y))],
  ['compressed (RFC 8422 §5.1.2)', 'secp256r1', cat(u8(3), coordinate(p256.x))],
  ['hybrid', 'secp256r1', cat(u8(7), coordinate(p256.x), coordinate(p256.y))],
  ['a byte too short', 'secp256r1', cat(u8(4), filled(63, 5))],
  ['a byte too long', 'secp256r1', cat(u8(4), coordinate(p256.x), coordinate(p256.y), u8(0))],
  ['of another curve', 'secp384r1', cat(u8(4), coordinate(p256.x), coordinate(p256.y))],
  ['zero', 'x25519', filled(32, 0)],
  ['one', 'x25519', cat(u8(1), filled(31, 0))],
  ['of order 8', 'x25519', hex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800')],
  ['p, that is zero', 'x25519', cat(u8(0xed), filled(30, 0xff), u8(0x7f))],
  ['31 bytes', 'x25519', filled(31, 9)],
  ['33 bytes', 'x25519', filled(33, 9)],
  ['0', 'ffdhe2048', u8(0)],
  ['1', 'ffdhe2048', u8(1)],
  ['p - 1', 'ffdhe2048', bytesOf(ffdhe2048.p - 1n)],
  ['p', 'ffdhe2048', bytesOf(ffdhe2048.p)],
  ['p + 1', 'ffdhe2048', bytesOf(ffdhe2048.p + 1n)],
  ['longer than p', 'ffdhe2048', filled(300, 0xff)],
]

describe('bytes that are no public key: illegal_parameter', () => {
  test.each(badShares)('%s: a server, %s', (_, group, share) => {
    const suite = group === 'ffdhe2048' ? dhe : ecdhe
    const extensions = [groupsOf(groupNumbers[group])]
    const puppet = clientPuppet(false, { ...suite, extensions }).advance(1)
    expect(puppet.alert).toBeUndefined()
    puppet.say('client_key_exchange', group === 'ffdhe2048' ? vec16(share) : vec8(share))
    expect(puppet.alert).toEqual(illegalParameter)
  })

  test.each(badShares)('%s: a client, %s', (_, group, share) => {
    const puppet = waiting({ ...(group === 'ffdhe2048' ? dhe : ecdhe), group })
    expect(judged(puppet, puppet.serverKeyExchange({ params: paramsBody(group, share) }))).toEqual(
      illegalParameter,
    )
  })

  test('an empty one, and one whose length is wrong, is decode_error', () => {
    for (const body of [vec8(), cat(u8(33), filled(32, 9)), cat(u8(31), filled(32, 9)), none]) {
      const puppet = clientPuppet(false, ecdhe).advance(1)
      puppet.say('client_key_exchange', body)
      expect(puppet.alert).toEqual(decodeError)
    }
    for (const body of [vec16(), cat(u16(257), filled(256, 9)), cat(u16(255), filled(256, 9))]) {
      const puppet = clientPuppet(false, dhe).advance(1)
      puppet.say('client_key_exchange', body)
      expect(puppet.alert).toEqual(decodeError)
    }
  })

  // RFC 7748 §5: "implementations of X25519 ... MUST mask the most significant bit in the final byte".
  test('X25519: the highest bit is masked, not refused', () => {
    const share = shareOf('x25519')
    const marked = share.publicKey.map((byte, at) => (at === 31 ? byte | 0x80 : byte))
    const client = clientPuppet(false, ecdhe).advance(1)
    const { publicKey } = readParams(client.heardMessage('server_key_exchange')!, true)
    client.preMasterSecret = share.agree(publicKey)
    client.say('client_key_exchange', vec8(marked))
    client.changeCipherSpec()
    client.say('finished', client.verifyData('client'))
    expect(client.subject.established).toBeDefined()
    const server = waiting()
    judged(server, server.serverKeyExchange({ share, params: paramsBody('x25519', marked) }))
    server.changeCipherSpec()
    server.say('finished', server.verifyData('server'))
    expect(server.subject.established).toBeDefined()
  })
})

describe('the premaster secret of a shared secret that begins with zeros', () => {
  const clients: readonly [GroupByHand, PuppetOptions, string][] = [
    ['secp256r1', ecdhe, 'kept, RFC 8422 §5.10'],
    ['x25519', ecdhe, 'kept, RFC 8422 §5.11'],
    ['ffdhe2048', dhe, 'stripped, RFC 5246 §8.1.2'],
  ]
  test.each(clients)('%s (%s): %s', (group, options) => {
    const extensions = [groupsOf(groupNumbers[group])]
    const puppet = clientPuppet(false, { ...options, extensions }).advance(1)
    const { publicKey } = readParams(puppet.heardMessage('server_key_exchange')!, group !== 'ffdhe2048')
    const short = group === 'ffdhe2048' ? shortFieldShare(publicKey) : curveShareWithZero(group, publicKey)
    puppet.preMasterSecret = short.secret
    puppet.say('client_key_exchange', group === 'ffdhe2048' ? vec16(short.publicKey) : vec8(short.publicKey))
    puppet.changeCipherSpec()
    puppet.say('finished', puppet.verifyData('client'))
    expect(puppet.subject.established).toBeDefined()
  })
})

function curveShareWithZero(group: GroupByHand, peer: Uint8Array) {
  for (;;) {
    const share = shareOf(group)
    const secret = share.agree(peer)
    if (secret[0] === 0) return { publicKey: share.publicKey, secret }
  }
}

describe('a server chooses a group', () => {
  const groupFor = (extension: ExtensionByHand | undefined, server: PairOptions['server'] = {}) => {
    const schemes = schemesOf(...allSchemes)
    const hello = { suites: [0xc02f], extensions: extension ? [extension, schemes] : [schemes] }
    const puppet = clientPuppet(false, { ...ecdhe, hello, extendedMasterSecret: false }, { server }).advance(
      1,
    )
    return puppet.alert ?? choiceOf(puppet).group
  }

  test('of the client, by our order, unknown ones passed over (RFC 8422 §5.1)', () => {
    expect(groupFor(groupsOf(0x9999, 24, 23, 29, 30))).toBe('x25519')
    expect(groupFor(groupsOf(25, 24))).toBe('secp384r1')
    expect(groupFor(groupsOf(25, 24), { preferClientOrder: true })).toBe('secp521r1')
    expect(groupFor(groupsOf(29, 24), { groups: ['secp521r1', 'secp384r1'] })).toBe('secp384r1')
    expect(groupFor(groupsOf(...Array.from({ length: 300 }, (_, i) => 0x2000 + i), 23))).toBe('secp256r1')
  })

  test('P-256 for a client that names none (RFC 8422 §4)', () => {
    expect(groupFor(undefined)).toBe('secp256r1')
    expect(groupFor(undefined, { groups: ['x25519', 'secp384r1'] })).toBe('x25519')
  })

  test('none in common: no ECC suite, and handshake_failure where there is no other', () => {
    expect(groupFor(groupsOf(0x9999, 30))).toEqual(handshakeFailure)
    const extensions = [groupsOf(30), schemesOf(...allSchemes)]
    const puppet = clientPuppet(false, { ...ecdhe, hello: { suites: [0xc02f, 0x009c], extensions } }).advance(
      1,
    )
    expect(serverHelloOf(puppet).cipherSuite).toBe('TLS_RSA_WITH_AES_128_GCM_SHA256')
  })

  test.each([
    ['empty', vec16()],
    ['of an odd length', vec16(hex('001d00'))],
    ['with a byte behind', cat(vec16(u16(29)), u8(0))],
    ['cut', hex('0004001d')],
    ['nothing', none],
  ])('a list that is %s: decode_error (RFC 8422 §5.1.1)', (_, data) => {
    expect(groupFor([10, data])).toEqual(decodeError)
    // ... also where nobody needs a group.
    expect(clientPuppet(false, { extensions: [[10, data]] }).advance(1).alert).toEqual(decodeError)
  })

  test('a finite field by its name, ours where none is named, no DHE suite where ours is not (RFC 7919 §4)', () => {
    const fieldFor = (numbers: number[] | undefined, suites = [0x009e]) => {
      const extensions = [schemesOf(...allSchemes), ...(numbers ? [groupsOf(...numbers)] : [])]
      const puppet = clientPuppet(false, { ...dhe, hello: { suites, extensions } }).advance(1)
      if (puppet.alert) return puppet.alert
      const body = puppet.heardMessage('server_key_exchange')
      return body ? bitsOf(readParams(body, false).group) : serverHelloOf(puppet).cipherSuite
    }
    expect(fieldFor([256])).toBe(2048)
    expect(fieldFor([257, 258])).toBe(3072)
    expect(fieldFor([29, 23])).toBe(2048)
    expect(fieldFor(undefined)).toBe(2048)
    expect(fieldFor([29, 0x01fc])).toEqual(insufficientSecurity)
    expect(fieldFor([0x01fc], [0x009e, 0x009c])).toBe('TLS_RSA_WITH_AES_128_GCM_SHA256')
  })
  const bitsOf = (group: GroupByHand | { p: bigint }) =>
    typeof group === 'object' ? group.p.toString(2).length : 0

  test('shares are fresh in every handshake', () => {
    for (const options of [ecdhe, dhe]) {
      const shares = ['one', 'two', 'three'].map(seed => {
        const puppet = clientPuppet(false, options, { seed }).advance(1)
        const { publicKey } = readParams(puppet.heardMessage('server_key_exchange')!, options === ecdhe)
        return numberOf(publicKey)
      })
      expect(new Set(shares).size).toBe(3)
    }
  })
})

describe('ec_point_formats (RFC 8422 §5.1.2, §5.2)', () => {
  const formats = (...bytes: number[]): ExtensionByHand => [11, vec8(Uint8Array.from(bytes))]
  const answered = (puppet: Puppet) =>
    serverHelloOf(puppet).extensions?.find(each => each.extensionType === 'ec_point_formats')?.extensionData
  const uncompressed = { ecPointFormatList: ['uncompressed'] }

  test('without uncompressed: illegal_parameter, where a suite on curves is offered', () => {
    const without = clientPuppet(false, { ...ecdhe, extensions: [formats(1, 2)] }).advance(1)
    expect(without.alert).toEqual(illegalParameter)
    expect(clientPuppet(false, { extensions: [formats(1)] }).advance(1).alert).toBeUndefined()
  })

  test('is answered with uncompressed, to who sent it, with a suite on curves', () => {
    const asked = clientPuppet(false, { ...ecdhe, extensions: [formats(1, 0, 9)] }).advance(1)
    expect(answered(asked)).toEqual(uncompressed)
    expect(answered(clientPuppet(false, { ...dhe, extensions: [formats(0)] }).advance(1))).toBeUndefined()
    expect(answered(clientPuppet(false, { extensions: [formats(0)] }).advance(1))).toBeUndefined()
    const silent = { suites: [0xc02f], extensions: [groupsOf(29), schemesOf(...allSchemes)] }
    expect(answered(clientPuppet(false, { ...ecdhe, hello: silent }).advance(1))).toBeUndefined()
  })

  test.each([vec8(), hex('0200'), cat(vec8(u8(0)), u8(0)), none])('malformed %#: decode_error', data => {
    expect(clientPuppet(false, { ...ecdhe, extensions: [[11, data]] }).advance(1).alert).toEqual(decodeError)
  })

  test('a server whose list lacks uncompressed: illegal_parameter', () => {
    const client = (extension: ExtensionByHand) =>
      serverPuppet(false, { ...ecdhe, extensions: [extension] }).advance(1).alert
    expect(client(formats(1))).toEqual(illegalParameter)
    expect(client(formats(1, 2))).toEqual(illegalParameter)
    expect(client(formats(1, 0))).toBeUndefined()
    expect(client([11, vec8()])).toEqual(decodeError)
  })
})

describe('certificates and suites', () => {
  test('ECDSA needs a certificate on a curve that the client names (RFC 8422 §5.1)', () => {
    const suites = [0xc02b, 0xc02f]
    const chosen = (groups: number[]) => {
      const extensions = [groupsOf(...groups), schemesOf(...allSchemes)]
      return serverHelloOf(clientPuppet(false, { ...ecdhe, hello: { suites, extensions } }).advance(1))
        .cipherSuite
    }
    expect(chosen([29, 23])).toBe('TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256')
    expect(chosen([29, 24])).toBe('TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256')
    const onlyEcdsa = { ...ecdsa, extensions: [groupsOf(29, 24)] }
    expect(clientPuppet(false, onlyEcdsa, withKey('ec')).advance(1).alert).toEqual(handshakeFailure)
  })

  const wrong: readonly [PuppetOptions, IdentityName][] = [
    [ecdhe, 'ec'],
    [ecdhe, 'ed25519'],
    [ecdsa, 'server'],
    [ecdsa, 'rsa-pss'],
    [dhe, 'ec'],
    [{}, 'ec'],
    [{}, 'rsa-pss'],
    [{}, 'ed25519'],
  ]
  test.each(wrong)('a client and a key of another type than %j wants: %s', (options, name) => {
    const puppet = serverPuppet(false, { ...options, identity: name }).advance(2)
    expect(puppet.alert).toEqual(illegalParameter)
    expect(puppet.subject.error).toMatchObject({ code: 'WRONG_CERTIFICATE_TYPE' })
  })

  // RFC 5246 §7.4.2: keyEncipherment for RSA key exchange, digitalSignature where the key signs.
  const usages: readonly [PuppetOptions, IdentityName, boolean][] = [
    [{}, 'rsa-signing', false],
    [{}, 'rsa-encrypting', true],
    [ecdhe, 'rsa-signing', true],
    [ecdhe, 'rsa-encrypting', false],
    [dhe, 'rsa-signing', true],
    [dhe, 'rsa-encrypting', false],
    [ecdsa, 'ec', true],
    [ecdsa, 'ec-agreeing', false],
  ]
  test.each(usages)('a client and the key usage, %j with %s: %s', (options, name, isRight) => {
    const puppet = serverPuppet(false, { ...options, identity: name }).advance(2)
    const code = puppet.subject.error && (puppet.subject.error as { code?: string }).code
    expect(code).toBe(isRight ? undefined : 'KEY_USAGE_BIT_INCORRECT')
    expect(puppet.alert).toEqual(isRight ? undefined : illegalParameter)
  })

  test.each(usages)('a server and the key usage, %j with %s: %s', (options, name, isRight) => {
    const puppet = clientPuppet(false, options, withKey(name)).advance(1)
    expect(puppet.alert).toEqual(isRight ? undefined : handshakeFailure)
  })

  test('ServerKeyExchange comes directly after Certificate, and not with RSA key exchange', () => {
    const said = (options: PuppetOptions) =>
      clientPuppet(false, options)
        .advance(1)
        .heard.map(heard => (heard.type === 'handshake' ? heard.message : 0))
    expect(said(ecdhe)).toEqual([2, 11, 12, 14])
    expect(said(dhe)).toEqual([2, 11, 12, 14])
    expect(said({})).toEqual([2, 11, 14])
  })

  test('a second ServerKeyExchange: unexpected_message', () => {
    const puppet = waiting()
    puppet.say('server_key_exchange', puppet.serverKeyExchange())
    puppet.say('server_key_exchange', puppet.serverKeyExchange())
    expect(puppet.alert).toEqual(unexpectedMessage)
  })
})
