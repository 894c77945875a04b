import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis'
import { fromIoredis, type IoredisClient } from './ioredis.ts'
import { loadClient } from './load-client.ts'
import { redisSlot } from './redis-slot.ts'
import type { SessionEngine } from './session-engine.ts'
import { type RedisAddress, serverText } from './store-url.ts'

/** A connection that has said nothing for so long while it was asked is dropped, and made anew. */
const silenceMs = 2000
const reconnectAfter = (attempt: number) => Math.min(50 * attempt, 1000)

/**
 * Makes the client for a Redis, which connects when it is first asked or by `connect`, and reconnects for as long
 * as it lives. At its defaults ioredis keeps commands of a server that is away, sends them again when it is back, and
 * waits ten seconds for a connection; here a command is for now or fails. Throws ApiMisuse when ioredis is missing.
 */
export async function connectRedis(address: RedisAddress): Promise<SessionEngine> {
  const ioredis = await loadClient('ioredis', () => import('ioredis'))
  const name = `redis ${address.servers.map(serverText).join(',')}`
  if (address.kind === 'redis+cluster') {
    const cluster = new ioredis.Cluster([...address.servers], clusterOptions(address))
    return clusterEngine(cluster, name)
  }
  const redis = new ioredis.Redis({ ...redisOptions(address), ...whereabouts(address) })
  return { ...fromIoredis(redis as IoredisClient, name), connect: () => untilReady(redis) }
}

function redisOptions({ login, tls, database }: RedisAddress): RedisOptions {
  return {
    ...login,
    ...(tls ? { tls: {} } : {}),
    db: database,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 1000,
    socketTimeout: silenceMs,
    disableClientInfo: true,
    retryStrategy: reconnectAfter,
    // A master that became a replica: its name leads to the new one.
    reconnectOnError: error => error.message.startsWith('READONLY'),
  }
}

function whereabouts({ kind, servers, master, tls }: RedisAddress): RedisOptions {
  if (kind === 'redis') return { ...servers[0]! }
  return {
    sentinels: [...servers],
    name: master!,
    sentinelRetryStrategy: reconnectAfter,
    ...(tls ? { enableTLSForSentinelMode: true } : {}),
  }
}

function clusterOptions(address: RedisAddress): ClusterOptions {
  const { retryStrategy: _, enableOfflineQueue: __, ...ofNodes } = redisOptions(address)
  return {
    redisOptions: ofNodes,
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: reconnectAfter,
    // A slot that moved is followed at once; for a cluster or a master that is down nobody waits.
    maxRedirections: 3,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    slotsRefreshTimeout: 1000,
    slotsRefreshInterval: 5000,
  }
}

/** A guard for each master: `slots` is what ioredis itself goes by. */
function clusterEngine(cluster: Cluster, name: string): SessionEngine {
  return {
    ...fromIoredis(cluster as IoredisClient, name),
    serverOf: key => cluster.slots[redisSlot(key)]?.[0] ?? name,
    connect: async () => {
      await untilReady(cluster)
      await Promise.all(cluster.nodes('master').map(node => node.ping()))
    },
  }
}

/**
 * Connects; the client goes on by itself where the first attempt fails. ioredis says "Connection is closed." then, and
 * tells the reason as an event.
 */
async function untilReady(client: Redis | Cluster): Promise<void> {
  if (client.status !== 'wait') return
  let reason: unknown
  const remember = (error: unknown) => {
    reason ??= nodeErrorOf(error)
  }
  client.on('error', remember)
  try {
    await client.connect()
  } catch (error) {
    throw reason ?? nodeErrorOf(error)
  } finally {
    client.off('error', remember)
  }
}

/** Of a cluster none of whose nodes could be had: what the last one said. */
function nodeErrorOf(error: unknown): unknown {
  return error instanceof Error && 'lastNodeError' in error ? (error.lastNodeError ?? error) : error
}
