import fc from 'fast-check'
import { expect, test } from 'vitest'
import { arbitrary, run, seeds } from '../../fuzz/targets/session-record.ts'
import { decodeSession } from '../../src/session/session-record.ts'

test('the seeds are sessions', () => {
  for (const seed of seeds) expect(decodeSession(seed).lifetimeSeconds).toBe(600)
})

test('any bytes are a session that encodes back, or a TlsError', () => {
  let decoded = 0
  const property = fc.property(arbitrary, bytes => {
    run(bytes)
    try {
      decodeSession(bytes)
      decoded++
    } catch {}
  })
  fc.assert(property, { numRuns: 3000, seed: 1 })
  // An arbitrary that is always refused would prove nothing about what is accepted.
  expect(decoded).toBeGreaterThan(300)
})
