/** Whatever a store does, every client of an attached server of node:tls has its handshake and its page. */
import fc from 'fast-check'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { visit } from '../failures/visitor.ts'
import { Openings, until } from '../support.ts'
import { cacheOn, noStoreToday, openAttached, TestStore } from './attached-servers.ts'

const openings = new Openings()
afterAll(() => openings.release())
const unhandled = vi.fn()
beforeEach(() => {
  process.on('unhandledRejection', unhandled)
})
afterEach(() => {
  process.off('unhandledRejection', unhandled)
  expect(unhandled).not.toHaveBeenCalled()
})

const lookupTimeoutMs = 40
const lateMs = 80

/** What the store does in place of what it should; `undefined` where it does that. */
const faults = {
  none: () => undefined,
  hangs: () => new Promise<never>(() => {}),
  rejects: noStoreToday,
  throws: () => {
    throw new Error('not even a promise')
  },
  'answers garbage': async () => new Uint8Array(200).fill(0x5a),
  'answers nothing': async () => new Uint8Array(0),
  'answers too much': async () => new Uint8Array(10_000),
  'answers late': () =>
    new Promise<Uint8Array>(resolve => setTimeout(() => resolve(new Uint8Array(200)), lateMs)),
  'answers with another record': async (store: TestStore) => [...store.records.values()][0]?.sealed,
} as const
type Fault = keyof typeof faults
const names = Object.keys(faults) as Fault[]

const visits = fc.array(
  fc.record({
    server: fc.integer({ min: 0, max: 1 }),
    /** Which of the sessions that there are is offered, or none. */
    session: fc.nat(),
    // Something must have been stored, for a fault to make a difference.
    fault: fc.oneof(
      { arbitrary: fc.constant<Fault>('none'), weight: 1 },
      { arbitrary: fc.constantFrom(...names), weight: 1 },
    ),
    modern: fc.boolean(),
  }),
  { minLength: 4, maxLength: 8 },
)

test('under any faults, with any sessions', { timeout: 60_000 }, async () => {
  const store = new TestStore()
  const servers = [
    await openAttached(openings, cacheOn(store), { lookupTimeoutMs }),
    await openAttached(openings, cacheOn(store), { lookupTimeoutMs }),
  ] as const
  let resumed = 0
  await fc.assert(
    fc.asyncProperty(visits, async plan => {
      const sessions: Buffer[] = []
      for (const { server, session: offered, fault, modern } of plan) {
        const session = sessions[offered % (sessions.length + 1)]
        const stored = store.records.size
        store.instead = () => faults[fault](store)
        const seen = await visit(servers[server]!.port, {
          ...(session === undefined ? {} : { session }),
          ...(modern ? { maxVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256:AES128-GCM-SHA256' } : {}),
        })
        // What is resumed was offered, and found whole.
        if (seen.resumed) {
          resumed++
          expect(session).toBeDefined()
          expect(['none', 'answers with another record']).toContain(fault)
        }
        sessions.push(seen.session)
        if (fault === 'none' && !seen.resumed) await until(() => store.records.size > stored)
      }
    }),
    { numRuns: 30, seed: 5 },
  )
  expect(resumed).toBeGreaterThan(5)
  expect(servers.flatMap(({ errors }) => errors)).toEqual([])
})
