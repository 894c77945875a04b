import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { FaultCode } from '../../src/errors.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { type Certificate, parseCertificate } from '../../src/x509/certificate.ts'
import { allowsKeyUsage, type ChainToVerify, verifyChain } from '../../src/x509/verify.ts'
import { publicKeyOf } from '../support/node-keys.ts'
import { needs } from '../support/peers.ts'
import { certificateFixture, fixtureDer } from './fixtures.ts'

const nowMs = Date.UTC(2026, 0, 1)
const certificates = (names: readonly string[]) => names.map(certificateFixture)

/** Verifies fixtures by name. */
function verify(chain: readonly string[], anchors: readonly string[], more: Partial<ChainToVerify> = {}) {
  return verifyChain({
    chain: certificates(chain),
    anchors: certificates(anchors),
    nowMs,
    verify: nobleProvider.verify,
    usage: 'serverAuth',
    ...more,
  })
}

function expectFault(code: FaultCode, run: () => unknown): void {
  expect(run).toThrow(expect.objectContaining({ name: 'TlsError', code }))
}

/** What `openssl verify` says about the same files at the same time, for the purpose of a TLS server or client. */
function opensslAccepts(
  chain: readonly string[],
  anchors: readonly string[],
  purpose = 'sslserver',
): boolean {
  const path = (name: string) => fileURLToPath(new URL(`../fixtures/x509/${name}.pem`, import.meta.url))
  const [leaf = '', ...rest] = chain.map(path)
  const untrusted = rest.flatMap(file => ['-untrusted', file])
  const trusted = anchors.flatMap(anchor => ['-trusted', path(anchor)])
  const options = ['-purpose', purpose, '-attime', String(nowMs / 1000), '-auth_level', '2']
  try {
    execFileSync('openssl', ['verify', ...options, ...trusted, ...untrusted, leaf], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

const goodChains: [string, string[], string[]][] = [
  ['leaf, intermediate; the root is ours', ['server', 'intermediate'], ['root']],
  ['the root is sent too', ['server', 'intermediate', 'root'], ['root']],
  ['out of order', ['server', 'root', 'limited', 'intermediate'], ['root']],
  ['one of two anchors with the same name', ['server', 'intermediate'], ['other-root', 'root']],
  ['directly below the root, without key usage', ['plain'], ['root']],
  ['a self-signed leaf that is trusted itself', ['self-signed'], ['self-signed']],
  ['an EC leaf', ['ec'], ['root']],
  ['signed with ECDSA on P-256', ['by-ec', 'ec-authority'], ['root']],
  ['signed with ECDSA on P-256 and a longer hash', ['by-ec-sha512', 'ec-authority'], ['root']],
  ['signed with ECDSA on P-384', ['by-ec384', 'ec384-authority'], ['root']],
  ['signed with ECDSA on P-521', ['by-ec521', 'ec521-authority'], ['root']],
  ['signed with Ed25519', ['by-ed25519', 'ed25519-authority'], ['root']],
  ['signed by a key for PSS alone', ['by-pss', 'pss-authority'], ['root']],
  ['signed by a key for PSS with SHA-384 alone', ['by-pss384', 'pss384-authority'], ['root']],
  ['signed with PSS and SHA-256', ['pss-sha256-32'], ['root']],
  ['signed with PSS and SHA-384', ['pss-sha384-48'], ['root']],
  ['signed with PSS and SHA-512', ['pss-sha512-64'], ['root']],
]

describe('chains that openssl takes, and so do we', () => {
  needs('openssl', () => {
    test.each(goodChains)('%s: openssl', (_, chain, anchors) => {
      expect(opensslAccepts(chain, anchors)).toBe(true)
    })
  })

  test.each(goodChains)('%s', (_, chain, anchors) => {
    expect(verify(chain, anchors)).toEqual(publicKeyOf(new X509Certificate(fixtureDer(chain[0]!)).publicKey))
  })

  test('an anchor may be an intermediate, without its root', () => {
    expect(() => verify(['server'], ['intermediate'])).not.toThrow()
  })
})

const badChains: [string, FaultCode, string[], string[]][] = [
  ['an expired leaf', 'CERTIFICATE_EXPIRED', ['expired'], ['root']],
  ['no anchor', 'UNKNOWN_CA', ['server', 'intermediate'], []],
  ['the intermediate is missing', 'UNKNOWN_CA', ['server'], ['root']],
  ['the root is sent and not trusted', 'UNKNOWN_CA', ['server', 'intermediate', 'root'], ['self-signed']],
  ['a self-signed leaf that is not trusted', 'UNKNOWN_CA', ['self-signed'], ['root']],
  [
    'a root of the same name with another key',
    'CERTIFICATE_REFUSED',
    ['server', 'intermediate'],
    ['other-root'],
  ],
  ['a SHA-1 signature', 'CERTIFICATE_REFUSED', ['old-hash'], ['root']],
  ['a SHA-1 signature of ECDSA', 'CERTIFICATE_REFUSED', ['by-ec-sha1', 'ec-authority'], ['root']],
  ['an issuer with a key of another type', 'UNKNOWN_CA', ['by-ec', 'pss-authority'], ['root']],
  ['a client certificate', 'CERTIFICATE_REFUSED', ['client-only'], ['root']],
  ['an RSA key of 1024 bits', 'CERTIFICATE_REFUSED', ['weak'], ['root']],
  ['an issuer that is no CA', 'CERTIFICATE_REFUSED', ['below-not-authority', 'not-authority'], ['root']],
  ['an issuer that may not sign', 'CERTIFICATE_REFUSED', ['below-non-signing', 'non-signing'], ['root']],
  ['an issuer of clients', 'CERTIFICATE_REFUSED', ['below-client-authority', 'client-authority'], ['root']],
  [
    'a path longer than pathLen',
    'CERTIFICATE_REFUSED',
    ['leaf-limited', 'below-limited', 'limited'],
    ['root'],
  ],
  [
    'name constraints that exclude it',
    'UNSUPPORTED_CERTIFICATE',
    ['below-constrained', 'constrained'],
    ['root'],
  ],
]

describe('chains that openssl refuses, and so do we', () => {
  needs('openssl', () => {
    test.each(badChains)('%s: openssl', (_, _code, chain, anchors) => {
      expect(opensslAccepts(chain, anchors)).toBe(false)
    })
  })

  test.each(badChains)('%s', (_, code, chain, anchors) => {
    expectFault(code, () => verify(chain, anchors))
  })
})

describe('chains that we alone refuse', () => {
  test.each([
    ['a key on a curve that TLS does not have', 'secp256k1'],
    ['a key for Ed448', 'ed448'],
    ['PSS with a salt shorter than the hash', 'pss-sha256-20'],
    ['PSS with SHA-1', 'pss-sha1-20'],
    ['PSS with another hash in the mask', 'pss-mixed'],
    ['a signature with MD5', 'md5'],
  ])('%s', (_, name) => {
    expectFault('UNSUPPORTED_CERTIFICATE', () => verify([name], ['root']))
  })

  test('a critical extension that we do not process, in the leaf', () => {
    expectFault('UNSUPPORTED_CERTIFICATE', () => verify(['critical-policy'], ['root']))
  })

  test('an empty chain', () => {
    expectFault('BAD_CERTIFICATE', () => verify([], ['root']))
  })
})

describe('a client', () => {
  const ofClients: [string, string[], boolean][] = [
    ['a certificate for clients', ['client-only'], true],
    ['a certificate without purposes', ['plain'], true],
    ['one for servers', ['server', 'intermediate'], false],
  ]

  needs('openssl', () => {
    test.each(ofClients)('%s: openssl', (_, chain, expected) => {
      expect(opensslAccepts(chain, ['root'], 'sslclient')).toBe(expected)
    })
  })

  test.each(ofClients)('%s', (_, chain, expected) => {
    const run = () => verify(chain, ['root'], { usage: 'clientAuth' })
    if (expected) expect(run).not.toThrow()
    else expectFault('CERTIFICATE_REFUSED', run)
  })

  test.each(['client-rsa', 'client-rsa-pss', 'client-ec', 'client-ed25519'])('%s of our own CA', name => {
    const [leaf, ca] = [name, 'client-ca'].map(file => parseCertificate(fixtureDer(`../${file}`)))
    const request = { chain: [leaf!], anchors: [ca!], nowMs: Date.UTC(2027, 0, 1) }
    const key = publicKeyOf(new X509Certificate(fixtureDer(`../${name}`)).publicKey)
    expect(verify([], [], { ...request, usage: 'clientAuth' })).toEqual(key)
    expectFault('CERTIFICATE_REFUSED', () => verify([], [], request))
  })
})

describe('allowsKeyUsage', () => {
  // What make.sh asked openssl for.
  test.each([
    ['server', true, true],
    ['signing-only', true, false],
    ['root', false, false],
    ['plain', true, true],
  ])('%s may sign: %s; be encrypted to: %s', (name, signs, enciphers) => {
    const certificate = certificateFixture(name)
    expect(allowsKeyUsage(certificate, 'digitalSignature')).toBe(signs)
    expect(allowsKeyUsage(certificate, 'keyEncipherment')).toBe(enciphers)
  })
})

describe('time', () => {
  const leaf = certificateFixture('expired')

  test('the first and the last moment belong to the validity', () => {
    for (const moment of [leaf.notBeforeMs, leaf.notAfterMs]) {
      expect(() => verify(['expired'], ['root'], { nowMs: moment })).not.toThrow()
    }
    for (const moment of [leaf.notBeforeMs - 1, leaf.notAfterMs + 1]) {
      expectFault('CERTIFICATE_EXPIRED', () => verify(['expired'], ['root'], { nowMs: moment }))
    }
  })

  test('an anchor past its time does not count, nor does a trusted leaf', () => {
    const late = { nowMs: Date.UTC(2100, 0, 1) }
    expectFault('CERTIFICATE_EXPIRED', () => verify(['self-signed'], ['self-signed'], late))
    const [root] = certificates(['root'])
    const anchors = [{ ...root!, notAfterMs: nowMs - 1 }]
    expectFault('CERTIFICATE_EXPIRED', () => verify(['plain'], [], { anchors }))
  })
})

describe('names', () => {
  test.each(['server.example', 'a.wild.example', '192.0.2.1', '2001:db8:0::1', 'Server.Example.'])(
    '%s',
    serverName => {
      expect(() => verify(['server', 'intermediate'], ['root'], { serverName })).not.toThrow()
    },
  )

  test.each(['other.example', 'wild.example', '192.0.2.2', '2001:db8::2', ''])('not %j', serverName => {
    expectFault('HOSTNAME_MISMATCH', () => verify(['server', 'intermediate'], ['root'], { serverName }))
  })

  test('the common name counts for nothing', () => {
    const [leaf] = certificates(['server'])
    expect(leaf?.subject.text).toContain('CN=server.example')
    const nameless = { ...leaf!, extensions: { ...leaf!.extensions, subjectAltName: undefined } }
    const request = { chain: [nameless, certificateFixture('intermediate')], serverName: 'server.example' }
    expectFault('HOSTNAME_MISMATCH', () => verify([], ['root'], request))
  })
})

describe('forgeries', () => {
  test('every changed byte of what is signed, and of the signature, is refused', () => {
    const der = fixtureDer('plain')
    const anchors = certificates(['root'])
    for (let i = 4; i < der.length; i += 3) {
      const changed = der.slice()
      changed[i]! ^= 0x04
      expect(() => verify([], [], { chain: [parseCertificate(changed)], anchors }), `byte ${i}`).toThrow(
        expect.objectContaining({ name: 'TlsError' }),
      )
    }
  })

  test('a leaf cannot issue another leaf', () => {
    const parsed = certificates(['server', 'plain', 'intermediate'])
    const child: Certificate = { ...parsed[0]!, issuer: parsed[1]!.subject }
    expectFault('CERTIFICATE_REFUSED', () => verify([], ['root'], { chain: [child, parsed[1]!] }))
  })

  test('two certificates that name each other as issuer do not loop', () => {
    const [server, intermediate, root] = certificates(['server', 'intermediate', 'root'])
    const a = { ...intermediate!, issuer: root!.subject }
    const b = { ...root!, issuer: intermediate!.subject }
    const chain = [server!, a, b, a, b]
    expectFault('UNKNOWN_CA', () => verify([], ['self-signed'], { chain, verify: () => true }))
  })

  test('many issuers of one name cost no more than a bounded number of signatures', () => {
    const [server, intermediate] = certificates(['server', 'intermediate'])
    let verified = 0
    const counting = () => {
      verified++
      return false
    }
    const chain = [server!, ...Array.from({ length: 500 }, () => ({ ...intermediate! }))]
    expectFault('CERTIFICATE_UNKNOWN', () => verify([], ['root'], { chain, verify: counting }))
    expect(verified).toBe(32)
  })

  test.each([
    ['secp256r1', 32],
    ['secp384r1', 16],
    ['secp521r1', 8],
  ] as const)('signatures by keys on %s take more of that bound: %i of them', (curve, most) => {
    const [server, intermediate] = certificates(['server', 'intermediate'])
    let verified = 0
    const counting = () => {
      verified++
      return false
    }
    const leaf: Certificate = { ...server!, signatureAlgorithm: { type: 'ecdsa', hash: 'sha512' } }
    const subjectPublicKey = { type: 'ec', curve, point: Uint8Array.of(4) } as const
    const chain = [leaf, ...Array.from({ length: 500 }, () => ({ ...intermediate!, subjectPublicKey }))]
    expectFault('CERTIFICATE_UNKNOWN', () => verify([], ['root'], { chain, verify: counting }))
    expect(verified).toBe(most)
  })

  test('a chain deeper than nine certificates below the anchor is not followed', () => {
    const [leaf, issuer, root] = certificates(['server', 'intermediate', 'root'])
    const named = (number: number) => ({ raw: Uint8Array.of(number), text: `CN=${number}` })
    const accepting = () => true
    const chainOf = (length: number): Certificate[] => [
      { ...leaf!, issuer: named(1) },
      ...Array.from({ length }, (_, i) => ({
        ...issuer!,
        subject: named(i + 1),
        issuer: i + 1 === length ? root!.subject : named(i + 2),
      })),
    ]
    expect(() => verify([], ['root'], { chain: chainOf(8), verify: accepting })).not.toThrow()
    expectFault('UNKNOWN_CA', () => verify([], ['root'], { chain: chainOf(9), verify: accepting }))
  })
})
