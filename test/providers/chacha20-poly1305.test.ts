import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { concatBytes, fromHex, toHex } from '../../src/bytes.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { nodeCryptoProvider } from '../support/node-crypto-provider.ts'
import { providerRooms } from '../support/providers.ts'
import { describeWycheproof } from './wycheproof.ts'

const lengths = [0, 1, 15, 16, 17, 63, 64, 65, 100, 1025, 16384]

describe.each(providerRooms)('provider $name, ChaCha20-Poly1305', ({ provider }) => {
  test('RFC 8439 §2.8.2', () => {
    const key = fromHex('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f')
    const [nonce, additionalData] = [fromHex('070000004041424344454647'), fromHex('50515253c0c1c2c3c4c5c6c7')]
    const plaintext = Buffer.from(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    )
    const sealed =
      `d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b
      1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9d
      e576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691`.replace(/\s/g, '')
    const aead = provider.chacha20Poly1305(key)
    expect(toHex(aead.seal(nonce, additionalData, plaintext))).toBe(sealed)
    expect(aead.open(nonce, additionalData, fromHex(sealed))).toEqual(Uint8Array.from(plaintext))
  })

  test('seals what node:crypto seals, and opens it, at an odd offset of a record too', () => {
    const key = randomBytes(32)
    const [aead, theirs] = [provider.chacha20Poly1305(key), nodeCryptoProvider.chacha20Poly1305(key)]
    for (const length of lengths) {
      const [nonce, additionalData, plaintext] = [randomBytes(12), randomBytes(13), randomBytes(length)]
      const expected = theirs.seal(nonce, additionalData, plaintext)
      expect(toHex(aead.seal(nonce, additionalData, plaintext))).toBe(toHex(expected))
      const view = concatBytes(new Uint8Array(13), expected).subarray(13)
      const opened = aead.open(nonce, additionalData, view)
      expect(opened && toHex(opened)).toBe(plaintext.toString('hex'))
      expect(toHex(view)).toBe(toHex(expected))
    }
  })

  test('gives undefined for every changed bit, other data, other nonce and every shorter input', () => {
    const [key, nonce, additionalData] = [randomBytes(32), randomBytes(12), randomBytes(13)]
    const aead = provider.chacha20Poly1305(key)
    const sealed = nodeCryptoProvider.chacha20Poly1305(key).seal(nonce, additionalData, randomBytes(20))
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = sealed.slice()
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect(aead.open(nonce, additionalData, changed)).toBeUndefined()
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(aead.open(nonce, additionalData, sealed.subarray(0, length))).toBeUndefined()
    }
    expect(aead.open(nonce, randomBytes(13), sealed)).toBeUndefined()
    expect(aead.open(randomBytes(12), additionalData, sealed)).toBeUndefined()
    expect(aead.open(randomBytes(3), additionalData, sealed)).toBeUndefined()
  })

  test('the key may be wiped once the cipher is made', () => {
    const [key, nonce] = [randomBytes(32), randomBytes(12)]
    const expected = nodeCryptoProvider.chacha20Poly1305(Buffer.from(key)).seal(nonce, nonce, nonce)
    const aead = provider.chacha20Poly1305(key)
    key.fill(0)
    expect(toHex(aead.seal(nonce, nonce, nonce))).toBe(toHex(expected))
  })

  test('wrong lengths of ours are ApiMisuse', () => {
    expect(() => provider.chacha20Poly1305(randomBytes(16))).toThrow(ApiMisuse)
    const aead = provider.chacha20Poly1305(randomBytes(32))
    expect(() => aead.seal(randomBytes(8), randomBytes(1), randomBytes(1))).toThrow(ApiMisuse)
  })

  type Case = { key: string; iv: string; aad: string; msg: string; ct: string; tag: string }
  describeWycheproof<{ ivSize: number }, Case>(['chacha20_poly1305'], (_, read) => {
    test('every case with a 12-byte nonce goes as the file says', () => {
      let seen = 0
      for (const group of read().testGroups) {
        if (group.ivSize !== 96) continue
        for (const { tcId, result, ...hex } of group.tests) {
          const aead = provider.chacha20Poly1305(fromHex(hex.key))
          const opened = aead.open(fromHex(hex.iv), fromHex(hex.aad), fromHex(hex.ct + hex.tag))
          expect(opened && toHex(opened), `tcId ${tcId}`).toBe(result === 'valid' ? hex.msg : undefined)
          if (result !== 'valid') continue
          const sealed = aead.seal(fromHex(hex.iv), fromHex(hex.aad), fromHex(hex.msg))
          expect(toHex(sealed), `tcId ${tcId}`).toBe(hex.ct + hex.tag)
          seen++
        }
      }
      expect(seen).toBeGreaterThan(200)
    })
  })
})
