import { execFileSync } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { type PrivateKeyComponents, parsePrivateKey } from '../../src/x509/private-key.ts'
import { curveComponentsOf, pssPairFor, rsaComponentsOf } from '../support/node-keys.ts'
import { needs } from '../support/peers.ts'
import { fixture } from './fixtures.ts'

function expectComponents(ours: PrivateKeyComponents, pem: string): void {
  const theirs = createPrivateKey(pem)
  if (ours.type === 'ec' || ours.type === 'ed25519') {
    const expected = curveComponentsOf(theirs)
    expect({ ...ours, privateKey: toHex(ours.privateKey.reveal()) }).toEqual({
      ...expected,
      privateKey: toHex(expected.privateKey.reveal()),
    })
    return
  }
  const expected = rsaComponentsOf(theirs)
  const { modulus, publicExponent, privateExponent, prime1, prime2, exponent1, exponent2, coefficient } = ours
  const numbers = {
    modulus,
    publicExponent,
    privateExponent,
    prime1,
    prime2,
    exponent1,
    exponent2,
    coefficient,
  }
  expect({ type: ours.type, pssHash: ours.pssHash, ...numbers }).toEqual({ pssHash: undefined, ...expected })
}

describe('parsePrivateKey', () => {
  test.each(['server.key', 'server.pkcs1', 'ec.key', 'ec.sec1'])(
    '%s has the numbers that node:crypto reads',
    name => {
      expectComponents(parsePrivateKey(fixture(name)), fixture(name))
    },
  )

  test('reads what node:crypto writes', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024, publicExponent: 3 })
    for (const type of ['pkcs1', 'pkcs8'] as const) {
      const pem = privateKey.export({ type, format: 'pem' }).toString()
      expectComponents(parsePrivateKey(pem), pem)
    }
  })

  test.each(['P-256', 'P-384', 'P-521'])('reads what node:crypto writes for %s', namedCurve => {
    for (let i = 0; i < 20; i++) {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve })
      for (const type of ['sec1', 'pkcs8'] as const) {
        const pem = privateKey.export({ type, format: 'pem' }).toString()
        expectComponents(parsePrivateKey(pem), pem)
      }
    }
  })

  test.each([
    ['Ed25519', generateKeyPairSync('ed25519').privateKey],
    ['RSA-PSS', generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey],
    ['RSA-PSS for one hash', pssPairFor('sha384').privateKey],
  ])('reads what node:crypto writes for %s', (_, key) => {
    const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString()
    expectComponents(parsePrivateKey(pem), pem)
  })

  needs('openssl', () => {
    test('reads what openssl writes with the parameters before the key', () => {
      const pem = execFileSync('openssl', ['ecparam', '-name', 'secp384r1', '-genkey'], { encoding: 'utf8' })
      expect(pem).toMatch(/^-----BEGIN EC PARAMETERS-----/)
      expectComponents(parsePrivateKey(pem), pem)
    })
  })

  test('finds the key behind a certificate in the same file', () => {
    expectComponents(parsePrivateKey(fixture('server') + fixture('server.key')), fixture('server.key'))
  })

  test.each([
    ['an encrypted PKCS #8 key', fixture('server.encrypted'), /it is encrypted.*openssl pkey/],
    ['an encrypted PKCS #1 key', fixture('server.pkcs1-encrypted'), /it is encrypted.*openssl pkey/],
    ['a DSA key', dsa(), /of type DSA, wanted RSA, EC.*openssl genpkey/],
    ['an EC key on another curve, PKCS #8', secp256k1('pkcs8'), /EC on secp256k1, wanted .*openssl genpkey/],
    ['an EC key on another curve, SEC1', secp256k1('sec1'), /EC on secp256k1, wanted .*openssl genpkey/],
    ['an RSA-PSS key for SHA-1', pssSha1(), /RSA-PSS with parameters that TLS does not use, wanted/],
    ['a certificate', fixture('server'), /found "CERTIFICATE", wanted/],
    ['an empty text', '', /found no PEM block, wanted/],
    // As environment variables and YAML do to it. All of the key is one line then, and none of it may be told.
    [
      'a text without its line breaks',
      oneLine(''),
      /^private key: found no PEM block, .*; its line breaks are lost/,
    ],
    ['blanks in their place', oneLine(' '), /^private key: found no PEM block, .*; its line breaks are lost/],
    ['\\n in their place', oneLine('\\n'), /^private key: found no PEM block, .*; its line breaks are lost/],
    [
      'the name of a file',
      'pki/server.key',
      /found no PEM block, wanted .*; give what the file holds, not its name/,
    ],
    [
      'DER',
      '\x30\x82\x01\x00\n\x02',
      /found no PEM block, wanted .*; DER is written as PEM by: openssl pkey -inform DER/,
    ],
    ['an Ed448 key', ed448(), /of type Ed448, wanted RSA, EC/],
  ])('%s is ApiMisuse with one line that helps', (_, pem, message) => {
    expect(() => parsePrivateKey(pem)).toThrow(ApiMisuse)
    expect(() => parsePrivateKey(pem)).toThrow(message)
    expect(() => parsePrivateKey(pem)).toThrow(/^[^\n]{1,250}$/)
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

  test.each(['ec.key', 'ec.sec1'])(
    'every prefix of %s, and every changed length in it, is ApiMisuse',
    name => {
      const { label, der } = derOf(fixture(name))
      for (let length = 0; length < der.length; length++) {
        expect(() => parsePrivateKey(toPem(label, der.subarray(0, length)))).toThrow(ApiMisuse)
      }
      const hex = der.toString('hex')
      for (const [from, to] of [
        ['0420', '0421'],
        ['0420', '041f'],
        ['0201010420', '0201000420'],
        ['2a8648ce3d030107', '2a8648ce3d030106'],
        ['034200', '034201'],
      ] as const) {
        expect(hex).toContain(from)
        const changed = Buffer.from(hex.replace(from, to), 'hex')
        expect(() => parsePrivateKey(toPem(label, changed)), `${from} to ${to}`).toThrow(ApiMisuse)
      }
    },
  )

  // ECPrivateKey by hand (RFC 5915 §3), with the curve in it: 30 len, 02 01 01, 04 len number, a0 len OID.
  const prime256v1 = '06082a8648ce3d030107'
  const secp384r1 = '06052b81040022'
  const sec1 = (length: number, oid: string) => {
    const number = `04${length.toString(16).padStart(2, '0')}${'01'.repeat(length)}`
    const body = `020101${number}a0${(oid.length / 2).toString(16).padStart(2, '0')}${oid}`
    return `30${(body.length / 2).toString(16).padStart(2, '0')}${body}`
  }
  const pkcs8Of = (algorithm: string, key: string) => {
    const length = (hex: string) => (hex.length / 2).toString(16).padStart(2, '0')
    const body = `02010030${length(algorithm)}${algorithm}04${length(key)}${key}`
    return `30${length(body)}${body}`
  }
  const ecPublicKey = `06072a8648ce3d0201${prime256v1}`

  test.each([
    ['a number of 32 bytes on P-256', 'EC PRIVATE KEY', sec1(32, prime256v1), undefined],
    ['a number of 31 bytes on P-256', 'EC PRIVATE KEY', sec1(31, prime256v1), /31 bytes, wanted 32/],
    ['a number of 33 bytes on P-256', 'EC PRIVATE KEY', sec1(33, prime256v1), /33 bytes, wanted 32/],
    ['no curve', 'EC PRIVATE KEY', `3025020101${'0420'}${'01'.repeat(32)}`, /no curve/],
    ['one curve twice', 'PRIVATE KEY', pkcs8Of(ecPublicKey, sec1(32, prime256v1)), undefined],
    ['two curves', 'PRIVATE KEY', pkcs8Of(ecPublicKey, sec1(32, secp384r1)), /on two curves/],
    ['Ed25519 of 32 bytes', 'PRIVATE KEY', pkcs8Of('06032b6570', `0420${'01'.repeat(32)}`), undefined],
    [
      'Ed25519 of 31 bytes',
      'PRIVATE KEY',
      pkcs8Of('06032b6570', `041f${'01'.repeat(31)}`),
      /31 bytes, wanted/,
    ],
    ['Ed25519 with NULL', 'PRIVATE KEY', pkcs8Of('06032b65700500', `0420${'01'.repeat(32)}`), /parameters/],
  ])('%s', (_, label, hex, problem) => {
    const parse = () => parsePrivateKey(toPem(label, Buffer.from(hex, 'hex')))
    if (problem) {
      expect(parse).toThrow(ApiMisuse)
      expect(parse).toThrow(problem)
    } else {
      expect(parse()).toHaveProperty('privateKey')
    }
  })

  test('an EC or Ed25519 key shows nothing of its secret', () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    for (const pem of [fixture('ec.key'), pkcs8(privateKey)]) {
      const key = parsePrivateKey(pem)
      const secret = createPrivateKey(pem).export({ format: 'jwk' }).d ?? ''
      const shown = `${inspect(key, { depth: 9, showHidden: true })}${JSON.stringify(key)}`
      expect(shown).toContain('[secret, 32 bytes]')
      expect(shown).not.toContain(secret)
      expect(shown).not.toContain(Buffer.from(secret, 'base64url').toString('hex'))
    }
  })

  test('printed, an RSA key shows nothing but its size', () => {
    const key = parsePrivateKey(fixture('server.key'))
    expect(inspect(key, { depth: 9, showHidden: true, getters: true })).toBe('[RSA private key, 2048 bits]')
    expect(inspect(key, { customInspect: false })).not.toMatch(/\d/)
    expect(JSON.stringify({ key })).toBe('{"key":"[RSA private key, 2048 bits]"}')
    expect(`${key}`).toBe('[RSA private key, 2048 bits]')
  })
})

const pkcs8 = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString()

function ed448(): string {
  return pkcs8(generateKeyPairSync('ed448').privateKey)
}

function dsa(): string {
  return pkcs8(generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).privateKey)
}

function secp256k1(type: 'pkcs8' | 'sec1'): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  return privateKey.export({ type, format: 'pem' }).toString()
}

function pssSha1(): string {
  return pkcs8(pssPairFor('sha1', 1024).privateKey)
}

function derOf(pem: string): { label: string; der: Buffer } {
  const [, label = '', base64 = ''] = /-----BEGIN ([^-]+)-----([^-]+)-----END/.exec(pem) ?? []
  return { label, der: Buffer.from(base64, 'base64') }
}

function toPem(label: string, der: Buffer): string {
  return `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`
}

function oneLine(separator: string): string {
  return fixture('server.key').trim().replaceAll('\n', separator)
}
