import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes.ts'
import { TlsError } from '../../src/errors.ts'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { endPointHash } from '../../src/x509/signature-algorithm.ts'
import { publicKeyOf } from '../support/node-keys.ts'
import { needs } from '../support/peers.ts'
import { certificateFixture, fixture, fixtureDer } from './fixtures.ts'

const names = [
  'root',
  'intermediate',
  'server',
  'expired',
  'old-hash',
  'plain',
  'ec',
  'constrained',
  'limited',
  'weak',
  'by-ed25519',
  'ec384-authority',
  'ec521-authority',
  'ed25519-authority',
  'pss-authority',
  'pss384-authority',
]

describe('parseCertificate', () => {
  describe.each(names)('%s agrees with node:crypto', name => {
    const ours = certificateFixture(name)
    const theirs = new X509Certificate(fixture(name))

    test('in its bytes, serial number and times', () => {
      expect(toHex(ours.raw)).toBe(theirs.raw.toString('hex'))
      expect(BigInt(`0x${toHex(ours.serialNumber)}`)).toBe(BigInt(`0x${theirs.serialNumber}`))
      expect(ours.notBeforeMs).toBe(Date.parse(theirs.validFrom))
      expect(ours.notAfterMs).toBe(Date.parse(theirs.validTo))
      expect(ours.version).toBe(3)
    })

    test('in its key', () => {
      expect(ours.subjectPublicKey).toEqual(publicKeyOf(theirs.publicKey))
    })

    test('in being a CA', () => {
      expect(ours.extensions.basicConstraints?.cA ?? false).toBe(theirs.ca)
    })

    needs('openssl', () => {
      test('in its names for people, which openssl prints in the form of RFC 4514', () => {
        const printed = execFileSync(
          'openssl',
          ['x509', '-noout', '-subject', '-issuer', '-nameopt', 'RFC2253,-esc_msb'],
          {
            input: fixture(name),
            encoding: 'utf8',
          },
        )
        expect(printed).toBe(`subject=${ours.subject.text}\nissuer=${ours.issuer.text}\n`)
      })
    })
  })

  // What make.sh asked openssl for.
  test('reads the extensions of a server certificate', () => {
    const { extensions, signatureAlgorithm } = certificateFixture('server')
    expect(extensions.basicConstraints).toEqual({ cA: false, pathLenConstraint: undefined })
    expect(extensions.keyUsage).toEqual(['digitalSignature', 'keyEncipherment'])
    expect(extensions.extendedKeyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(extensions.subjectAltName?.dnsNames).toEqual(['server.example', '*.wild.example'])
    expect(extensions.subjectAltName?.ipAddresses.map(toHex)).toEqual([
      'c0000201',
      '20010db8000000000000000000000001',
    ])
    expect(extensions.unknownCritical).toEqual([])
    expect(signatureAlgorithm).toEqual({ type: 'pkcs1', hash: 'sha256' })
  })

  test('reads what else the fixtures have', () => {
    expect(certificateFixture('limited').extensions.basicConstraints).toEqual({
      cA: true,
      pathLenConstraint: 0,
    })
    expect(certificateFixture('root').extensions.keyUsage).toEqual(['keyCertSign', 'cRLSign'])
    expect(certificateFixture('plain').extensions.keyUsage).toBeUndefined()
    expect(certificateFixture('old-hash').signatureAlgorithm).toEqual({ type: 'pkcs1', hash: 'sha1' })
    expect(certificateFixture('critical-policy').extensions.unknownCritical).toEqual(['2.5.29.32'])
    expect(certificateFixture('constrained').extensions.unknownCritical).toEqual(['2.5.29.30'])
  })

  // As `openssl x509 -text` shows them; the second column is what make.sh asked for.
  test.each([
    ['by-ec', { type: 'ecdsa', hash: 'sha256' }],
    ['by-ec384', { type: 'ecdsa', hash: 'sha384' }],
    ['by-ec521', { type: 'ecdsa', hash: 'sha512' }],
    ['by-ec-sha1', { type: 'ecdsa', hash: 'sha1' }],
    ['by-ed25519', { type: 'eddsa', hash: undefined }],
    ['by-pss', { type: 'pss', hash: 'sha256' }],
    ['pss-sha384-48', { type: 'pss', hash: 'sha384' }],
    ['pss-sha512-64', { type: 'pss', hash: 'sha512' }],
    ['pss-sha256-20', { type: 'unsupported', algorithm: '1.2.840.113549.1.1.10' }],
    ['pss-sha1-20', { type: 'unsupported', algorithm: '1.2.840.113549.1.1.10' }],
    ['pss-mixed', { type: 'unsupported', algorithm: '1.2.840.113549.1.1.10' }],
    ['md5', { type: 'unsupported', algorithm: '1.2.840.113549.1.1.4' }],
  ])('%s is signed with %o', (name, algorithm) => {
    expect(certificateFixture(name).signatureAlgorithm).toEqual(algorithm)
  })

  test('keys that we do not do are named by algorithm or curve', () => {
    const keys = ['ed448', 'secp256k1'].map(name => certificateFixture(name).subjectPublicKey)
    expect(keys).toEqual([
      { type: 'unsupported', algorithm: '1.3.101.113' },
      { type: 'unsupported', algorithm: '1.3.132.0.10' },
    ])
  })

  // RFC 5929 §4.1: the signature's hash, SHA-256 in place of MD5 and SHA-1.
  test.each([
    ['server', 'sha256'],
    ['old-hash', 'sha256'],
    ['md5', 'sha256'],
    ['by-ec-sha1', 'sha256'],
    ['by-ec384', 'sha384'],
    ['pss-sha512-64', 'sha512'],
    ['by-ed25519', undefined],
    ['pss-mixed', undefined],
  ])('the end point hash of %s is %s', (name, hash) => {
    expect(endPointHash(certificateFixture(name))).toBe(hash)
  })

  test('tbsCertificate is what the issuer signed', () => {
    const { tbsCertificate, raw } = certificateFixture('server')
    expect(toHex(raw)).toContain(toHex(tbsCertificate))
    expect(tbsCertificate[0]).toBe(0x30)
  })

  test('keeps a copy: the caller may reuse its buffer', () => {
    const der = fixtureDer('server')
    const certificate = parseCertificate(der)
    der.fill(0)
    expect(toHex(certificate.raw)).toBe(toHex(fixtureDer('server')))
  })
})

/** How the bytes end: a certificate, a TlsError, or something that must not be. */
function outcome(bytes: Uint8Array): string {
  try {
    parseCertificate(bytes)
    return 'Certificate'
  } catch (error) {
    if (error instanceof TlsError) return error.code
    return String(error)
  }
}

describe('damaged certificates', () => {
  const der = fixtureDer('server')

  test('every prefix is BAD_CERTIFICATE', () => {
    for (let length = 0; length < der.length; length++)
      expect(outcome(der.subarray(0, length))).toBe('BAD_CERTIFICATE')
    expect(outcome(der)).toBe('Certificate')
  })

  test('a byte more is BAD_CERTIFICATE', () => {
    expect(outcome(Uint8Array.from([...der, 0]))).toBe('BAD_CERTIFICATE')
  })

  test('every changed byte gives a certificate or BAD_CERTIFICATE, never anything else', () => {
    const seen = new Set<string>()
    for (let i = 0; i < der.length; i++) {
      for (const mask of [0x01, 0x80, 0xff, 0x20, 0x7f]) {
        const changed = der.slice()
        changed[i]! ^= mask
        seen.add(outcome(changed))
      }
    }
    expect([...seen].sort()).toEqual(['BAD_CERTIFICATE', 'Certificate'])
  })

  test.each([
    ['the outer length in a byte too many', '3082', '308300'],
    ['v1 written out', 'a003020102', 'a003020100'],
    ['a version 4', 'a003020102', 'a003020103'],
    ['extensions in a v2 certificate', 'a003020102', 'a003020101'],
    ['a critical flag of FALSE written out', '0603551d0f0101ff', '0603551d0f010100'],
    ['a critical flag of 01', '0603551d0f0101ff', '0603551d0f010101'],
    ['a key usage of nothing', '030205a0', '03020500'],
    ['key usage bits beyond its end', '030205a0', '030205a1'],
    ['a dNSName with a byte above 7f', Buffer.from('server.example').toString('hex'), 'ff'.repeat(14)],
    ['an inner algorithm other than the outer', '2a864886f70d01010b', '2a864886f70d01010c'],
    ['an RSA key with parameters other than NULL', '2a864886f70d0101010500', '2a864886f70d0101010400'],
    ['an even exponent', '0203010001', '0203010000'],
  ])('%s is BAD_CERTIFICATE', (_, from, to) => {
    const hex = toHex(der)
    // The last place: a name is in the subject before it is in subjectAltName.
    const at = hex.lastIndexOf(from, from === '3082' ? 0 : undefined)
    expect(at).toBeGreaterThanOrEqual(0)
    const changed = hex.slice(0, at) + to + hex.slice(at + from.length)
    expect(outcome(Buffer.from(changed, 'hex'))).toBe('BAD_CERTIFICATE')
  })

  test.each(['ec-compressed', 'ec-explicit'])('%s is BAD_CERTIFICATE', name => {
    expect(outcome(fixtureDer(name))).toBe('BAD_CERTIFICATE')
  })

  test('one extension twice is BAD_CERTIFICATE, even one that we do not know', () => {
    const hex = toHex(der)
    const once = hex.replace('0603551d0f', '0603551d63')
    expect(outcome(Buffer.from(once, 'hex'))).toBe('Certificate')
    expect(outcome(Buffer.from(once.replace('0603551d25', '0603551d63'), 'hex'))).toBe('BAD_CERTIFICATE')
  })

  test('an exponent above 32 bits, with which a peer could make us work, is BAD_CERTIFICATE', () => {
    // The exponent gets the bytes that the modulus loses, so that no length around them changes.
    const encode = (header: string, end: string) =>
      toHex(der).replace(/02820101(.{508}).{6}0203010001/, `${header}$1${end}`)
    expect(outcome(Buffer.from(encode('02820100', 'ffff020401000001'), 'hex'))).toBe('Certificate')
    expect(outcome(Buffer.from(encode('0281ff', 'ff0206010000000001'), 'hex'))).toBe('BAD_CERTIFICATE')
  })

  test('an exponent of 1, which encrypts nothing, is BAD_CERTIFICATE', () => {
    // The modulus gets the two bytes that the exponent loses, so that no length around them changes.
    const encode = (exponent: string) =>
      toHex(der).replace(/02820101(.{514})0203010001/, `02820103$1aa01${exponent}`)
    expect(outcome(Buffer.from(encode('020103'), 'hex'))).toBe('Certificate')
    expect(outcome(Buffer.from(encode('020101'), 'hex'))).toBe('BAD_CERTIFICATE')
  })
})
