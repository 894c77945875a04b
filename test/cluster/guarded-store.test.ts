import { expect, test } from 'vitest'
import { GuardedStore } from '../../src/cluster/guarded-store.ts'
import { type SessionStore, StoreFailure } from '../../src/cluster/session-store.ts'
import { reasonOf, startMs } from './support.ts'

const storageKey = new Uint8Array(32)

/** A store that is not there, and how often it was asked all the same. */
function deadStore(): { store: SessionStore; asked: Record<'get' | 'put' | 'delete', number> } {
  const asked = { get: 0, put: 0, delete: 0 }
  const fail = (operation: keyof typeof asked) => async () => {
    asked[operation]++
    throw new StoreFailure('error', 'not there')
  }
  return { asked, store: { get: fail('get'), put: fail('put'), delete: fail('delete') } }
}

test('behind an open breaker nothing is read or written, but a deletion is tried: nobody makes up for it later', async () => {
  const { store, asked } = deadStore()
  const guarded = new GuardedStore(store, { now: () => startMs })
  for (let i = 0; i < 3; i++) expect(await reasonOf(guarded.get(storageKey))).toBe('error')
  expect([...guarded.breakers.values()]).toEqual(['open'])
  expect(await reasonOf(guarded.get(storageKey))).toBe('breaker')
  expect(await reasonOf(guarded.put(storageKey, new Uint8Array(1), 1000))).toBe('breaker')
  expect(asked).toEqual({ get: 3, put: 0, delete: 0 })
  expect(await reasonOf(guarded.delete(storageKey))).toBe('error')
  expect(asked.delete).toBe(1)
})
