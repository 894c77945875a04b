/** The same handshakes by different hands, each both ends in one process and without a network. */
import { duplexPair } from 'node:stream'
import * as nodeTls from 'node:tls'
import forge from 'node-forge'
import { concatBytes } from '../src/bytes.ts'
import { type CipherSuiteName, cipherSuite } from '../src/crypto/cipher-suites.ts'
import { deriveKeyBlock, deriveMasterSecret, deriveVerifyData } from '../src/crypto/key-schedule.ts'
import { MemorySessionCache } from '../src/driver/memory-session-cache.ts'
import * as ownTls from '../src/node/index.ts'
import { nobleProvider } from '../src/providers/noble/index.ts'
import { createProtection } from '../src/record/protection.ts'
import { Secret } from '../src/secret.ts'
import type { ClientSession } from '../src/session/client-session.ts'
import { connectPair, fixture, seededRandom, testCertifiedKey, testNowMs } from '../test/support/pair.ts'
import type { Contender } from './harness.ts'

const suite: CipherSuiteName = 'TLS_RSA_WITH_AES_128_GCM_SHA256'

/** Ours, in memory. */
export function ringtls(resumed: boolean): Contender {
  const cache = new MemorySessionCache({ now: () => testNowMs })
  const options = { cache, client: { cipherSuites: [suite] } }
  const made = connectPair(options).client.established!
  const session: ClientSession = { sessionId: made.sessionId, session: made.session, verified: true }
  let seed = 0
  return {
    name: 'ringtls, noble',
    run() {
      const client = { ...options.client, session: resumed ? session : undefined }
      const pair = connectPair({ ...options, client, seed: `bench ${seed++}` })
      if (pair.client.established?.resumed !== resumed) throw new Error('not the handshake to be measured')
    },
  }
}

/** node:tls over an in-memory duplex: OpenSSL's work, and Node's streams around it. */
export function node(resumed: boolean): Contender {
  return sockets(resumed, { name: 'node:tls sockets', tls: nodeTls })
}

/** The same script with our sockets, on either provider. */
export function ownSockets(resumed: boolean, provider: 'noble' | 'node'): Contender {
  return sockets(resumed, { name: `ringtls sockets, ${provider}`, tls: ownTls as unknown as Tls, provider })
}

type Tls = Pick<typeof nodeTls, 'createSecureContext' | 'connect' | 'TLSSocket'>

function sockets(
  resumed: boolean,
  { name, tls, provider }: { name: string; tls: Tls; provider?: 'noble' | 'node' },
): Contender {
  const limits = { ...nodeLimits, provider }
  const context = tls.createSecureContext({
    cert: fixture('server.pem'),
    key: fixture('server.key'),
    ...limits,
  })
  const trusting = tls.createSecureContext({ ca: fixture('ca.pem'), ...limits })
  let session: Buffer | undefined
  const once = () =>
    new Promise<void>((resolve, reject) => {
      const [clientEnd, serverEnd] = duplexPair()
      const server = new tls.TLSSocket(serverEnd, { isServer: true, secureContext: context })
      const client = tls.connect({
        socket: clientEnd,
        secureContext: trusting,
        servername: 'localhost',
        session,
      })
      server.on('error', () => {})
      client.on('error', reject)
      client.on('secureConnect', () => {
        const isReused = client.isSessionReused()
        const isWrong = session !== undefined && isReused !== resumed
        session = resumed ? client.getSession() : undefined
        client.destroy()
        server.destroy()
        if (isWrong || (resumed && !session)) reject(new Error('not the handshake to be measured'))
        else setImmediate(resolve)
      })
    })
  return { name, run: once }
}

/** node:tls keeps session IDs only with handlers; tickets cost it the same, and no look-up. */
const nodeLimits = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' } as const

/** forge, which has CBC only and negotiates TLS 1.1 at most. */
export function forgeTls(resumed: boolean): Contender {
  // forge keeps a session when its connection closes, and a client takes any that is in its cache.
  const cache = () => (resumed ? { sessionCache: forge.tls.createSessionCache({}, 10) } : {})
  const caches = { client: cache(), server: cache() }
  let certificatesVerified = 0
  const common = {
    cipherSuites: [forge.tls.CipherSuites.TLS_RSA_WITH_AES_128_CBC_SHA!],
    dataReady: () => {},
    closed: () => {},
    error: (_: forge.tls.Connection, { message }: forge.tls.TLSError) => {
      throw new Error(message)
    },
  }
  const run = () => {
    const server: forge.tls.Connection = forge.tls.createConnection({
      ...common,
      server: true,
      ...caches.server,
      getCertificate: () => fixture('server.pem'),
      getPrivateKey: () => fixture('server.key'),
      verify: () => true,
      connected: () => {},
      tlsDataReady: c => void client.process(c.tlsData.getBytes()),
    })
    const client: forge.tls.Connection = forge.tls.createConnection({
      ...common,
      server: false,
      ...caches.client,
      caStore: [forge.pki.certificateFromPem(fixture('ca.pem'))],
      virtualHost: 'localhost',
      verify: (_, isVerified) => {
        certificatesVerified++
        return isVerified
      },
      connected: () => {},
      tlsDataReady: c => void server.process(c.tlsData.getBytes()),
    })
    client.handshake(null)
    if (!client.isConnected || !server.isConnected) throw new Error('forge did not finish')
    client.close()
    server.close()
  }
  run()
  return {
    name: 'forge, CBC',
    run() {
      certificatesVerified = 0
      run()
      if ((certificatesVerified === 0) !== resumed) throw new Error('not the handshake to be measured')
    },
  }
}

/** Only the primitives of both ends, on our provider: what no protocol code can beat. */
export function ceiling(resumed: boolean): Contender {
  const { key, leaf } = testCertifiedKey()
  if (leaf.subjectPublicKey.type !== 'rsa') throw new Error('the fixture is RSA')
  const publicKey = leaf.subjectPublicKey
  const random = seededRandom('ceiling')
  return {
    name: 'primitives alone',
    run() {
      const preMaster = random(48)
      if (!resumed) key.decryptRaw?.(nobleProvider.encryptPkcs1(publicKey, preMaster, random))
      endOf(preMaster, random, resumed)
      endOf(preMaster, random, resumed)
    },
  }
}

/** One end: master secret, key block, two verify_data, one record each way. */
function endOf(preMaster: Uint8Array, random: (length: number) => Uint8Array, resumed: boolean): void {
  const parameters = cipherSuite(suite)
  const randoms = { clientRandom: random(32), serverRandom: random(32) }
  const masterSecret = resumed
    ? new Secret(preMaster.slice())
    : deriveMasterSecret(nobleProvider, parameters, new Secret(preMaster), randoms)
  const keys = deriveKeyBlock(nobleProvider, parameters, masterSecret, randoms)
  const transcript = nobleProvider.hash('sha256').update(concatBytes(new Uint8Array(resumed ? 300 : 1400)))
  for (const role of ['client', 'server'] as const) {
    const verifyData = deriveVerifyData(nobleProvider, parameters, masterSecret, {
      role,
      handshakeHash: transcript.clone().digest(),
    })
    const protection = createProtection({
      provider: nobleProvider,
      suite: parameters,
      keys: keys[role],
      encryptThenMac: false,
      random,
    })
    protection.protect(22, concatBytes(Uint8Array.of(20, 0, 0, 12), verifyData))
  }
}
