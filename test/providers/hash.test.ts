import { createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes.ts'
import type { HashAlgorithm } from '../../src/crypto/provider.ts'
import { providerRooms } from '../support/providers.ts'
import { describeWycheproof } from './wycheproof.ts'

const algorithms: readonly HashAlgorithm[] = ['sha1', 'sha256', 'sha384', 'sha512']
const lengths = [0, 1, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 1000]

describe.each(providerRooms)('provider $name', ({ provider }) => {
  describe.each(algorithms)('%s', algorithm => {
    test('the digest is that of node:crypto for lengths around the block', () => {
      for (const length of lengths) {
        const message = randomBytes(length)
        const digest = provider.hash(algorithm).update(message).digest()
        expect(toHex(digest)).toBe(createHash(algorithm).update(message).digest('hex'))
      }
    })

    test('a message may come in pieces, and a clone goes its own way', () => {
      const [a, b, c] = [randomBytes(70), randomBytes(200), randomBytes(3)]
      const running = provider.hash(algorithm).update(a)
      const copy = running.clone().update(c)
      running.update(b)
      expect(toHex(running.digest())).toBe(createHash(algorithm).update(a).update(b).digest('hex'))
      expect(toHex(copy.digest())).toBe(createHash(algorithm).update(a).update(c).digest('hex'))
    })

    test('the HMAC is that of node:crypto for keys shorter and longer than a block', () => {
      for (const length of lengths) {
        const key = randomBytes(length)
        const mac = provider.hmac(algorithm, key).update(key)
        expect(toHex(mac.digest())).toBe(createHmac(algorithm, key).update(key).digest('hex'))
      }
    })

    test('a keyed HMAC is cloned again and again', () => {
      const key = randomBytes(48)
      const keyed = provider.hmac(algorithm, key)
      for (const length of [0, 1, 300]) {
        const message = randomBytes(length)
        const mac = keyed.clone().update(message).digest()
        expect(toHex(mac)).toBe(createHmac(algorithm, key).update(message).digest('hex'))
      }
    })
  })

  test('HKDF is that of node:crypto', () => {
    for (const length of [1, 16, 32, 33, 255]) {
      const [secret, salt, info] = [randomBytes(32), randomBytes(length % 40), randomBytes(length)]
      const expected = Buffer.from(hkdfSync('sha256', secret, salt, info, length)).toString('hex')
      expect(toHex(provider.hkdfSha256(secret, salt, info, length))).toBe(expected)
    }
  })

  test('a printed HMAC does not show its state', () => {
    const shown = inspect(provider.hmac('sha256', new Uint8Array(32).fill(7)), { depth: 9, showHidden: true })
    expect(shown).not.toMatch(/\d/)
  })

  describeWycheproof<{ tagSize: number }, { key: string; msg: string; tag: string }>(
    ['hmac_sha1', 'hmac_sha256', 'hmac_sha384'],
    (name, read) => {
      const algorithm = name.replace('hmac_', '') as HashAlgorithm
      test('every tag fits or does not, as the file says', () => {
        for (const group of read().testGroups) {
          for (const { tcId, key, msg, tag, result } of group.tests) {
            const mac = provider.hmac(algorithm, fromHex(key)).update(fromHex(msg)).digest()
            const fits = toHex(mac.subarray(0, group.tagSize / 8)) === tag
            expect(fits, `tcId ${tcId}`).toBe(result === 'valid')
          }
        }
      })
    },
  )
})
