/** The two providers are each other's oracle: the same inputs and the same random bytes make the same outputs. */
import { generateKeyPairSync } from 'node:crypto'
import { ED25519_TORSION_SUBGROUP } from '@noble/curves/ed25519.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes.ts'
import { namedGroupNames, namedGroups } from '../../src/crypto/named-groups.ts'
import type { PrivateKey, RandomBytes } from '../../src/crypto/provider.ts'
import { hashLength, signatureScheme, signatureSchemeNames } from '../../src/crypto/signature-schemes.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { nodeProvider } from '../../src/providers/node/index.ts'
import type { PrivateKeyComponents } from '../../src/x509/private-key.ts'
import type { RsaKeyComponents } from '../../src/x509/rsa-private-key.ts'
import { curveComponentsOf, pssPairFor, rsaComponentsOf } from '../support/node-keys.ts'
import { type ProviderRoom, providerRooms } from '../support/providers.ts'
import { seededRandom } from '../support/seeded-random.ts'

const algorithms = Object.keys(hashLength) as (keyof typeof hashLength)[]
const algorithm = fc.constantFrom(...algorithms)
const bytes = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength })
const seed = fc.string({ maxLength: 8 })
const aesKey = fc.oneof(bytes(16), bytes(32))

/** Random bytes that depend on how many are wanted alone: the two do not draw in one order where they blind. */
const byLength =
  (name: string): RandomBytes =>
  length =>
    seededRandom(`${name} ${length}`)(length)

/** What a call comes to: bytes, nothing, or the error's name and code. */
function outcomeOf(call: () => unknown): unknown {
  try {
    const result = call()
    return result instanceof Uint8Array ? toHex(result) : result
  } catch (error) {
    const { name, code } = error as { name: string; code?: string }
    return { name, code }
  }
}

function expectAgreement(call: (room: ProviderRoom) => unknown): void {
  const [noble, node] = providerRooms.map(room => outcomeOf(() => call(room)))
  expect(node).toEqual(noble)
}

function check<Inputs extends [unknown, ...unknown[]]>(
  inputs: { [Key in keyof Inputs]: fc.Arbitrary<Inputs[Key]> },
  numRuns: number,
  predicate: (...values: Inputs) => void,
): void {
  fc.assert(fc.property(...inputs, predicate), { numRuns })
}

/** Bytes, some of them changed in one place, shortened or lengthened. */
function damaged(given: Uint8Array, at: number, how: number): Uint8Array {
  const copy = Uint8Array.from(given)
  if (how % 4 === 0) return copy
  if (how % 4 === 1) return copy.subarray(0, at % (copy.length + 1))
  if (how % 4 === 2) return Uint8Array.from([...copy, at & 0xff])
  if (copy.length > 0) copy[at % copy.length]! ^= 1 << ((how >> 2) % 8)
  return copy
}
const damage = [fc.nat(10_000), fc.nat(31)] as const

describe('symmetric', () => {
  test('hashes and HMACs in pieces, cloned in between', () => {
    check([algorithm, bytes(0, 300), bytes(0, 300), bytes(0, 300)], 200, (name, key, first, rest) => {
      for (const start of ['hash', 'hmac'] as const)
        expectAgreement(({ provider }) => {
          const running = start === 'hash' ? provider.hash(name) : provider.hmac(name, key)
          const copy = running.update(first).clone().update(key)
          return `${toHex(running.update(rest).digest())} ${toHex(copy.digest())}`
        })
    })
  })

  test('HKDF', () => {
    check(
      [bytes(0, 80), bytes(0, 80), bytes(0, 200), fc.integer({ min: 1, max: 300 })],
      100,
      (secret, salt, info, length) =>
        expectAgreement(({ provider }) => provider.hkdfSha256(secret, salt, info, length)),
    )
  })

  test.each(['aesGcm', 'chacha20Poly1305'] as const)('%s, with lengths that are none, too', name => {
    const key = name === 'aesGcm' ? aesKey : bytes(32)
    check([fc.oneof(key, bytes(0, 40)), bytes(0, 20), bytes(0, 40)], 100, (given, nonce, plaintext) =>
      expectAgreement(({ provider }) => provider[name](given).seal(nonce, plaintext, plaintext)),
    )
    check(
      [key, bytes(12), bytes(0, 20), bytes(0, 600), ...damage],
      300,
      (given, nonce, data, text, at, how) => {
        expectAgreement(({ provider }) => provider[name](given).seal(nonce, data, text))
        const sealed = damaged(nobleProvider[name](given).seal(nonce, data, text), at, how)
        expectAgreement(({ provider }) => provider[name](given).open(nonce, data, sealed))
      },
    )
  })

  test('AES-CBC, with lengths that are none, too', () => {
    const blocks = fc.oneof(bytes(0, 50), bytes(32), bytes(256))
    check(
      [fc.oneof(aesKey, bytes(0, 40)), fc.oneof(bytes(16), bytes(0, 20)), blocks],
      300,
      (key, iv, text) => {
        expectAgreement(({ provider }) => provider.aesCbc(key).encrypt(iv, text))
        expectAgreement(({ provider }) => provider.aesCbc(key).decrypt(iv, text))
      },
    )
  })
})

describe.each(namedGroupNames)('%s', group => {
  const runs =
    namedGroups[group].kind === 'ecdhe' ? 60 : ({ ffdhe2048: 20, ffdhe3072: 6 }[group as string] ?? 1)

  test('the same random bytes make the same share, and it takes the same peers for the same secrets', () => {
    check([seed, seed, ...damage], runs, (name, peerName, at, how) => {
      expectAgreement(({ provider }) => provider.keyShare(group, seededRandom(name)).publicKey)
      const peer = damaged(nodeProvider.keyShare(group, seededRandom(peerName)).publicKey, at, how)
      expectAgreement(({ provider }) => provider.keyShare(group, seededRandom(name)).agree(peer)?.reveal())
    })
  })
})

test('a finite field without a name: the same share and secret, the same refusal', () => {
  const field = fc.bigInt({ min: 2n ** 2046n, max: 2n ** 2049n })
  check([field, fc.bigInt({ min: 0n, max: 5n }), seed, bytes(0, 257)], 30, (p, g, name, peer) => {
    const share = ({ provider }: ProviderRoom) => provider.keyShare({ p, g }, seededRandom(name))
    expectAgreement(room => share(room).publicKey)
    expectAgreement(room => share(room).agree(peer)?.reveal())
  })
})

const rsaPair = generateKeyPairSync('rsa', { modulusLength: 2048 })
const rsa = rsaComponentsOf(rsaPair.privateKey)
const keys: Readonly<Record<string, PrivateKeyComponents>> = {
  rsa,
  'rsa of 1025 bits': rsaComponentsOf(generateKeyPairSync('rsa', { modulusLength: 1025 }).privateKey),
  'rsa-pss': rsaComponentsOf(pssPairFor('sha256').privateKey),
  'P-256': curveComponentsOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
  'P-384': curveComponentsOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey),
  'P-521': curveComponentsOf(generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey),
  Ed25519: curveComponentsOf(generateKeyPairSync('ed25519').privateKey),
}

test('RSA encryption, of messages that are too long, too', () => {
  const { publicKey } = nobleKey(rsa)
  check([bytes(0, 260), seed], 30, (message, name) =>
    expectAgreement(({ provider }) => provider.encryptPkcs1(publicKey as never, message, seededRandom(name))),
  )
})

test('the raw RSA operation, on any bytes', () => {
  const [noble, node] = providerRooms.map(({ privateKey }) => privateKey(rsa))
  const ciphertext = fc.oneof(bytes(256), bytes(0, 300), fc.constant(fromHex(rsa.modulus.toString(16))))
  check([ciphertext], 60, given => {
    expect(node!.decryptRaw!(given)).toEqual(noble!.decryptRaw!(given))
  })
  // Not coprime to the modulus: who has met one has factored it.
  const multiple = fromHex((2n * rsa.prime1).toString(16).padStart(512, '0'))
  expect(node!.decryptRaw!(multiple)).toEqual(noble!.decryptRaw!(multiple))
})

describe.each(Object.keys(keys))('a key: %s', name => {
  const components = keys[name]!
  const [noble, node] = providerRooms.map(({ privateKey }) => privateKey(components)) as [
    PrivateKey,
    PrivateKey,
  ]

  test('has one public half, and signs with the same schemes', () => {
    expect(node.publicKey).toEqual(noble.publicKey)
    for (const scheme of signatureSchemeNames)
      expect(typeof outcomeOf(() => node.sign(scheme, new Uint8Array(3)))).toEqual(
        typeof outcomeOf(() => noble.sign(scheme, new Uint8Array(3))),
      )
  })

  test('each takes and refuses the same signatures, those of the other first', () => {
    const schemes = signatureSchemeNames.filter(
      scheme => typeof outcomeOf(() => node.sign(scheme, new Uint8Array(3))) === 'string',
    )
    check(
      [fc.constantFrom(...schemes), bytes(0, 100), seed, fc.boolean(), ...damage],
      25,
      (scheme, message, random, which, at, how) => {
        const signed = providerRooms.map(
          ({ privateKey }) => privateKey(components, byLength(random)).sign(scheme, message) as Uint8Array,
        )
        // The nonces of ECDSA are OpenSSL's own; everything else comes from the random bytes, or is not random.
        if (signatureScheme(scheme).algorithm !== 'ecdsa') expect(toHex(signed[1]!)).toBe(toHex(signed[0]!))
        const signature = damaged(signed[which ? 1 : 0]!, at, how)
        expectAgreement(({ provider }) => provider.verify(scheme, noble.publicKey, message, signature))
        if (how % 4 === 0) expect(nodeProvider.verify(scheme, noble.publicKey, message, signature)).toBe(true)
      },
    )
  })
})

describe('Ed25519', () => {
  const base = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 0x58 : 0x66))

  test('by a key of small order, or in another form, nothing is verified', () => {
    // With A of small order, k A is often 0, and then R = S B is a signature that nobody made: here with S = 0 and S = 1.
    const one = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0))
    const zero = new Uint8Array(32)
    const forms = ED25519_TORSION_SUBGROUP.map(fromHex).flatMap(point => [point, otherSign(point)])
    const longer = [0n, 1n]
      .map(y => littleEndian(2n ** 255n - 19n + y))
      .flatMap(point => [point, otherSign(point)])
    for (const key of [...forms, ...longer])
      for (let message = 0; message < 16; message++)
        for (const signature of [Buffer.concat([one, zero]), Buffer.concat([base, one])])
          for (const { provider } of providerRooms)
            expect(
              provider.verify('ed25519', { type: 'ed25519', bytes: key }, Uint8Array.of(message), signature),
            ).toBe(false)
  })
})

const otherSign = (point: Uint8Array) => Uint8Array.from(point, (byte, i) => (i === 31 ? byte ^ 0x80 : byte))
const littleEndian = (number: bigint) => fromHex(number.toString(16).padStart(64, '0')).reverse()
const nobleKey = (components: RsaKeyComponents) => providerRooms[0]!.privateKey(components)
