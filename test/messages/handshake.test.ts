/** Every handshake message of RFC 5246 §7.4: what it holds, and what it may not be. */
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { arbitraryOf } from '../../fuzz/arbitraries.ts'
import type { KeyExchange } from '../../src/crypto/cipher-suites.ts'
import { TlsError } from '../../src/errors.ts'
import {
  decodeHandshakeBody,
  encodeHandshake,
  type HandshakeType,
  handshakeBody,
  handshakeTypeOf,
} from '../../src/messages/handshake.ts'
import { decode, encode } from '../../src/wire/codec.ts'
import type { Span } from '../../src/wire/reader.ts'
import {
  cat,
  clientHelloBody,
  type ExtensionByHand,
  extensions,
  filled,
  handshakeMessage,
  handshakeTypes,
  hex,
  none,
  serverHelloBody,
  typeNumbers,
  u8,
  u16,
  validBody,
  vec8,
  vec16,
} from '../support/by-hand.ts'
import { expectPartition } from '../support/partition.ts'
import { allScenes, type Scene, scenes } from '../support/scenes.ts'

/** Every message, and the two that the key exchange lays out in each way it has. */
const messages: readonly { type: HandshakeType; keyExchange: KeyExchange; name: string }[] = [
  ...handshakeTypes
    .filter(type => type !== 'server_key_exchange')
    .map(type => ({ type, keyExchange: 'rsa' as const, name: type })),
  ...(['dhe', 'ecdhe'] as const).flatMap(keyExchange =>
    (['server_key_exchange', 'client_key_exchange'] as const).map(type => ({
      type,
      keyExchange,
      name: `${type} of ${keyExchange}`,
    })),
  ),
]

/** The alert that decoding ends in, `undefined` when it does not. */
function alertOf(type: HandshakeType, body: Uint8Array, keyExchange?: KeyExchange): string | undefined {
  try {
    decodeHandshakeBody(type, body, keyExchange)
    return undefined
  } catch (error) {
    if (error instanceof TlsError) return error.alert
    throw error
  }
}

/** Where a hello may end before its extensions (RFC 5246 §7.4.1.2: "whether any bytes follow"). */
function extensionsStart(type: HandshakeType): number {
  if (type === 'client_hello') return 2 + 32 + 1 + 4 + 2 + 2 + 1 + 1
  if (type === 'server_hello') return 2 + 32 + 1 + 4 + 2 + 1
  return -1
}

describe.each(messages)('$name', ({ type, keyExchange }) => {
  const body = validBody(type, keyExchange)

  it('has its number', () => {
    expect(handshakeTypeOf(typeNumbers[type])).toBe(type)
  })

  it('reads and writes back as it was', () => {
    const value = decodeHandshakeBody(type, body, keyExchange)
    expect(encodeHandshake(type, value, keyExchange)).toEqual(handshakeMessage(typeNumbers[type], body))
  })

  it('every proper prefix of its body is decode_error', () => {
    for (let length = 0; length < body.length; length++) {
      const expected = length === extensionsStart(type) ? undefined : 'decode_error'
      expect(alertOf(type, body.subarray(0, length), keyExchange), `${length} bytes`).toBe(expected)
    }
  })

  it('one trailing byte is decode_error', () => {
    expect(alertOf(type, cat(body, hex('00')), keyExchange)).toBe('decode_error')
    expect(alertOf(type, cat(body, hex('ff')), keyExchange)).toBe('decode_error')
  })

  it('P4: the leaves of its trace partition its bytes', () => {
    const spans: Span[] = []
    decodeHandshakeBody(type, body, keyExchange, span => spans.push(span))
    expectPartition(spans, body.length)
  })

  it('P1: decode after encode is the identity, and encode after decode', () => {
    const codec = handshakeBody(type, keyExchange)
    const property = fc.property(arbitraryOf(codec.shape), value => {
      const bytes = encode(codec, value)
      expect(decode(codec, bytes, 'X')).toEqual(value)
      expect(encode(codec, decode(codec, bytes, 'X'))).toEqual(bytes)
      const spans: Span[] = []
      decode(codec, bytes, 'X', span => spans.push(span))
      expectPartition(spans, bytes.length)
    })
    fc.assert(property, { numRuns: 60 })
  })

  it('P2: changed in a few places it is read or refused, and nothing else', () => {
    const at = fc.array(fc.tuple(fc.nat(Math.max(0, body.length - 1)), fc.integer({ min: 0, max: 255 })), {
      maxLength: 4,
    })
    const property = fc.property(at, changes => {
      const changed = body.slice()
      if (changed.length > 0) for (const [index, value] of changes) changed[index] = value
      // A curve type that is not named_curve is well formed, and still no curve of ours (RFC 8422 §5.4).
      const refusals = keyExchange === 'ecdhe' ? ['decode_error', 'illegal_parameter'] : ['decode_error']
      expect([undefined, ...refusals]).toContain(alertOf(type, changed, keyExchange))
    })
    fc.assert(property, { numRuns: 200 })
  })
})

test('unknown types have no name', () => {
  for (const number of [3, 5, 10, 17, 21, 23, 24, 67, 254, 255])
    expect(handshakeTypeOf(number)).toBeUndefined()
})

describe('error paths', () => {
  const pathOf = (type: HandshakeType, body: Uint8Array): string => {
    try {
      decodeHandshakeBody(type, body)
    } catch (error) {
      return (error as Error).message
    }
    return 'decoded'
  }
  const suites = (bytes: string) => cat(u16(0x0303), filled(32, 0), vec8(), hex(bytes), vec8(u8(0)))

  test.each<[string, HandshakeType, Uint8Array]>([
    ['ClientHello.cipherSuites.3: need 2 bytes, have 1', 'client_hello', suites('0007 0001 0002 0003 00')],
    ['ClientHello.cipherSuites: length 0 is outside 2 to 65534', 'client_hello', suites('0000')],
    ['ClientHello.clientVersion: need 2 bytes, have 0', 'client_hello', none],
    ['ClientHello.random: need 32 bytes, have 3', 'client_hello', hex('0303 000000')],
    [
      'ClientHello.sessionId: length 33 is outside 0 to 32',
      'client_hello',
      cat(u16(0x0303), filled(32, 0), vec8(filled(33, 1))),
    ],
    [
      'ClientHello.extensions.1.extensionType: need 2 bytes, have 1',
      'client_hello',
      cat(clientHelloBody(), vec16(hex('0017 0000 00'))),
    ],
    ['Certificate.certificateList.0.bytes: need 5 bytes, have 1', 'certificate', hex('000004 000005 30')],
    ['Finished.verifyData: need 12 bytes, have 11', 'finished', filled(11, 0)],
    ['Finished: 1 byte left over', 'finished', filled(13, 0)],
    ['ServerHelloDone: 1 byte left over', 'server_hello_done', hex('00')],
    ['HelloRequest: 1 byte left over', 'hello_request', hex('00')],
    [
      'ClientKeyExchange.encryptedPreMasterSecret.bytes: need 256 bytes, have 255',
      'client_key_exchange',
      cat(u16(256), filled(255, 1)),
    ],
    [
      'CertificateRequest.certificateTypes: length 0 is outside 1 to 255',
      'certificate_request',
      hex('00 0002 0401 0000'),
    ],
    [
      'CertificateRequest.certificateAuthorities.0: length 0 is outside 1 to 65535',
      'certificate_request',
      hex('01 01 0002 0401 0002 0000'),
    ],
  ])('%s', (message, type, body) => {
    expect(pathOf(type, body)).toBe(message)
  })

  test('an extension that comes twice, known or not', () => {
    for (const number of [23, 0x1234]) {
      const twice: ExtensionByHand[] = [
        [number, none],
        [number, none],
      ]
      for (const [type, body] of [
        ['client_hello', clientHelloBody({ extensions: twice })],
        ['server_hello', serverHelloBody({ extensions: twice })],
      ] as const) {
        expect(() => decodeHandshakeBody(type, body)).toThrow(
          expect.objectContaining({ code: 'DUPLICATE_EXTENSION', alert: 'decode_error' }),
        )
      }
    }
  })
})

describe('extension bodies', () => {
  const helloWith = (extension: ExtensionByHand) => clientHelloBody({ extensions: [extension] })
  const bodies: readonly ExtensionByHand[] = [
    extensions.serverName('localhost'),
    extensions.signatureAlgorithms,
    extensions.renegotiationInfo,
  ]
  test.each(bodies)('%i: every proper prefix, and a byte more, is decode_error', (number, data) => {
    expect(alertOf('client_hello', helloWith([number, data]))).toBeUndefined()
    for (let length = 0; length < data.length; length++) {
      expect(alertOf('client_hello', helloWith([number, data.subarray(0, length)]))).toBe('decode_error')
    }
    expect(alertOf('client_hello', helloWith([number, cat(data, hex('00'))]))).toBe('decode_error')
  })

  // RFC 7627 §5.1 and RFC 7366 §2: "the extension_data field of this extension SHALL be empty".
  test.each([22, 23])('%i with a body is decode_error in both hellos', number => {
    expect(alertOf('client_hello', helloWith([number, hex('00')]))).toBe('decode_error')
    expect(alertOf('server_hello', serverHelloBody({ extensions: [[number, hex('00')]] }))).toBe(
      'decode_error',
    )
  })

  // RFC 6066 §3: in ServerHello "the extension_data field of this extension SHALL be empty".
  test('server_name in ServerHello must be empty', () => {
    expect(alertOf('server_hello', serverHelloBody({ extensions: [[0, none]] }))).toBeUndefined()
    const named = serverHelloBody({ extensions: [extensions.serverName('localhost')] })
    expect(alertOf('server_hello', named)).toBe('decode_error')
  })

  test('REQUIREMENTS R229 and R108: empty and odd lists', () => {
    expect(alertOf('client_hello', helloWith([0, vec16()]))).toBe('decode_error')
    expect(alertOf('client_hello', helloWith([0, vec16(u8(0), vec16())]))).toBe('decode_error')
    expect(alertOf('client_hello', helloWith([13, vec16()]))).toBe('decode_error')
    expect(alertOf('client_hello', helloWith([13, vec16(hex('040104'))]))).toBe('decode_error')
  })

  test('REQUIREMENTS R073 and R076: suites of an odd length, no compression methods', () => {
    const odd = cat(u16(0x0303), filled(32, 0), vec8(), vec16(hex('009c00')), vec8(u8(0)))
    expect(alertOf('client_hello', odd)).toBe('decode_error')
    expect(alertOf('client_hello', clientHelloBody({ compression: [] }))).toBe('decode_error')
  })
})

/** Long bodies are cut in all places near their ends and in some between. */
function cuts(length: number): number[] {
  const all = Array.from({ length }, (_, index) => index)
  return all.filter(cut => cut < 50 || cut >= length - 10 || cut % 61 === 0)
}

/** Sends `body` at `step` of the scene, in a message whose header says its length. */
function playBody(scene: Scene, step: number, body: Uint8Array) {
  const puppet = scene.play().advance(step)
  puppet.send('handshake', handshakeMessage(typeNumbers[scene.steps[step] as HandshakeType], body))
  return puppet
}

describe.each(allScenes)('on the wire, $name', scene => {
  const due = scene.steps.flatMap((step, index) => (step === 'change_cipher_spec' ? [] : [{ step, index }]))

  it.each(due)(
    '$step: every proper prefix of its body, and one byte more, is decode_error',
    ({ step, index }) => {
      const right = scene.play().advance(index).rightBody(step)
      const start = helloStart(step, right)
      for (const cut of cuts(right.length).filter(each => each !== start)) {
        const puppet = playBody(scene, index, right.subarray(0, cut))
        expect(puppet.alert, `${cut} bytes`).toEqual({ level: 2, description: 50 })
        expect(puppet.subject.error).toMatchObject({ alert: 'decode_error' })
      }
      expect(playBody(scene, index, cat(right, hex('00'))).alert).toEqual({ level: 2, description: 50 })
    },
  )
})

/** Where the extensions of this scene's hello begin. */
function helloStart(step: HandshakeType, body: Uint8Array): number {
  if (step === 'client_hello') return 2 + 32 + 1 + body[34]! + 2 + 2 + 1 + 1
  if (step === 'server_hello') return 2 + 32 + 1 + body[34]! + 2 + 1
  return -1
}

test('CertificateRequest on the wire: prefixes and a byte more', () => {
  const body = validBody('certificate_request')
  const client = scenes.find(scene => scene.role === 'server' && !scene.resumed)!
  for (const wrong of [...cuts(body.length).map(cut => body.subarray(0, cut)), cat(body, hex('00'))]) {
    const puppet = client.play().advance(2)
    puppet.send('handshake', handshakeMessage(13, wrong))
    expect(puppet.alert).toEqual({ level: 2, description: 50 })
  }
})
