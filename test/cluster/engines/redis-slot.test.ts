import { describe, expect, test } from 'vitest'
import { toBase64url } from '../../../src/cluster/base64url.ts'
import { redisSlot } from '../../../src/cluster/engines/redis-slot.ts'
import { needs } from '../../support/peers.ts'
import { Openings, seededRandom } from '../support.ts'
import { redisCli, startRedis } from './servers.ts'

describe('the slot of a key', () => {
  // The specification's own: CRC-16/XMODEM of 123456789 is 31C3.
  test('123456789 is in slot 12739', () => expect(redisSlot('123456789')).toBe(0x31c3))

  needs('redis-server', () =>
    needs('redis-cli', () =>
      test('is the one that Redis says', async () => {
        const openings = new Openings()
        try {
          const { port } = await startRedis(openings, ['--cluster-enabled', 'yes'])
          const random = seededRandom('slots')
          for (let i = 0; i < 8; i++) {
            const key = `ringtls:${toBase64url(random(32))}`
            expect(redisSlot(key)).toBe(
              Number(await redisCli(['-p', String(port), 'CLUSTER', 'KEYSLOT', key])),
            )
          }
        } finally {
          await openings.release()
        }
      }),
    ),
  )
})
