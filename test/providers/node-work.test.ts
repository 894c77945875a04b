/** What providers/node asks of OpenSSL, where the result would not show it: how much work, and which. */
import * as crypto from 'node:crypto'
import { beforeEach, expect, test, vi } from 'vitest'
import { bytesOf, numberOf } from '../../src/crypto/finite-fields.ts'
import { nodeProvider, privateKey } from '../../src/providers/node/index.ts'
import { rsaComponentsOf } from '../support/node-keys.ts'

vi.mock('node:crypto', async importOriginal => {
  const original = await importOriginal<typeof crypto>()
  return {
    ...original,
    privateDecrypt: vi.fn(original.privateDecrypt),
    createDiffieHellman: vi.fn(original.createDiffieHellman),
  }
})
beforeEach(() => vi.clearAllMocks())

test('a ciphertext that cannot be right costs one private operation, on a number below the modulus, as a good one does', () => {
  const pair = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 })
  const components = rsaComponentsOf(pair.privateKey)
  const key = privateKey(components)
  const modulus = Buffer.from(components.modulus.toString(16), 'hex')
  const decrypt = vi.mocked(crypto.privateDecrypt)
  for (const ciphertext of [
    Buffer.alloc(256, 1),
    Buffer.alloc(0),
    Buffer.alloc(257, 1),
    modulus,
    Buffer.alloc(256, 0xff),
  ]) {
    key.decryptRaw?.(ciphertext)
    expect(decrypt).toHaveBeenCalledTimes(1)
    const [, given] = decrypt.mock.calls[0]!
    expect(given).toHaveLength(256)
    expect(numberOf(given as Uint8Array) < components.modulus).toBe(true)
    expect(decrypt.mock.results[0]!.type).toBe('return')
    vi.clearAllMocks()
  }
})

test("a peer's own prime is not tested for being one, which takes OpenSSL seconds (decision 17)", () => {
  const create = vi.mocked(crypto.createDiffieHellman)
  nodeProvider.keyShare({ p: 2n ** 2203n - 1n, g: 3n }, crypto.randomBytes).wipe()
  expect(create).not.toHaveBeenCalled()
})

test('a group in which powers vanish is refused, and so is such a share: neither is an exception of OpenSSL', () => {
  const q = 2n ** 1030n + 1n
  expect(() => nodeProvider.keyShare({ p: q * q, g: q }, crypto.randomBytes)).toThrow(
    expect.objectContaining({ name: 'TlsError', code: 'BAD_DH_GROUP' }),
  )
  const share = nodeProvider.keyShare({ p: q * q, g: 2n }, crypto.randomBytes)
  expect(share.agree(bytesOf(q))).toBeUndefined()
})
