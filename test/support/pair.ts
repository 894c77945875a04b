/** A client and a server in memory: no sockets, no clock of their own, seeded randomness. */
import { Connection, type ConnectionEvent } from '../../src/connection/connection.ts'
import type { CryptoProvider } from '../../src/crypto/provider.ts'
import { certificateVerifier, selectByServerName } from '../../src/driver/certificates.ts'
import { type Answers, Driver, type Timers } from '../../src/driver/driver.ts'
import { MemorySessionCache } from '../../src/driver/memory-session-cache.ts'
import type { PeerAlert, TlsError } from '../../src/errors.ts'
import type { ClientConfig, ServerConfig } from '../../src/handshake/config.ts'
import type { Established } from '../../src/handshake/flow.ts'
import { nobleProvider, privateKey } from '../../src/providers/noble/index.ts'
import type { Certificate } from '../../src/x509/certificate.ts'
import { certificatesFromPem } from '../../src/x509/certificate-pem.ts'
import { type CertifiedKey, certifiedKey } from '../../src/x509/certified-key.ts'
import { fixture, seededRandom } from './fixtures.ts'
import { identity } from './identities.ts'

export { fixture, seededRandom } from './fixtures.ts'

/** Timers that never fire, at a time that stands still. */
export const stillTimers: Timers = { now: () => 0, schedule: () => () => {} }

/** 2027-06-01, inside the validity of the fixtures. */
export const testNowMs = Date.UTC(2027, 5, 1)

let shared: CertifiedKey | undefined
/** The fixture certificate for `localhost` and its key. */
export function testCertifiedKey(): CertifiedKey {
  shared ??= certifiedKey(fixture('server.pem'), fixture('server.key'), components =>
    privateKey(components, seededRandom('blinding')),
  )
  return shared
}

/** The fixtures' authorities: of the RSA server, of the other servers, of clients, and of those with a flaw. */
export const testAnchors = ['ca.pem', 'ec-ca.pem', 'client-ca.pem', 'handshake/ca.pem'].flatMap(name =>
  certificatesFromPem(fixture(name), 'ca'),
)

/** One side: its driver, what it wants sent, and what happened to it. */
export class Side {
  readonly driver: Driver
  readonly events: ConnectionEvent[] = []
  /** What waits for the transport, one entry a flight. */
  outgoing: Uint8Array[] = []
  /** Everything that was ever sent. */
  sent: Uint8Array[] = []

  readonly connection: Connection

  constructor(connection: Connection, answers: Answers, timers: Timers = stillTimers) {
    this.connection = connection
    const host = {
      send: (chunks: readonly Uint8Array[]) => {
        this.outgoing = this.outgoing.concat(chunks)
        this.sent = this.sent.concat(chunks)
      },
      event: (event: ConnectionEvent) => this.events.push(event),
    }
    this.driver = new Driver({ connection, answers, host, timers })
  }

  get established(): Established | undefined {
    return this.events.find(event => event.type === 'established')?.established
  }

  get error(): TlsError | PeerAlert | undefined {
    return this.events.find(event => event.type === 'failed')?.error
  }

  get received(): string {
    return Buffer.concat(this.events.flatMap(event => (event.type === 'data' ? [event.bytes] : []))).toString(
      'latin1',
    )
  }

  /** Takes what waits, as one byte string. */
  take(): Uint8Array {
    const bytes = Buffer.concat(this.outgoing)
    this.outgoing = []
    return bytes
  }
}

export interface PairOptions {
  readonly client?: Partial<ClientConfig>
  readonly server?: Partial<ServerConfig>
  readonly cache?: MemorySessionCache
  readonly provider?: CryptoProvider
  readonly now?: () => number
  readonly seed?: string
  /** What the sides answer in place of, or beside, the usual. */
  readonly clientAnswers?: Answers
  readonly serverAnswers?: Answers
  readonly anchors?: readonly Certificate[]
}

const anchorsOf = ({ anchors = testAnchors }: PairOptions) => anchors

export function serverSide(options: PairOptions = {}): Side {
  const {
    provider = nobleProvider,
    now = () => testNowMs,
    seed = 'test',
    cache = new MemorySessionCache({ now }),
  } = options
  const config: ServerConfig = {
    role: 'server',
    provider,
    random: seededRandom(`${seed} server`),
    now,
    drawSessionId: random => cache.drawId(random),
    ...options.server,
  }
  return new Side(new Connection(config), {
    selectCertificate: selectByServerName([testCertifiedKey(), identity('ec')]),
    sessionCache: cache,
    verifyCertificate: certificateVerifier({
      provider,
      anchors: anchorsOf(options),
      now,
      rejectUnauthorized: true,
    }),
    ...options.serverAnswers,
  })
}

export function clientSide(options: PairOptions = {}): Side {
  const { provider = nobleProvider, now = () => testNowMs, seed = 'test' } = options
  const config: ClientConfig = {
    role: 'client',
    provider,
    random: seededRandom(`${seed} client`),
    now,
    serverName: 'localhost',
    ...options.client,
  }
  return new Side(new Connection(config), {
    verifyCertificate: certificateVerifier({
      provider,
      anchors: anchorsOf(options),
      now,
      rejectUnauthorized: true,
    }),
    ...options.clientAnswers,
  })
}

/** Lets both sides talk until neither has anything to say; `cut` decides how bytes are portioned. */
export function exchange(
  client: Side,
  server: Side,
  cut: (bytes: Uint8Array) => Uint8Array[] = bytes => [bytes],
): void {
  while (client.outgoing.length + server.outgoing.length > 0) {
    for (const portion of cut(client.take())) server.driver.receive(portion)
    for (const portion of cut(server.take())) client.driver.receive(portion)
  }
}

/** A client and a server that have said all they have to say in the handshake. */
export function connectPair(options: PairOptions = {}): { client: Side; server: Side } {
  const server = serverSide(options)
  const client = clientSide(options)
  server.driver.start()
  client.driver.start()
  exchange(client, server)
  return { client, server }
}
