import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { concatBytes, fromHex, toHex } from '../../src/bytes.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { providerRooms } from '../support/providers.ts'
import { describeWycheproof } from './wycheproof.ts'

const lengths = [0, 1, 15, 16, 17, 100, 1025, 16384]

function nodeGcm(
  key: Uint8Array,
  nonce: Uint8Array,
  additionalData: Uint8Array,
  plaintext: Uint8Array,
): string {
  const cipher = createCipheriv(`aes-${key.length * 8}-gcm` as 'aes-128-gcm', key, nonce).setAAD(
    additionalData,
  )
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]).toString('hex')
}

describe.each(providerRooms)('provider $name', ({ provider }) => {
  describe.each([16, 32])('AES with a key of %i bytes', keyLength => {
    test('GCM seals what node:crypto seals, and opens it', () => {
      const key = randomBytes(keyLength)
      const aead = provider.aesGcm(key)
      for (const length of lengths) {
        const [nonce, additionalData, plaintext] = [randomBytes(12), randomBytes(13), randomBytes(length)]
        const expected = nodeGcm(key, nonce, additionalData, plaintext)
        expect(toHex(aead.seal(nonce, additionalData, plaintext))).toBe(expected)
        const opened = aead.open(nonce, additionalData, fromHex(expected))
        expect(opened && toHex(opened)).toBe(plaintext.toString('hex'))
      }
    })

    test('GCM opens a view that starts at an odd offset of a record', () => {
      const [key, nonce, plaintext] = [randomBytes(keyLength), randomBytes(12), randomBytes(99)]
      const sealed = fromHex(nodeGcm(key, nonce, nonce, plaintext))
      const view = concatBytes(new Uint8Array(13), sealed).subarray(13)
      const opened = provider.aesGcm(key).open(nonce, nonce, view)
      expect(opened && toHex(opened)).toBe(plaintext.toString('hex'))
      expect(toHex(view)).toBe(toHex(sealed))
    })

    test('GCM gives undefined for every changed bit, other data, other nonce and every shorter input', () => {
      const [key, nonce, additionalData] = [randomBytes(keyLength), randomBytes(12), randomBytes(13)]
      const aead = provider.aesGcm(key)
      const sealed = fromHex(nodeGcm(key, nonce, additionalData, randomBytes(20)))
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

    test('CBC is that of node:crypto, without padding, both ways', () => {
      const [key, iv] = [randomBytes(keyLength), randomBytes(16)]
      const cbc = provider.aesCbc(key)
      for (const blocks of [0, 1, 2, 5, 1024]) {
        const plaintext = randomBytes(16 * blocks)
        const cipher = createCipheriv(`aes-${keyLength * 8}-cbc`, key, iv).setAutoPadding(false)
        const expected = Buffer.concat([cipher.update(plaintext), cipher.final()])
        expect(toHex(cbc.encrypt(iv, plaintext))).toBe(expected.toString('hex'))
        const decipher = createDecipheriv(`aes-${keyLength * 8}-cbc`, key, iv).setAutoPadding(false)
        const decrypted = Buffer.concat([decipher.update(plaintext), decipher.final()])
        expect(toHex(cbc.decrypt(iv, plaintext))).toBe(decrypted.toString('hex'))
      }
    })

    test('the key may be wiped once the cipher is made', () => {
      const [key, nonce] = [randomBytes(keyLength), randomBytes(12)]
      const expected = nodeGcm(key, nonce, nonce, nonce)
      const aead = provider.aesGcm(key)
      key.fill(0)
      expect(toHex(aead.seal(nonce, nonce, nonce))).toBe(expected)
    })
  })

  test('wrong lengths of ours are ApiMisuse', () => {
    expect(() => provider.aesGcm(randomBytes(24))).toThrow(ApiMisuse)
    expect(() => provider.aesCbc(randomBytes(0))).toThrow(ApiMisuse)
    expect(() =>
      provider.aesGcm(randomBytes(16)).seal(randomBytes(8), randomBytes(1), randomBytes(1)),
    ).toThrow(ApiMisuse)
    expect(() => provider.aesCbc(randomBytes(16)).decrypt(randomBytes(16), randomBytes(17))).toThrow(
      ApiMisuse,
    )
    expect(() => provider.aesCbc(randomBytes(16)).encrypt(randomBytes(15), randomBytes(16))).toThrow(
      ApiMisuse,
    )
  })

  type GcmCase = { key: string; iv: string; aad: string; msg: string; ct: string; tag: string }
  describeWycheproof<{ ivSize: number; keySize: number; tagSize: number }, GcmCase>(
    ['aes_gcm'],
    (_, read) => {
      test('12-byte nonces and 16- or 32-byte keys: every case goes as the file says', () => {
        let seen = 0
        for (const group of read().testGroups) {
          if (group.ivSize !== 96 || group.keySize === 192 || group.tagSize !== 128) continue
          for (const { tcId, result, ...hex } of group.tests) {
            const aead = provider.aesGcm(fromHex(hex.key))
            const opened = aead.open(fromHex(hex.iv), fromHex(hex.aad), fromHex(hex.ct + hex.tag))
            expect(opened && toHex(opened), `tcId ${tcId}`).toBe(result === 'valid' ? hex.msg : undefined)
            if (result !== 'valid') continue
            const sealed = aead.seal(fromHex(hex.iv), fromHex(hex.aad), fromHex(hex.msg))
            expect(toHex(sealed), `tcId ${tcId}`).toBe(hex.ct + hex.tag)
            seen++
          }
        }
        expect(seen).toBeGreaterThan(50)
      })
    },
  )
})
