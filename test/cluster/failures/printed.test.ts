/** Whatever an application prints of a server, a socket or an error, with everything that hangs on it, tells no secret. */

import { constants } from 'node:crypto'
import { inspect } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { type ClusterMember, joinCluster } from '../../../src/cluster/cluster-member.ts'
import { StoreFailure } from '../../../src/cluster/session-store.ts'
import { connect } from '../../../src/node/index.ts'
import { decodeClientSession } from '../../../src/session/client-session.ts'
import { fixture } from '../../support/fixtures.ts'
import {
  derivedKey,
  Openings,
  openHttp,
  provider,
  randomOf,
  rawKey,
  testInfo,
  testKeys,
  until,
} from '../support.ts'
import { openOwnServer } from './own-server.ts'
import { expectNoSecrets, octets, PlayedNode, spellingsOf, storageKeyOf } from './played-node.ts'
import { badFinished, helloRecord, RawClient } from './raw-client.ts'
import { failureOf, visit } from './visitor.ts'

const openings = new Openings()
afterAll(() => openings.release())

/** Hidden properties too, as deep as it goes; and what an error was caused by, whether inspect shows it or not. */
function shown(value: unknown): string {
  const options = { depth: 20, showHidden: true, maxArrayLength: null, maxStringLength: null } as const
  const own = inspect(value, options)
  return value instanceof Error ? `${own} ${value.stack} ${JSON.stringify(value)} ${shownCauses(value)}` : own
}

const shownCauses = ({ cause }: Error) => (cause === undefined ? '' : shown(cause))

/** The cluster's keys, as if each were a session's. */
const keysAsSessions = ['id', 'lookup', 'seal', 'request', 'ticket'].map(label => ({
  sessionId: rawKey(1),
  masterSecret: derivedKey(1, label),
}))

/** A server of a cluster, its node, its member, and every error that comes of it. */
async function open() {
  const node = new PlayedNode()
  const url = await openHttp(openings, node.listener)
  const info = testInfo([{ id: 'store', url }])
  const common = { info, keys: testKeys(), provider, random: randomOf(), now: Date.now }
  const member: ClusterMember = joinCluster({ ...common, limits: { readTimeoutMs: 5000 } })
  openings.add(() => member.close(0))
  const errors: unknown[] = []
  const { store } = member
  const { get, put } = store
  store.get = (...args) => get.apply(store, args).catch(error => rethrow(errors, error))
  store.put = (...args) => put.apply(store, args).catch(error => rethrow(errors, error))
  const own = await openOwnServer(openings, { sessionCache: member.sessionCache })
  own.server.on('tlsClientError', (error: Error) => errors.push(error))
  return { node, member, own, errors }
}

function rethrow(errors: unknown[], error: unknown): never {
  errors.push(error)
  throw error
}

test('case 49: server, sockets, cache, store and keys, while and after a session is made and resumed', async () => {
  const { node, member, own } = await open()
  const client = connect({
    host: '127.0.0.1',
    port: own.port,
    servername: 'localhost',
    ca: fixture('ca.pem'),
  })
  const handshaking = shown(client)
  await new Promise(resolve => client.once('secureConnect', resolve))
  const things = () => [
    own.server,
    ...own.sockets,
    client,
    member,
    member.sessionCache,
    member.store,
    member.keys,
    member.keys.current(Date.now()),
  ]
  const before = things().map(shown)
  const { sessionId, session } = decodeClientSession(client.getSession()!)
  await node.untilStored(sessionId)
  const again = connect({
    ...{ host: '127.0.0.1', port: own.port, servername: 'localhost', ca: fixture('ca.pem') },
    session: client.getSession()!,
  })
  await new Promise(resolve => again.once('secureConnect', resolve))
  expect(again.isSessionReused()).toBe(true)
  await until(() => own.sockets.length === 2)
  const all = [handshaking, ...before, ...things().map(shown), shown(again), shown(session)].join('\n')
  const masterSecret = session.masterSecret.reveal()
  expectNoSecrets(all, [{ sessionId, masterSecret }, ...keysAsSessions])
  for (const line of fixture('server.key').split('\n').slice(1, -2)) expect(all).not.toContain(line)
  // The search would find what is there: a server's options, its certificate among them, are no secret.
  expect(all).toContain('ClusterSessionCache')
  const [, , , , , , list] = spellingsOf(session.clientRandom)
  expect(shown(session).replace(/\s+/g, ' ')).toContain(list!.replaceAll(',', ', '))
  for (const socket of [client, again]) socket.destroy()
})

test('case 49: errors of the store and of failed handshakes, and what they were caused by', async () => {
  const { node, own, errors } = await open()
  const made = await visit(own.port)
  const record = await node.untilStored(made.sessionId)
  const echoed = { ...octets, 'x-echo': storageKeyOf(made.sessionId).toString('base64url') }
  const answers = [
    [500, echoed, 'no'],
    [200, echoed, Buffer.concat([record, Buffer.alloc(5000)])],
    [200, { 'content-type': 'text/plain' }, record],
  ] as const
  for (const [status, headers, body] of answers) {
    node.answer = response => response.writeHead(status, headers).end(body)
    // Once: three failures in a row would open the breaker, and this one's own session is stored in between.
    expect(await visit(own.port, { session: made.session })).toMatchObject({
      resumed: false,
      reason: 'error',
    })
  }
  node.answer = response => response.socket!.destroy()
  expect((await visit(own.port, { session: made.session })).reason).toBe('error')
  node.answer = undefined
  const attacker = new RawClient(own.port).send(helloRecord(made.sessionId))
  await attacker.flight()
  await attacker.send(badFinished).closed()
  await new RawClient(own.port).send(helloRecord(Buffer.concat([made.sessionId, Buffer.alloc(1)]))).closed()
  const withoutEms = { secureOptions: constants.SSL_OP_NO_TICKET | 1 }
  const another = await visit(own.port)
  await node.untilStored(another.sessionId)
  const failure = await failureOf(visit(own.port, { ...withoutEms, session: another.session }))
  expect(failure).toBe('ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE')
  await until(() => errors.length === 7)
  expect(errors.filter(error => error instanceof StoreFailure).length).toBe(4)
  const storageKeys = [made, another].map(({ sessionId }) => ({
    sessionId: storageKeyOf(sessionId),
    masterSecret: record,
  }))
  expectNoSecrets(errors.map(shown).join('\n'), [made, another, ...storageKeys, ...keysAsSessions])
})
