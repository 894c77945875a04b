/** What a client may offer, at server processes whose sessions lie at a node that the test plays. */
import { constants, randomBytes } from 'node:crypto'
import type { ConnectionOptions } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ServerUnderTest } from '../../support/processes.ts'
import { derivedKey, Openings } from '../support.ts'
import { changeSession } from './openssl-session.ts'
import {
  certificateArgs,
  expectNoSecrets,
  outputOf,
  type PlayedNode,
  pathOf,
  playNode,
  seal,
  startFront,
  unseal,
} from './played-node.ts'
import { answerTo, helloRecord } from './raw-client.ts'
import { failureOf, type Visit, visit } from './visitor.ts'

const openings = new Openings()
const visits: Visit[] = []
let node: PlayedNode
let first: ServerUnderTest
/** Another certificate, other protocols, tickets for those who ask: whoever offers a session by its ID is not concerned. */
let other: ServerUnderTest
/** One suite, which is not that of the sessions here. */
let strict: ServerUnderTest

beforeAll(async () => {
  const played = await playNode(openings)
  node = played.node
  const others = [...certificateArgs('server'), ...certificateArgs('ec'), '--alpn', 'h2,http/1.1']
  ;[first, other, strict] = await Promise.all([
    startFront(played.cluster, ['--alpn', 'http/1.1']),
    startFront(played.cluster, [...others, '--tickets']),
    startFront(played.cluster, ['--ciphers', 'AES256-GCM-SHA384']),
  ])
})
afterAll(() => openings.release())

async function visited(server: ServerUnderTest, options: ConnectionOptions = {}): Promise<Visit> {
  const made = await visit(server.port, options)
  visits.push(made)
  return made
}

/** A session of the first server, stored. */
async function made(options: ConnectionOptions = {}): Promise<Visit> {
  const visit = await visited(first, options)
  expect(visit).toMatchObject({ resumed: false, reason: 'no_id' })
  await node.untilStored(visit.sessionId)
  return visit
}

const resumed = { resumed: true, reason: 'hit' }
const fullFor = (reason: string) => ({ resumed: false, reason })

/** How many look-ups reach the node while `work` is done. */
async function lookupsOf<T>(work: () => Promise<T>): Promise<{ result: T; lookups: number }> {
  const before = node.count('GET')
  const result = await work()
  return { result, lookups: node.count('GET') - before }
}

/** The version's two bits and the epoch's six at the head (session-ids.ts). */
function idOf(epochBits: number, sessionId: Uint8Array): Buffer {
  const id = Buffer.from(sessionId)
  id[0] = (1 << 6) | epochBits
  return id
}

describe('case 17: an epoch that this server does not have', () => {
  test.each([
    ['the next one, which may be on its way', 2, 'epoch'],
    ['the one before, which may be over', 0, 'epoch'],
    ['one that is far', 33, 'foreign_id'],
  ])('case 17: %s: full, no look-up', async (_, bits, reason) => {
    const { session, sessionId } = await made()
    const offered = changeSession(session, { sessionId: idOf(bits, sessionId) })
    const { result, lookups } = await lookupsOf(() => visited(other, { session: offered }))
    expect(result).toMatchObject(fullFor(reason))
    expect(result.page['look-up']).toBe('none')
    expect(lookups).toBe(0)
  })
})

describe('case 34: the length of the ID', () => {
  test('case 34: none: full, nothing asked', async () => {
    const { result, lookups } = await lookupsOf(() => visited(other))
    expect(result).toMatchObject(fullFor('no_id'))
    expect(lookups).toBe(0)
  })

  test('case 34: 1 to 31 bytes, of one that is ours, and 32 that nobody drew: full, no look-up', async () => {
    const { session, sessionId } = await made()
    const offers = [...Array(31).keys()].map(i => sessionId.subarray(0, i + 1))
    for (const offer of [...offers, randomBytes(32), Buffer.alloc(32)]) {
      const session32 = changeSession(session, { sessionId: offer })
      const { result, lookups } = await lookupsOf(() => visited(other, { session: session32 }))
      expect(result).toMatchObject({ resumed: false })
      expect(
        offer.length === 32 && offer[0]! >> 6 === 1 ? ['foreign_id', 'epoch'] : ['foreign_id'],
      ).toContain(result.reason)
      expect(result.sessionId).not.toEqual(offer)
      expect(lookups).toBe(0)
    }
  })

  test('case 34: 32 bytes that are ours: resumed', async () => {
    const { session } = await made()
    expect(await visited(other, { session })).toMatchObject(resumed)
  })

  test.each([33, 64, 255])('case 34: %i bytes: decode_error, and the next client is served', async length => {
    const { session, sessionId } = await made()
    const long = Buffer.concat([sessionId, Buffer.alloc(length - sessionId.length, 1)])
    const { result, lookups } = await lookupsOf(() => answerTo(other.port, helloRecord(long)))
    expect(result).toMatchObject({ alert: 50, messages: [] })
    expect(lookups).toBe(0)
    expect(await visited(other, { session })).toMatchObject(resumed)
  })
})

describe('case 35: a ticket and an ID', () => {
  /** Asks for tickets, as every client does that is not told otherwise. */
  const withTickets: ConnectionOptions = { secureOptions: 0 }

  test('case 35: a good ticket beside the ID of another session: the ticket alone decides, no look-up', async () => {
    const { sessionId } = await made()
    const { session, masterSecret } = await visited(other, withTickets)
    const both = changeSession(session, { sessionId })
    const { result, lookups } = await lookupsOf(() => visited(other, { ...withTickets, session: both }))
    expect(result).toMatchObject(resumed)
    expect(result.masterSecret).toEqual(masterSecret)
    expect(lookups).toBe(0)
  })

  test('case 35: a ticket that does not open beside a good ID: full, no look-up', async () => {
    const { sessionId } = await made()
    const { session } = await visited(other, withTickets)
    const spoilt = Buffer.from(changeSession(session, { sessionId }))
    const ticketAt = spoilt.indexOf(ticketName())
    expect(ticketAt).toBeGreaterThan(0)
    spoilt[ticketAt + 40]! ^= 0xff
    const { result, lookups } = await lookupsOf(() => visited(other, { ...withTickets, session: spoilt }))
    expect(result).toMatchObject(fullFor('auth'))
    expect(lookups).toBe(0)
  })

  test('case 35: an empty ticket extension and an ID: the ID is looked up', async () => {
    const { session } = await made()
    const { result, lookups } = await lookupsOf(() => visited(other, { ...withTickets, session }))
    expect(result).toMatchObject(resumed)
    expect(lookups).toBe(1)
  })

  /** The 16 bytes at the head of each ticket (ticket-keys.ts). */
  const ticketName = () => derivedKey(1, 'ticket name').subarray(0, 16)
})

describe('case 36: the server name', () => {
  const stranger = { rejectUnauthorized: false }

  test.each<[string, ConnectionOptions, ConnectionOptions, object]>([
    ['another', {}, { servername: 'www.example.test' }, fullFor('server_name')],
    ['dropped', {}, { servername: '' }, fullFor('server_name')],
    ['added', { servername: '' }, {}, fullFor('server_name')],
    ['a trailing dot', {}, { servername: 'localhost.' }, fullFor('server_name')],
    ['in other case', {}, { servername: 'LocalHost' }, resumed],
    ['none, as before', { servername: '' }, { servername: '' }, resumed],
  ])('case 36: %s', async (_, before, after, wanted) => {
    const { session } = await made({ ...stranger, ...before })
    const { result, lookups } = await lookupsOf(() => visited(other, { ...stranger, ...after, session }))
    expect(result).toMatchObject(wanted)
    expect(lookups).toBe(1)
  })
})

describe('case 37: extended master secret', () => {
  /** OpenSSL's SSL_OP_NO_EXTENDED_MASTER_SECRET, for which Node has no name. */
  const without: ConnectionOptions = { secureOptions: constants.SSL_OP_NO_TICKET | 1 }

  test.each<[string, ConnectionOptions, ConnectionOptions, object]>([
    ['of the session and of the hello', {}, {}, resumed],
    ['of neither', without, without, resumed],
    ['of the hello alone', without, {}, fullFor('ems')],
  ])('case 37: %s', async (_, before, after, wanted) => {
    const { session } = await made(before)
    expect(await visited(other, { ...after, session })).toMatchObject(wanted)
  })

  test('case 37: of the session alone: handshake_failure (RFC 7627 §5.3), the session stays, the next client is served', async () => {
    const { session } = await made()
    const deletes = node.count('DELETE')
    const failure = await failureOf(visit(other.port, { ...without, session }))
    expect(failure).toBe('ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE')
    expect(await visited(other, { session })).toMatchObject(resumed)
    expect(node.count('DELETE')).toBe(deletes)
  })
})

describe('case 38: the suite or the version', () => {
  const [aes128, aes256] = [0x009c, 0x009d]

  test('case 38: the server does not allow the suite any more: full with one that it does, the session stays', async () => {
    const { session, page } = await made()
    expect(page.cipher).toBe('TLS_RSA_WITH_AES_128_GCM_SHA256')
    const ciphers = 'AES128-GCM-SHA256:AES256-GCM-SHA384'
    const { result, lookups } = await lookupsOf(() => visited(strict, { session, ciphers }))
    expect(result).toMatchObject({
      ...fullFor('suite'),
      page: { cipher: 'TLS_RSA_WITH_AES_256_GCM_SHA384' },
    })
    expect(lookups).toBe(1)
    expect(await visited(other, { session })).toMatchObject(resumed)
  })

  test('case 38: the client does not offer the suite any more: full, a new ID', async () => {
    const { session, sessionId } = await made()
    const hello = helloRecord(sessionId, [], { suites: [aes256] })
    const { result, lookups } = await lookupsOf(() => answerTo(other.port, hello))
    expect(result).toMatchObject({ alert: undefined, messages: [2, 11, 14] })
    expect(result.sessionId).not.toBe(sessionId.toString('hex'))
    expect(lookups).toBeLessThanOrEqual(1)
    expect(await visited(other, { session })).toMatchObject(resumed)
  })

  test('case 38: a client of a later version resumes: it speaks TLS 1.2 here', async () => {
    const { sessionId } = await made()
    const hello = helloRecord(sessionId, [], { suites: [aes128], version: 0x0304 })
    const { sessionId: answered, alert } = await answerTo(other.port, hello)
    expect([answered, alert]).toEqual([sessionId.toString('hex'), undefined])
  })

  test('case 38: a client of an earlier version: protocol_version, the session stays', async () => {
    const { session, sessionId } = await made()
    const hello = helloRecord(sessionId, [], { suites: [aes128, 0x002f], version: 0x0302 })
    const { result, lookups } = await lookupsOf(() => answerTo(other.port, hello))
    // RFC 5246 §7.2.2: protocol_version is 70.
    expect([result.alert, lookups]).toEqual([70, 0])
    expect(await visited(other, { session })).toMatchObject(resumed)
  })

  test('case 38: a session of another version: full', async () => {
    const { session, sessionId } = await made()
    const record = unseal(node.recordOf(sessionId), sessionId)
    expect(record.readUInt16BE(1)).toBe(0x0303)
    record.writeUInt16BE(0x0302, 1)
    node.records.set(pathOf(sessionId), seal(record, sessionId))
    expect(await visited(other, { session })).toMatchObject(fullFor('error'))
  })
})

test('case 40: another certificate, of another kind of key: resumed', async () => {
  const ciphers = 'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256'
  const before = await made({ ciphers })
  expect(before.page.cipher).toBe('TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256')
  const fresh = await visited(other, { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })
  expect(fresh.page.cipher).toBe('TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256')
  const again = await visited(other, { ciphers, session: before.session })
  expect(again).toMatchObject({ ...resumed, page: { cipher: before.page.cipher } })
})

describe('case 41: application protocols', () => {
  test.each([
    [['http/1.1'], ['h2'], 'http/1.1', 'h2'],
    [['http/1.1'], [], 'http/1.1', 'none'],
    [[], ['http/1.1'], 'none', 'http/1.1'],
  ])('case 41: %j, then %j: resumed, and settled anew', async (before, after, settled, then) => {
    const full = await made({ ALPNProtocols: before })
    expect(full.page.alpn).toBe(settled)
    const again = await visited(other, { ALPNProtocols: after, session: full.session })
    expect(again).toMatchObject({ ...resumed, page: { alpn: then } })
  })

  test('case 41: none in common: no_application_protocol, the session stays', async () => {
    const { session } = await made()
    const failure = await failureOf(visit(other.port, { ALPNProtocols: ['smtp'], session }))
    expect(failure).toBe('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
    expect(await visited(other, { session })).toMatchObject(resumed)
  })
})

test('and no secret of any of these sessions was printed', () => {
  expect(visits.length).toBeGreaterThan(3)
  for (const server of [first, other, strict]) expectNoSecrets(outputOf(server), visits)
})
