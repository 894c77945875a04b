import { createPublicKey, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes.ts'
import type { EcCurve, HashAlgorithm } from '../../src/crypto/provider.ts'
import { signatureScheme, signatureSchemeNames } from '../../src/crypto/signature-schemes.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { privateKey as noblePrivateKey } from '../../src/providers/noble/index.ts'
import { NodeSigningKey } from '../../src/providers/node/signature.ts'
import { Secret } from '../../src/secret.ts'
import type { EcKeyComponents } from '../../src/x509/private-key.ts'
import { curveComponentsOf, publicKeyOf } from '../support/node-keys.ts'
import { providerRooms } from '../support/providers.ts'
import { describeWycheproof } from './wycheproof.ts'

const schemes = signatureSchemeNames.filter(name => signatureScheme(name).keyType === 'ec')
const schemeOf = (hash: HashAlgorithm) => schemes.find(name => signatureScheme(name).hash === hash)!
const message = randomBytes(100)

const files = [
  'ecdsa_secp256r1_sha256',
  'ecdsa_secp256r1_sha512',
  'ecdsa_secp384r1_sha256',
  'ecdsa_secp384r1_sha384',
  'ecdsa_secp384r1_sha512',
  'ecdsa_secp521r1_sha512',
]
describe.each(providerRooms)('provider $name', ({ provider, privateKey }) => {
  describe.each(['P-256', 'P-384', 'P-521'])('ECDSA on %s', namedCurve => {
    const pair = generateKeyPairSync('ec', { namedCurve })
    const key = publicKeyOf(pair.publicKey)

    test.each(schemes)('%s: takes what node:crypto signs, and node:crypto what we sign', scheme => {
      const hash = signatureScheme(scheme).hash!
      const ours = privateKey(curveComponentsOf(pair.privateKey))
      for (let i = 0; i < 8; i++) {
        const theirs = sign(hash, message, pair.privateKey)
        expect(provider.verify(scheme, key, message, theirs)).toBe(true)
        expect(provider.verify(scheme, key, randomBytes(100), theirs)).toBe(false)
        const signature = ours.sign(scheme, message) as Uint8Array
        expect(verify(hash, message, pair.publicKey, signature)).toBe(true)
      }
      expect(ours.publicKey).toEqual(key)
    })

    test('another hash, another key and a key off its curve verify nothing', () => {
      const signature = sign('sha256', message, pair.privateKey)
      const other = publicKeyOf(generateKeyPairSync('ec', { namedCurve }).publicKey)
      expect(provider.verify('ecdsa_secp256r1_sha256', key, message, signature)).toBe(true)
      expect(provider.verify('ecdsa_secp384r1_sha384', key, message, signature)).toBe(false)
      expect(provider.verify('ecdsa_secp256r1_sha256', other, message, signature)).toBe(false)
      if (key.type !== 'ec') throw new TypeError('not an EC key')
      const point = Uint8Array.from(key.point)
      point[point.length - 1]! ^= 1
      expect(provider.verify('ecdsa_secp256r1_sha256', { ...key, point }, message, signature)).toBe(false)
    })

    test('no scheme of another key type is verified or signed', () => {
      const ours = privateKey(curveComponentsOf(pair.privateKey))
      const signature = sign('sha256', message, pair.privateKey)
      for (const scheme of signatureSchemeNames.filter(name => !schemes.includes(name))) {
        expect(provider.verify(scheme, key, message, signature)).toBe(false)
        expect(() => ours.sign(scheme, message)).toThrow(ApiMisuse)
      }
    })

    test('every prefix, a byte more and every changed byte of a signature is false, never an exception', () => {
      const signature = sign('sha256', message, pair.privateKey)
      const verified = (bytes: Uint8Array) => provider.verify('ecdsa_secp256r1_sha256', key, message, bytes)
      for (let length = 0; length < signature.length; length++)
        expect(verified(signature.subarray(0, length))).toBe(false)
      expect(verified(Buffer.concat([signature, Buffer.alloc(1)]))).toBe(false)
      for (let i = 0; i < signature.length; i++) {
        const changed = Uint8Array.from(signature)
        changed[i]! ^= 0x01
        expect(verified(changed), `byte ${i}`).toBe(false)
      }
      expect(verified(randomBytes(20_000))).toBe(false)
    })

    test('printed, a key shows its public half only', () => {
      const components = curveComponentsOf(pair.privateKey)
      const ours = privateKey(components)
      const secret = toHex(components.privateKey.reveal())
      const shown = inspect(ours, { depth: 9, showHidden: true, getters: true })
      expect(Object.keys(ours)).toEqual(['publicKey'])
      expect(shown).not.toContain(secret)
      expect(shown.match(/Uint8Array/g)).toHaveLength(1)
    })

    test('zero and the order of the curve are no keys', () => {
      const { curve, privateKey: secret } = curveComponentsOf(pair.privateKey) as EcKeyComponents
      for (const fill of [0x00, 0xff]) {
        const components = {
          type: 'ec',
          curve,
          privateKey: new Secret(new Uint8Array(secret.length).fill(fill)),
        } as const
        expect(() => privateKey(components)).toThrow(ApiMisuse)
      }
    })
  })

  describeWycheproof<{ publicKeyDer: string; sha: string }, { msg: string; sig: string }>(
    files,
    (_, read) => {
      test('every signature is taken or refused as the file says', () => {
        for (const group of read().testGroups) {
          const der = Buffer.from(group.publicKeyDer, 'hex')
          const key = publicKeyOf(createPublicKey({ key: der, format: 'der', type: 'spki' }))
          const scheme = schemeOf(group.sha.replace('SHA-', 'sha') as HashAlgorithm)
          for (const { tcId, msg, sig, result } of group.tests) {
            const verified = provider.verify(scheme, key, fromHex(msg), fromHex(sig))
            expect(verified, `tcId ${tcId}`).toBe(result === 'valid')
          }
        }
      }, 120_000)
    },
  )
})

describe.each(['P-256', 'P-384', 'P-521'])('noble, ECDSA on %s', namedCurve => {
  const pair = generateKeyPairSync('ec', { namedCurve })

  test('a signature that does not fit the key is withheld', () => {
    const components = curveComponentsOf(pair.privateKey)
    const ours = noblePrivateKey(components)
    components.privateKey.reveal()[20]! ^= 1 // A fault in memory, after the public key was computed.
    expect(() => ours.sign('ecdsa_secp256r1_sha256', message)).toThrow(
      expect.objectContaining({ name: 'TlsError', code: 'INTERNAL_ERROR' }),
    )
  })

  test('a source that repeats itself does not give one nonce to two messages, and a fresh one changes it', () => {
    const components = curveComponentsOf(pair.privateKey)
    const rOf = (signature: Uint8Array | Promise<Uint8Array>) =>
      toHex((signature as Uint8Array).subarray(4, 36))
    const stuck = noblePrivateKey(components, length => new Uint8Array(length))
    const [a, b] = [Buffer.of(1), Buffer.of(2)].map(bytes => rOf(stuck.sign('ecdsa_secp256r1_sha256', bytes)))
    expect(a).not.toBe(b)
    expect(rOf(stuck.sign('ecdsa_secp256r1_sha256', Buffer.of(1)))).toBe(a)
    const hedged = noblePrivateKey(components)
    expect(rOf(hedged.sign('ecdsa_secp256r1_sha256', Buffer.of(1)))).not.toBe(a)
  })
})

test('node: a signature that does not fit the key is withheld', () => {
  const [pair, other] = [1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }))
  // What a fault in OpenSSL would come to: it signs by another number than the one it made the public key of.
  const faulty = new NodeSigningKey(pair!.privateKey, publicKeyOf(other!.publicKey))
  expect(() => faulty.sign('ecdsa_secp256r1_sha256', message)).toThrow(
    expect.objectContaining({ name: 'TlsError', code: 'INTERNAL_ERROR' }),
  )
})

describe('noble, RFC 6979', () => {
  // Appendix A.2.5, A.2.6 and A.2.7, the messages "sample" and "test"; a source that gives nothing leaves the nonce to the key and the message.
  const vectors: [EcCurve, string, HashAlgorithm, string, string, string][] = [
    [
      'secp256r1',
      'C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721',
      'sha1',
      'sample',
      '61340C88C3AAEBEB4F6D667F672CA9759A6CCAA9FA8811313039EE4A35471D32',
      '6D7F147DAC089441BB2E2FE8F7A3FA264B9C475098FDCF6E00D7C996E1B8B7EB',
    ],
    [
      'secp256r1',
      'C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721',
      'sha256',
      'sample',
      'EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716',
      'F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8',
    ],
    [
      'secp256r1',
      'C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721',
      'sha256',
      'test',
      'F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367',
      '019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083',
    ],
    [
      'secp384r1',
      '6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5',
      'sha256',
      'sample',
      '21B13D1E013C7FA1392D03C5F99AF8B30C570C6F98D4EA8E354B63A21D3DAA33BDE1E888E63355D92FA2B3C36D8FB2CD',
      'F3AA443FB107745BF4BD77CB3891674632068A10CA67E3D45DB2266FA7D1FEEBEFDC63ECCD1AC42EC0CB8668A4FA0AB0',
    ],
    [
      'secp521r1',
      '00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B83538',
      'sha512',
      'sample',
      '00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA',
      '00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A',
    ],
  ]
  test.each(vectors)('%s, %s, %s', (curve, secret, hash, text, r, s) => {
    const key = noblePrivateKey(
      { type: 'ec', curve, privateKey: new Secret(fromHex(secret)) },
      () => new Uint8Array(0),
    )
    const signature = key.sign(schemeOf(hash), Buffer.from(text)) as Uint8Array
    expect(toHex(signature)).toBe(derOf(r, s))
  })
})

/** ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER } (RFC 3279 §2.2.3), by hand. */
function derOf(r: string, s: string): string {
  const integer = (hex: string) => {
    const digits = hex.toLowerCase().replace(/^(00)+/, '')
    const padded = Number.parseInt(digits.slice(0, 2), 16) > 127 ? `00${digits}` : digits
    return `02${(padded.length / 2).toString(16).padStart(2, '0')}${padded}`
  }
  const body = integer(r) + integer(s)
  const length = (body.length / 2).toString(16).padStart(2, '0')
  return `30${body.length / 2 > 127 ? '81' : ''}${length}${body}`
}
