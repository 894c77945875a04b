/** The same contract against session nodes and every engine, each with real servers. */
import { createClient, createCluster } from 'redis'
import { afterAll } from 'vitest'
import { connectStore, type EngineAddress } from '../../../src/cluster/engines/connect-store.ts'
import { EngineSessionStore } from '../../../src/cluster/engines/engine-session-store.ts'
import { fromNodeRedis } from '../../../src/cluster/engines/node-redis.ts'
import { parseStoreUrl } from '../../../src/cluster/engines/store-url.ts'
import type { SessionStore } from '../../../src/cluster/session-store.ts'
import { needs } from '../../support/peers.ts'
import { Openings, openCluster, provider } from '../support.ts'
import { type StoresUnderTest, storeContract } from './contract.ts'
import {
  type RedisProgram,
  startMemcached,
  startRedis,
  startRedisCluster,
  startSentinels,
} from './servers.ts'

const openings = new Openings()
afterAll(() => openings.release())

async function storesAt(url: string): Promise<StoresUnderTest> {
  const open = async () => {
    const store = await connectStore(parseStoreUrl(url) as EngineAddress, { provider, now: Date.now })
    openings.add(() => store.close())
    await store.connect()
    return store
  }
  return realStores(await open(), await open())
}

function realStores(store: SessionStore, other: SessionStore): StoresUnderTest {
  return { store, other, pass: ms => new Promise(resolve => setTimeout(resolve, ms)) }
}

storeContract('session nodes', async () => {
  const { server, clock } = await openCluster(openings, 3)
  const pass = async (ms: number) => {
    clock.nowMs += ms
  }
  return { store: server().store, other: server().store, pass }
})

/** What is Redis, whoever made it. */
function redisContracts(program: RedisProgram): void {
  storeContract(`${program}, ioredis`, async () => {
    const { address } = await startRedis(openings, [], program)
    return storesAt(`redis://${address}`)
  })

  storeContract(`${program}, node-redis`, async () => {
    const { address } = await startRedis(openings, [], program)
    const open = async () => {
      const client = createClient({ url: `redis://${address}`, disableOfflineQueue: true })
      const store = new EngineSessionStore(fromNodeRedis(client))
      await client.connect()
      openings.add(async () => client.destroy())
      return store
    }
    return realStores(await open(), await open())
  })

  storeContract(`${program}, cluster of three, ioredis`, async () => {
    const masters = await startRedisCluster(openings, [], program)
    return storesAt(`redis+cluster://${masters.map(({ address }) => address).join(',')}`)
  })

  storeContract(`${program}, cluster of three, node-redis`, async () => {
    const masters = await startRedisCluster(openings, [], program)
    const cluster = createCluster({
      rootNodes: masters.map(({ address }) => ({ url: `redis://${address}` })),
    })
    const store = new EngineSessionStore(fromNodeRedis(cluster))
    await cluster.connect()
    openings.add(async () => cluster.destroy())
    return realStores(store, store)
  })

  storeContract(`${program}, sentinel`, async () => {
    const { sentinel } = await startSentinels(openings, program)
    return storesAt(`redis+sentinel://${sentinel.address}/mymaster`)
  })
}

needs('redis-server', () => needs('redis-sentinel', () => redisContracts('redis-server')))
needs('valkey-server', () => needs('redis-cli', () => redisContracts('valkey-server')))

needs('memcached', () => {
  storeContract('memcached', async () => storesAt(`memcached://${(await startMemcached(openings)).address}`))

  storeContract('memcached, two servers', async () => {
    const servers = [await startMemcached(openings), await startMemcached(openings)]
    return storesAt(`memcached://${servers.map(({ address }) => address).join(',')}`)
  })
})
