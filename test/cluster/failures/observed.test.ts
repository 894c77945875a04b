/** Who has seen a session's ID, or a whole flight of its client, may cost that client a full handshake, and nobody anything else. */

import { constants } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { contentTypes } from '../../support/by-hand.ts'
import { fixture } from '../../support/fixtures.ts'
import type { ServerUnderTest as Binary } from '../../support/processes.ts'
import { Openings, until } from '../support.ts'
import { ClusterUnderTest, expectDiscretion, expectVisit, type ServerUnderTest } from './harness.ts'
import { expectNoSecrets, outputOf, type PlayedNode, pathOf, playNode, startFront } from './played-node.ts'
import { badFinished, helloRecord, RawClient } from './raw-client.ts'
import { openTap } from './tap.ts'
import { type Visit, visit } from './visitor.ts'

const openings = new Openings()
type Three = [ServerUnderTest, ServerUnderTest, ServerUnderTest]
afterAll(() => openings.release())

describe('case 13: a bad Finished with an observed ID', () => {
  let cluster: ClusterUnderTest
  beforeAll(async () => {
    const setup = { cert: fixture('server.pem'), key: fixture('server.key') }
    cluster = await ClusterUnderTest.start({ nodes: 3, setup })
  })
  afterEach(expectDiscretion)
  const client = { ciphers: 'AES128-GCM-SHA256' }

  test('case 13: ends in an alert, the session is forgotten everywhere, and a counter shows it', async () => {
    const [first, second, third] = ['n1', 'n2', 'n3'].map(id => cluster.server(id)) as Three
    const bystander = await first.firstVisit(client)
    const made = await first.firstVisit(client)
    await expectVisit(second, { resumed: true, reason: 'hit', session: made.session })

    const attacker = new RawClient(second.port).send(helloRecord(made.sessionId))
    const answer = await attacker.flight()
    expect(answer.sessionId).toBe(Buffer.from(made.sessionId).toString('hex'))
    attacker.send(badFinished)
    expect((await attacker.closed()).records.at(-1)).toBe(contentTypes.alert)

    const report = await second.settled()
    expect(report.sessions.forgotten).toBe(1)
    expect(report.sessions.store_delete_total).toMatchObject({ ok: 1 })
    expect(report.failures).toEqual({ ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC: 1 })
    for (const server of [second, third])
      await expectVisit(server, { resumed: false, reason: 'miss', session: made.session })
    await expectVisit(second, { resumed: true, reason: 'hit', session: bystander.session })
  })
})

describe('case 21: a replayed ClientHello', () => {
  let node: PlayedNode
  let front: Binary
  const visits: Visit[] = []
  beforeAll(async () => {
    const played = await playNode(openings)
    node = played.node
    front = await startFront(played.cluster)
  })
  afterEach(() => expectNoSecrets(outputOf(front), visits))

  async function visited(...args: Parameters<typeof visit>): Promise<Visit> {
    const made = await visit(...args)
    visits.push(made)
    return made
  }

  /** A client that has had its handshake, and says so little. */
  async function bystander(): Promise<() => Promise<string>> {
    const socket = connect({
      ...{ host: '127.0.0.1', port: front.port, servername: 'localhost', ca: fixture('ca.pem') },
      ...{ ciphers: 'AES128-GCM-SHA256', maxVersion: 'TLSv1.2', secureOptions: constants.SSL_OP_NO_TICKET },
    })
    await once(socket, 'secureConnect')
    return async () => {
      let text = ''
      socket.on('data', chunk => {
        text += chunk
      })
      socket.write('GET / HTTP/1.0\r\n\r\n')
      await once(socket, 'end')
      socket.destroy()
      return text
    }
  }

  test.each(['full', 'resumed'])(
    'case 21: and the whole flight of a %s handshake after it: bad_record_mac, and nobody else suffers',
    async kind => {
      const earlier = kind === 'full' ? undefined : await visited(front.port)
      if (earlier) await node.untilStored(earlier.sessionId)
      const tap = await openTap(openings, () => front.port)
      const victim = await visited(tap.port, earlier ? { session: earlier.session } : {})
      expect(victim.resumed).toBe(kind === 'resumed')
      if (!earlier) await node.untilStored(victim.sessionId)
      const others = await visited(front.port)
      await node.untilStored(others.sessionId)
      const goOn = await bystander()

      const stored = node.records.size
      const failed = front.events.filter(({ event }) => event === 'handshakeFailed').length
      const answer = await new RawClient(front.port).send(tap.heard()[0]!).closed()
      expect(answer.records.at(-1)).toBe(contentTypes.alert)
      expect(await front.event('handshakeFailed', failed + 1)).toMatchObject({ code: 'BAD_RECORD_MAC' })

      expect(await goOn()).toContain('resumed: no')
      expect(await visited(front.port, { session: others.session })).toMatchObject({
        resumed: true,
        reason: 'hit',
      })
      // A replayed full handshake made no session and touched none; a replayed resumption costs its client a full one.
      if (earlier) await until(() => !node.records.has(pathOf(earlier.sessionId)))
      else expect(node.records.size).toBe(stored + 1)
      const again = await visited(front.port, { session: victim.session })
      expect(again).toMatchObject(
        earlier ? { resumed: false, reason: 'miss' } : { resumed: true, reason: 'hit' },
      )
    },
  )

  test('case 21: and nothing after it: the session lives on', async () => {
    const made = await visited(front.port)
    await node.untilStored(made.sessionId)
    const attacker = new RawClient(front.port).send(helloRecord(made.sessionId))
    expect((await attacker.flight()).sessionId).toBe(made.sessionId.toString('hex'))
    await attacker.hangUp()
    expect(await visited(front.port, { session: made.session })).toMatchObject({
      resumed: true,
      reason: 'hit',
    })
  })
})
