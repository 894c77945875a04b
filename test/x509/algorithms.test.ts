import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes.ts'
import { Tag, wholeValue } from '../../src/x509/der.ts'
import { readSignatureAlgorithm } from '../../src/x509/signature-algorithm.ts'
import { readSubjectPublicKey } from '../../src/x509/subject-public-key.ts'

/** DER of one value around others, written by hand: all lengths here are below 128, but for one. */
function tlv(tag: string, ...parts: readonly string[]): string {
  const contents = parts.join('').replaceAll(' ', '')
  const length = contents.length / 2
  return `${tag}${length > 127 ? '81' : ''}${length.toString(16).padStart(2, '0')}${contents}`
}
const sequence = (...parts: readonly string[]) => tlv('30', ...parts)

// Object identifiers as RFC 5758 §3.2, RFC 5480 §2.1.1, RFC 8410 §3 and RFC 4055 give them, encoded by `openssl asn1parse -genstr`.
const ecdsaWithSHA256 = '06082a8648ce3d040302'
const ecPublicKey = '06072a8648ce3d0201'
const prime256v1 = '06082a8648ce3d030107'
const ed25519 = '06032b6570'
const rsassaPss = '06092a864886f70d01010a'
const mgf1 = '06092a864886f70d010108'
const sha256 = '0609608648016503040201'
const sha384 = '0609608648016503040202'
const nullValue = '0500'

const read = (run: () => unknown) => {
  try {
    return run()
  } catch (error) {
    return (error as { code?: string }).code ?? error
  }
}
const signatureOf = (hex: string) =>
  read(() => readSignatureAlgorithm(wholeValue(fromHex(hex), Tag.sequence, 'algorithm')))
const keyOf = (hex: string) => read(() => readSubjectPublicKey(wholeValue(fromHex(hex), Tag.sequence, 'key')))

const unsupported = { type: 'unsupported', algorithm: '1.2.840.113549.1.1.10' }
const hash0 = (hash: string) => tlv('a0', sequence(hash, nullValue))
const mask1 = (hash: string) => tlv('a1', sequence(mgf1, sequence(hash, nullValue)))
const salt2 = (length: string) => tlv('a2', tlv('02', length))
const pss = (...fields: readonly string[]) => sequence(rsassaPss, sequence(...fields))

describe('signature algorithms', () => {
  test.each([
    ['ECDSA', sequence(ecdsaWithSHA256), { type: 'ecdsa', hash: 'sha256' }],
    ['ECDSA with NULL', sequence(ecdsaWithSHA256, nullValue), 'BAD_CERTIFICATE'],
    ['Ed25519', sequence(ed25519), { type: 'eddsa', hash: undefined }],
    ['Ed25519 with NULL', sequence(ed25519, nullValue), 'BAD_CERTIFICATE'],
    ['PSS', pss(hash0(sha256), mask1(sha256), salt2('20')), { type: 'pss', hash: 'sha256' }],
    [
      'PSS without the NULLs',
      pss(tlv('a0', sequence(sha256)), tlv('a1', sequence(mgf1, sequence(sha256))), salt2('20')),
      { type: 'pss', hash: 'sha256' },
    ],
    ['PSS without parameters', sequence(rsassaPss), 'BAD_CERTIFICATE'],
    ['PSS with NULL', sequence(rsassaPss, nullValue), 'BAD_CERTIFICATE'],
    ['PSS with the defaults, which are SHA-1', pss(), unsupported],
    ['PSS with another mask', pss(hash0(sha256), mask1(sha384), salt2('20')), unsupported],
    ['PSS with the default mask', pss(hash0(sha256), salt2('20')), unsupported],
    ['PSS with the default salt', pss(hash0(sha256), mask1(sha256)), unsupported],
    ['PSS with another salt', pss(hash0(sha256), mask1(sha256), salt2('30')), unsupported],
    ['PSS with a negative salt', pss(hash0(sha256), mask1(sha256), salt2('ff')), 'BAD_CERTIFICATE'],
    [
      'PSS with the trailer written out',
      pss(hash0(sha256), mask1(sha256), salt2('20'), tlv('a3', '020101')),
      'BAD_CERTIFICATE',
    ],
    [
      'PSS with another trailer',
      pss(hash0(sha256), mask1(sha256), salt2('20'), tlv('a3', '020102')),
      unsupported,
    ],
    ['PSS with a field more', pss(hash0(sha256), mask1(sha256), salt2('20'), nullValue), 'BAD_CERTIFICATE'],
    ['PSS out of order', pss(mask1(sha256), hash0(sha256), salt2('20')), 'BAD_CERTIFICATE'],
    [
      'PSS with another mask function',
      pss(hash0(sha256), tlv('a1', sequence(ed25519, nullValue)), salt2('20')),
      unsupported,
    ],
  ])('%s', (_, hex, expected) => {
    expect(signatureOf(hex)).toEqual(expected)
  })
})

describe('public keys', () => {
  const spki = toHex(
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' }),
  )
  const point = spki.slice(-128)
  const ec = (form: string, numbers: string, curve = prime256v1) =>
    sequence(sequence(ecPublicKey, curve), tlv('03', '00', form, numbers))
  const lastDigitChanged = `${point.slice(0, -1)}${point.endsWith('0') ? '1' : '0'}`

  test('an EC key as node:crypto writes it', () => {
    expect(ec('04', point)).toBe(spki)
    expect(keyOf(spki)).toEqual({ type: 'ec', curve: 'secp256r1', point: fromHex(`04${point}`) })
  })

  test.each([
    ['off the curve', ec('04', lastDigitChanged), 'BAD_CERTIFICATE'],
    ['0, 0', ec('04', '00'.repeat(64)), 'BAD_CERTIFICATE'],
    ['hybrid', ec('06', point), 'BAD_CERTIFICATE'],
    ['compressed', ec('02', point.slice(0, 64)), 'BAD_CERTIFICATE'],
    ['infinity', ec('00', ''), 'BAD_CERTIFICATE'],
    ['empty', ec('', ''), 'BAD_CERTIFICATE'],
    ['short of a byte', ec('04', point.slice(2)), 'BAD_CERTIFICATE'],
    ['without a curve', ec('04', point, ''), 'BAD_CERTIFICATE'],
    ['with the curve of the issuer', ec('04', point, nullValue), 'BAD_CERTIFICATE'],
    ['on another curve', ec('04', point, ed25519), { type: 'unsupported', algorithm: '1.3.101.112' }],
  ])('an EC key %s', (_, hex, expected) => {
    expect(keyOf(hex)).toEqual(expected)
  })

  test.each([
    [32, 'an Ed25519 key'],
    [31, 'BAD_CERTIFICATE'],
    [33, 'BAD_CERTIFICATE'],
    [0, 'BAD_CERTIFICATE'],
  ])('an Ed25519 key of %i bytes is %s', (length, expected) => {
    const key = keyOf(sequence(sequence(ed25519), tlv('03', '00', 'ab'.repeat(length))))
    expect(expected === 'an Ed25519 key' ? toHex((key as { bytes: Uint8Array }).bytes) : key).toBe(
      expected === 'an Ed25519 key' ? 'ab'.repeat(32) : expected,
    )
  })

  test('an Ed25519 key with parameters', () => {
    const key = sequence(sequence(ed25519, nullValue), tlv('03', '00', 'ab'.repeat(32)))
    expect(keyOf(key)).toBe('BAD_CERTIFICATE')
  })
})
