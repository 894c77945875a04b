/** The table of cipher suites against their own names, and against OpenSSL's table. */
import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import {
  type BulkCipher,
  type CipherSuite,
  cipherSuite,
  cipherSuiteNames,
  findCipherSuite,
} from '../../src/crypto/cipher-suites.ts'
import { needs } from '../support/peers.ts'

/** `TLS_<key exchange>_<authentication>_WITH_<cipher>_<hash>`; the RSA key exchange authenticates by itself. */
const nameForm = /^TLS_(ECDHE|DHE|RSA)(?:_(ECDSA|RSA))?_WITH_(.+)_(SHA|SHA256|SHA384)$/

/** The name of a cipher in the names of the suites. */
function cipherName(cipher: BulkCipher): string {
  if (cipher.mode === 'chacha20-poly1305') return 'CHACHA20_POLY1305'
  return `AES_${cipher.keyLength * 8}_${cipher.mode.toUpperCase()}`
}

describe.each(cipherSuiteNames)('%s', name => {
  const suite: CipherSuite = cipherSuite(name)
  const [, keyExchange, authentication = 'RSA', cipher, hash] = nameForm.exec(name) ?? []

  test('is what its name says', () => {
    expect(suite.keyExchange).toBe(keyExchange?.toLowerCase())
    expect(suite.authentication).toBe(authentication.toLowerCase())
    expect(cipherName(suite.cipher)).toBe(cipher)
    // RFC 5246 §5: SHA-256 where the suite does not say another; the SHA of CBC suites is their MAC's (RFC 8422 §6).
    expect(suite.prfHash).toBe(hash === 'SHA384' ? 'sha384' : 'sha256')
    if (suite.cipher.mode === 'cbc') {
      const mac = { SHA: ['sha1', 20], SHA256: ['sha256', 32], SHA384: ['sha384', 48] }[hash!]
      expect([suite.cipher.mac, suite.cipher.macLength]).toEqual(mac)
    }
  })

  test('is found by both of its names', () => {
    expect(findCipherSuite(name)).toBe(name)
    expect(findCipherSuite(suite.opensslName)).toBe(name)
  })
})

test('no number and no name comes twice, and a name of nothing finds nothing', () => {
  const suites = cipherSuiteNames.map(cipherSuite)
  expect(new Set(suites.map(({ number }) => number)).size).toBe(suites.length)
  expect(new Set(suites.map(({ opensslName }) => opensslName)).size).toBe(suites.length)
  expect(findCipherSuite('TLS_RSA_WITH_NULL_MD5')).toBeUndefined()
  expect(findCipherSuite('toString')).toBeUndefined()
})

needs('openssl', () => {
  /** By RFC name: `0xC0,0x2C - TLS_ECDHE_... - ECDHE-... TLSv1.2 Kx=ECDH Au=ECDSA Enc=AESGCM(256) Mac=AEAD`. */
  const rows = new Map<string, Record<string, string>>()
  const listed = spawnSync('openssl', ['ciphers', '-V', '-stdname', 'ALL:@SECLEVEL=0'], { encoding: 'utf8' })
  for (const line of listed.stdout.split('\n')) {
    const [, number, name, opensslName, rest = ''] = /^\s*(\S+) - (\S+)\s+- (\S+)\s+(.*)$/.exec(line) ?? []
    if (!name) continue
    const fields = Object.fromEntries(
      [...rest.matchAll(/(\w+)=(\S+)/g)].map(([, key, value]) => [key, value]),
    )
    rows.set(name, { number: number!, opensslName: opensslName!, ...fields })
  }

  const twoDigits = (byte: number) => `0x${byte.toString(16).toUpperCase().padStart(2, '0')}`

  test.each(cipherSuiteNames)('%s is the same to OpenSSL', name => {
    const { number, opensslName, keyExchange, authentication, cipher } = cipherSuite(name)
    const encryption = {
      gcm: `AESGCM(${cipher.keyLength * 8})`,
      cbc: `AES(${cipher.keyLength * 8})`,
      'chacha20-poly1305': 'CHACHA20/POLY1305(256)',
    }[cipher.mode]
    expect(rows.get(name)).toEqual({
      number: `${twoDigits(number >> 8)},${twoDigits(number & 0xff)}`,
      opensslName,
      Kx: { rsa: 'RSA', ecdhe: 'ECDH', dhe: 'DH' }[keyExchange],
      Au: authentication.toUpperCase(),
      Enc: encryption,
      Mac: cipher.mode === 'cbc' ? cipher.mac.toUpperCase() : 'AEAD',
    })
  })
})
