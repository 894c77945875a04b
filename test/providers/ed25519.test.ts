import { createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes.ts'
import { signatureSchemeNames } from '../../src/crypto/signature-schemes.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { privateKey as noblePrivateKey } from '../../src/providers/noble/index.ts'
import { NodeSigningKey } from '../../src/providers/node/signature.ts'
import { Secret } from '../../src/secret.ts'
import { curveComponentsOf, publicKeyOf } from '../support/node-keys.ts'
import { providerRooms } from '../support/providers.ts'
import { describeWycheproof } from './wycheproof.ts'

describe.each(providerRooms)('provider $name, Ed25519', ({ provider, privateKey }) => {
  const pair = generateKeyPairSync('ed25519')
  const key = publicKeyOf(pair.publicKey)
  const ours = privateKey(curveComponentsOf(pair.privateKey))
  const message = randomBytes(100)

  test('signs what node:crypto signs, and takes it', () => {
    for (const length of [0, 1, 64, 1000, 20_000]) {
      const bytes = randomBytes(length)
      const theirs = sign(null, bytes, pair.privateKey)
      expect(toHex(ours.sign('ed25519', bytes) as Uint8Array)).toBe(theirs.toString('hex'))
      expect(provider.verify('ed25519', key, bytes, theirs)).toBe(true)
      expect(provider.verify('ed25519', key, randomBytes(length + 1), theirs)).toBe(false)
    }
    expect(ours.publicKey).toEqual(key)
  })

  test('RFC 8032 §7.1, test 1', () => {
    const secret = fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60')
    const key = privateKey({ type: 'ed25519', privateKey: new Secret(secret) })
    expect(key.publicKey).toEqual({
      type: 'ed25519',
      bytes: fromHex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'),
    })
    expect(toHex(key.sign('ed25519', new Uint8Array(0)) as Uint8Array)).toBe(
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    )
  })

  test('every changed bit and every other length of a signature is false', () => {
    const signature = sign(null, message, pair.privateKey)
    for (let bit = 0; bit < 512; bit += 3) {
      const changed = Uint8Array.from(signature)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect(provider.verify('ed25519', key, message, changed)).toBe(false)
    }
    for (const length of [0, 1, 32, 63, 65, 128])
      expect(provider.verify('ed25519', key, message, randomBytes(length))).toBe(false)
  })

  test('a key that is no point, or of another length, verifies nothing', () => {
    const signature = sign(null, message, pair.privateKey)
    for (const bytes of [
      new Uint8Array(32).fill(0xff),
      new Uint8Array(32),
      new Uint8Array(31),
      new Uint8Array(0),
    ])
      expect(provider.verify('ed25519', { type: 'ed25519', bytes }, message, signature)).toBe(false)
  })

  test('no scheme of another key type is verified or signed', () => {
    const signature = sign(null, message, pair.privateKey)
    for (const scheme of signatureSchemeNames.filter(name => name !== 'ed25519')) {
      expect(provider.verify(scheme, key, message, signature)).toBe(false)
      expect(() => ours.sign(scheme, message)).toThrow(ApiMisuse)
    }
  })

  test('printed, a key shows its public half only', () => {
    const secret = toHex(curveComponentsOf(pair.privateKey).privateKey.reveal())
    const shown = inspect(ours, { depth: 9, showHidden: true, getters: true })
    expect(Object.keys(ours)).toEqual(['publicKey'])
    expect(shown).not.toContain(secret)
    expect(shown.match(/Uint8Array/g)).toHaveLength(1)
  })

  describeWycheproof<{ publicKeyDer: string }, { msg: string; sig: string }>(['ed25519'], (_, read) => {
    test('every signature is taken or refused as the file says', () => {
      for (const group of read().testGroups) {
        const der = Buffer.from(group.publicKeyDer, 'hex')
        const key = publicKeyOf(createPublicKey({ key: der, format: 'der', type: 'spki' }))
        for (const { tcId, msg, sig, result } of group.tests) {
          const verified = provider.verify('ed25519', key, fromHex(msg), fromHex(sig))
          expect(verified, `tcId ${tcId}`).toBe(result === 'valid')
        }
      }
    })
  })
})

describe('a signature that does not fit the key is withheld', () => {
  const pair = generateKeyPairSync('ed25519')
  const message = randomBytes(100)

  test('noble', () => {
    const components = curveComponentsOf(pair.privateKey)
    const faulty = noblePrivateKey(components)
    components.privateKey.reveal()[20]! ^= 1 // A fault in memory, after the public key was computed.
    expect(() => faulty.sign('ed25519', message)).toThrow(
      expect.objectContaining({ name: 'TlsError', code: 'INTERNAL_ERROR' }),
    )
  })

  test('node', () => {
    // What a fault in OpenSSL would come to: it signs by another number than the one it made the public key of.
    const other = publicKeyOf(generateKeyPairSync('ed25519').publicKey)
    expect(() => new NodeSigningKey(pair.privateKey, other).sign('ed25519', message)).toThrow(
      expect.objectContaining({ name: 'TlsError', code: 'INTERNAL_ERROR' }),
    )
  })
})
