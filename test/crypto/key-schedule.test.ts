import { describe, expect, test, vi } from 'vitest'
import { fromHex, toHex } from '../../src/bytes.ts'
import {
  type CipherSuite,
  type CipherSuiteName,
  cipherSuite,
  cipherSuiteNames,
} from '../../src/crypto/cipher-suites.ts'
import {
  deriveExtendedMasterSecret,
  deriveKeyBlock,
  deriveMasterSecret,
  deriveVerifyData,
  exportKeyingMaterial,
  type WriteKeys,
  wipeKeyBlock,
} from '../../src/crypto/key-schedule.ts'
import { prf } from '../../src/crypto/prf.ts'
import type { CryptoProvider, Hash } from '../../src/crypto/provider.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { Secret } from '../../src/secret.ts'
import { nodeCryptoProvider } from '../support/node-crypto-provider.ts'
import { providers } from '../support/providers.ts'
import { expand, testVectors, type VectorKind, vectorFile, vectorKinds } from '../support/vectors.ts'

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

  // RFC 5705 §4
  testVectors(vectorFile('exporter').tests, vector => {
    const { label, length } = vector
    const randoms = { clientRandom: fromHex(vector.clientRandom), serverRandom: fromHex(vector.serverRandom) }
    const context = vector.context === null ? undefined : expand(vector.context)
    const masterSecret = secretOf(vector.masterSecret)
    const wanted = { label, randoms, context, length }
    const exported = exportKeyingMaterial(provider, cipherSuite(vector.suite), masterSecret, wanted)
    expect(toHex(exported)).toBe(vector.keyingMaterial)
    expect(toHex(masterSecret.reveal())).toBe(vector.masterSecret)
  })
})

// RFC 5705 §4: the length of the context has 16 bits.
test('a context of 2^16 bytes is not exported with', () => {
  const randoms = { clientRandom: new Uint8Array(32), serverRandom: new Uint8Array(32) }
  const wanted = { label: 'EXPERIMENTAL', randoms, context: new Uint8Array(2 ** 16), length: 16 }
  const suite = cipherSuite('TLS_RSA_WITH_AES_128_GCM_SHA256')
  const run = () => exportKeyingMaterial(nodeCryptoProvider, suite, secretOf('03'.repeat(48)), wanted)
  expect(run).toThrow(ApiMisuse)
})

/** What of a suite the vectors of a kind depend on. */
const partOf: Record<Exclude<VectorKind, 'prf'>, (suite: CipherSuite) => unknown> = {
  master_secret: ({ prfHash }) => prfHash,
  ems: ({ prfHash }) => prfHash,
  verify_data: ({ prfHash }) => prfHash,
  exporter: ({ prfHash }) => prfHash,
  key_block: ({ cipher, prfHash }) => [cipher, prfHash],
  record_protect: ({ cipher }) => cipher,
  record_open: ({ cipher }) => cipher,
}

// A new suite is a row in the table and its vectors; the row alone where a suite with the same parts has them.
describe.each(vectorKinds.filter(kind => kind !== 'prf'))('vectors/%s.json', kind => {
  const part = (name: CipherSuiteName) => JSON.stringify(partOf[kind](cipherSuite(name)))
  const covered = new Set(vectorFile(kind).tests.map(({ suite }) => part(suite)))

  test.each(cipherSuiteNames)('has vectors for %s', name => {
    expect(covered).toContain(part(name))
  })
})

describe('wiping', () => {
  const randoms = { clientRandom: new Uint8Array(32).fill(1), serverRandom: new Uint8Array(32).fill(2) }

  // Exported keys are the application's; what they were made from is not.
  test('an exporter leaves no digest behind', () => {
    const digests: Uint8Array[] = []
    const wanted = { label: 'EXPERIMENTAL', randoms, context: undefined, length: 100 }
    const suite = cipherSuite('TLS_RSA_WITH_AES_256_GCM_SHA384')
    exportKeyingMaterial(remembering(nodeCryptoProvider, digests), suite, secretOf('03'.repeat(48)), wanted)
    expect(digests.length).toBeGreaterThan(4)
    expect(digests.every(digest => digest.every(byte => byte === 0))).toBe(true)
  })

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
