/** However a transport cuts and delays, the same bytes come out in the same order, and the same end. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pattern } from '../support.ts'
import { type Journey, MemoryEnd } from './memory-end.ts'
import { closed, logOf, ownStack } from './stacks.ts'

/** Sizes and delays, used up again and again: portions of 1 byte to more than a record, under way for up to 3 turns. */
const journeys = fc
  .record({
    sizes: fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10, max: 20_000 })), {
      minLength: 1,
      maxLength: 12,
    }),
    turns: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 7 }),
  })
  // A byte at a time is a journey of its own; megabytes of such are none.
  .map(({ sizes, turns }): Journey => {
    let [cuts, delays] = [0, 0]
    const cut = (chunk: Buffer): Buffer[] => {
      const portions: Buffer[] = []
      for (let from = 0; from < chunk.length; ) {
        const size = chunk.length > 2000 ? Math.max(500, nextOf(sizes, cuts++)) : nextOf(sizes, cuts++)
        portions.push(chunk.subarray(from, from + size))
        from += size
      }
      return portions
    }
    return { cut, turns: () => nextOf(turns, delays++) }
  })

const nextOf = (values: readonly number[], index: number) => values[index % values.length]!

const writes = fc.array(fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 41, max: 40_000 })), {
  maxLength: 6,
})

test('any portions at any time, data both ways', async () => {
  const cases = fc.record({
    journey: journeys,
    highWaterMark: fc.constantFrom(1, 100, 16_384, 65_536),
    client: writes,
    server: writes,
  })
  await fc.assert(
    fc.asyncProperty(cases, async ({ journey, highWaterMark, client: pings, server: pongs }) => {
      const transports = MemoryEnd.pair({ journey, highWaterMark })
      const ends = { client: ownStack.client(transports.client), server: ownStack.server(transports.server) }
      const logs = [logOf(ends.client), logOf(ends.server)]
      const received = { client: [] as Buffer[], server: [] as Buffer[] }
      for (const side of ['client', 'server'] as const)
        ends[side].on('data', chunk => received[side].push(chunk))
      const sent = pattern(40_000)
      for (const length of pings) ends.client.write(sent.subarray(0, length))
      for (const length of pongs) ends.server.write(sent.subarray(0, length))
      ends.client.end()
      ends.server.end()
      await closed(ends)
      const all = (lengths: readonly number[]) =>
        Buffer.concat(lengths.map(length => sent.subarray(0, length)))
      expect(Buffer.concat(received.server).equals(all(pings))).toBe(true)
      expect(Buffer.concat(received.client).equals(all(pongs))).toBe(true)
      for (const log of logs)
        expect(log.filter(event => event !== 'drain').sort()).toEqual(['close', 'end', 'finish', 'secure'])
    }),
    { numRuns: 40, timeout: 60_000 },
  )
}, 120_000)
