import { constants, publicEncrypt, X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { privateKey } from '../../src/providers/noble/index.ts'
import { certificatesFromPem } from '../../src/x509/certificate-pem.ts'
import { certifiedKey } from '../../src/x509/certified-key.ts'
import { fixture, fixtureDer } from './fixtures.ts'

describe('certifiedKey', () => {
  const chain = fixture('server') + fixture('intermediate')

  test('holds the chain as DER, leaf first, and a key that undoes what is encrypted to the leaf', () => {
    const certified = certifiedKey(chain, fixture('server.key'), privateKey)
    const expected = [toHex(fixtureDer('server')), toHex(fixtureDer('intermediate'))]
    expect(certified.certificateList.map(toHex)).toEqual(expected)
    expect(toHex(certified.leaf.raw)).toBe(expected[0])
    const { publicKey } = new X509Certificate(fixture('server'))
    const encoded = Buffer.alloc(256, 0x11)
    const ciphertext = publicEncrypt({ key: publicKey, padding: constants.RSA_NO_PADDING }, encoded)
    expect(Buffer.from(certified.key.decryptRaw(ciphertext) as Uint8Array)).toEqual(encoded)
  })

  test.each([
    ['another key', fixture('root'), fixture('server.key'), /does not fit the private key/],
    [
      'the leaf second',
      fixture('intermediate') + fixture('server'),
      fixture('server.key'),
      /certificate 2 does: put it/,
    ],
    ['an EC certificate', fixture('ec'), fixture('server.key'), /key of type EC, wanted RSA/],
    ['an EC key', chain, fixture('ec.key'), /of type EC, wanted RSA/],
    ['an encrypted key', chain, fixture('server.encrypted'), /encrypted/],
    [
      'no certificate',
      fixture('server.key'),
      fixture('server.key'),
      /found "PRIVATE KEY", wanted .* "CERTIFICATE"/,
    ],
    ['an empty text', '', fixture('server.key'), /found no PEM block/],
    ['a certificate that is none', damaged(), fixture('server.key'), /certificate 1 of 1 is damaged/],
  ])('%s is ApiMisuse with one line that helps', (_, certificatePem, keyPem, message) => {
    const make = () => certifiedKey(certificatePem, keyPem, privateKey)
    expect(make).toThrow(ApiMisuse)
    expect(make).toThrow(message)
    expect(make).toThrow(/^[^\n]+$/)
  })
})

test('certificatesFromPem skips other blocks', () => {
  const found = certificatesFromPem(fixture('server.key') + fixture('root'), 'trust anchors')
  expect(found.map(({ subject }) => subject.text)).toEqual(['CN=Test Root,O=ringtls tests\\, Inc.,C=DE'])
})

function damaged(): string {
  return `-----BEGIN CERTIFICATE-----\n${Buffer.from(fixtureDer('root').slice(0, 300)).toString('base64')}\n-----END CERTIFICATE-----\n`
}
