import { describe, expect, test } from 'vitest'
import { cipherSuiteNames, cipherSuites } from '../../src/crypto/cipher-suites.ts'
import { namedGroupNames, namedGroups } from '../../src/crypto/named-groups.ts'
import { signatureSchemeNames, signatureSchemes } from '../../src/crypto/signature-schemes.ts'
import { providerRooms } from '../support/providers.ts'

/** What is fast differs: noble has no AES in hardware. */
const aeads: Readonly<Record<string, readonly string[]>> = {
  noble: ['CHACHA20_POLY1305_SHA256', 'AES_128_GCM_SHA256', 'AES_256_GCM_SHA384'],
  node: ['AES_128_GCM_SHA256', 'AES_256_GCM_SHA384', 'CHACHA20_POLY1305_SHA256'],
}

describe.each(providerRooms)('provider $name', ({ provider }) => {
  test('offers every suite once: AEAD before CBC, forward secrecy before RSA, curves before finite fields', () => {
    expect([...provider.cipherSuites].sort()).toEqual([...cipherSuiteNames].sort())
    const kinds = provider.cipherSuites.map(name => {
      const { cipher, keyExchange } = cipherSuites[name]
      return `${keyExchange} ${cipher.mode === 'cbc' ? 'cbc' : 'aead'}`
    })
    expect([...new Set(kinds)]).toEqual(
      ['aead', 'cbc'].flatMap(mode => ['ecdhe', 'dhe', 'rsa'].map(exchange => `${exchange} ${mode}`)),
    )
    expect(kinds).toEqual([...new Set(kinds)].flatMap(kind => kinds.filter(other => other === kind)))
  })

  test('the faster of AES-128-GCM and ChaCha20 comes first, AES-128 before AES-256, SHA-1 after the other hashes', () => {
    const ciphers = provider.cipherSuites
      .filter(name => name.startsWith('TLS_ECDHE_ECDSA'))
      .map(name => name.replace('TLS_ECDHE_ECDSA_WITH_', ''))
    expect(ciphers).toEqual([
      ...aeads[provider.name]!,
      'AES_128_CBC_SHA256',
      'AES_256_CBC_SHA384',
      'AES_128_CBC_SHA',
      'AES_256_CBC_SHA',
    ])
  })

  test('offers every group once, X25519 first and the finite fields last', () => {
    expect([...provider.groups].sort()).toEqual([...namedGroupNames].sort())
    expect(provider.groups[0]).toBe('x25519')
    const kinds = provider.groups.map(name => namedGroups[name].kind)
    expect([...kinds].sort().reverse()).toEqual(kinds)
  })

  test('verifies every scheme, those with SHA-1 last', () => {
    expect([...provider.signatureSchemes].sort()).toEqual([...signatureSchemeNames].sort())
    const areWeak = provider.signatureSchemes.map(name => signatureSchemes[name].hash === 'sha1')
    expect(areWeak.lastIndexOf(false)).toBeLessThan(areWeak.indexOf(true))
  })
})
