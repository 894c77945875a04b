import type { SessionEngine } from './session-engine.ts'

/** What is used of a client of ioredis, `new Redis(...)` or `new Cluster(...)` alike. */
export interface IoredisClient {
  getBuffer(key: string): Promise<Uint8Array | null>
  set(key: string, value: Buffer, px: 'PX', ms: number, nx: 'NX'): Promise<'OK' | null>
  /** KEEPTTL with XX, for which ioredis has no signature, needs Redis 6. */
  call(command: string, ...args: (string | Buffer)[]): Promise<unknown>
  on(event: 'error', listener: (error: unknown) => void): unknown
  disconnect(): void
}

/** A client of ioredis as a session engine. The client stays the caller's until `close`. */
export function fromIoredis(client: IoredisClient, name = 'redis'): SessionEngine {
  // Without a listener ioredis prints what it emits; each command says by itself that it failed.
  client.on('error', () => {})
  return {
    name,
    get: async key => (await client.getBuffer(key)) ?? undefined,
    add: async (key, value, ms) => (await client.set(key, asBuffer(value), 'PX', ms, 'NX')) === 'OK',
    replace: async (key, value) => (await client.call('SET', key, asBuffer(value), 'XX', 'KEEPTTL')) !== null,
    connect: async () => void (await client.getBuffer('ringtls:')),
    close: async () => client.disconnect(),
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
