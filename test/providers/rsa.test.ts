import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  verify as nodeVerify,
  privateDecrypt,
  privateEncrypt,
  publicEncrypt,
  randomBytes,
  sign,
} from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes.ts'
import type { HashAlgorithm, PrivateKey, RandomBytes, RsaPublicKey } from '../../src/crypto/provider.ts'
import type { SignatureScheme } from '../../src/crypto/signature-schemes.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { privateKey as noblePrivateKey } from '../../src/providers/noble/index.ts'
import { privateKey as nodePrivateKey } from '../../src/providers/node/index.ts'
import { NodeRsaPrivateKey } from '../../src/providers/node/rsa.ts'
import type { RsaKeyComponents } from '../../src/x509/rsa-private-key.ts'
import {
  rsaComponentsOf as componentsOf,
  pssPairFor,
  publicKeyOf as publicKeyOfAny,
} from '../support/node-keys.ts'
import { providerRooms } from '../support/providers.ts'
import { describeWycheproof } from './wycheproof.ts'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const components = componentsOf(privateKey)
const raw = constants.RSA_NO_PADDING

/** An RSA key of ours that answers at once. */
interface KeyHere extends PrivateKey {
  readonly publicKey: RsaPublicKey
  decryptRaw(ciphertext: Uint8Array): Uint8Array | undefined
  sign(scheme: SignatureScheme, message: Uint8Array): Uint8Array
}

function publicKeyOf(key: KeyObject): RsaPublicKey {
  return publicKeyOfAny(key) as RsaPublicKey
}

/** A number as `length` bytes. */
const bytesOf = (number: bigint, length: number) => fromHex(number.toString(16).padStart(2 * length, '0'))
const hexOf = (bytes: Uint8Array | undefined) => bytes && toHex(bytes)

/** RFC 8017 §7.2.2, step 3: what the handshake does with the result in constant time, written down plainly. */
function unpad(encoded: Uint8Array | undefined): string | undefined {
  if (encoded?.[0] !== 0 || encoded[1] !== 2) return undefined
  const end = encoded.indexOf(0, 2)
  return end < 10 ? undefined : toHex(encoded.subarray(end + 1))
}

const signatureFiles = [2048, 3072, 4096].flatMap(bits =>
  [256, 384, 512].map(size => `rsa_signature_${bits}_sha${size}`),
)
const pssFiles = [
  'rsa_pss_2048_sha256_mgf1_32',
  'rsa_pss_3072_sha256_mgf1_32',
  'rsa_pss_4096_sha256_mgf1_32',
  'rsa_pss_4096_sha384_mgf1_48',
  'rsa_pss_4096_sha512_mgf1_64',
  'rsa_pss_misc',
]
type PssGroup = { publicKeyDer: string; sha: string; mgfSha: string; sLen: number }
describe.each(providerRooms)('provider $name', ({ provider, privateKey: makeKey }) => {
  const { encryptPkcs1, verify } = provider
  const rsaPrivateKey = (parts: RsaKeyComponents, random: RandomBytes = randomBytes) =>
    makeKey(parts, random) as KeyHere
  const verifyPkcs1 = (key: RsaPublicKey, hash: HashAlgorithm, message: Uint8Array, signature: Uint8Array) =>
    verify(`rsa_pkcs1_${hash}`, key, message, signature)
  const ours = rsaPrivateKey(components)

  describe('encryptPkcs1', () => {
    test('node:crypto sees 00 02, no zero in the padding, 00 and the message', () => {
      for (const length of [0, 1, 48, 245]) {
        const message = randomBytes(length)
        const ciphertext = encryptPkcs1(publicKeyOf(publicKey), message, randomBytes)
        const encoded = privateDecrypt({ key: privateKey, padding: raw }, ciphertext)
        expect(encoded.toString('hex')).toMatch(/^0002/)
        expect(encoded.indexOf(0, 2)).toBe(256 - length - 1)
        expect(encoded.subarray(256 - length).equals(message)).toBe(true)
      }
    })

    test('a zero drawn for the padding is drawn again', () => {
      let draws = 0
      const stubborn = (length: number) => new Uint8Array(length).fill(draws++ < 40 ? 0 : 0xab)
      const ciphertext = encryptPkcs1(publicKeyOf(publicKey), Uint8Array.of(1), stubborn)
      const encoded = privateDecrypt({ key: privateKey, padding: raw }, ciphertext)
      expect(encoded.toString('hex')).toBe(`0002${'ab'.repeat(252)}0001`)
    })

    test('a source of nothing but zeros is ApiMisuse and not an endless loop', () => {
      const zeros = (length: number) => new Uint8Array(length)
      expect(() => encryptPkcs1(publicKeyOf(publicKey), Uint8Array.of(1), zeros)).toThrow(ApiMisuse)
    })

    test('a key too short for the message is the fault of the peer who sent it', () => {
      const encrypt = () => encryptPkcs1(publicKeyOf(publicKey), randomBytes(246), randomBytes)
      expect(encrypt).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_CERTIFICATE' }))
    })
  })

  describe('verifyPkcs1', () => {
    const message = randomBytes(100)
    const key = publicKeyOf(publicKey)

    test.each<HashAlgorithm>(['sha1', 'sha256', 'sha384', 'sha512'])(
      'takes what node:crypto signs with %s',
      hash => {
        const signature = sign(hash, message, privateKey)
        expect(verifyPkcs1(key, hash, message, signature)).toBe(true)
        expect(verifyPkcs1(key, hash, randomBytes(100), signature)).toBe(false)
        expect(verifyPkcs1(key, hash === 'sha256' ? 'sha512' : 'sha256', message, signature)).toBe(false)
      },
    )

    test('refuses another length and every number from the modulus on', () => {
      const signature = sign('sha256', message, privateKey)
      expect(verifyPkcs1(key, 'sha256', message, signature.subarray(1))).toBe(false)
      expect(verifyPkcs1(key, 'sha256', message, Buffer.concat([Buffer.alloc(1), signature]))).toBe(false)
      expect(verifyPkcs1(key, 'sha256', message, new Uint8Array(0))).toBe(false)
      expect(verifyPkcs1(key, 'sha256', message, bytesOf(key.modulus, 256))).toBe(false)
    })

    test('refuses a signature to which the modulus was added: it must have one form only', () => {
      const pair = generateKeyPairSync('rsa', { modulusLength: 1025 })
      const shortKey = publicKeyOf(pair.publicKey)
      const signature = sign('sha256', message, pair.privateKey)
      const beyond = bytesOf(BigInt(`0x${toHex(signature)}`) + shortKey.modulus, 129)
      expect(verifyPkcs1(shortKey, 'sha256', message, signature)).toBe(true)
      expect(verifyPkcs1(shortKey, 'sha256', message, beyond)).toBe(false)
    })

    test('refuses an encoding with garbage behind the digest (Bleichenbacher 2006), though its start is right', () => {
      const digestInfo = '3031300d060960864801650304020105000420'
      const digest = toHex(provider.hash('sha256').update(message).digest())
      const start = `0001${'ff'.repeat(8)}00${digestInfo}${digest}`
      const encoded = Buffer.from(start.padEnd(512, '5a'), 'hex')
      const forged = privateEncrypt({ key: privateKey, padding: raw }, encoded)
      expect(verifyPkcs1(key, 'sha256', message, forged)).toBe(false)
    })

    test('a key without room for the encoding verifies nothing', () => {
      const tiny: RsaPublicKey = { type: 'rsa', modulus: 3233n, publicExponent: 17n, modulusLength: 2 }
      expect(verifyPkcs1(tiny, 'sha256', message, Uint8Array.of(1, 2))).toBe(false)
    })
  })

  describe('PSS', () => {
    const message = randomBytes(100)
    const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    const schemes: [SignatureScheme, string, number][] = [
      ['rsa_pss_rsae_sha256', 'sha256', 32],
      ['rsa_pss_rsae_sha384', 'sha384', 48],
      ['rsa_pss_rsae_sha512', 'sha512', 64],
    ]

    // A modulus of 8n + 1 bits is one byte longer than its encoding; 1041 and 1042 bits have no byte to spare for SHA-512.
    test.each([1041, 1042, 1043, 1047, 1048, 1049, 2048])(
      'takes what node:crypto signs with %i bits',
      modulusLength => {
        const pair = generateKeyPairSync('rsa', { modulusLength })
        const key = publicKeyOf(pair.publicKey)
        for (const [scheme, hash] of schemes) {
          const signature = sign(hash, message, { key: pair.privateKey, ...pss })
          expect(verify(scheme, key, message, signature), scheme).toBe(true)
          expect(verify(scheme, key, randomBytes(100), signature)).toBe(false)
          for (const [other] of schemes.filter(([other]) => other !== scheme))
            expect(verify(other, key, message, signature)).toBe(false)
          expect(verify(`rsa_pkcs1_${hash as 'sha256'}`, key, message, signature)).toBe(false)
        }
      },
    )

    test.each(schemes)('%s: no salt of another length', (scheme, hash, length) => {
      for (const saltLength of [0, 1, length - 1, length, length + 1, 100]) {
        const signature = sign(hash, message, { key: privateKey, ...pss, saltLength })
        expect(verify(scheme, publicKeyOf(publicKey), message, signature), `${saltLength}`).toBe(
          saltLength === length,
        )
      }
    })

    test('every changed bit of an encoding is noticed, and each of its parts', () => {
      const key = publicKeyOf(publicKey)
      const signature = sign('sha256', message, { key: privateKey, ...pss })
      const encoded = publicEncrypt({ key: publicKey, padding: raw }, signature)
      for (let bit = 1; bit < 2048; bit += 7) {
        const changed = Buffer.from(encoded)
        changed[bit >> 3]! ^= 0x80 >> (bit & 7)
        const forged = privateEncrypt({ key: privateKey, padding: raw }, changed)
        expect(verify('rsa_pss_rsae_sha256', key, message, forged), `bit ${bit}`).toBe(false)
      }
      for (const [at, mask] of [
        [255, 0x01],
        [255, 0x80],
        [223, 0x01],
        [222, 0x01],
        [0, 0x40],
      ] as const) {
        const changed = Buffer.from(encoded)
        changed[at]! ^= mask
        const forged = privateEncrypt({ key: privateKey, padding: raw }, changed)
        expect(verify('rsa_pss_rsae_sha256', key, message, forged)).toBe(false)
      }
      expect(
        verify(
          'rsa_pss_rsae_sha256',
          key,
          message,
          privateEncrypt({ key: privateKey, padding: raw }, encoded),
        ),
      ).toBe(true)
    })

    test('refuses another length and every number from the modulus on', () => {
      const key = publicKeyOf(publicKey)
      const signature = sign('sha256', message, { key: privateKey, ...pss })
      for (const bytes of [
        signature.subarray(1),
        Buffer.concat([Buffer.alloc(1), signature]),
        new Uint8Array(0),
      ])
        expect(verify('rsa_pss_rsae_sha256', key, message, bytes)).toBe(false)
      expect(verify('rsa_pss_rsae_sha256', key, message, bytesOf(key.modulus, 256))).toBe(false)
    })

    test('a modulus of 8n + 1 bits leaves a byte before the encoding, which is 0', () => {
      const pair = generateKeyPairSync('rsa', { modulusLength: 1025 })
      const key = publicKeyOf(pair.publicKey)
      let encoded: Buffer
      do {
        const signature = sign('sha256', message, { key: pair.privateKey, ...pss })
        encoded = publicEncrypt({ key: pair.publicKey, padding: raw }, signature)
      } while (encoded[1]! >= 0x10) // So that it stays below the modulus with a 1 in front.
      const signed = () => privateEncrypt({ key: pair.privateKey, padding: raw }, encoded)
      expect(verify('rsa_pss_rsae_sha256', key, message, signed())).toBe(true)
      encoded[0] = 1
      expect(verify('rsa_pss_rsae_sha256', key, message, signed())).toBe(false)
    })

    test('a key for PSS alone, and one for one hash, do no more than that', () => {
      const pair = pssPairFor('sha384')
      const key = publicKeyOf(pair.publicKey)
      const signature = sign('sha384', message, pair.privateKey)
      expect(verify('rsa_pss_pss_sha384', key, message, signature)).toBe(true)
      expect(verify('rsa_pss_rsae_sha384', key, message, signature)).toBe(false)
      const unbound = generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
      const other = sign('sha256', message, { key: unbound.privateKey, ...pss })
      const { pssHash: _, ...unboundKey } = publicKeyOf(unbound.publicKey)
      expect(verify('rsa_pss_pss_sha256', unboundKey, message, other)).toBe(true)
      expect(verify('rsa_pss_pss_sha256', { ...unboundKey, pssHash: 'sha384' }, message, other)).toBe(false)
    })
  })

  describe('signing', () => {
    const message = randomBytes(100)
    const options = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }

    test.each(['sha1', 'sha256', 'sha384', 'sha512'] as const)(
      'PKCS #1 with %s is what node:crypto signs',
      hash => {
        const signature = ours.sign(`rsa_pkcs1_${hash}`, message)
        expect(toHex(signature)).toBe(sign(hash, message, privateKey).toString('hex'))
      },
    )

    test.each([1024, 1025, 1042, 2047, 2048, 3072])(
      'what a key of %i bits signs, node:crypto verifies',
      modulusLength => {
        const pair = generateKeyPairSync('rsa', { modulusLength })
        const key = rsaPrivateKey(componentsOf(pair.privateKey))
        for (const scheme of ['rsa_pss_rsae_sha256', 'rsa_pss_rsae_sha384', 'rsa_pkcs1_sha256'] as const) {
          const hash = scheme.slice(-6)
          const padding = scheme.includes('pss') ? options : {}
          for (let i = 0; i < 3; i++) {
            const signature = key.sign(scheme, message)
            expect(signature).toHaveLength(Math.ceil(modulusLength / 8))
            expect(nodeVerify(hash, message, { key: pair.publicKey, ...padding }, signature)).toBe(true)
          }
        }
      },
    )

    test('a salt is drawn for each PSS signature, as long as the hash', () => {
      const drawn: number[] = []
      const key = rsaPrivateKey(componentsOf(privateKey), length => {
        drawn.push(length)
        return randomBytes(length)
      })
      const signatures = [1, 2].map(() => toHex(key.sign('rsa_pss_rsae_sha384', message)))
      expect(signatures[0]).not.toBe(signatures[1])
      expect(drawn.filter(length => length === 48)).toHaveLength(2)
      key.sign('rsa_pkcs1_sha384', message)
      expect(drawn.filter(length => length === 48)).toHaveLength(2)
    })

    test('a key for PSS alone signs so, for all hashes or for its own', () => {
      const pair = pssPairFor('sha384')
      const key = rsaPrivateKey(componentsOf(pair.privateKey))
      expect(key.publicKey).toEqual(publicKeyOf(pair.publicKey))
      expect(nodeVerify('sha384', message, pair.publicKey, key.sign('rsa_pss_pss_sha384', message))).toBe(
        true,
      )
      for (const scheme of ['rsa_pss_pss_sha256', 'rsa_pss_rsae_sha384', 'rsa_pkcs1_sha384'] as const)
        expect(() => key.sign(scheme, message)).toThrow(ApiMisuse)
    })

    test('a scheme of another key, or one the modulus has no room for, is ApiMisuse', () => {
      for (const scheme of ['ecdsa_secp256r1_sha256', 'ed25519', 'rsa_pss_pss_sha256'] as const)
        expect(() => ours.sign(scheme, message)).toThrow(ApiMisuse)
      const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
      const key = rsaPrivateKey(componentsOf(short.privateKey))
      expect(() => key.sign('rsa_pss_rsae_sha512', message)).toThrow(ApiMisuse)
      expect(verify('rsa_pss_rsae_sha512', key.publicKey, message, new Uint8Array(128))).toBe(false)
      expect(verify('rsa_pkcs1_sha512', key.publicKey, message, key.sign('rsa_pkcs1_sha512', message))).toBe(
        true,
      )
    })
  })

  describe('rsaPrivateKey', () => {
    test('undoes what node:crypto encrypts, more often than one blinding is used', () => {
      for (let i = 0; i < 40; i++) {
        const encoded = randomBytes(256)
        encoded[0] = 0
        const ciphertext = publicEncrypt({ key: publicKey, padding: raw }, encoded)
        expect(hexOf(ours.decryptRaw(ciphertext))).toBe(encoded.toString('hex'))
      }
    })

    test('takes every number below the modulus, also those that are not coprime to it', () => {
      const { modulus, prime1, prime2 } = components
      for (const number of [0n, 1n, 2n, prime1, prime2, 5n * prime1, modulus - 1n, modulus - prime2]) {
        const ciphertext = bytesOf(number, 256)
        const expected = privateDecrypt({ key: privateKey, padding: raw }, ciphertext).toString('hex')
        expect(hexOf(ours.decryptRaw(ciphertext))).toBe(expected)
      }
    })

    test('gives undefined, and does not throw, for other lengths and for numbers from the modulus on', () => {
      for (const length of [0, 1, 255, 257, 512, 70000])
        expect(ours.decryptRaw(randomBytes(length))).toBeUndefined()
      expect(ours.decryptRaw(bytesOf(components.modulus, 256))).toBeUndefined()
      expect(ours.decryptRaw(bytesOf(components.modulus + 1n, 256))).toBeUndefined()
      expect(ours.decryptRaw(new Uint8Array(256).fill(0xff))).toBeUndefined()
    })

    test('blinding changes no result, whatever is drawn', () => {
      const encoded = Buffer.alloc(256, 0x21)
      const ciphertext = publicEncrypt({ key: publicKey, padding: raw }, encoded)
      for (const fill of [0x00, 0x01, 0x7f, 0xff]) {
        const key = rsaPrivateKey(components, length => new Uint8Array(length).fill(fill))
        expect(hexOf(key.decryptRaw(ciphertext))).toBe(encoded.toString('hex'))
      }
    })

    test('works for a modulus whose length is not a multiple of 8 bits, and with exponent 3', () => {
      for (const options of [{ modulusLength: 1025 }, { modulusLength: 1024, publicExponent: 3 }]) {
        const pair = generateKeyPairSync('rsa', options)
        const key = rsaPrivateKey(componentsOf(pair.privateKey))
        expect(key.publicKey).toEqual(publicKeyOf(pair.publicKey))
        const encoded = randomBytes(key.publicKey.modulusLength)
        encoded[0] = 0
        const ciphertext = publicEncrypt({ key: pair.publicKey, padding: raw }, encoded)
        expect(hexOf(key.decryptRaw(ciphertext))).toBe(encoded.toString('hex'))
      }
    })

    test('printed, it shows the public half only', () => {
      ours.decryptRaw(new Uint8Array(256))
      const shown = inspect(ours, { depth: 9, showHidden: true, getters: true })
      expect(shown).toContain(String(components.modulus))
      const own = Object.keys(ours).sort()
      expect(own).toEqual(['publicKey'])
      for (const secret of [
        'privateExponent',
        'prime1',
        'prime2',
        'exponent1',
        'exponent2',
        'coefficient',
      ] as const) {
        expect(shown).not.toContain(String(components[secret]))
        expect(shown).not.toContain(components[secret].toString(16))
      }
    })

    test('numbers that are no key are refused, without saying them', () => {
      const make = () => rsaPrivateKey({ ...components, prime1: components.prime1 + 2n })
      expect(make).toThrow(ApiMisuse)
      expect(make).toThrow(/^[^\d]*$/)
      expect(() => rsaPrivateKey({ ...components, publicExponent: 1n })).toThrow(ApiMisuse)
    })
  })

  describeWycheproof<{ privateKeyPkcs8: string }, { msg: string; ct: string }>(
    ['rsa_pkcs1_2048', 'rsa_pkcs1_3072', 'rsa_pkcs1_4096'],
    (_, read) => {
      test('every message is decrypted, every invalid ciphertext gives none', () => {
        for (const group of read().testGroups) {
          const der = Buffer.from(group.privateKeyPkcs8, 'hex')
          const key = rsaPrivateKey(
            componentsOf(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })),
          )
          for (const { tcId, msg, ct, result } of group.tests) {
            const encoded = key.decryptRaw(fromHex(ct))
            expect(unpad(encoded), `tcId ${tcId}`).toBe(result === 'valid' ? msg : undefined)
          }
        }
      }, 120_000)
    },
  )

  describeWycheproof<{ publicKeyDer: string; sha: string }, { msg: string; sig: string }>(
    signatureFiles,
    (_, read) => {
      test('valid signatures are taken; invalid ones, and those without the NULL, are refused', () => {
        for (const group of read().testGroups) {
          const der = Buffer.from(group.publicKeyDer, 'hex')
          const key = publicKeyOf(createPublicKey({ key: der, format: 'der', type: 'spki' }))
          const hash = group.sha.replace('SHA-', 'sha') as HashAlgorithm
          for (const { tcId, msg, sig, result } of group.tests) {
            const verified = verifyPkcs1(key, hash, fromHex(msg), fromHex(sig))
            expect(verified, `tcId ${tcId}`).toBe(result === 'valid')
          }
        }
      })
    },
  )

  describeWycheproof<PssGroup, { msg: string; sig: string }>(pssFiles, (_, read) => {
    test('valid signatures are taken, if hash, mask and salt are those of TLS, and no others', () => {
      let taken = 0
      for (const group of read().testGroups) {
        const der = Buffer.from(group.publicKeyDer, 'hex')
        const key = publicKeyOf(createPublicKey({ key: der, format: 'der', type: 'spki' }))
        for (const [scheme, sha, sLen] of [
          ['rsa_pss_rsae_sha256', 'SHA-256', 32],
          ['rsa_pss_rsae_sha384', 'SHA-384', 48],
          ['rsa_pss_rsae_sha512', 'SHA-512', 64],
        ] as const) {
          const isOurs = group.sha === sha && group.mgfSha === sha && group.sLen === sLen
          for (const { tcId, msg, sig, result } of group.tests) {
            const verified = verify(scheme, key, fromHex(msg), fromHex(sig))
            expect(verified, `${scheme} tcId ${tcId}`).toBe(isOurs && result === 'valid')
            if (verified) taken++
          }
        }
      }
      expect(taken).toBeGreaterThan(2)
    })
  })
})

const parts = ['exponent1', 'exponent2', 'coefficient'] as const

describe('noble', () => {
  const rsaPrivateKey = (parts: RsaKeyComponents, random: RandomBytes = randomBytes) =>
    noblePrivateKey(parts, random) as KeyHere
  const message = randomBytes(100)

  test('draws the same amount of randomness, thus does the same work, for good and bad ciphertexts', () => {
    const good = publicEncrypt({ key: publicKey, padding: raw }, Buffer.alloc(256, 1))
    const drawnFor = (ciphertext: Uint8Array) => {
      const drawn: number[] = []
      const counting = (length: number) => {
        drawn.push(length)
        return randomBytes(length)
      }
      rsaPrivateKey(components, counting).decryptRaw(ciphertext)
      return drawn
    }
    const expected = [256 + 8, 8, 8]
    for (const bytes of [good, new Uint8Array(0), new Uint8Array(256).fill(0xff)])
      expect(drawnFor(bytes)).toEqual(expected)
  })

  test.each(parts)('a fault in %s leaves no signature', part => {
    const faulty = rsaPrivateKey({ ...components, [part]: components[part] ^ 1n })
    for (const scheme of ['rsa_pkcs1_sha256', 'rsa_pss_rsae_sha256'] as const)
      expect(() => faulty.sign(scheme, message)).toThrow(
        expect.objectContaining({ name: 'TlsError', code: 'INTERNAL_ERROR' }),
      )
  })

  test.each(parts)('a fault in %s leaves no result to factor n with', part => {
    const ciphertext = publicEncrypt({ key: publicKey, padding: raw }, Buffer.alloc(256, 0x33))
    for (const change of [1n, 2n ** 500n]) {
      const faulty = rsaPrivateKey({ ...components, [part]: components[part] ^ change })
      for (let i = 0; i < 3; i++) expect(faulty.decryptRaw(ciphertext)).toBeUndefined()
    }
  })
})

describe('node', () => {
  const message = randomBytes(100)
  const ciphertext = publicEncrypt({ key: publicKey, padding: raw }, Buffer.alloc(256, 0x33))

  // OpenSSL finds a fault in the CRT by itself and computes without it.
  test.each(parts)('a fault in %s changes no result', part => {
    for (const change of [1n, 2n ** 500n]) {
      const faulty = nodePrivateKey({ ...components, [part]: components[part] ^ change }) as KeyHere
      expect(hexOf(faulty.decryptRaw(ciphertext))).toBe('33'.repeat(256))
      const signature = sign('sha256', message, privateKey).toString('hex')
      expect(hexOf(faulty.sign('rsa_pkcs1_sha256', message))).toBe(signature)
    }
  })

  test('a result that does not fit the public key leaves as none', () => {
    // What a fault would come to that OpenSSL does not find: it computes with another number than it made the public key of.
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const faulty = new NodeRsaPrivateKey(other.privateKey, publicKeyOf(publicKey), randomBytes)
    for (const scheme of ['rsa_pkcs1_sha256', 'rsa_pss_rsae_sha256'] as const)
      expect(() => faulty.sign(scheme, message)).toThrow(
        expect.objectContaining({ name: 'TlsError', code: 'INTERNAL_ERROR' }),
      )
    expect(faulty.decryptRaw(ciphertext)).toBeUndefined()
  })
})
