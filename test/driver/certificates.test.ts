import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes.ts'
import type { CipherSuiteName } from '../../src/crypto/cipher-suites.ts'
import {
  certificateVerifier,
  hasCertificateFor,
  type PolicyTerms,
  policyHashOf,
  selectByServerName,
} from '../../src/driver/certificates.ts'
import { isIssuedByOneOf, usableClientScheme } from '../../src/handshake/certificate-choice.ts'
import type { Ask } from '../../src/handshake/effects.ts'
import { nobleProvider, privateKey } from '../../src/providers/noble/index.ts'
import { certificatesFromPem } from '../../src/x509/certificate-pem.ts'
import { certifiedKey } from '../../src/x509/certified-key.ts'

const text = (file: string) => readFileSync(new URL(`../fixtures/${file}`, import.meta.url), 'utf8')
const certified = (name: string) => certifiedKey(text(`${name}.pem`), text(`${name}.key`), privateKey)
const [rsa, ec, ed25519, rsaPss, other] = ['server', 'ec', 'ed25519', 'rsa-pss', 'other'].map(certified)
const clients = ['client-rsa', 'client-ec', 'client-ed25519'].map(certified)

const chacha = 'CHACHA20_POLY1305_SHA256'
const ecdheEcdsa: CipherSuiteName = `TLS_ECDHE_ECDSA_WITH_${chacha}`
const ecdheRsa: CipherSuiteName = `TLS_ECDHE_RSA_WITH_${chacha}`
const keyTransport: CipherSuiteName = 'TLS_RSA_WITH_AES_128_GCM_SHA256'

type Wanted = Ask<'selectCertificate'>
const wanted = (more: Partial<Wanted> = {}): Wanted => ({
  kind: 'selectCertificate',
  role: 'server',
  serverName: 'localhost',
  cipherSuites: [ecdheEcdsa, ecdheRsa, keyTransport],
  groups: ['x25519', 'secp256r1'],
  schemes: nobleProvider.signatureSchemes,
  signingSchemes: nobleProvider.signatureSchemes,
  ...more,
})

describe('a server with several certificates', () => {
  const both = [rsa!, ec!]

  test.each<[string, Partial<Wanted>, typeof rsa]>([
    ['the first suite decides, whatever the order of the certificates', {}, ec],
    ['so does it when it is one of RSA', { cipherSuites: [ecdheRsa, ecdheEcdsa] }, rsa],
    ['a suite that no certificate can serve is passed over', { schemes: ['rsa_pkcs1_sha256'] }, rsa],
    ['a client that cannot compute on the curve of the certificate', { groups: ['x25519'] }, rsa],
    ['a client that named no curves takes any', { groups: undefined }, ec],
    ['only key transport is left', { cipherSuites: [keyTransport] }, rsa],
    ['an unknown host is served by all', { serverName: 'nobody.test' }, ec],
    ['no host asked for', { serverName: undefined }, ec],
  ])('%s', (_, more, expected) => {
    expect(selectByServerName(both)(wanted(more))).toBe(expected)
    expect(selectByServerName([...both].reverse())(wanted(more))).toBe(expected)
  })

  test('the host comes before the suite', () => {
    const select = selectByServerName([ec!, other!])
    expect(select(wanted({ serverName: 'other.example' }))).toBe(other)
    expect(select(wanted({ serverName: 'a.example.test' }))).toBe(ec)
  })

  test('of two that can serve the suite, the first', () => {
    expect(selectByServerName([ed25519!, ec!])(wanted())).toBe(ed25519)
    expect(selectByServerName([ec!, ed25519!])(wanted())).toBe(ec)
    expect(selectByServerName([rsaPss!, rsa!])(wanted({ cipherSuites: [ecdheRsa] }))).toBe(rsaPss)
    expect(selectByServerName([rsaPss!, rsa!])(wanted({ cipherSuites: [keyTransport] }))).toBe(rsa)
  })

  test('where none can serve, the first, of which the handshake says what is wrong', () => {
    expect(selectByServerName(both)(wanted({ schemes: [], cipherSuites: [ecdheEcdsa] }))).toBe(rsa)
    expect(selectByServerName([])(wanted())).toBeUndefined()
  })
})

describe('a client with several certificates', () => {
  const [clientRsa, clientEc, clientEd25519] = clients
  const ask = (more: Partial<Wanted>): Wanted =>
    wanted({ role: 'client', certificateTypes: ['rsa_sign', 'ecdsa_sign'], authorities: [], ...more })

  test.each<[string, Partial<Wanted>, typeof clientRsa]>([
    ['the first', {}, clientRsa],
    ['of the type asked for', { certificateTypes: ['ecdsa_sign'] }, clientEc],
    ['that can sign as asked', { schemes: ['ed25519'] }, clientEd25519],
    ['of the authority asked for', { authorities: [clientRsa!.leaf.issuer.raw] }, clientRsa],
    ['none of another authority', { authorities: [rsa!.leaf.issuer.raw] }, undefined],
    ['none of another type', { certificateTypes: ['dss_sign'] }, undefined],
  ])('%s', (_, more, expected) => {
    expect(selectByServerName(clients)(ask(more))).toBe(expected)
  })
})

// RFC 5246 §7.4.6: "SHOULD be issued by one of the listed CAs", so who chooses for himself may choose another.
describe('a certificate of an authority that the server did not name', () => {
  const [clientRsa] = clients
  const ask = wanted({
    role: 'client',
    certificateTypes: ['rsa_sign'],
    authorities: [rsa!.leaf.issuer.raw],
  })

  test('can be used', () => {
    expect(usableClientScheme(clientRsa!, ask)).toBe(
      nobleProvider.signatureSchemes.find(name => name.startsWith('rsa')),
    )
  })

  test('is told from one that has it anywhere in its chain', () => {
    expect(isIssuedByOneOf(clientRsa!, [rsa!.leaf.issuer.raw])).toBe(false)
    expect(isIssuedByOneOf(clientRsa!, [rsa!.leaf.issuer.raw, clientRsa!.leaf.issuer.raw])).toBe(true)
    const chain = [...clientRsa!.certificateList, ...rsa!.certificateList]
    expect(isIssuedByOneOf({ ...clientRsa!, certificateList: chain }, [rsa!.leaf.issuer.raw])).toBe(true)
    expect(isIssuedByOneOf(clientRsa!, [])).toBe(false)
  })
})

describe('the policy hash', () => {
  const [ca, clientCa] = ['ca.pem', 'client-ca.pem'].map(file => certificatesFromPem(text(file), file)[0]!)
  const names = [ca!.subject.raw, clientCa!.subject.raw]
  const terms: PolicyTerms = { clientAuth: 'require', authorities: names, sessionIdContext: 'shop' }
  const hash = (more: Partial<PolicyTerms> = {}) => toHex(policyHashOf(nobleProvider, { ...terms, ...more }))

  // Computed once by `openssl dgst -sha256` over the parts; a cluster's servers must all have it.
  test('of no terms in particular', () => {
    const none = { clientAuth: 'none', authorities: [], sessionIdContext: '' } as const
    expect(hash(none)).toBe('6ca7d565806f3822bfce63c7bd410e59')
  })

  test('does not depend on the order of authorities, nor on how often one is named', () => {
    expect(hash({ authorities: [...names].reverse() })).toBe(hash())
    expect(hash({ authorities: [...names, ...names] })).toBe(hash())
    expect(hash()).toHaveLength(32)
  })

  test('every term changes it', () => {
    const hashes = [
      hash(),
      hash({ clientAuth: 'none' }),
      hash({ clientAuth: 'request' }),
      hash({ authorities: [] }),
      hash({ authorities: names.slice(1) }),
      hash({ authorities: names.slice(0, 1) }),
      hash({ sessionIdContext: '' }),
      hash({ sessionIdContext: 'Shop' }),
      hash({ sessionIdContext: 'sh\u00f6p' }),
    ]
    expect(new Set(hashes).size).toBe(hashes.length)
  })
})

describe('certificateVerifier', () => {
  const anchorsOf = (file: string) => certificatesFromPem(text(file), file)
  const now = () => Date.UTC(2027, 0, 1)
  const ask = (
    name: string,
    usage: 'serverAuth' | 'clientAuth',
    peerName = '',
  ): Ask<'verifyCertificate'> => ({
    kind: 'verifyCertificate',
    chain: certificatesFromPem(text(`${name}.pem`), name),
    peerName,
    usage,
    ocspResponse: undefined,
    signedCertificateTimestamps: [],
  })
  const verifier = (ca: string, more: object = {}) =>
    certificateVerifier({
      provider: nobleProvider,
      anchors: anchorsOf(ca),
      now,
      rejectUnauthorized: true,
      ...more,
    })

  test.each(['ec', 'ec384', 'ec521', 'ed25519', 'rsa-pss'])('takes the server %s, for its names', name => {
    const verify = verifier('ec-ca.pem')
    const { publicKey } = certified(name).key
    expect(verify(ask(name, 'serverAuth', 'localhost'))).toEqual({ publicKey, verified: true })
    expect(() => verify(ask(name, 'serverAuth', 'nobody.test'))).toThrow(
      expect.objectContaining({ code: 'HOSTNAME_MISMATCH' }),
    )
    expect(() => verify(ask(name, 'clientAuth'))).toThrow(
      expect.objectContaining({ code: 'CERTIFICATE_REFUSED' }),
    )
  })

  test.each(['client-rsa', 'client-rsa-pss', 'client-ec', 'client-ed25519'])('takes the client %s', name => {
    const { publicKey } = certified(name).key
    expect(verifier('client-ca.pem')(ask(name, 'clientAuth'))).toEqual({ publicKey, verified: true })
    expect(() => verifier('ca.pem')(ask(name, 'clientAuth'))).toThrow(
      expect.objectContaining({ code: 'UNKNOWN_CA' }),
    )
  })

  test('what is refused is taken and reported where that was asked for', () => {
    const reasons: string[] = []
    const onRefusal = ({ code }: { code: string }) => reasons.push(code)
    const verify = verifier('ca.pem', { rejectUnauthorized: false, onRefusal })
    const { publicKey } = certified('client-ec').key
    expect(verify(ask('client-ec', 'clientAuth'))).toEqual({ publicKey, verified: false })
    expect(reasons).toEqual(['UNKNOWN_CA'])
    expect(() => verify(ask('x509/secp256k1', 'serverAuth'))).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_CERTIFICATE' }),
    )
  })
})

// The names in server.pem, by `openssl x509 -ext subjectAltName`: localhost, *.example.test, 127.0.0.1, ::1.
test.each([
  ['localhost', true],
  ['a.example.test', true],
  ['a.b.example.test', false],
  ['www.localhost', false],
  ['other.example', false],
  [undefined, false],
])('whether a certificate here names %s: %s', (serverName, expected) => {
  expect(hasCertificateFor([rsa!], serverName)).toBe(expected)
  expect(hasCertificateFor([], serverName)).toBe(false)
})
