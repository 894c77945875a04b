import { execFileSync } from 'node:child_process'
import { createDiffieHellman, createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes.ts'
import {
  bytesOf,
  type FiniteFieldName,
  finiteField,
  finiteFieldName,
  numberOf,
} from '../../src/crypto/finite-fields.ts'
import { needs } from '../support/peers.ts'

/** SHA-256 of the primes that `openssl genpkey -genparam -algorithm DH -pkeyopt group:NAME` writes. */
const digests: [FiniteFieldName, string][] = [
  ['ffdhe2048', '9cd3b7f336872f46c09428d1bbc19877a4d440512cda8d1c1cf0cd6e33698966'],
  ['ffdhe3072', '0eaf67db3a839156d5013494a5318a772b5697d270d721f37f092efc69ea5a17'],
  ['ffdhe4096', '4648414224ac881b3d0dc59b466f96d06a558278776807797ecf1f66ff397b3e'],
  ['ffdhe6144', '227ac9066b3ddd9e193670cda2388fa884f65ba0cf98b742d1fe77a6687c79c7'],
  ['ffdhe8192', '770b14efaf6f049929c523113b3fa99a8d11dab1b18af3609590122075d19833'],
]

describe.each(digests)('%s', (name, digest) => {
  test('is the prime of RFC 7919 appendix A, as openssl has it', () => {
    const { p, g } = finiteField(name)
    expect(createHash('sha256').update(bytesOf(p)).digest('hex')).toBe(digest)
    expect(g).toBe(2n)
  })

  test('is known by its numbers, and not by others', () => {
    const { p, g } = finiteField(name)
    expect(finiteFieldName({ p, g })).toBe(name)
    expect(finiteFieldName({ p, g: 3n })).toBeUndefined()
    expect(finiteFieldName({ p: p + 2n, g })).toBeUndefined()
  })

  needs('openssl', () => {
    test('is the prime that openssl writes here', () => {
      const options = ['genpkey', '-genparam', '-algorithm', 'DH', '-pkeyopt', `group:${name}`]
      const pem = execFileSync('openssl', options, { stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' })
      const der = Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64')
      expect(der.toString('hex')).toContain(toHex(bytesOf(finiteField(name).p)))
    })
  })
})

test('node:crypto finds ffdhe2048 a safe prime with a fit generator', () => {
  const p = Buffer.from(bytesOf(finiteField('ffdhe2048').p))
  expect(createDiffieHellman(p, Buffer.of(2)).verifyError).toBe(0)
})

test('numbers and bytes', () => {
  expect(numberOf(new Uint8Array(0))).toBe(0n)
  expect(numberOf(Uint8Array.of(0, 1, 0))).toBe(256n)
  expect(bytesOf(256n)).toEqual(Uint8Array.of(1, 0))
  expect(bytesOf(255n)).toEqual(Uint8Array.of(255))
})
