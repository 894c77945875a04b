import type { SessionEngine } from './session-engine.ts'

/** What is used of a client of node-redis (`redis`, from version 5 on), once its replies are bytes. */
interface BufferClient {
  get(key: string): Promise<unknown>
  set(key: string, value: Buffer, options: SetOptions): Promise<unknown>
}

type SetOptions =
  | { readonly condition: 'NX'; readonly expiration: { readonly type: 'PX'; readonly value: number } }
  | { readonly condition: 'XX'; readonly expiration: 'KEEPTTL' }

/** What is used of `createClient()`, `createCluster()` or `createSentinel()` of node-redis. */
export interface NodeRedisClient {
  withTypeMapping(mapping: { readonly [blobString: number]: typeof Buffer }): BufferClient
  on(event: 'error', listener: (error: unknown) => void): unknown
}

/** RESP's `$`, a blob string: node-redis gives it as Buffer where it is told so. */
const blobString = 36

/**
 * A client of node-redis as a session engine, for who has one: it must be connected, and is not closed. Make it with
 * `disableOfflineQueue: true`, or commands of look-ups that were given up pile up while the server is away.
 */
export function fromNodeRedis(client: NodeRedisClient, name = 'redis'): SessionEngine {
  // An 'error' without a listener would end the process; each command says by itself that it failed.
  client.on('error', () => {})
  const commands = client.withTypeMapping({ [blobString]: Buffer })
  return {
    name,
    get: async key => bytesOf(await commands.get(key)),
    add: async (key, value, ms) => {
      const expiration = { type: 'PX', value: ms } as const
      return (await commands.set(key, Buffer.from(value), { condition: 'NX', expiration })) !== null
    },
    replace: async (key, value) =>
      (await commands.set(key, Buffer.from(value), { condition: 'XX', expiration: 'KEEPTTL' })) !== null,
  }
}

function bytesOf(reply: unknown): Uint8Array | undefined {
  return reply instanceof Uint8Array ? reply : undefined
}
