import { createDiffieHellman, createECDH, getDiffieHellman, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { fromHex, toHex } from '../../src/bytes.ts'
import {
  bytesOf,
  type FiniteFieldGroup,
  type FiniteFieldName,
  finiteField,
  numberOf,
} from '../../src/crypto/finite-fields.ts'
import { type NamedGroup, namedGroups } from '../../src/crypto/named-groups.ts'
import type { RandomBytes } from '../../src/crypto/provider.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { Secret } from '../../src/secret.ts'
import { nodeCryptoProvider } from '../support/node-crypto-provider.ts'
import { seededRandom } from '../support/pair.ts'
import { providerRooms } from '../support/providers.ts'
import { describeWycheproof } from './wycheproof.ts'

const random: RandomBytes = length => new Uint8Array(randomBytes(length))
const hexOf = (secret: Secret | undefined) => secret && toHex(secret.reveal())
/** A source that gives these bytes, whatever is asked. */
const fixed = (hex: string) => () => fromHex(hex)

const publicLength: Readonly<Record<NamedGroup, number>> = {
  x25519: 32,
  secp256r1: 65,
  secp384r1: 97,
  secp521r1: 133,
  ffdhe2048: 256,
  ffdhe3072: 384,
  ffdhe4096: 512,
  ffdhe6144: 768,
  ffdhe8192: 1024,
}
const curves = { secp256r1: 'prime256v1', secp384r1: 'secp384r1', secp521r1: 'secp521r1' } as const
const fields = Object.keys(namedGroups).filter(name => name.startsWith('ffdhe')) as FiniteFieldName[]

describe.each(providerRooms)('provider $name, key shares', ({ provider }) => {
  const share = (group: NamedGroup | FiniteFieldGroup, source = random) => provider.keyShare(group, source)

  describe.each(provider.groups)('%s', group => {
    test('agrees with node:crypto, both ways', () => {
      for (let i = 0; i < (publicLength[group] > 512 ? 2 : 8); i++) {
        const [ours, theirs] = [share(group), nodeCryptoProvider.keyShare(group, random)]
        expect(ours.publicKey).toHaveLength(publicLength[group])
        const secret = ours.agree(theirs.publicKey)
        expect(secret).toBeInstanceOf(Secret)
        expect(hexOf(secret)).toBe(hexOf(theirs.agree(ours.publicKey)))
      }
    }, 120_000) // Node's DiffieHellman tests the long primes for being some.

    test('the private half serves once and is wiped then, or by wipe()', () => {
      const wiped = vi.spyOn(Secret.prototype, 'wipe')
      const [ours, other] = [share(group), share(group)]
      ours.agree(other.publicKey)
      expect(wiped).toHaveBeenCalledTimes(1)
      other.wipe()
      expect(wiped).toHaveBeenCalledTimes(2)
      const lengths = wiped.mock.contexts.map(secret => (secret as Secret).reveal())
      for (const bytes of lengths) expect(bytes.every(byte => byte === 0)).toBe(true)
      wiped.mockRestore()
      for (const used of [ours, other]) expect(() => used.agree(share(group).publicKey)).toThrow(ApiMisuse)
    })

    test('the bytes drawn are copied, and no length of a public key but its own is one', () => {
      const drawn: Uint8Array[] = []
      const ours = share(group, length => {
        drawn.push(random(length))
        return drawn.at(-1)!
      })
      const copies = drawn.map(bytes => toHex(bytes))
      const theirs = nodeCryptoProvider.keyShare(group, random)
      const expected = hexOf(theirs.agree(ours.publicKey))
      for (const bytes of drawn) bytes.fill(0)
      expect(hexOf(ours.agree(theirs.publicKey))).toBe(expected)
      expect(copies.every(copy => /[1-9a-f]/.test(copy))).toBe(true)

      const { publicKey } = theirs
      for (const bytes of [
        new Uint8Array(0),
        Uint8Array.from([...publicKey, 0]),
        Uint8Array.from([0, ...publicKey]),
      ])
        expect(share(group).agree(bytes)).toBeUndefined()
    })

    test('printed, a share shows its public half only', () => {
      const shown = inspect(share(group), { depth: 9, showHidden: true })
      expect(shown).toMatch(/^SingleUseShare {\s+publicKey: Uint8Array/)
      expect(shown.match(/Uint8Array/g)).toHaveLength(1)
    })

    test('the same randomness makes the same share', () => {
      const [a, b] = [seededRandom('same'), seededRandom('same')].map(source => share(group, source))
      expect(toHex(a!.publicKey)).toBe(toHex(b!.publicKey))
      const other = share(group).publicKey
      expect(hexOf(a!.agree(other))).toBe(hexOf(b!.agree(other)))
    })
  })

  describe('x25519', () => {
    test('RFC 7748 §5.2', () => {
      for (const [scalar, u, result] of [
        [
          'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
          'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
          'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
        ],
        [
          '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
          'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
          '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
        ],
      ] as const)
        expect(hexOf(share('x25519', fixed(scalar)).agree(fromHex(u)))).toBe(result)
    })

    test('RFC 7748 §6.1', () => {
      const alice = share('x25519', fixed('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'))
      const bob = share('x25519', fixed('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'))
      expect(toHex(alice.publicKey)).toBe('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a')
      expect(toHex(bob.publicKey)).toBe('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f')
      const expected = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'
      expect(hexOf(alice.agree(bob.publicKey))).toBe(expected)
      expect(
        hexOf(bob.agree(fromHex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'))),
      ).toBe(expected)
    })

    // The points of order 1, 2, 4 and 8, and their other encodings (RFC 7748 §6.1, https://cr.yp.to/ecdh.html#validate).
    test.each([
      '00'.repeat(32),
      `01${'00'.repeat(31)}`,
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
      '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
      `ec${'ff'.repeat(30)}7f`,
      `ed${'ff'.repeat(30)}7f`,
      `ee${'ff'.repeat(30)}7f`,
      `${'00'.repeat(31)}80`,
    ])('%s has an all-zero result, and is no key', hex => {
      expect(share('x25519').agree(fromHex(hex))).toBeUndefined()
    })
  })

  describe.each(Object.entries(curves))('%s', (name, opensslName) => {
    const group = name as keyof typeof curves
    const theirs = createECDH(opensslName)

    test('no compressed or hybrid point, none off the curve, no infinity is a key', () => {
      const point = Uint8Array.from(theirs.generateKeys())
      const hybrid = Uint8Array.from(theirs.getPublicKey(null, 'hybrid'))
      const offCurve = point.slice()
      offCurve[point.length - 1]! ^= 1
      const infinity = Uint8Array.of(0)
      const origin = Uint8Array.from(point, (_, i) => (i === 0 ? 4 : 0))
      for (const bytes of [theirs.getPublicKey(null, 'compressed'), hybrid, offCurve, infinity, origin])
        expect(share(group).agree(Uint8Array.from(bytes))).toBeUndefined()
      expect(share(group).agree(point)).toBeInstanceOf(Secret)
    })

    test('the secret is the x coordinate in full length, the leading zero too (RFC 8422 §5.10)', () => {
      const draws = { secp256r1: 'share 287', secp384r1: 'share 354', secp521r1: 'share 1' }
      const ours = share(group, seededRandom(draws[group]))
      theirs.setPrivateKey(seededRandom('peer')({ secp256r1: 32, secp384r1: 48, secp521r1: 65 }[group]))
      const expected = theirs.computeSecret(ours.publicKey)
      expect(expected[0]).toBe(0)
      expect(hexOf(ours.agree(theirs.getPublicKey()))).toBe(expected.toString('hex'))
    })

    test('the scalar is drawn with half as many bytes more, so that none is preferred', () => {
      const drawn: number[] = []
      share(group, length => {
        drawn.push(length)
        return random(length)
      })
      expect(drawn).toEqual([{ secp256r1: 48, secp384r1: 72, secp521r1: 99 }[group]])
    })
  })

  describe.each(fields)('%s', name => {
    const { p } = finiteField(name)

    test('0, 1, p-1, p and what lies beyond are no keys; 2 and p-2 are, short or padded', () => {
      const padded = (y: bigint) => fromHex(y.toString(16).padStart(2 * bytesOf(p).length, '0'))
      for (const y of [0n, 1n, p - 1n, p, p + 1n]) expect(share(name).agree(padded(y))).toBeUndefined()
      expect(share(name).agree(Uint8Array.of(1))).toBeUndefined()
      const secrets = [Uint8Array.of(2), padded(2n)].map(bytes => share(name, seededRandom('2')).agree(bytes))
      expect(hexOf(secrets[0])).toBe(toHex(bytesOf(numberOf(share(name, seededRandom('2')).publicKey))))
      expect(hexOf(secrets[1])).toBe(hexOf(secrets[0]))
      expect(share(name).agree(padded(p - 2n))).toBeInstanceOf(Secret)
    })

    // RFC 7919 appendix A: 225, 275, 325, 375 and 400 bits.
    test('the exponent has the bits of RFC 7919 §5.2, whatever is drawn', () => {
      const length = { ffdhe2048: 29, ffdhe3072: 35, ffdhe4096: 41, ffdhe6144: 47, ffdhe8192: 50 }[name]
      for (const fill of [0x00, 0x7f, 0xff]) {
        const drawn: number[] = []
        const ours = share(name, count => {
          drawn.push(count)
          return new Uint8Array(count).fill(fill)
        })
        expect(drawn).toEqual([length])
        const exponent = new Uint8Array(length).fill(fill)
        exponent[0]! |= 0x80 // As long in bits, too.
        expect(toHex(ours.publicKey)).toBe(toHex(nodeCryptoProvider.keyShare(name, () => exponent).publicKey))
      }
    })
  })

  test('ffdhe2048: Y is as long as p, and Z has no leading zeros (RFC 5246 §8.1.2)', () => {
    expect(share('ffdhe2048', seededRandom('share 78')).publicKey[0]).toBe(0)
    const ours = share('ffdhe2048', seededRandom('share 370'))
    const theirs = createDiffieHellman(Buffer.from(bytesOf(finiteField('ffdhe2048').p)), Buffer.of(2))
    theirs.setPrivateKey(Buffer.from(seededRandom('peer')(32)))
    theirs.generateKeys()
    const padded = theirs.computeSecret(ours.publicKey)
    expect(padded.toString('hex')).toMatch(/^00(?!00)/)
    expect(hexOf(ours.agree(theirs.getPublicKey()))).toBe(padded.subarray(1).toString('hex'))
  })

  describe('a group by its numbers', () => {
    const { p } = finiteField('ffdhe2048')
    const modp14 = numberOf(getDiffieHellman('modp14').getPrime())

    test('of RFC 3526 agrees with node:crypto', () => {
      const group = { p: modp14, g: 2n }
      const [ours, theirs] = [share(group), nodeCryptoProvider.keyShare(group, random)]
      expect(hexOf(ours.agree(theirs.publicKey))).toBe(hexOf(theirs.agree(ours.publicKey)))
    })

    test('takes an exponent as long as p, unless it is one of RFC 7919', () => {
      const lengthOf = (group: FiniteFieldGroup) => {
        const drawn: number[] = []
        share(group, length => {
          drawn.push(length)
          return random(length)
        })
        return drawn
      }
      expect(lengthOf({ p: modp14, g: 2n })).toEqual([256])
      expect(lengthOf({ p, g: 2n })).toEqual([29])
      expect(lengthOf({ p, g: 3n })).toEqual([256])
    })

    test.each([
      ['of 2047 bits', { p: 2n ** 2047n - 1n, g: 2n }, 'WEAK_DH_GROUP', 'insufficient_security'],
      ['of 1024 bits', { p: 2n ** 1024n - 1n, g: 2n }, 'WEAK_DH_GROUP', 'insufficient_security'],
      ['with p = 0', { p: 0n, g: 2n }, 'WEAK_DH_GROUP', 'insufficient_security'],
      ['of 8193 bits', { p: 2n ** 8192n + 1n, g: 2n }, 'BAD_DH_GROUP', 'illegal_parameter'],
      ['of 4097 bits without a name', { p: 2n ** 4096n + 1n, g: 2n }, 'BAD_DH_GROUP', 'illegal_parameter'],
      ['with an even p', { p: p - 1n, g: 2n }, 'BAD_DH_GROUP', 'illegal_parameter'],
      ['with g = 0', { p, g: 0n }, 'BAD_DH_GROUP', 'illegal_parameter'],
      ['with g = 1', { p, g: 1n }, 'BAD_DH_GROUP', 'illegal_parameter'],
      ['with g = p-1', { p, g: p - 1n }, 'BAD_DH_GROUP', 'illegal_parameter'],
      ['with g above p', { p, g: p + 2n }, 'BAD_DH_GROUP', 'illegal_parameter'],
    ])('%s is refused', (_, group, code, alert) => {
      expect(() => share(group)).toThrow(expect.objectContaining({ name: 'TlsError', code, alert }))
    })

    // OpenSSL's own limits for a secret, which are those of NIST SP 800-56A §5.7.1.1.
    test('that is no field, with a power of 0: it is refused, or the share is', () => {
      const p = 3n ** 1300n
      expect(() => share({ p, g: 3n })).toThrow(
        expect.objectContaining({ name: 'TlsError', code: 'BAD_DH_GROUP', alert: 'illegal_parameter' }),
      )
      expect(share({ p, g: 2n }).agree(fromHex('09'))).toBeUndefined()
    })

    test('of 2048 bits is long enough, one of 8192 not too long', () => {
      expect(share({ p: 2n ** 2047n + 1n, g: 2n }).publicKey).toHaveLength(256)
      expect(share('ffdhe8192').publicKey).toHaveLength(1024)
    })
  })

  describeWycheproof<unknown, { public: string; private: string; shared: string }>(['x25519'], (_, read) => {
    test('every secret is as the file says; all-zero ones are refused', () => {
      let refused = 0
      for (const group of read().testGroups) {
        for (const { tcId, shared, ...hex } of group.tests) {
          const secret = provider.keyShare('x25519', fixed(hex.private)).agree(fromHex(hex.public))
          const isZero = /^0+$/.test(shared)
          expect(hexOf(secret), `tcId ${tcId}`).toBe(isZero ? undefined : shared)
          if (isZero) refused++
        }
      }
      expect(refused).toBeGreaterThan(10)
    })
  })

  const files = Object.keys(curves).map(name => `ecdh_${name}_ecpoint`)
  describeWycheproof<{ curve: string }, { public: string; private: string; shared: string }>(
    files,
    (_, read) => {
      test('every secret is as the file says; invalid and compressed points are refused', () => {
        for (const group of read().testGroups) {
          const curve = group.curve as keyof typeof curves
          for (const { tcId, result, shared, ...hex } of group.tests) {
            // Drawn 50 % longer than the order, a number x becomes the scalar x mod (n-1) + 1 (FIPS 186-5 §A.2.1).
            const seedLength = { secp256r1: 48, secp384r1: 72, secp521r1: 99 }[curve]
            const seed = (BigInt(`0x${hex.private}`) - 1n).toString(16).padStart(2 * seedLength, '0')
            const secret = provider.keyShare(curve, fixed(seed)).agree(fromHex(hex.public))
            expect(hexOf(secret), `tcId ${tcId}`).toBe(result === 'valid' ? shared : undefined)
          }
        }
      }, 120_000)
    },
  )
})
