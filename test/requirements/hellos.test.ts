/** What the hellos hold beyond test/handshake/negotiation.test.ts (RFC 5246 §7.4.1, RFC 8446 §4.1.3, RFC 8701, RFC 7685, RFC 7507). */
import { describe, expect, test } from 'vitest'
import { type CipherSuiteName, cipherSuiteNames, cipherSuites } from '../../src/crypto/cipher-suites.ts'
import type { NamedGroup } from '../../src/crypto/named-groups.ts'
import { decodeHandshakeBody } from '../../src/messages/handshake.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import {
  cat,
  type ExtensionByHand,
  filled,
  type HelloByHand,
  hex,
  none,
  u8,
  u16,
  vec8,
  vec16,
} from '../support/by-hand.ts'
import {
  decodeError,
  handshakeFailure,
  illegalParameter,
  protocolVersion,
  unsupportedExtension,
} from '../support/fatal.ts'
import { clientSide, type PairOptions, seededRandom } from '../support/pair.ts'
import { allSchemes, type Puppet, type PuppetOptions } from '../support/puppet.ts'
import { asksForAll, clientPuppet, generousServer, serverPuppet } from '../support/scenes.ts'

const ecdhe = { suite: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256' } as const
const serverHelloOf = (puppet: Puppet) =>
  decodeHandshakeBody('server_hello', puppet.heardMessage('server_hello')!)
const answered = (puppet: Puppet) => serverHelloOf(puppet).extensions?.map(each => each.extensionType) ?? []
const serverAfter = (options: PuppetOptions, pair?: PairOptions) =>
  clientPuppet(false, options, pair).advance(1)

/** RFC 8701 §2: 0x0a0a, 0x1a1a, ... */
const grease = Array.from({ length: 16 }, (_, i) => 0x0a0a + i * 0x1010)

describe('GREASE from a client (RFC 8701 §3)', () => {
  test('in suites, extensions, groups, signature algorithms and ALPN is passed over', () => {
    const extensions: ExtensionByHand[] = [
      [0x1a1a, none],
      [10, vec16(...[...grease, 23].map(u16))],
      [13, vec16(...[...grease, 0x0804].map(u16))],
      [16, vec16(vec8(hex('0a0a')), vec8(hex('6832')))],
      [43, vec8(u16(0x2a2a), u16(0x0303))],
      [0x2a2a, hex('00')],
    ]
    const suites = [...grease, 0xc02f]
    const hello = { suites, extensions }
    const puppet = clientPuppet(
      false,
      { ...ecdhe, hello, extendedMasterSecret: false },
      {
        server: { alpnProtocols: ['h2'] },
      },
    ).advance()
    expect(puppet.subject.established).toMatchObject({
      suite: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
      group: 'secp256r1',
      alpnProtocol: 'h2',
      serverSignatureScheme: 'rsa_pss_rsae_sha256',
    })
  })
})

describe('GREASE from a server is chosen by nobody (RFC 8701 §3.1)', () => {
  const client = (hello: HelloByHand) => serverPuppet(false, { hello }).advance(1)
  test.each(grease)('%i', value => {
    expect(client({ version: value }).alert).toEqual(protocolVersion)
    expect(client({ suites: [value] }).alert).toEqual(illegalParameter)
    expect(client({ extensions: [[value, none]] }).alert).toEqual(unsupportedExtension)
  })

  test.each([0x0a0a, 0xfafa])('%i as a curve', value => {
    const puppet = serverPuppet(false, ecdhe).advance(2)
    const params = cat(u8(3), u16(value), vec8(filled(32, 9)))
    puppet.say('server_key_exchange', puppet.serverKeyExchange({ params }))
    expect(puppet.alert).toEqual(illegalParameter)
  })

  test.each([0x0a0a, 0xfafa])('%i as a signature algorithm', value => {
    const puppet = serverPuppet(false, ecdhe).advance(2)
    const body = puppet.serverKeyExchange()
    body.set(u16(value), body.length - 256 - 4)
    puppet.say('server_key_exchange', body)
    expect(puppet.alert).toEqual(illegalParameter)
  })
})

describe('versions', () => {
  // RFC 8446 §4.2.1: a server of TLS 1.2 alone does not know supported_versions.
  test('supported_versions of a client of TLS 1.3 changes nothing', () => {
    const extensions: ExtensionByHand[] = [
      [43, vec8(u16(0x0304), u16(0x0303))],
      [51, vec16(u16(29), vec16(filled(32, 1)))],
      [45, vec8(u8(1))],
    ]
    const puppet = clientPuppet(false, { extensions }).advance()
    expect(puppet.subject.error).toBeUndefined()
    expect(answered(puppet)).not.toContain(43)
    expect(serverHelloOf(puppet).serverVersion).toBe(0x0303)
    // Nor does it let anybody below 1.2 in.
    const low = serverAfter({ hello: { version: 0x0302, extensions: [[43, vec8(u16(0x0303))]] } })
    expect(low.alert).toEqual(protocolVersion)
  })

  // RFC 8446 §4.1.3: the mark in the last 8 bytes is for servers that could do more than they negotiate.
  test('the random of ServerHello is as it was drawn, without a downgrade mark', () => {
    const drawn: Uint8Array[] = []
    const inner = seededRandom('drawn')
    const random = (length: number) => {
      const bytes = inner(length)
      drawn.push(bytes.slice())
      return bytes
    }
    const { random: sent } = serverHelloOf(serverAfter({}, { server: { random } }))
    expect(drawn.map(each => Buffer.from(each).toString('hex'))).toContain(Buffer.from(sent).toString('hex'))
  })

  // RFC 8446 §4.1.3: it is for a client of TLS 1.3 to check.
  test.each(['444f574e47524401', '444f574e47524400'])(
    'a client of TLS 1.2 alone takes a random that ends in %s',
    mark => {
      const puppet = serverPuppet(false, { hello: { random: cat(filled(24, 5), hex(mark)) } })
      puppet.advance(1)
      expect(puppet.alert).toBeUndefined()
    },
  )

  // RFC 7507 §3: "protocol_version" takes precedence where the version is not supported at all.
  test('TLS_FALLBACK_SCSV with a lower version: protocol_version', () => {
    const puppet = serverAfter({ hello: { version: 0x0302, suites: [0x009c, 0x5600] } })
    expect(puppet.alert).toEqual(protocolVersion)
  })

  // RFC 7507 §4.
  test('a client that fell back says so, last and once', () => {
    const { cipherSuites: suites } = decodeHandshakeBody(
      'client_hello',
      serverPuppet(false, {}, { client: { fallback: true } }).heardMessage('client_hello')!,
    )
    expect(suites.indexOf('TLS_FALLBACK_SCSV')).toBe(suites.length - 1)
    const without = decodeHandshakeBody('client_hello', serverPuppet(false).heardMessage('client_hello')!)
    expect(without.cipherSuites).not.toContain('TLS_FALLBACK_SCSV')
  })
})

describe('padding (RFC 7685 §3)', () => {
  test.each([
    ['zeros', filled(500, 0)],
    ['nothing', none],
    ['what is not zero', filled(20, 7)],
  ])('of %s is taken and not answered', (_, data) => {
    const puppet = clientPuppet(false, { extensions: [[21, data]] }).advance()
    expect(puppet.subject.error).toBeUndefined()
    expect(answered(puppet)).not.toContain('padding')
  })
})

describe('the extensions of ServerHello (RFC 5246 §7.4.1.4)', () => {
  const everything: ExtensionByHand[] = [
    [0, vec16(u8(0), vec16(Buffer.from('localhost')))],
    [1, hex('04')],
    [5, hex('01 0000 0000')],
    [10, vec16(u16(29), u16(23))],
    [11, vec8(hex('00'))],
    [13, vec16(...allSchemes.map(u16))],
    [16, vec16(vec8(hex('6832')))],
    [18, none],
    [22, none],
    [23, none],
    [35, none],
    [50, vec16(u16(0x0401))],
    [0xff01, vec8()],
  ]
  const generous: PairOptions = {
    ...generousServer(),
    server: { ...generousServer().server, alpnProtocols: ['h2'] },
  }
  const [suite, code] = ['TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256', 0xc027] as const
  const hello = (extensions: readonly ExtensionByHand[]) =>
    serverAfter({ suite, hello: { suites: [code], extensions } }, generous)

  test('each is an answer to one of the client, and comes once', () => {
    expect([...answered(hello(everything))].sort()).toEqual(
      [
        'application_layer_protocol_negotiation',
        'ec_point_formats',
        'encrypt_then_mac',
        'extended_master_secret',
        'max_fragment_length',
        'renegotiation_info',
        'server_name',
        'session_ticket',
        'status_request',
      ].sort(),
    )
  })

  // RFC 5246 §7.4.1.4.1, RFC 8422 §5.1: these two are never a server's.
  test.each(everything)('%i alone is answered with itself or not at all', (number, data) => {
    const needed = everything.filter(([type]) => (type === 13 || type === 10) && type !== number)
    const numbers = extensionNumbers(hello([[number, data], ...needed]))
    expect([[], [number]]).toContainEqual(numbers)
    if (number === 10 || number === 13 || number === 50) expect(numbers).toEqual([])
  })

  test.each(everything)('without %i its answer is missing', number => {
    const rest = everything.filter(([type]) => type !== number)
    const puppet = hello(rest)
    if (puppet.subject.error) expect(number).toBe(13)
    else expect(extensionNumbers(puppet)).not.toContain(number)
  })

  // RFC 6520 is not done here, nor are RFC 6961, RFC 8879 and RFC 9001.
  test.each([
    [15, hex('01')],
    [17, vec16(hex('02 0004 0000 0000'))],
    [27, vec8(hex('0001'))],
    [57, hex('0102')],
    [13172, none],
  ])('%i, which is not done here, is not answered, and its content not looked at', (number, data) => {
    const puppet = clientPuppet(false, { extensions: [[number, data]] }).advance()
    expect(puppet.subject.error).toBeUndefined()
    expect(extensionNumbers(puppet)).not.toContain(number)
  })

  test('the answers to tickets and staples need who can give them', () => {
    const nothing = serverAfter({ ...ecdhe, extensions: asksForAll })
    expect(answered(nothing)).not.toContain('session_ticket')
    expect(answered(nothing)).not.toContain('status_request')
  })
})

/** The types in a ServerHello, read by hand. */
function extensionNumbers(puppet: Puppet): number[] {
  const body = puppet.heardMessage('server_hello')!
  const numbers: number[] = []
  let at = 2 + 32 + 1 + body[34]! + 3 + 2
  while (at < body.length) {
    numbers.push((body[at]! << 8) | body[at + 1]!)
    at += 4 + ((body[at + 2]! << 8) | body[at + 3]!)
  }
  return numbers
}

// RFC 5246 §E.1: the version is settled by ServerHello.server_version; our own server reads no record of another one after it.
test('the alert to a ServerHello of TLS 1.2 is in a record of TLS 1.2', () => {
  const { subject } = serverPuppet(false, { hello: { suites: [0x1301] } }).advance(1)
  expect(subject.error).toMatchObject({ code: 'WRONG_CIPHER_RETURNED' })
  expect(subject.sent.at(-1)).toEqual(Uint8Array.of(21, 3, 3, 0, 2, 2, 47))
})

describe('what a client offers', () => {
  const offered = (client: PairOptions['client'] = {}) => {
    const side = clientSide({ client })
    side.driver.start()
    return decodeHandshakeBody('client_hello', side.take().subarray(9))
  }

  // RFC 7465 §2, RFC 9325 §4.1: by their numbers, since a name could lie.
  test('no suite with RC4, NULL, export, DES, RC2, MD5 or without a certificate', () => {
    const weak = [
      ...Array.from({ length: 0x1c }, (_, i) => i),
      ...[0x003b, 0x0034, 0x003a, 0x006c, 0x006d, 0x00a6, 0x00a7, 0xc001, 0xc002, 0xc006, 0xc007, 0xc00b],
      ...[0xc00c, 0xc010, 0xc011, 0xc015, 0xc016, 0xc017, 0xc018, 0xc019, 0xc008, 0xc012, 0x0016, 0x000a],
    ]
    for (const name of cipherSuiteNames) expect(weak).not.toContain(cipherSuites[name].number)
    expect(cipherSuiteNames.join()).not.toMatch(/RC4|NULL|EXPORT|DES|RC2|MD5|anon/)
  })

  // RFC 9325 §4.2.1: forward secrecy and AEAD first.
  test('suites with ECDHE and AEAD first, RSA key exchange and CBC last', () => {
    const suites = offered().cipherSuites.map(String)
    const rank = (name: string) => (name.includes('_CBC_') ? 10 : 0) + (name.startsWith('TLS_RSA_') ? 5 : 0)
    expect(suites.map(rank)).toEqual(suites.map(rank).sort((a, b) => a - b))
    expect(suites[0]).toMatch(/^TLS_ECDHE_.*(POLY1305|GCM)/)
    expect(suites).toHaveLength(cipherSuiteNames.length)
    expect(new Set(suites).size).toBe(suites.length)
  })

  test('groups only where a suite needs them (RFC 8422 §5.1, RFC 7919 §4)', () => {
    const types = (client: PairOptions['client']) =>
      offered(client).extensions?.map(each => each.extensionType)
    const rsa = types({ cipherSuites: ['TLS_RSA_WITH_AES_128_GCM_SHA256'] })
    expect(rsa).not.toContain('supported_groups')
    expect(rsa).not.toContain('ec_point_formats')
    const dhe = types({ cipherSuites: ['TLS_DHE_RSA_WITH_AES_128_GCM_SHA256'] })
    expect(dhe).toContain('supported_groups')
    expect(dhe).not.toContain('ec_point_formats')
  })

  // A server without RFC 7919 would take DHE for leave to use a field of its own, whatever our groups are.
  test('suites only where there is a group for them', () => {
    const kinds = (groups: readonly NamedGroup[]) =>
      new Set(offered({ groups }).cipherSuites.map(name => cipherSuites[name as CipherSuiteName].keyExchange))
    expect(kinds(['x25519'])).toEqual(new Set(['ecdhe', 'rsa']))
    expect(kinds(['ffdhe2048'])).toEqual(new Set(['dhe', 'rsa']))
    expect(kinds([])).toEqual(new Set(['rsa']))
    const client = { groups: ['x25519'] } as const
    const puppet = serverPuppet(false, { suite: 'TLS_DHE_RSA_WITH_AES_128_GCM_SHA256' }, { client })
    expect(puppet.advance(1).alert).toEqual(illegalParameter)
  })

  test('no extension twice, whatever is configured', () => {
    const all: PairOptions['client'] = {
      ...{ alpnProtocols: ['h2', 'http/1.1'], tickets: true, requestOcspResponse: true },
      ...{ requestSignedCertificateTimestamps: true, maxFragmentLength: '2^12', recordSizeLimit: 4096 },
    }
    const types = offered(all).extensions!.map(each => each.extensionType)
    expect(new Set(types).size).toBe(types.length)
    expect(types).toHaveLength(13)
  })

  // RFC 6066 §3: "Literal IPv4 and IPv6 addresses are not permitted"; that is for who fills in `serverName` (node/connect).
  test('no server_name without a name', () => {
    expect(offered({ serverName: undefined }).extensions?.map(each => each.extensionType)).not.toContain(
      'server_name',
    )
  })
})

describe('a server and suites of other kinds', () => {
  test('the order of the provider decides, or the client where it is told so', () => {
    const suites = [0x002f, 0xc02f, 0x009c, 0xcca8, 0x009e]
    const by = (server: PairOptions['server']) =>
      serverHelloOf(serverAfter({ ...ecdhe, hello: { suites } }, { server: server! })).cipherSuite
    // What nobleProvider is here depends on the project: see vitest.config.ts.
    const fastest = nobleProvider.name === 'noble' ? 'CHACHA20_POLY1305' : 'AES_128_GCM'
    expect(by({})).toBe(`TLS_ECDHE_RSA_WITH_${fastest}_SHA256`)
    expect(by({ preferClientOrder: true })).toBe('TLS_RSA_WITH_AES_128_CBC_SHA')
    expect(by({ cipherSuites: ['TLS_RSA_WITH_AES_128_GCM_SHA256', ...nobleProvider.cipherSuites] })).toBe(
      'TLS_RSA_WITH_AES_128_GCM_SHA256',
    )
  })

  test.each([
    ['of ECDSA and a certificate of RSA', 0xc02b],
    ['that is known to nobody', 0xc0ff],
  ])('only a suite %s: handshake_failure', (_, suite) => {
    const pair = { serverAnswers: { selectCertificate: () => undefined } }
    expect(serverAfter({ ...ecdhe, hello: { suites: [suite] } }, pair).alert).toEqual(handshakeFailure)
  })

  test('bytes behind the compression methods that are no block of extensions: decode_error', () => {
    const puppet = clientPuppet(false)
    const body = puppet.rightBody('client_hello')
    const start = 2 + 32 + 1 + 2 + 2 + 2
    const block = body.subarray(start)
    for (const wrong of [
      hex('00'),
      cat(block, hex('00')),
      cat(u16(block.length - 1), block.subarray(2)),
      cat(u16(block.length - 3), block.subarray(2)),
    ]) {
      const other = clientPuppet(false)
      other.say('client_hello', cat(body.subarray(0, start), wrong))
      expect(other.alert).toEqual(decodeError)
    }
  })
})
