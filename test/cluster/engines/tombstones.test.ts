/** What stands in the engines, as their own tools show it. */
import { afterEach, expect, test } from 'vitest'
import { connectStore, type EngineAddress } from '../../../src/cluster/engines/connect-store.ts'
import { parseStoreUrl } from '../../../src/cluster/engines/store-url.ts'
import { needs } from '../../support/peers.ts'
import { Openings, provider } from '../support.ts'
import { askMemcached, redisCli, startMemcached, startRedis } from './servers.ts'

const openings = new Openings()
afterEach(() => openings.release())

const storageKey = Uint8Array.from({ length: 32 }, (_, i) => i)
// python3: base64.urlsafe_b64encode(bytes(range(32)))
const key = 'ringtls:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8'
const record = new Uint8Array(Buffer.from('a sealed record'))

async function open(url: string, now: () => number = Date.now) {
  const store = await connectStore(parseStoreUrl(url) as EngineAddress, { provider, now })
  openings.add(() => store.close())
  await store.connect()
  return store
}

needs('redis-server', () =>
  needs('redis-cli', () => {
    test('Redis: the record under its key for its time; a tombstone for the time that is left, or a minute', async () => {
      const server = await startRedis(openings)
      const ask = (...command: string[]) => redisCli(['-p', String(server.port), ...command])
      const store = await open(`redis://${server.address}`)
      await store.put(storageKey, record, 600_000)
      expect(await ask('GET', key)).toBe('a sealed record\n')
      expect(Number(await ask('PTTL', key))).toBeGreaterThan(500_000)
      expect(Number(await ask('PTTL', key))).toBeLessThanOrEqual(600_000)
      // As if nine of the ten minutes had gone by.
      await ask('PEXPIRE', key, '90000')
      await store.delete(storageKey)
      expect(await ask('GET', key)).toBe('gone\n')
      expect(Number(await ask('PTTL', key))).toBeGreaterThan(60_000)
      expect(Number(await ask('PTTL', key))).toBeLessThanOrEqual(90_000)
      await ask('DEL', key)
      await store.delete(storageKey)
      expect(await ask('GET', key)).toBe('gone\n')
      expect(Number(await ask('PTTL', key))).toBeGreaterThan(30_000)
      expect(Number(await ask('PTTL', key))).toBeLessThanOrEqual(60_000)
    })
  }),
)

needs('memcached', () => {
  test('memcached: when it is over and the record; a tombstone for the time that is left, or a minute', async () => {
    const server = await startMemcached(openings)
    const ask = (line: string) => askMemcached(server.port, line, /END\r\n|EN\r\n|DELETED\r\n|HD.*\r\n/)
    let nowMs = 1_700_000_000_000
    const store = await open(`memcached://${server.address}`, () => nowMs)
    await store.put(storageKey, record, 600_000)
    // 1,700,000,600,000 is 018BCFEE8FC0 in six bytes.
    expect(await ask(`get ${key}`)).toBe(
      `VALUE ${key} 0 21\r\n\x01\x8b\xcf\xee\x8f\xc0a sealed record\r\nEND\r\n`,
    )
    const seconds = async () => Number(/HD t(\d+)/.exec(await ask(`mg ${key} t`))![1])
    expect(await seconds()).toBeGreaterThan(590)
    expect(await seconds()).toBeLessThanOrEqual(601)
    nowMs += 510_000
    await store.delete(storageKey)
    expect(await ask(`get ${key}`)).toMatch(/gone\r\nEND\r\n$/)
    expect(await seconds()).toBeGreaterThan(80)
    expect(await seconds()).toBeLessThanOrEqual(91)
    await ask(`delete ${key}`)
    await store.delete(storageKey)
    expect(await seconds()).toBeGreaterThan(50)
    expect(await seconds()).toBeLessThanOrEqual(61)
    expect(await store.get(storageKey)).toBeUndefined()
  })
})
