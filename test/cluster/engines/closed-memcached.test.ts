import { afterEach, expect, test } from 'vitest'
import { connectMemcached } from '../../../src/cluster/engines/connect-memcached.ts'
import { keyPrefix } from '../../../src/cluster/engines/session-engine.ts'
import { Openings, openTcp, provider, until } from '../support.ts'

const openings = new Openings()
afterEach(() => openings.release())

test('a closed engine of memcached opens no connection any more, and rejects what it is asked', async () => {
  let connections = 0
  // It never has what it is asked for.
  const origin = await openTcp(openings, socket => {
    connections++
    socket.on('data', () => socket.write('END\r\n'))
  })
  const server = { host: '127.0.0.1', port: Number(new URL(origin).port) }
  const address = { kind: 'memcached', servers: [server] } as never
  const engine = await connectMemcached(address, { provider, now: Date.now })
  openings.add(async () => engine.close?.())
  const key = `${keyPrefix}${Buffer.alloc(32).toString('base64url')}`
  await engine.get(key).catch(() => {})
  await until(() => connections === 1)
  await engine.close?.()
  await expect(engine.get(key)).rejects.toThrow('closed')
  await expect(engine.add(key, new Uint8Array(1), 1000)).rejects.toThrow('closed')
  expect(connections).toBe(1)
})
