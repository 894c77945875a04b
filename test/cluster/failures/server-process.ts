/**
 * A server of a cluster in a process of its own, made of the same parts as `ringtls server`, that does what a test
 * could not ask of the binary: its clock can be turned and its event loop stalled, its list and keys are texts, and its
 * randomness is seeded. `harness.ts` bundles and starts it, and talks to it over IPC.
 *
 * Every connection is told in a line of JSON how its handshake went. What it logs goes to stderr.
 */
import type { AddressInfo } from 'node:net'
import {
  type ClusterLog,
  type ClusterMember,
  createSessionNode,
  type HttpSessionStoreLimits,
  joinCluster,
  parseClusterInfo,
  parseClusterKeys,
  type SessionNode,
} from '../../../src/cluster/index.ts'
import { createServer, type Server, type TLSSocket } from '../../../src/node/index.ts'
import { nobleProvider } from '../../../src/providers/noble/index.ts'
import { seededRandom } from '../../support/seeded-random.ts'

/** What a server is started with. */
export interface ServerSetup {
  /** Which node of its list it is; without it, it serves clients and stores nothing. */
  readonly nodeId?: string
  /** Whether it runs that node's session store. */
  readonly hasStore: boolean
  readonly clusterInfo: string
  readonly clusterKeys: string
  readonly cert: string
  readonly key: string
  /** Of its random bytes. */
  readonly seed: string
  readonly lookupTimeoutMs: number
  readonly limits?: Partial<HttpSessionStoreLimits>
  /** Lets its clients prove a certificate of this authority. */
  readonly clientCa?: string
  /** Seconds that its sessions live. */
  readonly sessionTimeout?: number
}

/** What it may be told. Every command is answered once it is done. */
export type Command =
  | { readonly do: 'report' }
  /** Its clock is so far from the true time; with `stands` it stands still there. */
  | { readonly do: 'turn clock'; readonly offsetMs: number; readonly stands?: boolean }
  /** Nothing else happens in it for so long: from now on, or from the middle of its next look-up. */
  | { readonly do: 'stall'; readonly ms: number; readonly when: 'now' | 'in look-up' }
  /** What it asks of the store is held back from now on, or let go. */
  | { readonly do: 'hold'; readonly what: 'get' | 'put' | 'delete' }
  | { readonly do: 'release'; readonly what: 'get' | 'put' | 'delete' }
  | { readonly do: 'replace list'; readonly clusterInfo: string }
  | { readonly do: 'replace keys'; readonly clusterKeys: string }
  /** As on SIGTERM: hands over what is on its way, and ends. */
  | { readonly do: 'shut down' }

/** All that it counted. */
export interface Report {
  readonly sessions: ClusterMember['sessionCache']['counters']
  readonly store: ClusterMember['store']['counters']
  /** State by node. */
  readonly breakers: Readonly<Record<string, string>>
  /** What the session cache (`load`) and the store were asked for, whether they have answered or not. */
  readonly asked: Readonly<Record<'load' | 'get' | 'put' | 'delete', number>>
  readonly node: Pick<SessionNode, 'counters' | 'memory'> | undefined
  /** Handshakes that failed, by code. */
  readonly failures: Readonly<Record<string, number>>
  /** Handshakes under way or over. */
  readonly connections: number
  readonly rejections: number
}

/** What a client reads after its handshake. */
export interface HandshakeLine {
  readonly node: string | null
  readonly resumed: boolean
  readonly reason: string
  readonly owner: string | null
  readonly lookupMs: number | null
  readonly peer: string | null
}

interface Started {
  readonly setup: ServerSetup
  readonly member: ClusterMember
  readonly server: Server
  readonly node: SessionNode | undefined
  readonly clock: Clock
  readonly holds: Holds
}

/** A clock that may be turned. */
class Clock {
  #offsetMs = 0
  #standsAtMs: number | undefined

  turn(offsetMs: number, stands: boolean): void {
    this.#offsetMs = offsetMs
    this.#standsAtMs = stands ? Date.now() + offsetMs : undefined
  }

  readonly now = () => this.#standsAtMs ?? Date.now() + this.#offsetMs
}

/** What is asked of the store passes here: counted, and held back where a test says so. */
class Holds {
  readonly asked = { load: 0, get: 0, put: 0, delete: 0 }
  /** How long the event loop stands still in the middle of the next look-up. */
  stallMs = 0
  readonly #held = new Map<string, { promise: Promise<void>; release: () => void }>()

  hold(what: string): void {
    let release = () => {}
    const promise = new Promise<void>(resolve => {
      release = resolve
    })
    this.#held.set(what, { promise, release })
  }

  release(what: string): void {
    this.#held.get(what)?.release()
    this.#held.delete(what)
  }

  watch({ sessionCache, store }: ClusterMember): void {
    const { load } = sessionCache
    sessionCache.load = (...args) => {
      this.asked.load++
      return load.apply(sessionCache, args)
    }
    const { get, put } = store
    const remove = store.delete
    store.get = async (...args) => this.#pass('get', () => get.apply(store, args))
    store.put = async (...args) => this.#pass('put', () => put.apply(store, args))
    store.delete = async (...args) => this.#pass('delete', () => remove.apply(store, args))
  }

  async #pass<T>(what: 'get' | 'put' | 'delete', work: () => Promise<T>): Promise<T> {
    this.asked[what]++
    await this.#held.get(what)?.promise
    if (what === 'get' && this.stallMs > 0) setImmediate(stall, this.stallMs)
    this.stallMs = 0
    return work()
  }
}

const failures: Record<string, number> = {}
let connections = 0
let rejections = 0

process.on('unhandledRejection', error => {
  rejections++
  console.error('unhandled rejection', error)
})
process.on('disconnect', () => process.exit())

let started: Started | undefined
process.on('message', (message: { id: number; setup?: ServerSetup; command?: Command }) => {
  const { id, setup, command } = message
  const done: Done = (value, after = () => {}) => process.send?.({ id, value }, undefined, {}, after)
  if (setup) {
    start(setup).then(made => {
      started = made
      const { port } = made.server.address() as AddressInfo
      done({ port, storePort: made.node?.address()?.port })
    })
  } else if (started && command) void obey(started, command, done)
})

async function start(setup: ServerSetup): Promise<Started> {
  const clock = new Clock()
  const holds = new Holds()
  const surroundings = { provider: nobleProvider, random: seededRandom(setup.seed), now: clock.now }
  const info = parseClusterInfo(setup.clusterInfo, 'cluster.json')
  const keys = keysOf(setup.clusterKeys, clock)
  const { nodeId, hasStore, lookupTimeoutMs } = setup
  const limits = { readTimeoutMs: lookupTimeoutMs, ...setup.limits }
  const member = joinCluster({ info, keys, nodeId, ...surroundings, limits, log: stderrLog })
  holds.watch(member)
  // A test may hold a request back for longer than a node usually waits for its end.
  const nodeLimits = { requestTimeoutMs: 60_000 }
  const node =
    hasStore && nodeId !== undefined
      ? createSessionNode({
          membership: member.membership,
          nodeId,
          keys,
          ...surroundings,
          limits: nodeLimits,
        })
      : undefined
  await node?.listen('127.0.0.1', 0)
  const server = createServer({
    ...{ cert: setup.cert, key: setup.key, sessionCache: member.sessionCache },
    ...{ lookupTimeout: lookupTimeoutMs, random: surroundings.random, now: clock.now },
    ...(setup.sessionTimeout === undefined ? {} : { sessionTimeout: setup.sessionTimeout }),
    ...(setup.clientCa === undefined
      ? {}
      : { requestCert: true, rejectUnauthorized: false, ca: setup.clientCa }),
  })
  server.on('connection', () => connections++)
  server.on('secureConnection', (socket: TLSSocket) => tell(socket, nodeId))
  server.on('tlsClientError', (error: NodeJS.ErrnoException) => {
    failures[error.code ?? error.message] = (failures[error.code ?? error.message] ?? 0) + 1
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', 4096, resolve))
  return { setup, member, server, node, clock, holds }
}

/** Says how the handshake went, and then says back what it hears until the client ends. */
function tell(socket: TLSSocket, nodeId: string | undefined): void {
  socket.on('error', () => {})
  socket.on('data', chunk => socket.write(chunk))
  const { resumed, reason, owner = null, lookupMs = null, peerSubject = null } = socket.handshake!
  const line: HandshakeLine = { node: nodeId ?? null, resumed, reason, owner, lookupMs, peer: peerSubject }
  process.stdout.write(`${JSON.stringify(line)}\n`)
  socket.write(`${JSON.stringify(line)}\n`)
}

/** Answers a command; `after` runs when the answer has been written. */
type Done = (value: unknown, after?: () => void) => void

async function obey(at: Started, command: Command, done: Done): Promise<void> {
  const { member, clock, holds } = at
  switch (command.do) {
    case 'report':
      return done(reportOf(at))
    case 'turn clock':
      clock.turn(command.offsetMs, command.stands ?? false)
      return done(null)
    case 'stall':
      if (command.when === 'now') return done(null, () => stall(command.ms))
      holds.stallMs = command.ms
      return done(null)
    case 'hold':
      holds.hold(command.what)
      return done(null)
    case 'release':
      holds.release(command.what)
      return done(null)
    case 'replace list':
      member.membership.replace(parseClusterInfo(command.clusterInfo, 'cluster.json'))
      return done(null)
    case 'replace keys':
      member.keys.replaceWith(keysOf(command.clusterKeys, clock))
      return done(null)
    case 'shut down':
      at.server.close()
      await member.close()
      await at.node?.close()
      return done(reportOf(at), () => process.exit())
  }
}

function stall(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}

function reportOf({ member, node, holds }: Started): Report {
  return {
    sessions: member.sessionCache.counters,
    store: member.store.counters,
    breakers: Object.fromEntries(member.store.breakers),
    asked: holds.asked,
    node: node && { counters: node.counters, memory: node.memory },
    ...{ failures, connections, rejections },
  }
}

function keysOf(text: string, clock: Clock) {
  return parseClusterKeys(text, 'cluster.key', { provider: nobleProvider, nowMs: clock.now() })
}

const toStderr = (level: string) => (fields: object, message: string) =>
  console.error(JSON.stringify({ level, ...fields, message }))
const stderrLog: ClusterLog = {
  debug: toStderr('debug'),
  info: toStderr('info'),
  warn: toStderr('warn'),
  error: toStderr('error'),
}
