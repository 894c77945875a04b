import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { ApiMisuse } from '../../src/errors.ts'
import { parsePrivateKey, type RsaKeyComponents } from '../../src/x509/private-key.ts'
import { fixture } from './fixtures.ts'

function expectComponents(ours: RsaKeyComponents, pem: string): void {
  const jwk = createPrivateKey(pem).export({ format: 'jwk' })
  const big = (text?: string) => BigInt(`0x${Buffer.from(text ?? '', 'base64url').toString('hex')}`)
  expect(ours.modulus).toBe(big(jwk.n))
  expect(ours.publicExponent).toBe(big(jwk.e))
  expect(ours.privateExponent).toBe(big(jwk.d))
  expect(ours.prime1).toBe(big(jwk.p))
  expect(ours.prime2).toBe(big(jwk.q))
  expect(ours.exponent1).toBe(big(jwk.dp))
  expect(ours.exponent2).toBe(big(jwk.dq))
  expect(ours.coefficient).toBe(big(jwk.qi))
}

describe('parsePrivateKey', () => {
  test.each(['server.key', 'server.pkcs1'])('%s has the numbers that node:crypto reads', name => {
    expectComponents(parsePrivateKey(fixture(name)), fixture(name))
  })

  test('reads what node:crypto writes', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024, publicExponent: 3 })
    for (const type of ['pkcs1', 'pkcs8'] as const) {
      const pem = privateKey.export({ type, format: 'pem' }).toString()
      expectComponents(parsePrivateKey(pem), pem)
    }
  })

  test('finds the key behind a certificate in the same file', () => {
    expectComponents(parsePrivateKey(fixture('server') + fixture('server.key')), fixture('server.key'))
  })

  test.each([
    ['an encrypted PKCS #8 key', fixture('server.encrypted'), /it is encrypted.*openssl pkey/],
    ['an encrypted PKCS #1 key', fixture('server.pkcs1-encrypted'), /it is encrypted.*openssl pkey/],
    ['an EC key, PKCS #8', fixture('ec.key'), /of type EC, wanted RSA.*openssl genpkey/],
    ['an EC key, SEC1', fixture('ec.sec1'), /of type EC, wanted RSA.*openssl genpkey/],
    ['a certificate', fixture('server'), /found "CERTIFICATE", wanted/],
    ['an empty text', '', /found no PEM block, wanted/],
    ['an Ed25519 key', ed25519(), /of type Ed25519, wanted RSA/],
  ])('%s is ApiMisuse with one line that helps', (_, pem, message) => {
    expect(() => parsePrivateKey(pem)).toThrow(ApiMisuse)
    expect(() => parsePrivateKey(pem)).toThrow(message)
    expect(() => parsePrivateKey(pem)).toThrow(/^[^\n]+$/)
  })

  test.each(['server.key', 'server.pkcs1'])('every changed byte of %s is noticed', name => {
    const { label, der } = derOf(fixture(name))
    for (let i = 0; i < der.length; i++) {
      const changed = Buffer.from(der)
      changed[i]! ^= 0x10
      expect(() => parsePrivateKey(toPem(label, changed)), `byte ${i}`).toThrow(ApiMisuse)
    }
  })

  test('every prefix and a byte more are ApiMisuse', () => {
    const { label, der } = derOf(fixture('server.key'))
    for (let length = 0; length < der.length; length += 7) {
      expect(() => parsePrivateKey(toPem(label, der.subarray(0, length)))).toThrow(ApiMisuse)
    }
    expect(() => parsePrivateKey(toPem(label, Buffer.concat([der, Buffer.alloc(1)])))).toThrow(ApiMisuse)
  })

  test('printed, it shows nothing but its size', () => {
    const key = parsePrivateKey(fixture('server.key'))
    expect(inspect(key, { depth: 9, showHidden: true, getters: true })).toBe('[RSA private key, 2048 bits]')
    expect(inspect(key, { customInspect: false })).not.toMatch(/\d/)
    expect(JSON.stringify({ key })).toBe('{"key":"[RSA private key, 2048 bits]"}')
    expect(`${key}`).toBe('[RSA private key, 2048 bits]')
  })
})

function ed25519(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function derOf(pem: string): { label: string; der: Buffer } {
  const [, label = '', base64 = ''] = /-----BEGIN ([^-]+)-----([^-]+)-----END/.exec(pem) ?? []
  return { label, der: Buffer.from(base64, 'base64') }
}

function toPem(label: string, der: Buffer): string {
  return `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`
}
