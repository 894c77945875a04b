/**
 * P12: a server must not let anyone tell one malformed premaster secret from another, nor from a good one
 * before Finished (RFC 5246 §7.4.7.1; Bleichenbacher 1998, ROBOT 2017).
 */
import { createPublicKey } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Connection } from '../../src/connection/connection.ts'
import type { CipherSuiteName } from '../../src/crypto/cipher-suites.ts'
import type { PrivateKey } from '../../src/crypto/provider.ts'
import { MemorySessionCache } from '../../src/driver/memory-session-cache.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import type { CertifiedKey } from '../../src/x509/certified-key.ts'
import { cat, filled, hex, none, u16, vec16 } from '../support/by-hand.ts'
import { countingProvider } from '../support/counting-provider.ts'
import { fixture, Side, seededRandom, testCertifiedKey, testNowMs } from '../support/pair.ts'
import { Puppet, rsaRawEncrypt } from '../support/puppet.ts'

const k = 256
const modulus = cat(
  Buffer.from(createPublicKey(fixture('server.pem')).export({ format: 'jwk' }).n!, 'base64url'),
)
const secret = cat(hex('0303'), seededRandom('a premaster')(46))

/** 00 02, padding without a zero, 00, the secret: as long as the modulus (RFC 8017 §7.2.1). */
function blockOf(message: Uint8Array, change: (block: Uint8Array) => void = () => {}): Uint8Array {
  const block = cat(hex('0002'), filled(k - 3 - message.length, 0x6d), hex('00'), message)
  change(block)
  return block
}
const at = (index: number, value: number) => (block: Uint8Array) => {
  block[index] = value
}
const plusOne = modulus.slice()
plusOne[k - 1]! += 2 // the modulus is odd and does not end in ff or fe

/** Blocks of one fault each. */
const blocks: Record<string, Uint8Array> = {
  'block type 0': blockOf(secret, at(1, 0)),
  'block type 1': blockOf(secret, at(1, 1)),
  'block type 3': blockOf(secret, at(1, 3)),
  'block type 255': blockOf(secret, at(1, 255)),
  'first byte 1': blockOf(secret, at(0, 1)),
  'first byte 2': blockOf(secret, at(0, 2)),
  'first byte 128': blockOf(secret, at(0, 0x80)),
  'no separator at its place': blockOf(secret, at(207, 0x11)),
  'no zero at all': blockOf(
    secret.map(byte => byte || 1),
    at(207, 0x11),
  ),
  ...Object.fromEntries(
    [2, 3, 4, 5, 6, 7, 8, 9].map(index => [
      `zero in padding byte ${index - 2}`,
      blockOf(secret, at(index, 0)),
    ]),
  ),
  ...Object.fromEntries(
    [10, 11, 64, 150, 205, 206].map(index => [
      `separator already at ${index}`,
      blockOf(secret, at(index, 0)),
    ]),
  ),
  ...Object.fromEntries(
    [0, 1, 2, 16, 46, 47].map(length => [
      `premaster secret of ${length} bytes`,
      blockOf(secret.slice(0, length)),
    ]),
  ),
  ...Object.fromEntries(
    [49, 50, 64, 128, 245].map(length => [
      `premaster secret of ${length} bytes`,
      blockOf(cat(secret, filled(length - 48, 0x31))),
    ]),
  ),
  ...Object.fromEntries(
    [0x0000, 0x0002, 0x0300, 0x0301, 0x0302, 0x0304, 0x0403, 0x0203, 0xfefd, 0xffff].map(version => [
      `version 0x${version.toString(16).padStart(4, '0')}`,
      blockOf(cat(u16(version), secret.subarray(2))),
    ]),
  ),
  'all zero': filled(k, 0),
  'only the last byte': cat(filled(k - 1, 0), hex('01')),
}

/** Ciphertexts that no block has, or that are not of the modulus's length: that is public, and the length is. */
const ciphertexts: Record<string, Uint8Array> = {
  'ciphertext 0': filled(k, 0),
  'ciphertext 1': cat(filled(k - 1, 0), hex('01')),
  'the modulus': modulus,
  'more than the modulus': plusOne,
  'all ff': filled(k, 0xff),
}
const otherLengths: Record<string, Uint8Array> = {
  'no ciphertext': none,
  'one byte': hex('01'),
  'one byte short': rsaRawEncrypt(blockOf(secret)).slice(1),
  'one byte long': cat(hex('00'), rsaRawEncrypt(blockOf(secret))),
  'half as long': filled(k / 2, 0x12),
  'twice as long': filled(2 * k, 0x12),
}

interface Outcome {
  readonly events: readonly unknown[]
  readonly sent: string
  readonly trace: readonly string[]
  readonly drawn: readonly number[]
  readonly stored: number
}

interface Play {
  readonly suite: CipherSuiteName
  readonly exchange: Uint8Array
  readonly key?: PrivateKey
}

/** A whole handshake with this ClientKeyExchange, and everything that can be seen of it from its arrival on. */
function play({ suite, exchange, key }: Play): Outcome {
  const counting = countingProvider(nobleProvider)
  const drawn: number[] = []
  const random = seededRandom('oracle server')
  const cache = new MemorySessionCache({ now: () => testNowMs })
  let stored = 0
  const connection = new Connection({
    role: 'server',
    provider: counting.provider,
    random: length => {
      drawn.push(length)
      return random(length)
    },
    now: () => testNowMs,
    drawSessionId: draw => cache.drawId(draw),
  })
  const certified: CertifiedKey = { ...testCertifiedKey(), key: key ?? testCertifiedKey().key }
  const subject = new Side(connection, {
    selectCertificate: () => certified,
    sessionCache: {
      drawId: draw => cache.drawId(draw),
      load: () => ({ miss: 'miss' }),
      save: () => {
        stored++
      },
      forget: () => {},
    },
  })
  const puppet = new Puppet('client', subject, { suite }).advance(1)
  counting.reset()
  drawn.length = 0
  puppet.preMasterSecret = secret
  puppet.say('client_key_exchange', exchange)
  expect(subject.error).toBeUndefined() // RFC 5246 §7.4.7.1: no alert at this point, whatever the padding
  puppet.changeCipherSpec()
  puppet.say('finished', puppet.verifyData('client'))
  const events = subject.events.map(event => (event.type === 'failed' ? String(event.error) : event.type))
  return {
    events,
    sent: Buffer.concat(subject.sent).toString('hex'),
    trace: [...counting.trace],
    drawn,
    stored,
  }
}

const suites = ['TLS_RSA_WITH_AES_128_GCM_SHA256', 'TLS_RSA_WITH_AES_128_CBC_SHA'] as const

describe.each(suites)('%s', suite => {
  const ofBlock = (block: Uint8Array) => play({ suite, exchange: vec16(rsaRawEncrypt(block)) })
  const first = ofBlock(blocks['block type 0']!)
  const good = ofBlock(blockOf(secret))

  test('a good one is established, and the session stored', () => {
    expect(good.events).toContain('established')
    expect(good.stored).toBe(1)
  })

  test('a malformed one ends in bad_record_mac at Finished, in the clear, and nothing is stored', () => {
    expect(first.sent.endsWith('15030300020214')).toBe(true)
    expect(first.events).toHaveLength(1)
    expect(first.events[0]).toContain('does not verify')
    expect(first.stored).toBe(0)
  })

  test('the work before Finished is that of a good one', () => {
    const untilFinished = first.trace.length
    expect(untilFinished).toBeGreaterThan(5)
    expect(good.trace.slice(0, untilFinished)).toEqual(first.trace)
    expect(good.drawn.slice(0, first.drawn.length)).toEqual(first.drawn)
  })

  test.each(Object.keys(blocks))('%s', name => {
    expect(ofBlock(blocks[name]!)).toEqual(first)
  })

  test.each(Object.keys(ciphertexts))('%s', name => {
    expect(play({ suite, exchange: vec16(ciphertexts[name]!) })).toEqual(first)
  })

  test('a refusal by the key, and a key that throws', () => {
    const { publicKey } = testCertifiedKey().key
    const sign = () => none
    const exchange = vec16(rsaRawEncrypt(blockOf(secret)))
    const refusing: PrivateKey = { publicKey, sign, decryptRaw: () => undefined }
    expect(play({ suite, exchange, key: refusing })).toEqual(first)
    const throwing: PrivateKey = {
      publicKey,
      sign,
      decryptRaw: () => {
        throw new Error('the HSM is on fire')
      },
    }
    expect(play({ suite, exchange, key: throwing })).toEqual(first)
  })

  // The length of a ciphertext is public, and hashing it takes its time: the outcome is the same all the same.
  test.each(Object.keys(otherLengths))('%s', name => {
    const { events, sent, drawn, stored } = play({ suite, exchange: vec16(otherLengths[name]!) })
    expect({ events, sent, drawn, stored }).toEqual({
      events: first.events,
      sent: first.sent,
      drawn: first.drawn,
      stored: first.stored,
    })
  })
})

test('there are more than forty ways to be wrong', () => {
  const all = [blocks, ciphertexts, otherLengths].flatMap(table => Object.keys(table))
  expect(all.length + 2).toBeGreaterThan(40)
})

// RFC 5246 §7.4.7.1: the version inside is the one offered, not the one negotiated.
describe('the version in the premaster secret', () => {
  const playVersion = (offered: number, inside: number) => {
    const cache = new MemorySessionCache({ now: () => testNowMs })
    const connection = new Connection({
      role: 'server',
      provider: nobleProvider,
      random: seededRandom('version server'),
      now: () => testNowMs,
      drawSessionId: draw => cache.drawId(draw),
    })
    const subject = new Side(connection, { selectCertificate: () => testCertifiedKey() })
    const puppet = new Puppet('client', subject, { hello: { version: offered } })
    puppet.preMasterSecret = cat(u16(inside), filled(46, 0x42))
    puppet.advance()
    return puppet
  }
  test('is the one offered', () => {
    expect(playVersion(0x0304, 0x0304).subject.established).toBeDefined()
    expect(playVersion(0x0400, 0x0400).subject.established).toBeDefined()
  })
  test('is not the one negotiated', () => {
    expect(playVersion(0x0304, 0x0303).alert).toEqual({ level: 2, description: 20 })
  })
})
