/**
 * P5: how a transport cuts the bytes, and how a peer cuts its messages into records, changes nothing
 * (RFC 5246 §6.2.1: "client message boundaries are not preserved in the record layer").
 */
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { Connection, type ConnectionEvent } from '../../src/connection/connection.ts'
import type { CipherSuiteName } from '../../src/crypto/cipher-suites.ts'
import { certificateVerifier } from '../../src/driver/certificates.ts'
import { Driver } from '../../src/driver/driver.ts'
import type { ServerConfig } from '../../src/handshake/config.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { cat, filled } from '../support/by-hand.ts'
import { FakeCache, lookupOf } from '../support/fake-cache.ts'
import { identity } from '../support/identities.ts'
import { seededRandom, stillTimers, testAnchors, testCertifiedKey, testNowMs } from '../support/pair.ts'
import { sessionId, sessionOf } from '../support/scenes.ts'

interface Flow {
  readonly name: string
  readonly suite: CipherSuiteName
  readonly resumed: boolean
  /** Client certificate, staple and ticket; resumed by the ticket. */
  readonly everyMessage: boolean
}
const flows: readonly Flow[] = (
  [
    ['TLS_RSA_WITH_AES_128_GCM_SHA256', false],
    ['TLS_RSA_WITH_AES_256_CBC_SHA256', false],
    ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', true],
  ] as const
).flatMap(([suite, everyMessage]) =>
  [false, true].map(resumed => ({
    ...{ name: `${suite}, ${resumed ? 'resumed' : 'full'}`, suite, resumed, everyMessage },
  })),
)

/** One side with a mind of its own: the client pings and closes, the server answers, and closes when the client has. */
class Actor {
  readonly events: string[] = []
  readonly sent: Uint8Array[] = []
  readonly #driver: Driver

  constructor(role: 'client' | 'server', { suite, resumed, everyMessage }: Flow, reacts = true) {
    const session = sessionOf({
      cipherSuite: suite,
      peerCertificate: everyMessage ? identity('client-rsa').leaf.raw : filled(0, 0),
    })
    const cache = new FakeCache(() => lookupOf(session))
    const common = {
      provider: nobleProvider,
      random: seededRandom(`actor ${role}`),
      now: () => testNowMs,
      cipherSuites: [suite],
      // It signs without randomness: the same handshake each time.
      signatureSchemes: ['rsa_pkcs1_sha256'] as const,
    }
    const ticket = everyMessage ? { ticket: filled(70, 7) } : {}
    const offered = resumed ? { session: { sessionId, ...ticket, session, verified: true } } : {}
    const more: Partial<ServerConfig> = { clientAuth: 'require', sealTicket: () => filled(90, 8) }
    const connection = new Connection(
      role === 'server'
        ? { ...common, role, drawSessionId: random => cache.drawId(random), ...(everyMessage ? more : {}) }
        : {
            ...{ ...common, role, serverName: 'localhost', ...offered },
            ...(everyMessage ? { tickets: true, requestOcspResponse: true } : {}),
          },
    )
    const own = role === 'server' ? testCertifiedKey() : identity('client-rsa')
    this.#driver = new Driver({
      connection,
      answers: {
        sessionCache: role === 'server' ? cache : undefined,
        openTicket: () => ({ ...lookupOf(session), renew: true }),
        selectCertificate: () => ({ ...own, ocspResponse: filled(50, 5) }),
        verifyCertificate: certificateVerifier({
          provider: nobleProvider,
          anchors: testAnchors,
          now: () => testNowMs,
          rejectUnauthorized: true,
        }),
      },
      host: {
        send: chunks => this.sent.push(...chunks),
        event: event => {
          this.events.push(describeEvent(event))
          if (reacts) this.#react(role, event)
        },
      },
      timers: stillTimers,
    })
    this.#driver.start()
  }

  feed(...portions: readonly Uint8Array[]): this {
    for (const portion of portions) this.#driver.receive(portion)
    return this
  }

  get outcome() {
    return { events: this.events, sent: Buffer.concat(this.sent).toString('hex') }
  }

  #react(role: 'client' | 'server', event: ConnectionEvent): void {
    if (role === 'client' && event.type === 'established') this.#driver.write(Buffer.from('ping'))
    if (role === 'server' && event.type === 'data') this.#driver.write(filled(20_000, event.bytes[0]!))
    if (role === 'client' && event.type === 'data' && event.bytes.length < 2 ** 14) this.#driver.close()
    if (role === 'server' && event.type === 'peerClosed') this.#driver.close()
  }
}

/** An event with everything in it that a test can compare, the master secret too. */
function describeEvent(event: ConnectionEvent): string {
  const bytesAsHex = (_: string, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
  const secret = event.type === 'established' ? event.established.session.masterSecret.reveal() : filled(0, 0)
  const error = event.type === 'failed' ? String(event.error) : ''
  return JSON.stringify([event, secret, error], bytesAsHex)
}

/** What each side sends when nothing is cut. */
function record(flow: Flow) {
  const client = new Actor('client', flow)
  const server = new Actor('server', flow)
  for (let heard = [0, 0]; client.sent.length > heard[0]! || server.sent.length > heard[1]!; ) {
    const [fromClient, fromServer] = [client.sent.slice(heard[0]), server.sent.slice(heard[1])]
    heard = [client.sent.length, server.sent.length]
    server.feed(...fromClient)
    client.feed(...fromServer)
  }
  return { client, server, toServer: cat(...client.sent), toClient: cat(...server.sent) }
}

function portionsOf(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [0, ...cuts.map(cut => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end))
}

interface RawRecord {
  readonly type: number
  readonly body: Uint8Array
}
function recordsOf(bytes: Uint8Array): RawRecord[] {
  const records: RawRecord[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const length = (bytes[offset + 3]! << 8) | bytes[offset + 4]!
    records.push({ type: bytes[offset]!, body: bytes.subarray(offset + 5, offset + 5 + length) })
    offset += 5 + length
  }
  return records
}
const bytesOf = ({ type, body }: RawRecord) =>
  cat(Uint8Array.of(type, 3, 3, body.length >> 8, body.length & 0xff), body)

/** Cuts the handshake messages before ChangeCipherSpec anew: `size` bytes a record. */
function refragment(bytes: Uint8Array, size: number): Uint8Array {
  const records = recordsOf(bytes)
  const plain = records.findIndex(({ type }) => type === 20)
  const messages = cat(...records.slice(0, plain).map(({ body }) => body))
  const cut: RawRecord[] = []
  for (let i = 0; i < messages.length; i += size) cut.push({ type: 22, body: messages.subarray(i, i + size) })
  return cat(...[...cut, ...records.slice(plain)].map(bytesOf))
}

describe.each(flows)('$name', flow => {
  let whole: ReturnType<typeof record>
  beforeAll(() => {
    whole = record(flow)
  })
  const sides = ['client', 'server'] as const
  const inputOf = (role: 'client' | 'server') => (role === 'client' ? whole.toClient : whole.toServer)

  test('the flow itself: established, data both ways, closed by both', () => {
    for (const role of sides) {
      expect(whole[role].events.join()).toContain(`"resumed":${flow.resumed}`)
      const types = whole[role].events.map(event => (JSON.parse(event) as [ConnectionEvent])[0].type)
      expect(types).toContain('established')
      expect(types).toContain('data')
      expect(types.at(-1)).toBe('peerClosed')
      expect(types).not.toContain('failed')
    }
  })

  test.each(sides)('%s: at once, byte by byte, record by record', role => {
    const input = inputOf(role)
    const { outcome } = whole[role]
    expect(new Actor(role, flow).feed(input).outcome).toEqual(outcome)
    const bytes = Array.from(input, byte => Uint8Array.of(byte))
    expect(new Actor(role, flow).feed(...bytes).outcome).toEqual(outcome)
    expect(new Actor(role, flow).feed(...recordsOf(input).map(bytesOf)).outcome).toEqual(outcome)
    const withNothing = recordsOf(input).flatMap(each => [new Uint8Array(0), bytesOf(each)])
    expect(new Actor(role, flow).feed(...withNothing).outcome).toEqual(outcome)
  })

  test.each(sides)('%s: in random portions', role => {
    const property = fc.property(fc.array(fc.nat(), { maxLength: 30 }), cuts => {
      expect(new Actor(role, flow).feed(...portionsOf(inputOf(role), cuts)).outcome).toEqual(
        whole[role].outcome,
      )
    })
    fc.assert(property, { numRuns: 12 })
  })

  test.each([1, 2, 3, 7, 100, 16384])('handshake messages in records of %i bytes', size => {
    for (const role of sides) {
      expect(new Actor(role, flow).feed(refragment(inputOf(role), size)).outcome).toEqual(whole[role].outcome)
    }
  })

  test.each(sides)('%s: with some byte changed it fails alike however it is cut', role => {
    const input = inputOf(role)
    const position = fc.oneof(fc.nat(Math.min(300, input.length - 1)), fc.nat(input.length - 1))
    const property = fc.property(
      position,
      fc.integer({ min: 1, max: 255 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (at, xor, cuts) => {
        const changed = input.slice()
        changed[at]! ^= xor
        // Without reactions: what an application still gets to write before a failure depends on when it hears.
        const { outcome } = new Actor(role, flow, false).feed(changed)
        expect(new Actor(role, flow, false).feed(...portionsOf(changed, cuts)).outcome).toEqual(outcome)
      },
    )
    fc.assert(property, { numRuns: 15 })
  })
})
