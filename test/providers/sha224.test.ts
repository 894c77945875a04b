/** SHA-224 is a hash of TLS 1.2 (RFC 5246 §7.4.1.4.1) for old peers: it must be right, and off unless it is named. */
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { asciiBytes } from '../../src/bytes.ts'
import type { SignatureScheme } from '../../src/crypto/signature-schemes.ts'
import { Flow, type RecordChannel } from '../../src/handshake/flow.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { parsePrivateKey } from '../../src/x509/private-key.ts'
import { providerRooms } from '../support/providers.ts'

const message = asciiBytes('a message')

describe.each(providerRooms)('provider $name', ({ provider, privateKey }) => {
  describe.each([
    ['rsa_pkcs1_sha224', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['ecdsa_sha224', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ] satisfies [SignatureScheme, unknown][])('%s', (scheme, pair) => {
    const ours = privateKey(
      parsePrivateKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string),
    )

    it('is verified as node:crypto signs it', () => {
      const signature = sign('sha224', message, pair.privateKey)
      expect(provider.verify(scheme, ours.publicKey, message, signature)).toBe(true)
      expect(provider.verify(scheme, ours.publicKey, asciiBytes('another'), signature)).toBe(false)
      const other = sign('sha256', message, pair.privateKey)
      expect(provider.verify(scheme, ours.publicKey, message, other)).toBe(false)
    })

    it('is signed as node:crypto verifies it', () => {
      expect(verify('sha224', message, pair.publicKey, ours.sign(scheme, message) as Uint8Array)).toBe(true)
    })
  })
})

it('neither SHA-224 nor SHA-1 is accepted or signed with unless it is named', () => {
  const common = {
    role: 'server',
    provider: nobleProvider,
    random: () => new Uint8Array(),
    now: () => 0,
  } as const
  const config = { ...common, drawSessionId: () => new Uint8Array() }
  const channel = {} as RecordChannel
  const isShort = (name: string) => /sha1$|sha224/.test(name)
  const byDefault = new Flow(config, channel)
  expect(nobleProvider.signatureSchemes.filter(isShort)).toHaveLength(4)
  expect(byDefault.signatureSchemes.filter(isShort)).toEqual([])
  expect(byDefault.signingSchemes.filter(isShort)).toEqual([])
  const named = new Flow({ ...config, signatureSchemes: ['rsa_pkcs1_sha224'] }, channel)
  expect(named.signatureSchemes).toEqual(['rsa_pkcs1_sha224'])
})
