import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Ports that the system does not hand out by itself (Linux from 32768, others from 49152 on): one that it chose for us and we gave back
 * may be the source of the next connection of a test beside this one, before our server listens on it.
 */
const [lowest, highest] = [10_240, 32_767]
const triesPerPort = 100

/** Test files run side by side, each in a worker: one gives no port that another is about to listen on. */
const shares = 16
const share = Number(process.env.VITEST_POOL_ID ?? 0) % shares

/** Every port is given once in a process. */
const given = new Set<number>()

/** A port that was free a moment ago, for a server that has to be told its own. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < triesPerPort; tries++) {
    const port = lowest + shares * randomInt(Math.floor((highest - lowest) / shares)) + share
    if (given.has(port)) continue
    given.add(port)
    if (await isFree(port)) return port
  }
  throw new Error(`none of ${triesPerPort} ports from ${lowest} to ${highest} was free`)
}

/** Several of them, no two the same. */
export function freePorts(count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, freePort))
}

/** On all addresses, of both families. */
function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, () => server.close(() => resolve(true)))
  })
}
