import { constants, publicEncrypt, verify, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes.ts'
import { canSign, signatureScheme, signatureSchemeNames } from '../../src/crypto/signature-schemes.ts'
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
    expect(Buffer.from(certified.key.decryptRaw?.(ciphertext) as Uint8Array)).toEqual(encoded)
  })

  test.each(['ec', 'ec384', 'ec521', 'ed25519', 'rsa-pss', 'client-rsa', 'client-ec', 'client-ed25519'])(
    '%s: what the key signs, node:crypto verifies with the certificate',
    name => {
      const { key, leaf } = certifiedKey(fixture(`../${name}`), keyFile(name), privateKey)
      const scheme = signatureSchemeNames.find(scheme => canSign(key.publicKey, scheme))!
      const message = Buffer.from('a message')
      const signature = key.sign(scheme, message) as Uint8Array
      expect(leaf.subjectPublicKey).toEqual(key.publicKey)
      const { publicKey } = new X509Certificate(fixture(`../${name}`))
      expect(verify(signatureScheme(scheme).hash, message, publicKey, signature)).toBe(true)
    },
  )

  test.each([
    ['another key', fixture('root'), fixture('server.key'), /does not fit the private key/],
    [
      'the leaf second',
      fixture('intermediate') + fixture('server'),
      fixture('server.key'),
      /certificate 2 does: put it/,
    ],
    ['an EC certificate', fixture('ec'), fixture('server.key'), /does not fit the private key/],
    ['an EC key', chain, fixture('ec.key'), /does not fit the private key/],
    [
      'a certificate on another curve',
      fixture('secp256k1'),
      fixture('ec.key'),
      /secp256k1, wanted RSA, EC or/,
    ],
    ['a certificate for Ed448', fixture('ed448'), fixture('ec.key'), /type Ed448, wanted RSA, EC or/],
    ['an EC key of another certificate', fixture('../ec'), fixture('ec.key'), /does not fit the private key/],
    ['an RSA-PSS key', chain, keyFile('rsa-pss'), /does not fit the private key/],
    ['an Ed25519 key', chain, keyFile('ed25519'), /does not fit the private key/],
    ['an encrypted key', chain, fixture('server.encrypted'), /encrypted/],
    [
      'no certificate',
      fixture('server.key'),
      fixture('server.key'),
      /found "PRIVATE KEY", wanted .* "CERTIFICATE"/,
    ],
    ['an empty text', '', fixture('server.key'), /found no PEM block/],
    [
      'the name of a file',
      'server.pem',
      '',
      /wanted .* "CERTIFICATE"; give what the file holds, not its name/,
    ],
    [
      'DER',
      '\x30\x82\x01',
      '',
      /wanted .* "CERTIFICATE"; DER is written as PEM by: openssl x509 -inform DER/,
    ],
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

/** The private key of a certificate in test/fixtures. */
function keyFile(name: string): string {
  return readFileSync(new URL(`../fixtures/${name}.key`, import.meta.url), 'utf8')
}
