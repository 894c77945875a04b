import { describe, expect, test, vi } from 'vitest'
import { fromHex, toHex } from '../../src/bytes.ts'
import { cipherSuite, cipherSuiteNames } from '../../src/crypto/cipher-suites.ts'
import {
  deriveExtendedMasterSecret,
  deriveKeyBlock,
  deriveMasterSecret,
  deriveVerifyData,
  type WriteKeys,
  wipeKeyBlock,
} from '../../src/crypto/key-schedule.ts'
import { prf } from '../../src/crypto/prf.ts'
import type { CryptoProvider, Hash } from '../../src/crypto/provider.ts'
import { Secret } from '../../src/secret.ts'
import { nodeCryptoProvider } from '../support/node-crypto-provider.ts'
import { providers } from '../support/providers.ts'
import { testVectors, vectorFile } from '../support/vectors.ts'

// The PRF itself, with a memory of what it returned.
vi.mock('../../src/crypto/prf.ts', async importOriginal => {
  const original = await importOriginal<typeof import('../../src/crypto/prf.ts')>()
  return { prf: vi.fn(original.prf) }
})

const secretOf = (hex: string) => new Secret(fromHex(hex))
const hexOf = ({ macKey, key, iv }: WriteKeys) => ({ macKey: toHex(macKey), key: toHex(key), iv: toHex(iv) })

describe.each(providers)('key schedule with $name', ({ provider }) => {
  // RFC 5246 §8.1
  testVectors(vectorFile('master_secret').tests, vector => {
    const randoms = { clientRandom: fromHex(vector.clientRandom), serverRandom: fromHex(vector.serverRandom) }
    const preMasterSecret = secretOf(vector.preMasterSecret)
    const masterSecret = deriveMasterSecret(provider, cipherSuite(vector.suite), preMasterSecret, randoms)
    expect(toHex(masterSecret.reveal())).toBe(vector.masterSecret)
    expect(toHex(preMasterSecret.reveal())).toBe(vector.preMasterSecret)
  })

  // RFC 7627 §4
  testVectors(vectorFile('ems').tests, vector => {
    const preMasterSecret = secretOf(vector.preMasterSecret)
    const sessionHash = fromHex(vector.sessionHash)
    const masterSecret = deriveExtendedMasterSecret(
      provider,
      cipherSuite(vector.suite),
      preMasterSecret,
      sessionHash,
    )
    expect(toHex(masterSecret.reveal())).toBe(vector.masterSecret)
    expect(toHex(sessionHash)).toBe(vector.sessionHash)
  })

  // RFC 5246 §6.3
  testVectors(vectorFile('key_block').tests, vector => {
    const randoms = { clientRandom: fromHex(vector.clientRandom), serverRandom: fromHex(vector.serverRandom) }
    const keys = deriveKeyBlock(provider, cipherSuite(vector.suite), secretOf(vector.masterSecret), randoms)
    expect({ client: hexOf(keys.client), server: hexOf(keys.server) }).toEqual({
      client: vector.client,
      server: vector.server,
    })
  })

  // RFC 5246 §7.4.9
  testVectors(vectorFile('verify_data').tests, vector => {
    const finished = { role: vector.role, handshakeHash: fromHex(vector.handshakeHash) }
    const masterSecret = secretOf(vector.masterSecret)
    const verifyData = deriveVerifyData(provider, cipherSuite(vector.suite), masterSecret, finished)
    expect(toHex(verifyData)).toBe(vector.verifyData)
    expect(toHex(masterSecret.reveal())).toBe(vector.masterSecret)
  })
})

test('every suite has vectors of every kind', () => {
  for (const kind of [
    'master_secret',
    'ems',
    'key_block',
    'verify_data',
    'record_protect',
    'record_open',
  ] as const) {
    const covered = new Set<string>(vectorFile(kind).tests.map(({ suite }) => suite))
    expect(covered, kind).toEqual(new Set(cipherSuiteNames))
  }
})

describe('wiping', () => {
  const randoms = { clientRandom: new Uint8Array(32).fill(1), serverRandom: new Uint8Array(32).fill(2) }

  test.each(cipherSuiteNames)('wipeKeyBlock leaves zeros in all keys of %s', name => {
    const keys = deriveKeyBlock(nodeCryptoProvider, cipherSuite(name), secretOf('03'.repeat(48)), randoms)
    const all = [keys.client, keys.server].flatMap(({ macKey, key, iv }) => [macKey, key, iv])
    expect(all.filter(bytes => bytes.length > 0).every(bytes => bytes.some(byte => byte !== 0))).toBe(true)
    wipeKeyBlock(keys)
    expect(all.every(bytes => bytes.every(byte => byte === 0))).toBe(true)
  })

  test.each(cipherSuiteNames)('the keys of %s share no memory with each other or a key block', name => {
    const keys = deriveKeyBlock(nodeCryptoProvider, cipherSuite(name), secretOf('03'.repeat(48)), randoms)
    const all = [keys.client, keys.server].flatMap(({ macKey, key, iv }) => [macKey, key, iv])
    expect(new Set(all.map(bytes => bytes.buffer)).size).toBe(6)
    for (const bytes of all) expect(bytes.buffer.byteLength).toBe(bytes.length)
  })

  test.each(cipherSuiteNames)('the key block of %s is zeros once it is cut up', name => {
    deriveKeyBlock(nodeCryptoProvider, cipherSuite(name), secretOf('03'.repeat(48)), randoms)
    const keyBlock = vi.mocked(prf).mock.results.at(-1)?.value as Uint8Array
    expect(keyBlock.length).toBeGreaterThan(0)
    expect(keyBlock.every(byte => byte === 0)).toBe(true)
  })

  test('every digest the derivation asked for is zeros afterwards', () => {
    const digests: Uint8Array[] = []
    const provider = remembering(nodeCryptoProvider, digests)
    deriveKeyBlock(
      provider,
      cipherSuite('TLS_RSA_WITH_AES_256_CBC_SHA256'),
      secretOf('03'.repeat(48)),
      randoms,
    )
    expect(digests.length).toBeGreaterThan(4)
    expect(digests.every(digest => digest.every(byte => byte === 0))).toBe(true)
  })
})

/** A provider that keeps every digest its HMAC hands out. */
function remembering(provider: CryptoProvider, digests: Uint8Array[]): CryptoProvider {
  const watch = (hash: Hash): Hash => ({
    update(bytes) {
      hash.update(bytes)
      return this
    },
    digest() {
      const digest = hash.digest()
      digests.push(digest)
      return digest
    },
    clone: () => watch(hash.clone()),
  })
  return { ...provider, hmac: (algorithm, key) => watch(provider.hmac(algorithm, key)) }
}
