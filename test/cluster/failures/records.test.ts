/** A record that is not what its server stored, or says what no server would: each is a full handshake, and nobody gets an alert. */
import { setImmediate } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ClusterSessionCache } from '../../../src/cluster/cluster-session-cache.ts'
import { parseClusterKeys } from '../../../src/cluster/keys.ts'
import type { SessionStore } from '../../../src/cluster/session-store.ts'
import { MemorySessionCache } from '../../../src/driver/memory-session-cache.ts'
import { nodeCryptoProvider } from '../../support/node-crypto-provider.ts'
import {
  clientSide,
  connectPair,
  exchange,
  type Side,
  serverSide,
  testCertifiedKey,
  testNowMs,
} from '../../support/pair.ts'
import type { ServerUnderTest } from '../../support/processes.ts'
import { keysText, Openings, seededRandom } from '../support.ts'
import {
  expectNoSecrets,
  octets,
  outputOf,
  type PlayedNode,
  pathOf,
  playNode,
  seal,
  startFront,
  unseal,
} from './played-node.ts'
import { type Answer, answerTo, helloRecord, readAnswer } from './raw-client.ts'
import { type Visit, visit } from './visitor.ts'

const openings = new Openings()
let node: PlayedNode
let front: ServerUnderTest
let first: Visit
/** As the first visit's server stored it. */
let record: Buffer
const visits: Visit[] = []

beforeAll(async () => {
  const played = await playNode(openings)
  node = played.node
  front = await startFront(played.cluster)
  first = await visited()
  record = await node.untilStored(first.sessionId)
})
afterEach(() => {
  node.answer = undefined
})
afterAll(() => openings.release())

async function visited(options: Parameters<typeof visit>[1] = {}): Promise<Visit> {
  const made = await visit(front.port, options)
  visits.push(made)
  return made
}

/** Offers the first session while its place holds `bytes`, and has the page in the end. */
function offerOver(bytes: Uint8Array): Promise<Visit> {
  node.answer = undefined
  node.records.set(pathOf(first.sessionId), Buffer.from(bytes))
  return visited({ session: first.session })
}

/** Says the hello alone: the answer is all that a record can have a part in. */
function answerOver(bytes: Uint8Array): Promise<Answer> {
  node.answer = response => response.writeHead(200, octets).end(bytes)
  return answerTo(front.port, helloRecord(first.sessionId))
}

/** ServerHello, Certificate, ServerHelloDone (RFC 5246 §7.3, figure 1, with RSA key exchange). */
const fullFlight = [2, 11, 14]

function expectFull(answer: Answer, offered: Uint8Array): void {
  expect(answer).toMatchObject({ messages: fullFlight, alert: undefined })
  expect(answer.sessionId).not.toBe(Buffer.from(offered).toString('hex'))
}

function flipped(bytes: Uint8Array, at: number, mask = 0xff): Buffer {
  const changed = Buffer.from(bytes)
  changed[at]! ^= mask
  return changed
}

/** What a forger without the seal's key could write: version and epoch as they should be, and `length` bytes in all. */
const forged = (length: number) =>
  Buffer.concat([record.subarray(0, 5), seededRandom(`forged ${length}`)(length - 5)])

describe('case 24', () => {
  test('what was stored resumes, so that the rest of these tests can fail', async () => {
    expect(await offerOver(record)).toMatchObject({ resumed: true, reason: 'hit' })
    const answer = await answerOver(record)
    expect(answer).toMatchObject({ messages: [2], sessionId: first.sessionId.toString('hex') })
  })

  test.each<[string, () => Uint8Array, string]>([
    ['random bytes as many as it had', () => forged(record.length), 'auth'],
    ['4,096 random bytes', () => forged(4096), 'auth'],
    ['no byte', () => Buffer.alloc(0), 'error'],
    ['one byte', () => record.subarray(0, 1), 'auth'],
    ['all but its last byte', () => record.subarray(0, -1), 'auth'],
    ['a byte more than it had', () => Buffer.concat([record, Buffer.alloc(1)]), 'auth'],
    ['another version of seal', () => flipped(record, 0), 'miss'],
    ['an epoch that nobody knows', () => flipped(record, 4), 'epoch'],
    ['another nonce', () => flipped(record, 5), 'auth'],
    ['another ciphertext', () => flipped(record, 17), 'auth'],
    ['another tag', () => flipped(record, record.length - 1, 1), 'auth'],
  ])('case 24: %s: full, and the client has its page', async (_, made, reason) => {
    expect(await offerOver(made())).toMatchObject({ resumed: false, reason })
  })

  test('case 24: truncated at each offset, each byte flipped: full, no alert', async () => {
    for (let at = 0; at < record.length; at++) {
      expectFull(await answerOver(record.subarray(0, at)), first.sessionId)
      expectFull(await answerOver(flipped(record, at)), first.sessionId)
    }
    expect(await offerOver(record)).toMatchObject({ resumed: true, reason: 'hit' })
  })

  test("case 25: another session's record: full, the other one goes on", async () => {
    const other = await visited()
    const others = await node.untilStored(other.sessionId)
    expect(await offerOver(others)).toMatchObject({ resumed: false, reason: 'auth' })
    expect(await visited({ session: other.session })).toMatchObject({ resumed: true, reason: 'hit' })
    // The same bytes at their own time: a record of before is as good as it was.
    expect(await offerOver(record)).toMatchObject({ resumed: true, reason: 'hit' })
  })
})

/** Where the fields stand whose length does not change (session-record.ts). */
const fields = {
  version: [0, 1],
  tlsVersion: [1, 2],
  suite: [3, 2],
  flags: [5, 1],
  maxFragmentLength: [6, 1],
  created: [7, 6],
  lifetime: [13, 4],
  masterSecret: [17, 48],
  nameLength: [129, 1],
  firstOfName: [130, 1],
} as const

const certificateLengthBytes = 2

describe('case 26: a good seal over', () => {
  const withField =
    (name: keyof typeof fields, value: number) =>
    (plaintext: Buffer): Buffer => {
      const [at, length] = fields[name]
      const changed = Buffer.from(plaintext)
      if (length > 6) changed.fill(value, at, at + length)
      else changed.writeUIntBE(value, at, length)
      return changed
    }
  const withCertificate =
    (bytes: Uint8Array, length = bytes.length) =>
    (plaintext: Buffer) =>
      Buffer.concat([
        plaintext.subarray(0, -certificateLengthBytes),
        Buffer.from([length >> 8, length & 0xff]),
        bytes,
      ])
  const farMs = 2 ** 48 - 1

  test.each<[string, (plaintext: Buffer) => Buffer, string]>([
    ['no byte', () => Buffer.alloc(0), 'miss'],
    ['300 zeros', () => Buffer.alloc(300), 'miss'],
    ['a session and a byte more', plaintext => Buffer.concat([plaintext, Buffer.alloc(1)]), 'error'],
    ['all but the last byte', plaintext => plaintext.subarray(0, -1), 'error'],
    ['the version of another release', withField('version', 2), 'miss'],
    ['SSL 3.0', withField('tlsVersion', 0x0300), 'error'],
    ['TLS 1.3', withField('tlsVersion', 0x0304), 'error'],
    ['a suite of TLS 1.3', withField('suite', 0x1301), 'error'],
    ['no suite at all, TLS_NULL_WITH_NULL_NULL', withField('suite', 0), 'error'],
    ['a suite that nobody offered', withField('suite', 0xc02b), 'suite'],
    ['all flags', withField('flags', 0xff), 'error'],
    ['a client that was verified without a certificate', withField('flags', 3), 'error'],
    ['no extended master secret', withField('flags', 0), 'ems'],
    ['max_fragment_length 5', withField('maxFragmentLength', 5), 'error'],
    ['a session of 1970', withField('created', 0), 'expired'],
    ['a session of the far future', withField('created', farMs), 'expired'],
    ['a lifetime of 0 s', withField('lifetime', 0), 'expired'],
    ['a lifetime of 136 years', withField('lifetime', 0xffff_ffff), 'error'],
    ['a master secret of zeros', withField('masterSecret', 0), 'error'],
    ['a name longer than the record', withField('nameLength', 255), 'error'],
    ['a name of no length', withField('nameLength', 0), 'error'],
    ['a name outside ASCII', withField('firstOfName', 0xe4), 'error'],
    ['a name with a zero', withField('firstOfName', 0), 'server_name'],
    ['a certificate of three bytes', withCertificate(Buffer.from('abc')), 'expired'],
    ['a certificate longer than the record', withCertificate(Buffer.from('abc'), 3000), 'error'],
    ['a certificate of 3,073 bytes', withCertificate(Buffer.alloc(3073, 0x30)), 'error'],
  ])('case 26: a good seal over %s: full, and the client has its page', async (_, change, reason) => {
    const plaintext = unseal(record, first.sessionId)
    const sealed = seal(change(plaintext), first.sessionId)
    expect(await offerOver(sealed)).toMatchObject({ resumed: false, reason })
  })

  test('case 26: a good seal over the session itself: resumed, so that the others are full for what they say', async () => {
    const sealed = seal(unseal(record, first.sessionId), first.sessionId)
    expect(await offerOver(sealed)).toMatchObject({ resumed: true, reason: 'hit' })
  })
})

/** Servers in memory in front of a store that gives what a test wants. */
function inMemory() {
  const place: { bytes: Uint8Array } = { bytes: new Uint8Array(0) }
  const saved: Buffer[] = []
  const store: SessionStore = {
    get: async () => place.bytes,
    put: async (_, sealed) => void saved.push(Buffer.from(sealed)),
    delete: async () => {},
  }
  const provider = nodeCryptoProvider
  const keys = parseClusterKeys(keysText([{ epoch: 1 }]), 'cluster.key', { provider, nowMs: testNowMs })
  const cache = new ClusterSessionCache({ keys, store, random: seededRandom('fuzz'), now: () => testNowMs })
  const options = {
    provider,
    // Never asked; by default every server would make a large one of its own.
    cache: new MemorySessionCache({ now: () => testNowMs, maxSessions: 1 }),
    server: { drawSessionId: cache.drawId.bind(cache) },
    serverAnswers: { selectCertificate: () => testCertifiedKey(), sessionCache: cache },
    client: { cipherSuites: ['TLS_RSA_WITH_AES_128_GCM_SHA256'] as const },
  }
  return { place, saved, cache, options }
}

/** Lets a client and a server talk that has to ask its store first. */
async function converse(client: Side, server: Side): Promise<void> {
  server.driver.start()
  client.driver.start()
  do {
    exchange(client, server)
    await setImmediate()
  } while (client.outgoing.length + server.outgoing.length > 0)
}

type Mutation = (bytes: Buffer, draw: (below: number) => number, other: Buffer) => Buffer

const mutations: readonly Mutation[] = [
  (bytes, draw) => flipped(bytes, draw(bytes.length), 1 << draw(8)),
  (bytes, draw) => flipped(flipped(bytes, draw(bytes.length)), draw(bytes.length), 1 + draw(255)),
  (bytes, draw) => bytes.subarray(0, draw(bytes.length)),
  (bytes, draw) => bytes.subarray(1 + draw(bytes.length - 1)),
  (bytes, draw) => Buffer.concat([bytes, Buffer.alloc(1 + draw(4000 - bytes.length), draw(256))]),
  (bytes, draw) => Buffer.concat([bytes.subarray(0, 5 + draw(20)), Buffer.alloc(draw(400), draw(256))]),
  (bytes, draw, other) => {
    const at = 1 + draw(bytes.length - 1)
    return Buffer.concat([bytes.subarray(0, at), other.subarray(at)])
  },
  (bytes, draw) => {
    const at = draw(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + draw(30))])
  },
  (bytes, draw) => {
    const at = draw(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), Buffer.from([draw(256)]), bytes.subarray(at)])
  },
]

test('case 24: 10,000 fuzzed records: each is a full handshake, none an alert; every hundredth is carried through', async () => {
  const { place, saved, cache, options } = inMemory()
  const [{ client }] = [connectPair({ ...options, seed: 'one' }), connectPair({ ...options, seed: 'two' })]
  await cache.flush()
  const [sound, other] = saved as [Buffer, Buffer]
  const { sessionId, session } = client.established!
  const offer = {
    sessionId,
    session: { ...session, masterSecret: session.masterSecret.copy() },
    verified: true,
  }
  const hello = helloRecord(sessionId)
  const random = seededRandom('10,000 records')
  const draw = (below: number) => Buffer.from(random(4)).readUInt32BE() % below
  const wrong: string[] = []
  let carried = 0
  for (let i = 0; i < 10_000; i++) {
    const mutated = mutations[i % mutations.length]!(sound, draw, other)
    // Some mutations of a byte by itself change nothing.
    place.bytes = mutated.equals(sound) ? flipped(sound, draw(sound.length)) : mutated
    const server = serverSide({ ...options, seed: `${i}` })
    if (i % 100 === 0) {
      const again = clientSide({ ...options, client: { ...options.client, session: offer } })
      await converse(again, server)
      if (again.established?.resumed === false && server.established?.resumed === false) carried++
      continue
    }
    server.driver.start()
    server.driver.receive(hello)
    await setImmediate()
    const { messages, alert } = readAnswer(Buffer.from(server.take()))
    if (messages.join() !== fullFlight.join()) wrong.push(`${i}: ${messages}, alert ${alert}`)
  }
  expect(wrong).toEqual([])
  expect(carried).toBe(100)
  const { miss, auth, epoch, ...rest } = cache.counters.lookups
  expect(miss + auth + epoch).toBe(10_000)
  expect(Object.values(rest).every(count => count === 0)).toBe(true)
}, 60_000)

test('and no secret of any of these sessions was printed', () => {
  expect(visits.length).toBeGreaterThan(3)
  expectNoSecrets(outputOf(front), visits)
})
