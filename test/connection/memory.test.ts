/** What a peer can make us keep: a connection that is open, and a session, hold none of the messages that made them. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { MemorySessionCache } from '../../src/driver/memory-session-cache.ts'
import { connectPair, type Side, testNowMs } from '../support/pair.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** A client whose hello is about 50,000 bytes, as long as a stranger likes. */
const longHello = {
  client: { alpnProtocols: Array.from({ length: 200 }, () => 'x'.repeat(250)) },
  server: { selectProtocol: () => false as const },
}

describe('after a handshake with a long ClientHello', () => {
  it('the session holds copies of its own, and not the messages they came in', () => {
    const { client, server } = connectPair({ ...longHello, server: { ...longHello.server } })
    for (const { established } of [client, server]) {
      const { session, sessionId, randoms } = established!
      expect(session.clientRandom.buffer.byteLength).toBe(32)
      expect(session.serverRandom.buffer.byteLength).toBe(32)
      expect(randoms.clientRandom.buffer.byteLength).toBe(32)
      expect(sessionId.buffer.byteLength).toBe(32)
      expect(session.peerCertificate.buffer.byteLength).toBe(session.peerCertificate.length)
    }
  })

  it('a resumed connection does not hold the ID by its message', () => {
    const cache = new MemorySessionCache({ now: () => testNowMs })
    const { sessionId, session } = connectPair({ cache }).client.established!
    const again = {
      ...longHello,
      client: { ...longHello.client, session: { sessionId, session, verified: true } },
    }
    const { established } = connectPair({ ...again, cache }).server
    expect(established).toMatchObject({ resumed: true })
    expect(established!.sessionId.buffer.byteLength).toBe(32)
  })

  it('an open connection holds neither the messages nor what was read from them', async () => {
    const cache = new MemorySessionCache({ now: () => testNowMs })
    const idle: Side[] = []
    const heldBytes = async () => {
      // A buffer is given back some time after its object.
      for (let i = 0; i < 3; i++) {
        collectGarbage()
        await new Promise(resolve => setTimeout(resolve, 10))
      }
      return process.memoryUsage().arrayBuffers
    }
    connectPair({ ...longHello, cache })
    const before = await heldBytes()
    for (let i = 0; i < 20; i++) {
      const { server } = connectPair({ ...longHello, cache })
      server.sent = []
      idle.push(server)
    }
    expect(((await heldBytes()) - before) / idle.length).toBeLessThan(10_000)
    expect(idle.every(side => side.connection.isWritable)).toBe(true)
  })
})
