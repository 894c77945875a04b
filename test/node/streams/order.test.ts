/**
 * In which order an end is told: 'finish', 'end', 'error', 'close' on both sides, of node:tls over TCP as the oracle and of ours over
 * TCP, in memory and over another TLS connection.
 */
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { describe, expect, test } from 'vitest'
import {
  closed,
  type Ends,
  memoryPair,
  nodeStack,
  overTransports,
  ownStack,
  type Stack,
  tcpPair,
  tlsPair,
} from './stacks.ts'

interface Script {
  readonly allowHalfOpen?: boolean
  /** Which of 'finish' and 'end' comes first depends on who is faster. */
  readonly isRace?: boolean
  /** What the sides do once their handshake has ended. */
  readonly run: (ends: Ends) => void
}

const bothRead = ({ client, server }: Ends) => {
  client.resume()
  server.resume()
}

/** Each for either side as the one that acts. */
const scripts: Readonly<Record<string, Script>> = {
  'one ends': {
    run: ends => {
      bothRead(ends)
      ends.client.end('bye')
    },
  },
  'both end at once': {
    isRace: true,
    run: ends => {
      bothRead(ends)
      ends.server.end('bye')
      ends.client.end('bye')
    },
  },
  'one ends without a word, the other writes on before it ends': {
    allowHalfOpen: true,
    run: ends => {
      bothRead(ends)
      ends.client.end()
      ends.server.once('end', () => {
        ends.server.write('more')
        ends.server.write('and more', () => setImmediate(() => ends.server.end('last')))
      })
    },
  },
  'one ends, the other does not read yet': {
    run: ends => {
      ends.client.end('bye', () => bothRead(ends))
    },
  },
  'one ends while it has something to read': {
    isRace: true,
    run: ends => {
      ends.server.write('unread', () => {
        ends.client.end()
        bothRead(ends)
      })
    },
  },
  'one ends twice': {
    run: ends => {
      bothRead(ends)
      ends.client.end('bye')
      ends.client.end()
    },
  },
  'one writes and has itself destroyed soon': {
    run: ends => {
      bothRead(ends)
      ends.client.write('bye')
      ends.client.destroySoon()
    },
  },
  'one destroys itself at the other one’s end': {
    run: ends => {
      bothRead(ends)
      ends.client.once('end', () => ends.client.destroy())
      ends.server.end('bye')
    },
  },
  'one writes after its end': {
    run: ends => {
      bothRead(ends)
      ends.client.end('bye')
      ends.client.write('more')
    },
  },
}

const turned = ({ client, server }: Ends): Ends => ({ client: server, server: client })
const runs = Object.entries(scripts).flatMap(([what, { run, ...script }]) => [
  { what: `${what}: the client`, script: { ...script, run } },
  { what: `${what}: the server`, script: { ...script, run: (ends: Ends) => run(turned(ends)) } },
])

type MakePair = (allowHalfOpen?: boolean) => Ends<Duplex> | Promise<Ends<Duplex>>
const transports: readonly (readonly [string, MakePair])[] = [
  ['TCP', tcpPair],
  ['a pair of Duplexes', memoryPair],
  ['TLS', tlsPair],
]

describe.each(runs)('$what', ({ script }) => {
  test.each(transports)('over %s', async (_, makePair) => {
    const expected = await logsOf(nodeStack, script, tcpPair)
    expect(expected.client.at(-1)).toMatch(/^close/)
    expect(await logsOf(ownStack, script, makePair)).toEqual(expected)
  })
})

// node:tls takes the end of the transport for the end of the data, whoever cut it off. Ours does not (RFC 5246 §7.2.1).
describe.each(transports)('different on purpose, over %s', (_, makePair) => {
  test.each(['client', 'server'] as const)(
    'the %s is destroyed: the other one is told of a truncation',
    async who => {
      const other = who === 'client' ? 'server' : 'client'
      const run = (ends: Ends) => {
        bothRead(ends)
        ends[who].destroy()
      }
      const ofNode = await logsOf(nodeStack, { run }, tcpPair)
      expect(ofNode).toEqual({ [who]: ['secure', 'close'], [other]: ['secure', 'end', 'finish', 'close'] })
      const ours = await logsOf(ownStack, { run }, makePair)
      expect(ours[who]).toEqual(ofNode[who])
      expect(ours[other]).toEqual(['secure', expect.stringMatching(/^error /), 'close, had error'])
    },
  )
})

async function logsOf(stack: Stack, script: Script, makePair: MakePair): Promise<Ends<string[]>> {
  const { logs, ...ends } = overTransports(stack, await makePair(script.allowHalfOpen))
  await Promise.all([once(ends.client, 'secure'), once(ends.server, 'secure')])
  script.run(ends)
  await closed(ends)
  if (!script.isRace) return logs
  return { client: unordered(logs.client), server: unordered(logs.server) }
}

/** 'finish' and 'end' in a fixed order, where both stand side by side. */
function unordered(log: readonly string[]): string[] {
  return log.join(' | ').replace('finish | end', 'end | finish').split(' | ')
}
