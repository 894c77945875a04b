/** What a session store must do, whichever it is. */
import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { type SessionStore, StoreFailure } from '../../../src/cluster/session-store.ts'
import { noSignal, reasonOf } from '../support.ts'

/** A store, and another server's store on the same engine. */
export interface StoresUnderTest {
  readonly store: SessionStore
  readonly other: SessionStore
  /** Lets so much time go by; waits for it where the clock is the engine's. */
  pass(ms: number): Promise<void>
}

let keys = 0
/** A storage key that nobody else has. */
export function newKey(): Uint8Array {
  return new Uint8Array(
    createHash('sha256').update(`storage key ${process.pid} ${Math.random()} ${keys++}`).digest(),
  )
}

/** Long enough for a machine that is busy with other things. */
const minuteMs = 60_000

const bytes = (text: string) => new Uint8Array(Buffer.from(text))

/** Declares the tests of the contract; `open` is called once. */
export function storeContract(name: string, open: () => Promise<StoresUnderTest>): void {
  describe(name, () => {
    let stores: StoresUnderTest
    beforeAll(async () => {
      stores = await open()
    })

    test('has what was put, at another server too, and nothing else', async () => {
      const { store, other } = stores
      const key = newKey()
      expect(await store.get(key, noSignal)).toBeUndefined()
      await store.put(key, bytes('a record'), minuteMs)
      expect(await other.get(key, noSignal)).toEqual(bytes('a record'))
      expect(await other.get(newKey(), noSignal)).toBeUndefined()
    })

    test('every byte value, and the largest record there may be', async () => {
      const { store, other } = stores
      for (const record of [Uint8Array.from({ length: 256 }, (_, i) => i), new Uint8Array(4096).fill(0xff)]) {
        const key = newKey()
        await store.put(key, record, minuteMs)
        expect(await other.get(key, noSignal)).toEqual(record)
      }
    })

    test('the first write wins: others are a conflict, the same again is stored already', async () => {
      const { store, other } = stores
      const key = newKey()
      await store.put(key, bytes('first'), minuteMs)
      expect(await reasonOf(other.put(key, bytes('second'), minuteMs))).toBe('conflict')
      await other.put(key, bytes('first'), minuteMs)
      expect(await store.get(key, noSignal)).toEqual(bytes('first'))
    })

    test('what was deleted is not had, and does not come back', async () => {
      const { store, other } = stores
      const key = newKey()
      await store.put(key, bytes('a record'), minuteMs)
      await other.delete(key)
      expect(await store.get(key, noSignal)).toBeUndefined()
      expect(await reasonOf(store.put(key, bytes('a record'), minuteMs))).toBe('gone')
      await other.delete(key)
      expect(await store.get(key, noSignal)).toBeUndefined()
    })

    test('a DELETE that comes before its PUT is remembered', async () => {
      const { store, other } = stores
      const key = newKey()
      await other.delete(key)
      expect(await reasonOf(store.put(key, bytes('late'), minuteMs))).toBe('gone')
      expect(await store.get(key, noSignal)).toBeUndefined()
    })

    test('DELETE races PUT: whoever is first, nobody has it afterwards', async () => {
      const { store, other } = stores
      const races = Array.from({ length: 32 }, async (_, i) => {
        const key = newKey()
        const put = () => store.put(key, bytes('a record'), minuteMs).catch(reasonOfError)
        const remove = () => other.delete(key)
        await Promise.all(i % 2 === 0 ? [put(), remove()] : [remove(), put()])
        return other.get(key, noSignal)
      })
      expect(new Set(await Promise.all(races))).toEqual(new Set([undefined]))
    })

    test('a record is over when its time is, and its key free again', async () => {
      const { store, other, pass } = stores
      const key = newKey()
      await store.put(key, bytes('short'), 2000)
      expect(await store.get(key, noSignal)).toEqual(bytes('short'))
      await pass(2001)
      await untilOver(() => other.get(key, noSignal))
      await store.put(key, bytes('next'), minuteMs)
      expect(await other.get(key, noSignal)).toEqual(bytes('next'))
    })
  })
}

function reasonOfError(error: unknown): string {
  if (error instanceof StoreFailure) return error.reason
  throw error
}

/** memcached's seconds are long ones. */
async function untilOver(read: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await read()) === undefined) return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error('the record is there ten seconds after its time')
}
