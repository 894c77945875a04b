/** ClientHello in the form of SSL 2.0 (RFC 5246 §E.2), for servers that are told to take it. */
import { describe, expect, it, test } from 'vitest'
import { cat, filled, hex, none, plainRecord, u16, vec16 } from '../support/by-hand.ts'
import type { Puppet } from '../support/puppet.ts'
import { clientPuppet } from '../support/scenes.ts'

interface V2 {
  readonly type?: Uint8Array
  readonly specs?: Uint8Array
  readonly sessionId?: Uint8Array
  readonly challenge?: Uint8Array
  readonly tail?: Uint8Array
}

const rsaWithGcm = hex('00009c')
/** SSL_CK_RC4_128_WITH_MD5 of SSL 2.0, and TLS_EMPTY_RENEGOTIATION_INFO_SCSV. */
const [ofSsl2, signalling] = [hex('010080'), hex('0000ff')]

function v2Hello({
  type = hex('01'),
  specs = cat(ofSsl2, rsaWithGcm, signalling),
  sessionId = none,
  challenge = filled(32, 0xc1),
  tail = none,
}: V2 = {}) {
  const lengths = cat(...[specs, sessionId, challenge].map(({ length }) => u16(length)))
  const raw = cat(type, hex('0303'), lengths, specs, sessionId, challenge, tail)
  return { prefix: u16(0x8000 | raw.length), raw }
}

const server = (acceptV2Hello: boolean) =>
  clientPuppet(false, { extendedMasterSecret: false }, { server: { acceptV2Hello } })

function play(puppet: Puppet, hello: V2, random: Uint8Array): Puppet {
  puppet.sayHello({ ...v2Hello(hello), random })
  for (const step of puppet.steps.slice(1)) {
    if (step === 'change_cipher_spec') puppet.changeCipherSpec()
    else puppet.say(step, puppet.rightBody(step))
  }
  return puppet
}

// "the TLS server will pad the data with leading (note: not trailing) zero bytes to make it 32 bytes long"
test.each([
  [16, cat(filled(16, 0), filled(16, 0x5a))],
  [31, cat(filled(1, 0), filled(31, 0x5a))],
  [32, filled(32, 0x5a)],
])('a whole handshake, with a challenge of %i bytes', (length, random) => {
  const { subject } = play(server(true), { challenge: filled(length, 0x5a) }, random)
  expect(subject.error).toBeUndefined()
  expect(subject.established).toMatchObject({
    suite: 'TLS_RSA_WITH_AES_128_GCM_SHA256',
    secureRenegotiation: true,
  })
})

test('in portions of one byte', () => {
  const puppet = server(true)
  const { prefix, raw } = v2Hello()
  for (const byte of cat(prefix, raw)) puppet.deliver(Uint8Array.of(byte))
  expect(puppet.heardMessage('server_hello')).toBeDefined()
})

describe('refused', () => {
  const alertAfter = (puppet: Puppet, bytes: Uint8Array) => {
    puppet.deliver(bytes)
    return puppet.alert
  }
  const bytesOf = (hello: V2) => cat(v2Hello(hello).prefix, v2Hello(hello).raw)
  const [decodeError, unexpectedMessage] = [
    { level: 2, description: 50 },
    { level: 2, description: 10 },
  ]

  it('by a server that was not told to take it, on its first byte', () => {
    expect(alertAfter(server(false), v2Hello().prefix.slice(0, 1))).toEqual(unexpectedMessage)
  })

  it('after anything else has come', () => {
    const warning = plainRecord(21, hex('0164'))
    expect(alertAfter(server(true), cat(warning, bytesOf({})))).toEqual(unexpectedMessage)
  })

  it.each<[string, V2]>([
    ['another message than a hello', { type: hex('02') }],
    ['no suites', { specs: none }],
    ['suites of SSL 2.0 alone', { specs: ofSsl2 }],
    ['half a suite', { specs: cat(rsaWithGcm, hex('0000')) }],
    // "This field MUST have a value of zero for a client that claims to support TLS 1.2."
    ['a session ID', { sessionId: filled(16, 1) }],
    ['a challenge that is too short', { challenge: filled(15, 1) }],
    ['bytes behind the challenge', { tail: hex('00') }],
  ])('%s', (_, hello) => {
    expect(alertAfter(server(true), bytesOf(hello))).toEqual(decodeError)
  })

  it('a length that its parts do not fill', () => {
    expect(alertAfter(server(true), cat(u16(0x8009), hex('01 0303'), vec16(none), u16(0), u16(16)))).toEqual(
      decodeError,
    )
  })
})
