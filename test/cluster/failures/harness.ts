/**
 * A cluster whose servers are processes, with a fault proxy before every session node: what the tests of the failure
 * cases have in common. All of it is gone after the file's last test.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import { afterAll, expect } from 'vitest'
import { membershipOf, parseClusterInfo, parseClusterKeys } from '../../../src/cluster/index.ts'
import { SessionIds } from '../../../src/cluster/session-ids.ts'
import { type ConnectionOptions, connect, type TLSSocket } from '../../../src/node/index.ts'
import { decodeClientSession } from '../../../src/session/client-session.ts'
import { FaultProxy } from '../../support/fault-proxy.ts'
import { fixture } from '../../support/fixtures.ts'
import { temporaryDirectory } from '../../support/processes.ts'
import { keysText, provider, rawKey } from '../support.ts'
import type { Command, HandshakeLine, Report, ServerSetup } from './server-process.ts'

/** A budget that busy cores keep to: for what must be found. */
export const patientMs = 8000
/** The budget of a real server: for what must be given up. */
export const usualMs = 50
/** Whatever happens, a handshake has ended after this. */
const boundMs = 15_000

const openings = new Set<() => Promise<unknown>>()
afterAll(async () => {
  await Promise.all([...openings].map(close => close()))
  openings.clear()
})

/** What must never be seen in an output: master secrets, session IDs, cluster keys. */
const secrets = new Set<string>()
const servers = new Set<ServerUnderTest>()

/** What a client got. */
export interface Visit extends HandshakeLine {
  /** For the next visit; `undefined` when the server keeps none. */
  readonly session: Buffer | undefined
  readonly sessionId: Uint8Array
  readonly ms: number
}

/** A client that has had its handshake, and is still there. */
export interface Entered extends Visit {
  readonly client: TLSSocket
}

/** One client: a handshake, and the line that the server tells of it. */
export function enter(port: number, options: Partial<ConnectionOptions> = {}): Promise<Entered> {
  const startedMs = performance.now()
  const client = connect({
    ...{ host: '127.0.0.1', port, servername: 'localhost', ca: [fixture('ca.pem'), fixture('ec-ca.pem')] },
    ...{ keylog: true, handshakeTimeout: boundMs },
    ...options,
  })
  openings.add(async () => client.destroy())
  client.on('keylog', (line: Buffer) => secrets.add(line.toString('latin1').trim().split(' ')[2]!))
  return new Promise((resolve, reject) => {
    let text = ''
    client.on('error', reject)
    client.on('close', () => reject(new Error(`the server said no more than ${JSON.stringify(text)}`)))
    client.on('data', chunk => {
      text += chunk
      if (!text.endsWith('}\n')) return
      const line = JSON.parse(text) as HandshakeLine
      expect(client.isSessionReused(), 'client and server agree').toBe(line.resumed)
      const session = client.getSession()
      const sessionId = session === undefined ? new Uint8Array(0) : decodeClientSession(session).sessionId
      if (sessionId.length > 0) secrets.add(Buffer.from(sessionId).toString('hex'))
      client.removeAllListeners('data').resume()
      resolve({ ...line, session, sessionId, ms: performance.now() - startedMs, client })
    })
  })
}

/** A client that comes, hears, and ends in good order. */
export async function visit(port: number, options?: Partial<ConnectionOptions>): Promise<Visit> {
  const { client, ...seen } = await enter(port, options)
  client.end()
  return seen
}

/** A server in a process of its own. */
export class ServerUnderTest {
  readonly setup: ServerSetup
  port = 0
  storePort = 0
  readonly #child: ChildProcess
  readonly #exited: Promise<number | null>
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()
  #asked = 0
  #output = ''

  private constructor(program: string, setup: ServerSetup) {
    this.setup = setup
    this.#child = fork(program, [], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: [] })
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.on('data', chunk => {
        this.#output += chunk
      })
    }
    this.#child.on('message', ({ id, value }: { id: number; value: never }) => {
      this.#waiting.get(id)?.resolve(value)
      this.#waiting.delete(id)
    })
    this.#exited = new Promise(resolve => {
      this.#child.once('close', code => {
        for (const { reject } of this.#waiting.values()) reject(new Error(`it ended: ${this.#output}`))
        resolve(code)
      })
    })
  }

  static async start(setup: ServerSetup): Promise<ServerUnderTest> {
    const server = new ServerUnderTest(bundle(), setup)
    servers.add(server)
    openings.add(() => server.kill())
    const { port, storePort } = await server.#ask<{ port: number; storePort?: number }>({ setup })
    server.port = port
    server.storePort = storePort ?? 0
    return server
  }

  /** All it has written. */
  get output(): string {
    return this.#output
  }

  tell(command: Command): Promise<unknown> {
    return this.#ask({ command })
  }

  report(): Promise<Report> {
    return this.#ask({ command: { do: 'report' } })
  }

  /** Waits until it has written or deleted what it meant to, whether that went well or not. */
  async settled(): Promise<Report> {
    return eventually(async () => {
      const report = await this.report()
      const { asked, sessions } = report
      const ended = [sessions.store_put_total, sessions.store_delete_total].map(sum)
      const isDone = ended[0] === asked.put + sessions.store_put_total.unstorable && ended[1] === asked.delete
      return isDone ? report : undefined
    })
  }

  visit(options?: Partial<ConnectionOptions>): Promise<Visit> {
    return visit(this.port, options)
  }

  /** A first visit whose session has come to its owners. */
  async firstVisit(options?: Partial<ConnectionOptions>): Promise<Visit> {
    const made = await this.visit(options)
    expect(made).toMatchObject({ resumed: false, reason: 'no_id' })
    await this.settled()
    return made
  }

  /** The process stops being run; the system goes on taking connections and bytes for it. */
  pause(): void {
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.kill('SIGCONT')
  }

  /** At once and without a farewell, as a crash does it. */
  kill(): Promise<number | null> {
    this.#child.kill('SIGKILL')
    return this.#exited
  }

  /** As on SIGTERM. */
  async shutDown(): Promise<{ readonly report: Report; readonly exitCode: number | null }> {
    const report = await this.#ask<Report>({ command: { do: 'shut down' } })
    return { report, exitCode: await this.#exited }
  }

  #ask<T>(message: { readonly setup: ServerSetup } | { readonly command: Command }): Promise<T> {
    const id = this.#asked++
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#child.send({ id, ...message }, error => {
        if (error) reject(error)
      })
    })
  }
}

export interface ClusterOptions {
  /** n1 to n{nodes}. */
  readonly nodes: number
  /** Of every server: `patientMs` by default. */
  readonly lookupTimeoutMs?: number
  /** Members of the cluster_info, such as `replicas`. */
  readonly info?: object
  /** Of every server's setup. */
  readonly setup?: Partial<ServerSetup>
}

/** Nodes n1, n2..., each a server of clients and of sessions, as `ringtls server --node` is; each list names the proxies. */
export class ClusterUnderTest {
  readonly proxies: ReadonlyMap<string, FaultProxy>
  readonly #servers = new Map<string, ServerUnderTest>()
  readonly #options: ClusterOptions
  #starts = 0

  private constructor(options: ClusterOptions, proxies: ReadonlyMap<string, FaultProxy>) {
    this.#options = options
    this.proxies = proxies
  }

  static async start(options: ClusterOptions): Promise<ClusterUnderTest> {
    const ids = Array.from({ length: options.nodes }, (_, i) => `n${i + 1}`)
    const proxies = await Promise.all(ids.map(async id => [id, await openProxy(1)] as const))
    const cluster = new ClusterUnderTest(options, new Map(proxies))
    await Promise.all(ids.map(id => cluster.restart(id)))
    return cluster
  }

  get ids(): readonly string[] {
    return [...this.proxies.keys()]
  }

  get servers(): readonly ServerUnderTest[] {
    return [...this.#servers.values()]
  }

  /** The list as every server has it, or with changed nodes or members. */
  list(change: { readonly nodes?: readonly object[]; readonly more?: object } = {}): string {
    const nodes = change.nodes ?? this.nodes
    return JSON.stringify({ revision: 1, nodes, ...this.#options.info, ...change.more })
  }

  get nodes(): readonly { readonly id: string; readonly url: string }[] {
    return [...this.proxies].map(([id, { url }]) => ({ id, url }))
  }

  server(id: string): ServerUnderTest {
    const found = this.#servers.get(id)
    if (found === undefined) throw new Error(`no server ${id}; there are ${this.ids.join(', ')}`)
    return found
  }

  proxy(id: string): FaultProxy {
    return this.proxies.get(id)!
  }

  /** A node that is not one of these; where it matters which: for clients who must not meet the generator or the owner. */
  otherThan(...ids: readonly (string | null)[]): ServerUnderTest {
    return this.server(this.ids.find(id => !ids.includes(id))!)
  }

  /** Starts a node, or starts it again: empty, on other ports, behind the same proxy. */
  async restart(id: string, setup: Partial<ServerSetup> = {}): Promise<ServerUnderTest> {
    await this.#servers.get(id)?.kill()
    const server = await this.#start({ nodeId: id, hasStore: true, ...setup })
    this.#servers.set(id, server)
    this.proxy(id).target = { host: '127.0.0.1', port: server.storePort }
    return server
  }

  /** Starts a server that is none of the nodes. */
  front(setup: Partial<ServerSetup> = {}): Promise<ServerUnderTest> {
    return this.#start({ hasStore: false, ...setup })
  }

  /** No faults any more. */
  heal(): void {
    for (const proxy of this.proxies.values()) proxy.heal()
  }

  #start(setup: Partial<ServerSetup> & Pick<ServerSetup, 'hasStore'>): Promise<ServerUnderTest> {
    return ServerUnderTest.start({
      ...{ clusterInfo: this.list(), clusterKeys: clusterKeys },
      ...{ cert: fixture('ec.pem'), key: fixture('ec.key') },
      seed: `${setup.nodeId ?? 'front'} ${this.#starts++}`,
      lookupTimeoutMs: this.#options.lookupTimeoutMs ?? patientMs,
      ...this.#options.setup,
      ...setup,
      limits: { writeTimeoutMs: patientMs, ...this.#options.setup?.limits, ...setup.limits },
    })
  }
}

/** The key that everybody has; its epoch 1 began yesterday. */
export const clusterKeys = keysText([{ epoch: 1, notBeforeMs: Date.now() - 86_400_000 }])
for (const epoch of [1, 2, 3]) secrets.add(rawKey(epoch).toString('hex'))

/** A proxy of the test file's own. */
export async function openProxy(port: number): Promise<FaultProxy> {
  const proxy = await FaultProxy.open({ host: '127.0.0.1', port })
  openings.add(() => proxy.close())
  return proxy
}

/** The owners of a session by a list, first owner first. */
export function ownersOf(sessionId: Uint8Array, list: string): readonly string[] {
  const keys = parseClusterKeys(clusterKeys, 'cluster.key', { provider, nowMs: Date.now() })
  const epoch = new SessionIds({ keys, now: Date.now }).check(sessionId)
  if (typeof epoch === 'string') throw new Error(`not an ID of this cluster: ${epoch}`)
  const membership = membershipOf(parseClusterInfo(list, 'cluster.json'), provider)
  return membership.ownersOf(epoch.storageKey(sessionId)).map(({ id }) => id)
}

/** What a visit must be like. `reason` may be any of several where chance decides. */
export interface Wanted {
  readonly resumed: boolean
  readonly reason: string | readonly string[]
  /** Of the client. */
  readonly session?: Buffer | undefined
}

/**
 * A visit as every failure case demands it: the handshake succeeds, within a bound, it is resumed or not and for the
 * reason that is said, and the counter of that reason moved by one.
 */
export async function expectVisit(server: ServerUnderTest, wanted: Wanted): Promise<Visit> {
  const before = (await server.report()).sessions.lookups
  const got = await server.visit(wanted.session === undefined ? {} : { session: wanted.session })
  const after = (await server.report()).sessions.lookups
  const reasons = typeof wanted.reason === 'string' ? [wanted.reason] : wanted.reason
  expect(reasons, 'reason').toContain(got.reason)
  expect(got.resumed, got.reason).toBe(wanted.resumed)
  expect(got.ms, 'ms').toBeLessThan(boundMs)
  expect(difference(after, before)).toEqual(got.reason === 'no_id' ? {} : { [got.reason]: 1 })
  return got
}

/** What has been counted in between: only what moved. */
export function difference<T extends object>(after: T, before: T): Partial<Record<keyof T, number>> {
  const keys = Object.keys(after) as (keyof T)[]
  const moved = keys.map(key => [key, Number(after[key]) - Number(before[key])] as const)
  return Object.fromEntries(moved.filter(([, by]) => by !== 0)) as Partial<Record<keyof T, number>>
}

/**
 * No server of this file has written a secret that was used so far, in hex or base64, nor left a rejection unhandled.
 * Call it in afterEach.
 */
export async function expectDiscretion(): Promise<void> {
  expect(secrets.size).toBeGreaterThan(0)
  for (const { output } of servers) {
    expect(output).not.toContain('unhandled')
    for (const secret of secrets) for (const form of formsOf(secret)) expect(output).not.toContain(form)
  }
}

function formsOf(hex: string): readonly string[] {
  const bytes = Buffer.from(hex, 'hex')
  return [hex, hex.toUpperCase(), bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url')]
}

/** Asks again until there is an answer; fails after ten seconds. */
export async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (const deadlineMs = performance.now() + 10_000; performance.now() < deadlineMs; ) {
    const answer = await ask()
    if (answer !== undefined) return answer
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  throw new Error('waited ten seconds for an answer')
}

export function sum(totals: object): number {
  return Object.values(totals).reduce((total: number, count: number) => total + count, 0)
}

const sourcesOfCluster = new URL('../../../src/cluster/', import.meta.url)
let bundled: string | undefined

/** The server as one file of JavaScript: it starts three times as fast as from its sources. */
function bundle(): string {
  if (bundled !== undefined) return bundled
  const outfile = join(temporaryDirectory(), 'server.cjs')
  const entry = fileURLToPath(new URL('server-process.ts', import.meta.url))
  const common = { bundle: true, platform: 'node', target: 'node20', logLevel: 'warning' } as const
  // Where a CommonJS file is said to be: the one module that asks finds package.json from there.
  const define = { 'import.meta.url': JSON.stringify(new URL('any.ts', sourcesOfCluster).href) }
  // Not `build`: its helper process would go on after it.
  buildSync({ entryPoints: [entry], outfile, format: 'cjs', define, ...common })
  bundled = outfile
  return outfile
}
