/**
 * memcached cannot tell how long a record has left, and has no KEEPTTL: so a value begins with the time when it is
 * over, in ms since 1970, and whoever deletes it knows how long its tombstone must stay.
 *
 *     u48 over at, ms | the value
 */
import { nonceMemoryMs } from '../request-signature.ts'
import type { SessionEngine } from './session-engine.ts'

/** What is used of a client of memjs. */
export interface MemjsClient {
  get(key: string): Promise<{ readonly value: Uint8Array | null }>
  add(key: string, value: Buffer, options: { readonly expires: number }): Promise<boolean>
  replace(key: string, value: Buffer, options: { readonly expires: number }): Promise<boolean>
  close(): void
}

export interface FromMemjsOptions {
  /** ms since 1970. */
  readonly now: () => number
  readonly name?: string
}

const timeBytes = 6

/** A client of memjs as a session engine; which of several servers has a key is the client's matter. */
export function fromMemjs(client: MemjsClient, { now, name = 'memcached' }: FromMemjsOptions): SessionEngine {
  const read = async (key: string) => {
    const { value } = await client.get(key)
    return value === null || value.length < timeBytes ? undefined : value
  }
  return {
    name,
    get: async key => (await read(key))?.subarray(timeBytes),
    add: (key, value, ms) => client.add(key, stamped(value, now() + ms), { expires: secondsOf(ms) }),
    replace: async (key, value) => {
      const found = await read(key)
      if (found === undefined) return false
      const overMs = Buffer.from(found).readUIntBE(0, timeBytes)
      // Clocks differ: a tombstone stays at least as long as a PUT may be on its way.
      const ms = Math.max(nonceMemoryMs, overMs - now())
      return client.replace(key, stamped(value, now() + ms), { expires: secondsOf(ms) })
    },
    close: async () => client.close(),
  }
}

function stamped(value: Uint8Array, overMs: number): Buffer {
  const bytes = Buffer.alloc(timeBytes + value.length)
  bytes.writeUIntBE(overMs, 0, timeBytes)
  bytes.set(value, timeBytes)
  return bytes
}

/** memcached's clock ticks once a second, and the tick that comes first may come at once: one more than the time needs. */
function secondsOf(ms: number): number {
  return Math.ceil(ms / 1000) + 1
}
