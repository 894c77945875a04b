/** The four handshakes of RFC 5246 §7.3, each with a puppet for the peer: both roles, figure 1 and figure 2. */
import { MemorySessionCache } from '../../src/driver/memory-session-cache.ts'
import type { ServerConfig } from '../../src/handshake/config.ts'
import { Secret } from '../../src/secret.ts'
import type { Session } from '../../src/session/session.ts'
import { type ExtensionByHand, filled, hex, none } from './by-hand.ts'
import { identity } from './identities.ts'
import { clientSide, type PairOptions, seededRandom, serverSide, testNowMs } from './pair.ts'
import { Puppet, type PuppetOptions, type PuppetStep } from './puppet.ts'

export const sessionId = filled(32, 0xab)
export const sessionMaster = seededRandom('master of the session')(48)

/** A session as a server of support/pair.ts makes it, a minute old. */
export function sessionOf(change: Partial<Session> = {}): Session {
  return {
    protocolVersion: 0x0303,
    cipherSuite: 'TLS_RSA_WITH_AES_128_GCM_SHA256',
    extendedMasterSecret: true,
    clientAuthenticated: false,
    maxFragmentLengthCode: 0,
    createdMs: testNowMs - 60_000,
    lifetimeSeconds: 600,
    masterSecret: new Secret(sessionMaster.slice()),
    clientRandom: filled(32, 1),
    serverRandom: filled(32, 2),
    serverName: 'localhost',
    policyHash: new Uint8Array(16),
    peerCertificate: new Uint8Array(0),
    ...change,
  }
}

export interface Scene {
  readonly name: string
  /** The puppet's. */
  readonly role: 'client' | 'server'
  readonly resumed: boolean
  readonly steps: readonly PuppetStep[]
  play(options?: PuppetOptions, pair?: PairOptions): Puppet
}

/** A puppet client before a server whose cache holds the session when `resumed`. */
export function clientPuppet(resumed: boolean, options: PuppetOptions = {}, pair: PairOptions = {}): Puppet {
  const cache = new MemorySessionCache({ now: () => testNowMs })
  const cipherSuite = options.suite ?? 'TLS_RSA_WITH_AES_128_GCM_SHA256'
  const extendedMasterSecret = options.extendedMasterSecret !== false
  if (resumed) cache.save(sessionId, sessionOf({ cipherSuite, extendedMasterSecret }))
  const session = resumed ? { id: sessionId, masterSecret: sessionMaster } : undefined
  return new Puppet('client', serverSide({ cache, ...pair }), { session, ...options })
}

/** A puppet server before a client that offers the session when `resumed`. */
export function serverPuppet(resumed: boolean, options: PuppetOptions = {}, pair: PairOptions = {}): Puppet {
  const cipherSuite = options.suite ?? 'TLS_RSA_WITH_AES_128_GCM_SHA256'
  const extendedMasterSecret = options.extendedMasterSecret !== false
  const offered = { sessionId, session: sessionOf({ cipherSuite, extendedMasterSecret }), verified: true }
  const client = { ...(resumed ? { session: offered } : {}), ...pair.client }
  const session = resumed ? { id: sessionId, masterSecret: sessionMaster } : undefined
  return new Puppet('server', clientSide({ ...pair, client }), { session, ...options })
}

const scene = (name: string, play: Scene['play']): Scene => {
  const { role, steps } = play()
  return { name, role, resumed: name.includes('abbreviated'), steps, play }
}

/** The four handshakes of RSA key exchange. */
export const scenes: readonly Scene[] = [false, true].flatMap(resumed => {
  const kind = resumed ? 'abbreviated' : 'full'
  return [
    scene(`server, ${kind}`, (options, pair) => clientPuppet(resumed, options, pair)),
    scene(`client, ${kind}`, (options, pair) => serverPuppet(resumed, options, pair)),
  ]
})

export const ticket = seededRandom('a ticket')(77)
export const ocspResponse = seededRandom('a staple')(123)

/** What a client puppet says for tickets and staples (RFC 5077 §3.2, RFC 6066 §8). */
export const asksForAll: readonly ExtensionByHand[] = [
  [35, none],
  [5, hex('01 0000 0000')],
]

const ecdheRsa: PuppetOptions = { suite: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256' }
const dheRsa: PuppetOptions = { suite: 'TLS_DHE_RSA_WITH_AES_256_CBC_SHA256', encryptThenMac: true }
const byTicket: PuppetOptions = {
  ...ecdheRsa,
  session: { id: filled(8, 0x1e), masterSecret: sessionMaster, ticket },
}
const ticketSession = () => sessionOf({ cipherSuite: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256' })

/** A server that makes and opens tickets, with a staple for its certificate, and asks for the client's. */
export const generousServer = (clientAuth: ServerConfig['clientAuth'] = 'none'): PairOptions => ({
  server: { clientAuth, sealTicket: () => ticket },
  serverAnswers: {
    selectCertificate: () => ({ ...identity('server'), ocspResponse }),
    openTicket: () => ({ session: ticketSession(), renew: true }),
  },
})

/** A client that asks for tickets and staples, and has a certificate. */
export const curiousClient: PairOptions = {
  client: { tickets: true, requestOcspResponse: true },
  clientAnswers: { selectCertificate: () => identity('client-rsa') },
}

/** Figure 1 with every message it can have, figure 2 with a ticket, and key exchange in a finite field. */
export const longScenes: readonly Scene[] = [
  scene('server, full, every message', (options, pair) => {
    const asked = { ...ecdheRsa, clientAuth: true, identity: 'client-ec', extensions: asksForAll } as const
    return clientPuppet(false, { ...asked, ...options }, { ...generousServer('require'), ...pair })
  }),
  scene('client, full, every message', (options, pair) => {
    const said = {
      ...ecdheRsa,
      clientAuth: true,
      newTicket: ticket,
      ocspResponse,
      group: 'secp256r1',
    } as const
    return serverPuppet(false, { ...said, ...options }, { ...curiousClient, ...pair })
  }),
  scene('server, full, DHE', (options, pair) => clientPuppet(false, { ...dheRsa, ...options }, pair)),
  scene('client, full, DHE', (options, pair) => serverPuppet(false, { ...dheRsa, ...options }, pair)),
  scene('server, abbreviated by ticket', (options, pair) =>
    clientPuppet(false, { ...byTicket, ...options }, { ...generousServer(), ...pair }),
  ),
  scene('client, abbreviated by ticket', (options, pair) => {
    const session = { sessionId: none, ticket, session: ticketSession(), verified: true }
    const client = { tickets: true, session, ...pair?.client }
    return serverPuppet(false, { ...byTicket, newTicket: ticket, ...options }, { ...pair, client })
  }),
]

export const allScenes: readonly Scene[] = [...scenes, ...longScenes]
