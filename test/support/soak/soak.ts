/**
 * Three servers with their session nodes, faults on the way between them, and clients that come back to another server
 * each time: whatever happens costs full handshakes at most, and no more of them than the faults explain.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../free-ports.ts'
import { type Visit, visit } from './client.ts'
import { FaultyWays, slotMs } from './faults.ts'
import { type Sample, SoakServer } from './server.ts'

export interface SoakOptions {
  readonly seconds: number
  readonly clients: number
  readonly seed: number
  /** 0.01: in one of a hundred slots of 100 ms there is a fault before a node, for each node by itself. */
  readonly faultRate: number
  /** Of a session look-up, ms. */
  readonly lookupTimeoutMs: number
  readonly progress: (text: string) => void
}

export interface SoakReport {
  readonly handshakes: number
  /** Of clients that offered a session. */
  readonly returning: number
  readonly hits: number
  readonly misses: Readonly<Record<string, number>>
  /** Returning clients whom no fault explains a miss of, and how many of them were resumed all the same. */
  readonly unhindered: number
  readonly unhinderedHits: number
  readonly faults: number
  /** What clients saw. */
  readonly errors: readonly string[]
  readonly complaints: readonly string[]
  readonly exitCodes: readonly (number | null)[]
  /** By server, oldest first; the last one is of when all clients are gone. */
  readonly samples: ReadonlyMap<string, readonly Sample[]>
  readonly isLong: boolean
}

const binary = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))
const ids = ['n1', 'n2', 'n3']
/** Sessions live so long: what nodes hold is as much after a minute as after an hour. */
const lifetimeSeconds = 30
/** A client takes a session this often, and not after the last seconds of its life. */
const visitsPerSession = 10
const pauseMs = 100
/** A reply under way when a fault ends may still suffer from it. */
const afterMs = 300
/** A PUT is given up after this. */
const writeTimeoutMs = 1000
/** Of memory and sockets, evenly spaced. */
const sampleCount = 40
/** Below it nonces and records still become more, as they should: memory is not judged. */
const longSeconds = 240

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const directory = mkdtempSync(join(tmpdir(), 'ringtls-soak-'))
  const random = seeded(options.seed)
  const servers: SoakServer[] = []
  const ports = await freePorts(ids.length)
  const ways = await FaultyWays.open(new Map(ids.map((id, i) => [id, ports[i]!])), {
    ...{ rate: options.faultRate, budgetMs: options.lookupTimeoutMs, random },
  })
  try {
    const files = makeFiles(directory, ways)
    for (const [i, id] of ids.entries()) {
      const { lookupTimeoutMs } = options
      const args = [...files.args, '--node-listen', `127.0.0.1:${ports[i]}`]
      servers.push(await SoakServer.start(id, [...args, '--lookup-timeout', String(lookupTimeoutMs)]))
    }
    const course = new Course({ options, servers, ways, random, ca: files.ca })
    return await course.run()
  } finally {
    await Promise.all(servers.map(server => server.stop()))
    await ways.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

function makeFiles(directory: string, ways: FaultyWays) {
  const pki = join(directory, 'pki')
  execFileSync(process.execPath, [binary, 'init', pki, '--nodes', String(ids.length)], { stdio: 'pipe' })
  const file = (name: string) => join(pki, name)
  const info = JSON.parse(readFileSync(file('cluster.json'), 'utf8')) as {
    nodes: { id: string; url: string }[]
  }
  for (const node of info.nodes) node.url = ways.urlOf(node.id)
  writeFileSync(file('cluster.json'), JSON.stringify(info))
  return {
    ca: readFileSync(file('ca.pem'), 'utf8'),
    args: [
      ...['--listen', '127.0.0.1:0', '--cert', file('server.pem'), '--key', file('server.key')],
      ...['--cluster', file('cluster.json'), '--cluster-key', file('cluster.key')],
      ...['--ttl', String(lifetimeSeconds)],
    ],
  }
}

interface CourseSetup {
  readonly options: SoakOptions
  readonly servers: readonly SoakServer[]
  readonly ways: FaultyWays
  readonly random: () => number
  readonly ca: string
}

/** A session in a client's hands. */
interface Held {
  readonly madeMs: number
  readonly maker: string
  readonly owner: string
  readonly session: Buffer
  visits: number
}

class Course {
  readonly #setup: CourseSetup
  readonly #endMs: number
  readonly #errors: string[] = []
  readonly #misses: Record<string, number> = {}
  readonly #samples = new Map<string, Sample[]>()
  #handshakes = 0
  #returning = 0
  #hits = 0
  /** Of returning clients: judged at the end, when all is known of the faults. */
  readonly #returns: { readonly held: Held; readonly visit: Visit }[] = []
  #unhindered = 0
  #unhinderedHits = 0

  constructor(setup: CourseSetup) {
    this.#setup = setup
    this.#endMs = Date.now() + setup.options.seconds * 1000
    for (const { id } of setup.servers) this.#samples.set(id, [])
  }

  async run(): Promise<SoakReport> {
    const { options, ways, servers } = this.#setup
    ways.begin()
    const clients = Array.from({ length: options.clients }, () => this.#client())
    await Promise.all([...clients, this.#watch()])
    await ways.end()
    // Connections of clients are gone, those to the nodes are kept.
    await sleep(1000)
    await this.#sample()
    this.#judgeReturns(Number.POSITIVE_INFINITY)
    const exitCodes = await Promise.all(servers.map(server => server.stop()))
    return {
      ...{ handshakes: this.#handshakes, returning: this.#returning, hits: this.#hits, misses: this.#misses },
      ...{ unhindered: this.#unhindered, unhinderedHits: this.#unhinderedHits },
      ...{ faults: ways.faults.length, errors: this.#errors, exitCodes, samples: this.#samples },
      complaints: servers.flatMap(({ id, complaints }) => complaints.map(line => `${id}: ${line}`)),
      isLong: options.seconds >= longSeconds,
    }
  }

  /** One client after the other in the same place. */
  async #client(): Promise<void> {
    const { servers, random, ca } = this.#setup
    let held: Held | undefined
    let last: SoakServer | undefined
    while (Date.now() < this.#endMs) {
      const others = servers.filter(server => server !== last)
      const server = others[Math.floor(random() * others.length)]!
      last = server
      try {
        const seen = await visit({ port: server.port, ca, session: held?.session })
        this.#count(held, seen)
        held = nextHeld(held, seen, server.id)
      } catch (error) {
        this.#errors.push(`${server.id}: ${error}`)
        held = undefined
      }
      await sleep(random() * 2 * pauseMs)
    }
  }

  #count(held: Held | undefined, seen: Visit): void {
    this.#handshakes++
    if (held === undefined) return
    this.#returning++
    if (seen.isResumed) this.#hits++
    else this.#misses[seen.reason] = (this.#misses[seen.reason] ?? 0) + 1
    this.#returns.push({ held, visit: seen })
  }

  /** Says how it goes, and looks at memory and sockets. */
  async #watch(): Promise<void> {
    const { options } = this.#setup
    const everyMs = (options.seconds * 1000) / sampleCount
    for (let i = 0; i < sampleCount; i++) {
      await this.#sample()
      await sleep(everyMs)
      this.#judgeReturns(Date.now() - 5000)
      const ratio = this.#returning === 0 ? 0 : (100 * this.#hits) / this.#returning
      const rest = Math.max(0, Math.round((this.#endMs - Date.now()) / 1000))
      options.progress(
        `${rest} s left: ${this.#handshakes} handshakes, ${ratio.toFixed(1)} % of ${this.#returning} returning resumed, ` +
          `${this.#setup.ways.faults.length} faults, ${this.#errors.length} errors`,
      )
    }
  }

  async #sample(): Promise<void> {
    for (const server of this.#setup.servers) this.#samples.get(server.id)!.push(await server.sample())
  }

  /** Those that ended before `beforeMs`: what was wrong then is known by now. */
  #judgeReturns(beforeMs: number): void {
    while (this.#returns[0] !== undefined && this.#returns[0].visit.endMs < beforeMs) {
      const { held, visit } = this.#returns.shift()!
      if (this.#isExplained(held, visit)) continue
      this.#unhindered++
      if (visit.isResumed) this.#unhinderedHits++
    }
  }

  /**
   * Whether a miss would be no wonder: there was a fault before the session's owner, or the server's breaker for it
   * was not closed, while the session was written or while it was looked up.
   */
  #isExplained({ madeMs, maker, owner }: Held, { startMs, endMs, server }: Visit): boolean {
    return (
      this.#isHindered(owner, maker, [madeMs, madeMs + writeTimeoutMs]) ||
      this.#isHindered(owner, server, [startMs, endMs])
    )
  }

  #isHindered(owner: string, serverId: string, [fromMs, toMs]: readonly [number, number]): boolean {
    const { ways, servers } = this.#setup
    const overlaps = (other: { readonly node: string; readonly fromMs: number; readonly toMs: number }) =>
      other.node === owner && other.fromMs <= toMs && other.toMs + afterMs >= fromMs
    const { breakers } = servers.find(({ id }) => id === serverId)!
    return ways.faults.some(overlaps) || breakers.some(overlaps)
  }
}

/** The session of a full handshake, or the same once more; none when it has been used often, or is old. */
function nextHeld(held: Held | undefined, seen: Visit, maker: string): Held | undefined {
  if (!seen.isResumed) {
    const { endMs: madeMs, owner, session } = seen
    return session && { madeMs, maker, owner, session, visits: 0 }
  }
  if (held === undefined) return undefined
  held.visits++
  const isOld = Date.now() - held.madeMs > (lifetimeSeconds - 10) * 1000
  return held.visits >= visitsPerSession || isOld ? undefined : held
}

/** mulberry32. */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const sleep = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))

export { slotMs }

/** In percent: of the returning clients whom no fault explains a miss of, how many resumed. */
export function hitRatio({ unhindered, unhinderedHits }: SoakReport): number {
  return unhindered === 0 ? 0 : (100 * unhinderedHits) / unhindered
}

/** The least of it: 99 % of what the faults allow. */
export const leastHitRatio = 99
/** How much more heap the last quarter may have in the median than the second one. */
const heapGrowth = { factor: 1.1, bytes: 4 * 2 ** 20 }
const socketGrowth = 16

/** What is not as it must be. */
export function faultsOf(report: SoakReport): readonly string[] {
  const { errors, complaints, exitCodes, samples, unhindered, isLong } = report
  const last = [...samples.values()].map(list => list.at(-1)!)
  const unhandled = last.reduce((total, sample) => total + sample.unhandledRejections, 0)
  return [
    ...errors.slice(0, 5).map(error => `a client saw an error: ${error}`),
    ...complaints.slice(0, 5),
    ...(unhandled > 0 ? [`${unhandled} unhandled rejections`] : []),
    ...(exitCodes.some(code => code !== 0) ? [`exit codes ${exitCodes}, wanted 0`] : []),
    ...(unhindered === 0 || hitRatio(report) < leastHitRatio
      ? [
          `${hitRatio(report).toFixed(2)} % of ${unhindered} unhindered clients resumed, wanted ${leastHitRatio} %`,
        ]
      : []),
    ...(isLong ? [...samples].flatMap(([id, list]) => leaksOf(id, list)) : []),
  ]
}

function leaksOf(id: string, samples: readonly Sample[]): readonly string[] {
  const quarter = Math.floor(samples.length / 4)
  const second = samples.slice(quarter, 2 * quarter)
  const fourth = samples.slice(3 * quarter, -1)
  const [before, after] = [second, fourth].map(list => medianOf(list.map(({ heapUsed }) => heapUsed))) as [
    number,
    number,
  ]
  const [most, least] = [fourth, second].map(list => medianOf(list.map(({ sockets }) => sockets))) as [
    number,
    number,
  ]
  const allowed = Math.max(before * heapGrowth.factor, before + heapGrowth.bytes)
  return [
    ...(after > allowed ? [`${id}: heap grew from ${mebibytes(before)} to ${mebibytes(after)}`] : []),
    ...(most > least + socketGrowth ? [`${id}: sockets grew from ${least} to ${most}`] : []),
  ]
}

function medianOf(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
}

export const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
