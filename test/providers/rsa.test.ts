import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  privateEncrypt,
  publicEncrypt,
  randomBytes,
  sign,
} from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes.ts'
import type { HashAlgorithm, RsaPublicKey } from '../../src/crypto/provider.ts'
import { ApiMisuse, TlsError } from '../../src/errors.ts'
import { nobleProvider, rsaPrivateKey } from '../../src/providers/noble/index.ts'
import type { RsaKeyComponents } from '../../src/x509/private-key.ts'
import { describeWycheproof } from './wycheproof.ts'

const { rsa } = nobleProvider
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const components = componentsOf(privateKey)
const ours = rsaPrivateKey(components)
const raw = constants.RSA_NO_PADDING

function big(base64url: string | undefined): bigint {
  return BigInt(`0x${Buffer.from(base64url ?? '', 'base64url').toString('hex')}`)
}

/** The numbers of a key as node:crypto exports them: RFC 7518 §6.3 names them otherwise. */
function componentsOf(key: KeyObject): RsaKeyComponents {
  const jwk = key.export({ format: 'jwk' })
  return {
    modulus: big(jwk.n),
    publicExponent: big(jwk.e),
    privateExponent: big(jwk.d),
    prime1: big(jwk.p),
    prime2: big(jwk.q),
    exponent1: big(jwk.dp),
    exponent2: big(jwk.dq),
    coefficient: big(jwk.qi),
  }
}

function publicKeyOf(key: KeyObject): RsaPublicKey {
  const jwk = key.export({ format: 'jwk' })
  const modulusLength = Buffer.from(jwk.n ?? '', 'base64url').length
  return { type: 'rsa', modulus: big(jwk.n), publicExponent: big(jwk.e), modulusLength }
}

/** A number as `length` bytes. */
const bytesOf = (number: bigint, length: number) => fromHex(number.toString(16).padStart(2 * length, '0'))
const hexOf = (bytes: Uint8Array | undefined | Promise<unknown>) =>
  bytes instanceof Uint8Array && toHex(bytes)

describe('encryptPkcs1', () => {
  test('node:crypto sees 00 02, no zero in the padding, 00 and the message', () => {
    for (const length of [0, 1, 48, 245]) {
      const message = randomBytes(length)
      const ciphertext = rsa.encryptPkcs1(publicKeyOf(publicKey), message, randomBytes)
      const encoded = privateDecrypt({ key: privateKey, padding: raw }, ciphertext)
      expect(encoded.toString('hex')).toMatch(/^0002/)
      expect(encoded.indexOf(0, 2)).toBe(256 - length - 1)
      expect(encoded.subarray(256 - length).equals(message)).toBe(true)
    }
  })

  test('a zero drawn for the padding is drawn again', () => {
    let draws = 0
    const stubborn = (length: number) => new Uint8Array(length).fill(draws++ < 40 ? 0 : 0xab)
    const ciphertext = rsa.encryptPkcs1(publicKeyOf(publicKey), Uint8Array.of(1), stubborn)
    const encoded = privateDecrypt({ key: privateKey, padding: raw }, ciphertext)
    expect(encoded.toString('hex')).toBe(`0002${'ab'.repeat(252)}0001`)
  })

  test('a source of nothing but zeros is ApiMisuse and not an endless loop', () => {
    const zeros = (length: number) => new Uint8Array(length)
    expect(() => rsa.encryptPkcs1(publicKeyOf(publicKey), Uint8Array.of(1), zeros)).toThrow(ApiMisuse)
  })

  test('a key too short for the message is the fault of the peer who sent it', () => {
    const encrypt = () => rsa.encryptPkcs1(publicKeyOf(publicKey), randomBytes(246), randomBytes)
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
      expect(rsa.verifyPkcs1(key, hash, message, signature)).toBe(true)
      expect(rsa.verifyPkcs1(key, hash, randomBytes(100), signature)).toBe(false)
      expect(rsa.verifyPkcs1(key, hash === 'sha256' ? 'sha512' : 'sha256', message, signature)).toBe(false)
    },
  )

  test('refuses another length and every number from the modulus on', () => {
    const signature = sign('sha256', message, privateKey)
    expect(rsa.verifyPkcs1(key, 'sha256', message, signature.subarray(1))).toBe(false)
    expect(rsa.verifyPkcs1(key, 'sha256', message, Buffer.concat([Buffer.alloc(1), signature]))).toBe(false)
    expect(rsa.verifyPkcs1(key, 'sha256', message, new Uint8Array(0))).toBe(false)
    expect(rsa.verifyPkcs1(key, 'sha256', message, bytesOf(key.modulus, 256))).toBe(false)
  })

  test('refuses a signature to which the modulus was added: it must have one form only', () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 1025 })
    const shortKey = publicKeyOf(pair.publicKey)
    const signature = sign('sha256', message, pair.privateKey)
    const beyond = bytesOf(BigInt(`0x${toHex(signature)}`) + shortKey.modulus, 129)
    expect(rsa.verifyPkcs1(shortKey, 'sha256', message, signature)).toBe(true)
    expect(rsa.verifyPkcs1(shortKey, 'sha256', message, beyond)).toBe(false)
  })

  test('refuses an encoding with garbage behind the digest (Bleichenbacher 2006), though its start is right', () => {
    const digestInfo = '3031300d060960864801650304020105000420'
    const digest = toHex(nobleProvider.hash('sha256').update(message).digest())
    const start = `0001${'ff'.repeat(8)}00${digestInfo}${digest}`
    const encoded = Buffer.from(start.padEnd(512, '5a'), 'hex')
    const forged = privateEncrypt({ key: privateKey, padding: raw }, encoded)
    expect(rsa.verifyPkcs1(key, 'sha256', message, forged)).toBe(false)
  })

  test('a key without room for the encoding verifies nothing', () => {
    const tiny: RsaPublicKey = { type: 'rsa', modulus: 3233n, publicExponent: 17n, modulusLength: 2 }
    expect(rsa.verifyPkcs1(tiny, 'sha256', message, Uint8Array.of(1, 2))).toBe(false)
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

  test('blinding changes no result, whatever is drawn', () => {
    const encoded = Buffer.alloc(256, 0x21)
    const ciphertext = publicEncrypt({ key: publicKey, padding: raw }, encoded)
    for (const fill of [0x00, 0x01, 0x7f, 0xff]) {
      const key = rsaPrivateKey(components, length => new Uint8Array(length).fill(fill))
      expect(hexOf(key.decryptRaw(ciphertext))).toBe(encoded.toString('hex'))
    }
  })

  test.each(['exponent1', 'exponent2', 'coefficient'] as const)(
    'a fault in %s leaves no result to factor n with',
    part => {
      const ciphertext = publicEncrypt({ key: publicKey, padding: raw }, Buffer.alloc(256, 0x33))
      for (const change of [1n, 2n ** 500n]) {
        const faulty = rsaPrivateKey({ ...components, [part]: components[part] ^ change })
        for (let i = 0; i < 3; i++) expect(faulty.decryptRaw(ciphertext)).toBeUndefined()
      }
    },
  )

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
    expect(own).toEqual(['publicKey', 'type'])
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

/** RFC 8017 §7.2.2, step 3: what the handshake does with the result in constant time, written down plainly. */
function unpad(encoded: Uint8Array | undefined): string | undefined {
  if (encoded?.[0] !== 0 || encoded[1] !== 2) return undefined
  const end = encoded.indexOf(0, 2)
  return end < 10 ? undefined : toHex(encoded.subarray(end + 1))
}

describeWycheproof<{ privateKeyPkcs8: string }, { msg: string; ct: string }>(
  ['rsa_pkcs1_2048', 'rsa_pkcs1_3072', 'rsa_pkcs1_4096'],
  (_, read) => {
    test('every message is decrypted, every invalid ciphertext gives none', () => {
      for (const group of read().testGroups) {
        const der = Buffer.from(group.privateKeyPkcs8, 'hex')
        const key = rsaPrivateKey(componentsOf(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })))
        for (const { tcId, msg, ct, result } of group.tests) {
          const encoded = key.decryptRaw(fromHex(ct))
          if (encoded instanceof Promise) throw new TlsError('INTERNAL_ERROR', 'a promise from a local key')
          expect(unpad(encoded), `tcId ${tcId}`).toBe(result === 'valid' ? msg : undefined)
        }
      }
    }, 30_000)
  },
)

const signatureFiles = [2048, 3072, 4096].flatMap(bits =>
  [256, 384, 512].map(size => `rsa_signature_${bits}_sha${size}`),
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
          const verified = rsa.verifyPkcs1(key, hash, fromHex(msg), fromHex(sig))
          expect(verified, `tcId ${tcId}`).toBe(result === 'valid')
        }
      }
    })
  },
)
