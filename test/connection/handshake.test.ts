import { describe, expect, it } from 'vitest'
import { cipherSuiteNames } from '../../src/crypto/cipher-suites.ts'
import { MemorySessionCache } from '../../src/driver/memory-session-cache.ts'
import { connectPair, exchange, testNowMs } from '../support/pair.ts'

describe('client and server in memory', () => {
  it.each(cipherSuiteNames)('%s: full, then resumed, data both ways', suite => {
    const cache = new MemorySessionCache({ now: () => testNowMs })
    const first = connectPair({ cache, client: { cipherSuites: [suite] } })
    expect(first.server.error).toBeUndefined()
    expect(first.client.error).toBeUndefined()
    const made = first.client.established!
    expect(made).toMatchObject({ suite, resumed: false, verified: true, resumption: 'no_id' })
    expect(first.server.established).toMatchObject({ suite, resumed: false, resumption: 'no_id' })
    first.client.driver.write(Buffer.from('ping'))
    exchange(first.client, first.server)
    first.server.driver.write(Buffer.from('pong'))
    exchange(first.client, first.server)
    expect(first.server.received).toBe('ping')
    expect(first.client.received).toBe('pong')

    const session = { sessionId: made.sessionId, session: made.session, verified: true }
    const second = connectPair({ cache, seed: 'second', client: { cipherSuites: [suite], session } })
    expect(second.client.error).toBeUndefined()
    expect(second.client.established).toMatchObject({ suite, resumed: true })
    expect(second.server.established).toMatchObject({ suite, resumed: true, resumption: 'hit' })
  })
})
