/** A socket that is destroyed at every step of a connection: what it says, what the other one says, and that every callback comes once. */
import type { Duplex } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { connect, TLSSocket } from '../../../src/node/index.ts'
import { fixture } from '../../support/fixtures.ts'
import { MemoryEnd } from './memory-end.ts'
import { closed, type Ends, logOf, memoryPair, overTransports, ownStack } from './stacks.ts'

type Side = keyof Ends

/** What one side was told: of its events, and of each callback that it gave, in their order. */
interface Told {
  readonly log: string[]
  readonly callbacks: Record<string, string[]>
}

/**
 * A conversation: a handshake, ping and pong, an end from the client, one from the server. `atRecord` is called before each record
 * leaves, with its number from 0 on; a handshake message is a record here. Resolves when both sides have closed.
 */
async function converse(atRecord: (record: number, ends: Ends) => void): Promise<Ends<Told>> {
  let records = 0
  let ends: Ends | undefined
  const cut = (record: Buffer) => {
    atRecord(records++, ends!)
    return [record]
  }
  const { logs, ...sockets } = overTransports(ownStack, MemoryEnd.pair({ journey: { cut, turns: () => 1 } }))
  ends = sockets
  const { client, server } = sockets
  const told = { client: { log: logs.client, callbacks: {} }, server: { log: logs.server, callbacks: {} } }
  const heard = (side: Side, what: string) => {
    const calls: string[] = []
    Object.assign(told[side].callbacks, { [what]: calls })
    return (error?: Error | null) => void calls.push(codeOf(error))
  }
  client.write('ping', heard('client', 'write'))
  server.write('pong', heard('server', 'write'))
  client.once('data', () => client.end('bye', heard('client', 'end')))
  server.resume()
  await closed(sockets)
  for (const side of ['client', 'server'] as const)
    sockets[side].write('too late', heard(side, 'write after close'))
  await closed(sockets)
  return told
}

function codeOf(error?: Error | null): string {
  return error ? ((error as NodeJS.ErrnoException).code ?? error.message) : 'done'
}

/** Records of the undisturbed conversation, found once. */
let records = 0
const undisturbed = await converse(record => {
  records = record + 1
})

test('undisturbed', () => {
  const callbacks = { write: ['done'], 'write after close': ['EPIPE'] }
  expect(undisturbed).toEqual({
    client: { log: ['secure', 'finish', 'end', 'close'], callbacks: { ...callbacks, end: ['done'] } },
    server: { log: ['secure', 'end', 'finish', 'close'], callbacks },
  })
  // Two flights each, data, two ends.
  expect(records).toBeGreaterThan(12)
})

const reasons = [undefined, Object.assign(new Error('enough'), { code: 'ENOUGH' })]
const moments = {
  'while it leaves': (act: () => void) => act(),
  'under way': (act: () => void) => process.nextTick(act),
} as const

describe.each(['client', 'server'] as const)('the %s is destroyed', side => {
  const other = side === 'client' ? 'server' : 'client'

  describe.each(reasons)('for %s', reason => {
    describe.each(Object.entries(moments))('a record is %s', (_, soon) => {
      test.each(Array.from({ length: records }, (_, record) => record))('record %i', async record => {
        const told = await converse((at, ends) => {
          if (at === record) soon(() => ends[side].destroy(reason))
        })
        const { log, callbacks } = told[side]
        // Once all is over there is nothing left to destroy.
        const isOver = log.includes('finish') && log.includes('end')
        if (!isOver)
          expect(log.filter(isEnding)).toEqual(reason ? ['error ENOUGH', 'close, had error'] : ['close'])
        endsOnce(log)
        endsOnce(told[other].log)
        for (const { write, 'write after close': late } of [callbacks, told[other].callbacks]) {
          expect(write).toHaveLength(1)
          expect(late).toEqual([expect.stringMatching(/^(EPIPE|ERR_STREAM_\w+)$/)])
        }
        // A Writable that is destroyed inside of its own end() forgets the callback (Node 20 to 24), so that none may come.
        const { end } = told.client.callbacks
        if (end) expect(end.length).toBeLessThanOrEqual(1)
        if (end && soon === moments['under way']) expect(end).toHaveLength(1)
      })
    })
  })
})

/** Functions of the application's, called in the middle of a message. */
describe('by what it calls itself', () => {
  // Hellos, certificates, keys, Finished, and what announces that.
  const messages = Array.from({ length: 9 }, (_, message) => message)

  describe.each(['client', 'server'] as const)('the %s', side => {
    test.each(messages)('trace, at message %i', async message => {
      const transports = memoryPair()
      let traced = 0
      const trace = () => {
        if (traced++ === message) ends[side].destroy()
      }
      const ends = {
        server: new TLSSocket(transports.server, {
          isServer: true,
          ...identity,
          ...(side === 'server' && { trace }),
        }),
        client: connect({ ...trusting, socket: transports.client, ...(side === 'client' && { trace }) }),
      }
      await endsAt(side, ends, transports)
    })
  })

  test('ALPNCallback', async () => {
    const transports = memoryPair()
    const ALPNCallback = () => void server.destroy()
    const server = new TLSSocket(transports.server, { isServer: true, ...identity, ALPNCallback })
    const client = connect({ ...trusting, socket: transports.client, ALPNProtocols: ['a'] })
    await endsAt('server', { client, server }, transports)
  })

  const identity = { cert: fixture('server.pem'), key: fixture('server.key') }
  const trusting = { servername: 'localhost', ca: fixture('ca.pem') }

  async function endsAt(side: Side, ends: Ends, transports: Ends<Duplex>): Promise<void> {
    const logs = { client: logOf(ends.client), server: logOf(ends.server) }
    await closed(ends)
    expect(logs[side]).toEqual(['close'])
    expect([transports.client.destroyed, transports.server.destroyed]).toEqual([true, true])
  }
})

const isEnding = (event: string) => /^(error|close)/.test(event)

/** One 'close' at the very end, and one 'error' right before it or none. */
function endsOnce(log: readonly string[]): void {
  const endings = log.filter(isEnding)
  expect(log.slice(-endings.length)).toEqual(endings)
  if (endings.length === 1) expect(endings).toEqual(['close'])
  else expect(endings).toEqual([expect.stringMatching(/^error/), 'close, had error'])
}
