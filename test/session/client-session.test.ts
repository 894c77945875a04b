import { describe, expect, it } from 'vitest'
import { Secret } from '../../src/secret.ts'
import {
  type ClientSession,
  decodeClientSession,
  encodeClientSession,
  reasonNotToOffer,
} from '../../src/session/client-session.ts'

const createdMs = Date.UTC(2026, 0, 1)
const made: ClientSession = {
  sessionId: new Uint8Array(32).fill(7),
  verified: true,
  session: {
    protocolVersion: 0x0303,
    cipherSuite: 'TLS_RSA_WITH_AES_128_GCM_SHA256',
    extendedMasterSecret: true,
    clientAuthenticated: false,
    maxFragmentLengthCode: 0,
    createdMs,
    lifetimeSeconds: 60,
    masterSecret: new Secret(new Uint8Array(48).fill(9)),
    clientRandom: new Uint8Array(32),
    serverRandom: new Uint8Array(32),
    serverName: 'www.example.test',
    policyHash: new Uint8Array(16),
    peerCertificate: new Uint8Array([1, 2, 3]),
  },
}

describe('an exported session', () => {
  it('is its own copy, of a Buffer too: wiping the one leaves the other', () => {
    const bytes = Buffer.from(encodeClientSession(made))
    const before = bytes.toString('hex')
    const { session } = decodeClientSession(bytes)
    session.masterSecret.copy().wipe()
    session.masterSecret.wipe()
    session.peerCertificate.fill(0)
    expect(bytes.toString('hex')).toBe(before)
  })
})

describe('reasonNotToOffer', () => {
  const terms = {
    peerName: 'www.example.test',
    verifiedSessionsOnly: true,
    cipherSuites: ['TLS_RSA_WITH_AES_128_GCM_SHA256'],
    nowMs: createdMs + 59_999,
  } as const

  it('is none for the same name, verified as asked, in time', () => {
    expect(reasonNotToOffer(made, terms)).toBeUndefined()
    expect(
      reasonNotToOffer({ ...made, verified: false }, { ...terms, verifiedSessionsOnly: false }),
    ).toBeUndefined()
  })

  it('names what does not fit', () => {
    expect(reasonNotToOffer(made, { ...terms, peerName: 'example.test' })).toBe('server_name')
    expect(reasonNotToOffer({ ...made, verified: false }, terms)).toBe('unverified')
    expect(reasonNotToOffer(made, { ...terms, cipherSuites: ['TLS_RSA_WITH_AES_128_CBC_SHA'] })).toBe('suite')
    expect(reasonNotToOffer(made, { ...terms, nowMs: createdMs + 60_000 })).toBe('expired')
  })
})
