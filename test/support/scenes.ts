/** The four handshakes of RFC 5246 §7.3, each with a puppet for the peer: both roles, figure 1 and figure 2. */
import { MemorySessionCache } from '../../src/driver/memory-session-cache.ts'
import { Secret } from '../../src/secret.ts'
import type { Session } from '../../src/session/session.ts'
import { filled } from './by-hand.ts'
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

export const scenes: readonly Scene[] = [false, true].flatMap(resumed => {
  const kind = resumed ? 'abbreviated' : 'full'
  return [
    {
      name: `server, ${kind}`,
      role: 'client' as const,
      resumed,
      steps: clientPuppet(resumed).steps,
      play: (options?: PuppetOptions, pair?: PairOptions) => clientPuppet(resumed, options, pair),
    },
    {
      name: `client, ${kind}`,
      role: 'server' as const,
      resumed,
      steps: serverPuppet(resumed).steps,
      play: (options?: PuppetOptions, pair?: PairOptions) => serverPuppet(resumed, options, pair),
    },
  ]
})
