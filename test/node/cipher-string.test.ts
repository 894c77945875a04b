/** Lists of cipher suites in OpenSSL's language; which suites a list means, openssl itself says. */
import {
  createSecureContext as createNodeContext,
  getCiphers as nodeCiphers,
  DEFAULT_CIPHERS as nodeDefault,
} from 'node:tls'
import { describe, expect, it } from 'vitest'
import { cipherSuite, cipherSuiteNames } from '../../src/crypto/cipher-suites.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { createSecureContext, DEFAULT_CIPHERS, getCiphers } from '../../src/node/index.ts'
import { nodeProvider } from '../../src/providers/node/index.ts'
import { needs } from '../support/peers.ts'
import { openWithNode } from './foreign.ts'
import { openssl } from './key-files.ts'
import { serve } from './support.ts'

const ourNames = cipherSuiteNames.map(name => cipherSuite(name).opensslName)

/** OpenSSL's names of what a list means to us. */
const ours = (ciphers: string): string[] =>
  createSecureContext({ ciphers }).cipherSuites.map(name => cipherSuite(name).opensslName)

/** The same by openssl, of the suites that we do. The level is its lowest, since Debian's configuration has another one. */
const theirs = (ciphers: string): string[] =>
  openssl(['ciphers', `${ciphers}:@SECLEVEL=0`])
    .toString()
    .trim()
    .split(':')
    .filter(name => ourNames.includes(name))

/** Lists that people have: of Node, Mozilla, nginx's and Apache's manuals, and one for each word. */
const lists = [
  'ALL',
  'DEFAULT',
  'HIGH',
  'HIGH:!aNULL:!MD5',
  'HIGH:!kEDH:!aNULL',
  'HIGH:MEDIUM:!SSLv3:!SSLv2',
  'ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL:!MD5:!DSS',
  'EECDH+AESGCM:EDH+AESGCM:AES256+EECDH:AES256+EDH',
  'ECDHE+ECDSA+AES128:ECDHE+aRSA+AESGCM',
  'ECDH+AESGCM:ECDH+AES256:DH+AESGCM:RSA+AESGCM:!aNULL',
  'kRSA',
  'RSA+AES:!SHA',
  'aRSA:!kRSA',
  'kECDHE+aECDSA',
  'kEECDH:kEDH',
  'kDHE',
  'DHE',
  'ECDSA',
  'AES',
  'AES128:-SHA:!SHA256',
  'AES256+SHA384',
  'CHACHA20',
  'SHA1',
  'SHA256',
  'TLSv1.2',
  'TLSv1.2+kRSA',
  'TLSv1',
  'TLSv1.0:SSLv3',
  'SSLv3',
  'ALL:-AES:AES+kRSA',
  'ALL:!AES:AES256',
  'ALL:!COMPLEMENTOFDEFAULT:!eNULL',
  'ALL;!SHA,!SHA256 !SHA384',
  'HIGH:!ADH:!EXP:!LOW:!PSK:!SRP:!CAMELLIA:!ARIA:!AESCCM:!3DES:!RC4:!IDEA:!SEED:!DES:!GOST',
]

/** Lists of names alone, whose order is their writer's. */
const orderedLists = [
  'ECDHE-RSA-AES256-GCM-SHA384:AES128-SHA:ECDHE-ECDSA-CHACHA20-POLY1305:AES128-SHA',
  'AES128-SHA:AES256-SHA:+AES128-SHA',
  'AES128-SHA:AES256-SHA:-AES128-SHA:DHE-RSA-AES128-SHA:AES128-SHA',
  'AES128-SHA:AES256-SHA256:AES128-GCM-SHA256:@STRENGTH',
  'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305',
  // Of old, with what is not done here any more.
  'ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-DES-CBC3-SHA:EDH-RSA-DES-CBC3-SHA:ECDHE-RSA-RC4-SHA:DES-CBC3-SHA:CAMELLIA256-SHA:AES128-CCM8:DHE-DSS-AES128-SHA:AES256-SHA:!DSS',
  'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA',
]

needs('openssl', () => {
  describe('a list of cipher suites', () => {
    it.each(lists)('%s: the suites of openssl', list => {
      expect(theirs(list).length).toBeGreaterThan(0)
      expect(ours(list).sort()).toEqual(theirs(list).sort())
    })

    it.each(orderedLists)('%s: the suites of openssl, in its order', list => {
      expect(theirs(list).length).toBeGreaterThan(1)
      expect(ours(list)).toEqual(theirs(list))
    })

    it("Node's own default: its suites, and those named first come first", () => {
      expect(ours(nodeDefault).sort()).toEqual(theirs(nodeDefault).sort())
      const named = theirs(nodeDefault.split(':HIGH')[0]!)
      expect(ours(nodeDefault).slice(0, named.length)).toEqual(named)
    })
  })
})

describe('a word for many suites', () => {
  it("has the provider's order", () => {
    const { cipherSuites } = createSecureContext({ ciphers: 'CHACHA20:ALL', provider: 'node' })
    const isChaCha = (name: string) => name.includes('CHACHA20')
    const { cipherSuites: all } = nodeProvider
    expect(cipherSuites).toEqual([...all.filter(isChaCha), ...all.filter(name => !isChaCha(name))])
  })

  it('leaves out what a policy does, where a name is refused', () => {
    const { cipherSuites } = createSecureContext({ ciphers: 'HIGH', policy: 'modern' })
    expect(cipherSuites).toEqual(createSecureContext({ policy: 'modern' }).cipherSuites)
    expect(() => createSecureContext({ ciphers: 'HIGH:AES128-SHA', policy: 'modern' })).toThrow(
      'policy "modern" leaves TLS_RSA_WITH_AES_128_CBC_SHA out',
    )
  })

  it('is negotiated', async () => {
    const { port } = await serve({ ciphers: 'ECDHE+AES256+SHA384:!aECDSA' })
    expect((await openWithNode(port)).getCipher().name).toBe('ECDHE-RSA-AES256-SHA384')
  })
})

describe('a list that will not do', () => {
  const codeOf = (make: (options: object) => unknown, ciphers: unknown): unknown => {
    try {
      make({ ciphers })
    } catch (error) {
      return (error as { code?: string }).code
    }
    return undefined
  }

  it.each([
    ['nobody knows', 'FOO'],
    ['in lower case', 'aes128-sha'],
    ['that takes all away', 'AES128-SHA:!AES'],
    ['of a level that is none', 'DEFAULT@SECLEVEL=9'],
    ['of a command that is none', 'DEFAULT:@FOO'],
    ['a number', 5],
  ])('%s: the code of node:tls', (_what, ciphers) => {
    expect(codeOf(createSecureContext, ciphers)).toMatch(/^ERR_/)
    expect(codeOf(createSecureContext, ciphers)).toBe(codeOf(createNodeContext, ciphers))
  })

  it.each([
    ['a slip of the pen, which openssl passes over', 'ECDHE-RSA-AES128-GCM-SHA265:AES128-SHA'],
    ['a slip of the pen in what is taken away', 'ALL:!SHA265'],
    ["the same in an RFC's name", 'TLS_RSA_WITH_AES_128_CBC_SHA265:AES128-SHA'],
    ["a word that is every object's", 'constructor'],
    ['the same in what is taken away', 'ALL:!__proto__'],
    ['nothing but TLS 1.3', 'TLS_AES_128_GCM_SHA256'],
    ['nothing but RC4', 'RC4-SHA'],
    ['nothing but what only OpenSSL does', 'ADH'],
  ])('%s: no such suite', (_what, ciphers) => {
    expect(() => createSecureContext({ ciphers })).toThrow(ApiMisuse)
    expect(codeOf(createSecureContext, ciphers)).toBe('ERR_SSL_NO_CIPHER_MATCH')
  })

  it('a level that asks for more than is checked', () => {
    expect(() => createSecureContext({ ciphers: 'DEFAULT:@SECLEVEL=3' })).toThrow(
      /asks for more than is checked/,
    )
    for (const level of [0, 1, 2])
      expect(createSecureContext({ ciphers: `DEFAULT:@SECLEVEL=${level}` }).cipherSuites.length).toBe(27)
  })

  it.each(['', undefined, null])('but %j is the default, as in node:tls', ciphers => {
    createNodeContext({ ciphers: ciphers as string })
    expect(createSecureContext({ ciphers: ciphers as string }).cipherSuites.length).toBe(27)
  })
})

describe('getCiphers', () => {
  it('has names that Node has, sorted as there', () => {
    expect(getCiphers().filter(name => !nodeCiphers().includes(name))).toEqual([])
    expect(getCiphers()).toEqual(nodeCiphers().filter(name => getCiphers().includes(name)))
    expect(new Set(getCiphers())).toEqual(new Set(ourNames.map(name => name.toLowerCase())))
  })

  it('is what DEFAULT_CIPHERS names, in another order', () => {
    expect(ours(DEFAULT_CIPHERS)).toEqual(DEFAULT_CIPHERS.split(':'))
    expect(DEFAULT_CIPHERS.toLowerCase().split(':').sort()).toEqual(getCiphers())
  })
})
