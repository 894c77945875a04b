/** Go's crypto/tls, JSSE and rustls in both roles: a full handshake, then one resumed; both ends must tell the same of each. */
import { beforeAll, describe, expect, test } from 'vitest'
import { type CipherSuiteName, cipherSuite, cipherSuiteNames } from '../../src/crypto/cipher-suites.ts'
import type { NamedGroup } from '../../src/crypto/named-groups.ts'
import { type Library, needs } from '../support/peers.ts'
import { LibraryPeer, type PeerOptions, type PeerVisit } from './library-peer.ts'
import {
  asSeenByPeer,
  authorityFile,
  type ClientKeyKind,
  clientIdentities,
  identityFiles,
  type KeyKind,
  type OwnVisit,
  ownAuthority,
  ownIdentity,
  serverIdentities,
  startOwnEcho,
  visitEchoTwice,
} from './own-ends.ts'

interface Abilities {
  readonly suites: readonly CipherSuiteName[]
  readonly groups: readonly NamedGroup[]
  readonly serverKeys: readonly KeyKind[]
  readonly clientKeys: readonly ClientKeyKind[]
  /** Go knows tickets only (RFC 5077). */
  readonly resumesBy: readonly ('session ID' | 'ticket')[]
}

const suitesWith = (hasIt: (suite: ReturnType<typeof cipherSuite>, name: CipherSuiteName) => boolean) =>
  cipherSuiteNames.filter(name => hasIt(cipherSuite(name), name))

/** Curves first, each of which a suite takes in turn; a finite field is for the peer to choose. */
const libraries: Readonly<Record<Library, Abilities>> = {
  go: {
    suites: suitesWith(
      ({ keyExchange, cipher }, name) =>
        keyExchange !== 'dhe' &&
        (cipher.mode !== 'cbc' || cipher.mac === 'sha1' || name.endsWith('_AES_128_CBC_SHA256')),
    ),
    groups: ['x25519', 'secp256r1', 'secp384r1', 'secp521r1'],
    serverKeys: ['rsa', 'P-256', 'P-384', 'P-521', 'Ed25519'],
    clientKeys: ['rsa', 'P-256', 'Ed25519'],
    resumesBy: ['ticket'],
  },
  java: {
    suites: cipherSuiteNames,
    groups: ['x25519', 'secp256r1', 'secp384r1', 'secp521r1'],
    serverKeys: ['rsa', 'rsa-pss', 'P-256', 'P-384', 'P-521', 'Ed25519'],
    clientKeys: ['rsa', 'rsa-pss', 'P-256', 'Ed25519'],
    resumesBy: ['session ID', 'ticket'],
  },
  rustls: {
    suites: suitesWith(({ keyExchange, cipher }) => keyExchange === 'ecdhe' && cipher.mode !== 'cbc'),
    groups: ['x25519', 'secp256r1', 'secp384r1'],
    serverKeys: ['rsa', 'P-256', 'P-384', 'Ed25519'],
    clientKeys: ['rsa', 'P-256', 'Ed25519'],
    resumesBy: ['session ID', 'ticket'],
  },
}

/** One connection and its resumption, as both ends are told to make it. */
interface Case {
  readonly title: string
  readonly suite: CipherSuiteName
  readonly serverKey: KeyKind
  readonly group?: NamedGroup
  readonly clientKey?: ClientKeyKind
  readonly tickets: boolean
}

function casesOf({ suites, groups, serverKeys, clientKeys, resumesBy }: Abilities): Case[] {
  const tickets = !resumesBy.includes('session ID')
  const bySuite = suites.map((suite, i): Case => {
    const { keyExchange, authentication } = cipherSuite(suite)
    // The curves of an ECDSA key are for the same list to allow (RFC 8422 §5.1.1), so one alone is for RSA keys.
    const group = keyExchange === 'ecdhe' && authentication === 'rsa' ? groups[i % groups.length] : undefined
    const title = group ? `${suite} over ${group}` : suite
    return { title, suite, serverKey: authentication === 'rsa' ? 'rsa' : 'P-256', group, tickets }
  })
  const byServerKey = serverKeys.map((serverKey): Case => {
    const suite = suiteFor(serverKey)
    return { title: `a server with a key for ${serverKey}`, suite, serverKey, tickets }
  })
  const byClientKey = clientKeys.map((clientKey): Case => {
    const suite = suiteFor('P-256')
    return { title: `a client with a key for ${clientKey}`, suite, serverKey: 'P-256', clientKey, tickets }
  })
  const byTicket: Case[] = resumesBy.includes('ticket')
    ? [{ title: 'a ticket', suite: suiteFor('rsa'), serverKey: 'rsa', clientKey: 'P-256', tickets: true }]
    : []
  return [...bySuite, ...byServerKey, ...byClientKey, ...byTicket]
}

/** Vitest would cut a longer property short in a title. */
const namedCases = (library: Library) => casesOf(libraries[library]).map(one => [one.title, one] as const)

const suiteFor = (key: KeyKind): CipherSuiteName =>
  key.startsWith('rsa') ? 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256' : 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'

/** What both roles of either end are told. */
const ownOptions = ({ suite, group, tickets }: Case) => ({
  ciphers: suite,
  ...(group ? { ecdhCurve: group } : {}),
  ALPNProtocols: ['http/1.1'],
  tickets,
})
const theirOptions = ({ suite, tickets }: Case): PeerOptions => ({
  suites: suite,
  alpn: 'h2,http/1.1',
  tickets: tickets ? 'yes' : undefined,
})

function expectAlike(one: Case, ours: readonly OwnVisit[], theirs: readonly PeerVisit[]): void {
  const { suite, group } = one
  const common = { suite, alpn: 'http/1.1' }
  expect(ours).toMatchObject([
    // Go makes up a session ID, with a ticket or without.
    {
      ...common,
      resumed: false,
      reason: expect.stringMatching(/^(no_id|miss)$/),
      group: group ?? expect.toSatisfy(() => true),
    },
    { ...common, resumed: true, reason: 'hit' },
  ])
  expect(
    theirs.map(({ suite, resumed, alpn, peer, exported }) => ({ suite, resumed, alpn, peer, exported })),
  ).toEqual(theirs.map((visit, i) => asSeenByPeer(ours[i]!, visit)))
}

describe.each(Object.keys(libraries) as Library[])('%s', library => {
  needs(library, () => {
    let peer: LibraryPeer
    beforeAll(() => {
      peer = new LibraryPeer(library)
      return () => peer.end()
    })

    describe('at our server', () => {
      test.each(namedCases(library))('%s: full, then resumed', async (_title, one) => {
        const server = serverIdentities[one.serverKey]
        const client = one.clientKey && clientIdentities[one.clientKey]
        const auth = client ? { requestCert: true, ca: ownAuthority(client) } : {}
        const echo = await startOwnEcho({ ...ownOptions(one), ...ownIdentity(server), ...auth })
        const theirs = await peer.connect({
          ...{ port: echo.port, ca: authorityFile(server) },
          ...theirOptions(one),
          ...(client ? identityFiles(client) : {}),
        })
        expectAlike(one, echo.seen, theirs)
        expect(theirs.map(({ peer }) => peer)).toEqual(['localhost', 'localhost'])
        expect(echo.seen.map(({ peer }) => peer)).toEqual([client?.name ?? '', client?.name ?? ''])
      })
    })

    describe('as a server for our client', () => {
      test.each(namedCases(library))('%s: full, then resumed', async (_title, one) => {
        const server = serverIdentities[one.serverKey]
        const client = one.clientKey && clientIdentities[one.clientKey]
        const auth = client ? { auth: 'require', ca: authorityFile(client) } : {}
        const listener = await peer.listen({ ...identityFiles(server), ...theirOptions(one), ...auth })
        const ours = await visitEchoTwice(listener.port, {
          ...ownOptions(one),
          ca: ownAuthority(server),
          ...(client ? ownIdentity(client) : {}),
        })
        const theirs = [await listener.next(), await listener.next()]
        expectAlike(one, ours, theirs)
        expect(ours.map(({ peer }) => peer)).toEqual(['localhost', 'localhost'])
        expect(theirs.map(({ peer }) => peer)).toEqual([client?.name ?? '', client?.name ?? ''])
      })
    })
  })
})
