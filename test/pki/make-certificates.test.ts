import { execFileSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiMisuse } from '../../src/errors.ts'
import {
  type CertificateAndKey,
  makeCertificateAuthority,
  makeServerCertificate,
} from '../../src/pki/make-certificates.ts'
import { nobleProvider, privateKey } from '../../src/providers/noble/index.ts'
import { certificatesFromPem } from '../../src/x509/certificate-pem.ts'
import { certifiedKey } from '../../src/x509/certified-key.ts'
import { verifyChain } from '../../src/x509/verify.ts'
import { needs } from '../support/peers.ts'

const nowMs = Date.UTC(2030, 5, 1)
const dayMs = 24 * 60 * 60 * 1000
const hosts = ['localhost', '*.cluster.example', '127.0.0.1', '2001:db8::1']
const folder = mkdtempSync(join(tmpdir(), 'ringtls-pki-'))
let ca: CertificateAndKey
let server: CertificateAndKey

beforeAll(async () => {
  ca = await makeCertificateAuthority({ commonName: 'Zürich \u{1F510} CA', nowMs, validDays: 3650 })
  server = await makeServerCertificate({ ca, hosts, nowMs, validDays: 90 })
  writeFileSync(join(folder, 'ca.pem'), ca.certificatePem)
  writeFileSync(join(folder, 'server.pem'), server.certificatePem)
}, 30_000)
afterAll(() => rmSync(folder, { recursive: true }))

/** `openssl verify`, strict, at the time of the test. */
function opensslVerify(...options: string[]): string {
  const time = ['-attime', String(nowMs / 1000)]
  const args = [
    'verify',
    '-x509_strict',
    '-purpose',
    'sslserver',
    ...time,
    '-CAfile',
    'ca.pem',
    ...options,
    'server.pem',
  ]
  return execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' })
}

describe('certificates of ringtls init, to openssl', () => {
  needs('openssl', declareOpensslTests)
})

function declareOpensslTests(): void {
  test.each(['localhost', 'node1.cluster.example'])('openssl takes them for %s', host => {
    expect(opensslVerify('-verify_hostname', host)).toBe('server.pem: OK\n')
  })

  test.each(['127.0.0.1', '2001:db8::1'])('openssl takes them for %s', address => {
    expect(opensslVerify('-verify_ip', address)).toBe('server.pem: OK\n')
  })

  test('openssl refuses them for another name', () => {
    expect(() => opensslVerify('-verify_hostname', 'other.example')).toThrow()
  })

  test('critical extensions, key identifiers and the hash, as openssl prints them', () => {
    const print = (name: string) =>
      execFileSync('openssl', ['x509', '-in', name, '-noout', '-text'], { cwd: folder, encoding: 'utf8' })
    const [authority, leaf] = [print('ca.pem'), print('server.pem')]
    expect(authority).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/)
    expect(authority).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign/)
    expect(leaf).toMatch(/Key Usage: critical\s+Digital Signature, Key Encipherment/)
    expect(leaf).toMatch(/Signature Algorithm: sha256WithRSAEncryption/)
    const own = /Subject Key Identifier:\s+([0-9A-F:]+)/
    const issuers = /Authority Key Identifier:\s+(?:keyid:)?([0-9A-F:]+)/
    expect(own.exec(authority)?.[1]).toBe(issuers.exec(leaf)?.[1])
  })
}

describe('certificates of ringtls init, to others', () => {
  test('node:crypto reads what was asked for', () => {
    const authority = new X509Certificate(ca.certificatePem)
    const leaf = new X509Certificate(server.certificatePem)
    expect(leaf.checkIssued(authority) && leaf.verify(authority.publicKey)).toBe(true)
    expect([authority.ca, leaf.ca]).toEqual([true, false])
    expect(authority.subject).toBe('CN=Zürich \u{1F510} CA')
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(Date.parse(leaf.validTo)).toBe(nowMs + 90 * dayMs)
    expect(Date.parse(leaf.validFrom)).toBe(nowMs - 5 * 60 * 1000)
    expect(leaf.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048)
    expect(leaf.checkPrivateKey(createPrivateKey(server.keyPem))).toBe(true)
    expect(leaf.serialNumber).not.toBe(authority.serialNumber)
  })

  test('our own reader and path validation take them too', () => {
    const { leaf, key } = certifiedKey(server.certificatePem, server.keyPem, privateKey)
    const anchors = certificatesFromPem(ca.certificatePem, 'trust anchors')
    const { verify } = nobleProvider
    for (const serverName of ['localhost', 'a.cluster.example', '127.0.0.1', '2001:db8:0:0::1']) {
      const verified = verifyChain({ chain: [leaf], anchors, nowMs, serverName, verify, usage: 'serverAuth' })
      expect(verified).toEqual(key.publicKey)
    }
  })
})

describe('what cannot be made is ApiMisuse', () => {
  test.each([
    ['no hosts', { hosts: [] }],
    ['an empty host', { hosts: [''] }],
    ['a host with a space', { hosts: ['a b'] }],
    ['a host that is not ASCII', { hosts: ['zürich.example'] }],
    ['a URL', { hosts: ['https://localhost'] }],
    ['half an address', { hosts: ['1.2.3'] }],
    ['no days', { validDays: 0 }],
    ['days that are no number', { validDays: Number.NaN }],
    ['too many days', { validDays: 1e9 }],
    ['an authority that is none', { ca: { certificatePem: 'x', keyPem: 'y' } }],
  ])('%s', async (_, change) => {
    await expect(makeServerCertificate({ ca, hosts, nowMs, validDays: 1, ...change })).rejects.toThrow(
      ApiMisuse,
    )
  })

  test.each(['', 'x'.repeat(65)])('the common name %j', async commonName => {
    await expect(makeCertificateAuthority({ commonName, nowMs, validDays: 1 })).rejects.toThrow(ApiMisuse)
  })
})
