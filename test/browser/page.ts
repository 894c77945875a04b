/** What a page does with the package: a server and its client in memory. handshakes.test.ts bundles it for the browser. */
import {
  type CertifiedKey,
  type CipherSuiteName,
  Connection,
  certificatesFromPem,
  certifiedKey,
  decodeClientSession,
  type Established,
  encodeClientSession,
} from 'ringtls'
import {
  type Answers,
  certificateVerifier,
  Driver,
  MemorySessionCache,
  selectByServerName,
  type Timers,
} from 'ringtls/driver'
import { privateKey, nobleProvider as provider } from 'ringtls/providers/noble'

/** All that the page has to bring along. */
export interface World {
  readonly random: (length: number) => Uint8Array
  /** ms since 1970 */
  readonly now: () => number
  readonly timers: Timers
  /** PEM: the server's certificate and key, and the authority. */
  readonly cert: string
  readonly key: string
  readonly ca: string
}

/** Both key exchanges, and all three kinds of protection. */
const suites: readonly CipherSuiteName[] = [
  'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_RSA_WITH_AES_128_CBC_SHA256',
]

/** A line for each connection: two for a suite, of which the second is to resume the session of the first. */
export function handshakes(world: World): string[] {
  const certified = certifiedKey(world.cert, world.key, components => privateKey(components, world.random))
  const sessionCache = new MemorySessionCache({ now: world.now })
  return suites.flatMap(suite => {
    const first = converse({ world, certified, sessionCache, suite })
    const second = converse({ world, certified, sessionCache, suite, session: first.session })
    return [first.line, second.line]
  })
}

interface Conversation {
  readonly world: World
  readonly certified: CertifiedKey
  readonly sessionCache: MemorySessionCache
  readonly suite: CipherSuiteName
  readonly session?: Uint8Array | undefined
}

function converse(conversation: Conversation): { line: string; session: Uint8Array } {
  const { random, now, timers, ca } = conversation.world
  const { certified, sessionCache, suite } = conversation
  const drawSessionId = (draw: typeof random) => sessionCache.drawId(draw)
  const server = new Side(
    new Connection({ role: 'server', provider, random, now, drawSessionId }),
    { selectCertificate: selectByServerName([certified]), sessionCache },
    timers,
  )
  const session = conversation.session && decodeClientSession(conversation.session)
  const offer = { serverName: 'localhost', cipherSuites: [suite], session }
  const anchors = certificatesFromPem(ca, 'ca')
  const client = new Side(
    new Connection({ role: 'client', provider, random, now, ...offer }),
    { verifyCertificate: certificateVerifier({ provider, anchors, now, rejectUnauthorized: true }) },
    timers,
  )
  server.driver.start()
  client.driver.start()
  exchange(client, server)
  client.driver.write(bytesOf('ping'))
  exchange(client, server)
  server.driver.write(bytesOf('pong'))
  exchange(client, server)
  const { established } = client
  if (!established) throw client.error ?? server.error ?? new Error('they stopped talking')
  const line = `${established.suite}: ${server.text} ${client.text}, resumed: ${established.resumed}`
  return { line, session: encodeClientSession(established) }
}

class Side {
  readonly driver: Driver
  outgoing: Uint8Array[] = []
  established: Established | undefined
  error: Error | undefined
  text = ''

  constructor(connection: Connection, answers: Answers, timers: Timers) {
    const send = (records: readonly Uint8Array[]) => void this.outgoing.push(...records)
    this.driver = new Driver({
      connection,
      answers,
      timers,
      host: {
        send,
        event: event => {
          if (event.type === 'established') this.established = event.established
          if (event.type === 'failed') this.error = event.error
          if (event.type === 'data') this.text += String.fromCharCode(...event.bytes)
        },
      },
    })
  }
}

function exchange(client: Side, server: Side): void {
  while (client.outgoing.length + server.outgoing.length > 0) {
    for (const record of client.outgoing.splice(0)) server.driver.receive(record)
    for (const record of server.outgoing.splice(0)) client.driver.receive(record)
  }
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, character => character.charCodeAt(0))
}
