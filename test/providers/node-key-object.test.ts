/** A private key of node:crypto as it is: `privateKeyOf`. */
import * as crypto from 'node:crypto'
import { PassThrough } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { inspect } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import type { RsaPublicKey } from '../../src/crypto/provider.ts'
import { type SignatureScheme, signatureSchemeNames } from '../../src/crypto/signature-schemes.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { nodeProvider, privateKey, privateKeyOf } from '../../src/providers/node/index.ts'
import { curveComponentsOf, pssPairFor, publicKeyOf } from '../support/node-keys.ts'

const message = crypto.randomBytes(100)
const pairs: Readonly<Record<string, { pair: crypto.KeyPairKeyObjectResult; schemes: number }>> = {
  // Every hash with PKCS #1 and the three of PSS; every hash of ECDSA; the one of a bound key.
  rsa: { pair: crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }), schemes: 8 },
  'rsa-pss for SHA-384': { pair: pssPairFor('sha384'), schemes: 1 },
  'P-256': { pair: crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }), schemes: 5 },
  'P-384': { pair: crypto.generateKeyPairSync('ec', { namedCurve: 'P-384' }), schemes: 5 },
  'P-521': { pair: crypto.generateKeyPairSync('ec', { namedCurve: 'P-521' }), schemes: 5 },
  ed25519: { pair: crypto.generateKeyPairSync('ed25519'), schemes: 1 },
}

describe.each(Object.entries(pairs))('%s', (_, { pair, schemes }) => {
  test('signs with all of its schemes, without being exported', () => {
    const exported = vi.spyOn(pair.privateKey, 'export')
    const key = privateKeyOf(pair.privateKey)
    expect(key.publicKey).toEqual(publicKeyOf(pair.publicKey))
    const signed = signatureSchemeNames.filter(scheme => {
      const signature = signatureOf(() => key.sign(scheme, message))
      if (signature) expect(nobleProvider.verify(scheme, key.publicKey, message, signature)).toBe(true)
      return signature
    })
    expect(signed).toHaveLength(schemes)
    expect(exported).not.toHaveBeenCalled()
  })

  test('printed, it shows the public half only', () => {
    const key = privateKeyOf(pair.privateKey)
    expect(Object.keys(key)).toEqual(['publicKey'])
    expect(inspect(key, { depth: 9, showHidden: true })).not.toMatch(/KeyObject/)
  })

  test('its public half, alone, is refused', () => {
    expect(() => privateKeyOf(pair.publicKey)).toThrow(ApiMisuse)
    expect(() => privateKeyOf(pair.publicKey)).toThrow(/type public came, wanted one of type private/)
  })
})

test('an RSA key decrypts, and salts PSS with the random bytes that it is given', () => {
  const { pair } = pairs.rsa!
  const key = privateKeyOf(pair.privateKey, length => new Uint8Array(length).fill(7))
  const encoded = Buffer.alloc(256, 0x21)
  const ciphertext = crypto.publicEncrypt(
    { key: pair.publicKey, padding: crypto.constants.RSA_NO_PADDING },
    encoded,
  )
  expect(key.decryptRaw?.(ciphertext)).toEqual(new Uint8Array(encoded))
  const scheme: SignatureScheme = 'rsa_pss_rsae_sha256'
  expect(key.sign(scheme, message)).toEqual(key.sign(scheme, message))
  expect((key.publicKey as RsaPublicKey).modulusLength).toBe(256)
})

test.each(['x25519', 'ed448'] as const)('a key of type %s is refused, with what would do', type => {
  const { privateKey } = crypto.generateKeyPairSync(type as 'x25519')
  expect(() => privateKeyOf(privateKey)).toThrow(ApiMisuse)
  expect(() => privateKeyOf(privateKey)).toThrow(/wanted RSA, EC on P-256, P-384 or P-521, or Ed25519/)
})

test('so is a key on another curve', () => {
  const { privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  expect(() => privateKeyOf(privateKey)).toThrow(ApiMisuse)
})

test('an error that node:tls leaves behind in OpenSSL is not taken for one of a key', () => {
  // setSession is not in Node's types.
  const socket = new TLSSocket(new PassThrough()).on('error', () => {}) as TLSSocket & {
    setSession(session: Buffer): void
  }
  const { pair } = pairs['P-256']!
  const components = curveComponentsOf(pair.privateKey)
  const secret = crypto.randomBytes(32)
  for (const make of [() => privateKey(components), () => nodeProvider.keyShare('x25519', () => secret)]) {
    socket.setSession(Buffer.from('3082ffff', 'hex'))
    expect(make().publicKey).toBeDefined()
  }
  socket.destroy()
})

function signatureOf(sign: () => Uint8Array | Promise<Uint8Array>): Uint8Array | undefined {
  try {
    return sign() as Uint8Array
  } catch (error) {
    expect(error).toBeInstanceOf(ApiMisuse)
    return undefined
  }
}
