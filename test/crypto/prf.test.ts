import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes.ts'
import { prf } from '../../src/crypto/prf.ts'
import { providers } from '../support/providers.ts'
import { testVectors, vectorFile } from '../support/vectors.ts'

// RFC 5246 §5
describe.each(providers)('prf with $name', ({ provider }) => {
  testVectors(vectorFile('prf').tests, ({ hash, secret, label, seed, length, output }) => {
    const bytes = prf({ provider, hash, secret: fromHex(secret), label, seed: fromHex(seed) }, length)
    expect(toHex(bytes)).toBe(output)
  })

  test.each(['sha256', 'sha384'] as const)('a shorter output is the start of a longer one (%s)', hash => {
    const input = { provider, hash, secret: fromHex('0102'), label: 'test label', seed: fromHex('0304') }
    const longest = toHex(prf(input, 150))
    for (let length = 0; length <= 150; length++)
      expect(toHex(prf(input, length))).toBe(longest.slice(0, 2 * length))
  })

  test('leaves secret and seed as they were', () => {
    const [secret, seed] = [fromHex('01020304'), fromHex('05060708')]
    prf({ provider, hash: 'sha256', secret, label: 'test label', seed }, 100)
    expect([toHex(secret), toHex(seed)]).toEqual(['01020304', '05060708'])
  })

  test('refuses a label that is not ASCII', () => {
    const input = {
      provider,
      hash: 'sha256',
      secret: fromHex('01'),
      label: 'étiquette',
      seed: fromHex('02'),
    } as const
    expect(() => prf(input, 12)).toThrow(RangeError)
  })
})
