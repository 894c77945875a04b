/** What the tests of the cluster have in common: a clock to turn, keys that are known, nodes on real sockets. */
import { createHash, hkdfSync } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { type ClusterInfo, parseClusterInfo } from '../../src/cluster/cluster-info.ts'
import { ClusterSessionCache } from '../../src/cluster/cluster-session-cache.ts'
import { HttpSessionStore, type HttpSessionStoreLimits } from '../../src/cluster/http-session-store.ts'
import { type ClusterKeys, parseClusterKeys } from '../../src/cluster/keys.ts'
import { membershipOf } from '../../src/cluster/membership.ts'
import { OwnerChoice } from '../../src/cluster/owner-choice.ts'
import {
  createSessionNode,
  type SessionNode,
  type SessionNodeLimits,
} from '../../src/cluster/session-node.ts'
import { StoreFailure } from '../../src/cluster/session-store.ts'
import type { RandomBytes } from '../../src/crypto/provider.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { Secret } from '../../src/secret.ts'
import type { Session } from '../../src/session/session.ts'
import { freePorts } from '../support/free-ports.ts'
import { seededRandom } from '../support/seeded-random.ts'

export { seededRandom }

export const provider = nobleProvider

/** 2025-01-31T12:00:00Z. */
export const startMs = 1_738_324_800_000

/** A clock that stands still until it is turned. */
export class Clock {
  nowMs = startMs
  readonly now = () => this.nowMs
}

/** The 32 bytes of the file for an epoch. */
export function rawKey(epoch: number, name = 'test'): Buffer {
  return createHash('sha256').update(`${name} key ${epoch}`).digest()
}

/** A derived key as node:crypto makes it from the documented labels. */
export function derivedKey(epoch: number, label: string, name = 'test'): Buffer {
  return Buffer.from(hkdfSync('sha256', rawKey(epoch, name), '', `ringtls cluster v1 ${label}`, 32))
}

export interface TestEpoch {
  readonly epoch: number
  readonly notBeforeMs?: number
  readonly notAfterMs?: number
}

export function keysText(epochs: readonly TestEpoch[], name = 'test'): string {
  const keys = epochs.map(({ epoch, notBeforeMs = startMs - 60_000, notAfterMs }) => ({
    epoch,
    notBefore: new Date(notBeforeMs).toISOString(),
    notAfter: notAfterMs === undefined ? null : new Date(notAfterMs).toISOString(),
    key: rawKey(epoch, name).toString('base64url'),
  }))
  return JSON.stringify({ keys })
}

export function testKeys(epochs: readonly TestEpoch[] = [{ epoch: 1 }], name = 'test'): ClusterKeys {
  return parseClusterKeys(keysText(epochs, name), 'cluster.key', { provider, nowMs: startMs })
}

export function testInfo(nodes: readonly object[], more: object = {}): ClusterInfo {
  return parseClusterInfo(JSON.stringify({ revision: 1, nodes, ...more }), 'cluster.json')
}

/** Nodes a, b, c... that nobody listens for. */
export function namedNodes(count: number): { id: string; url: string }[] {
  return Array.from({ length: count }, (_, i) => ({ id: `n${i}`, url: `http://10.0.0.${i + 1}:8401` }))
}

export const masterSecret = createHash('sha384').update('master secret').digest()

export function testSession(changes: Partial<Session> = {}): Session {
  return {
    protocolVersion: 0x0303,
    cipherSuite: 'TLS_RSA_WITH_AES_128_GCM_SHA256',
    extendedMasterSecret: true,
    clientAuthenticated: false,
    maxFragmentLengthCode: 0,
    createdMs: startMs,
    lifetimeSeconds: 600,
    masterSecret: new Secret(new Uint8Array(masterSecret)),
    clientRandom: new Uint8Array(32).fill(0xc1),
    serverRandom: new Uint8Array(32).fill(0x5e),
    serverName: 'www.example.test',
    policyHash: new Uint8Array(16).fill(0x90),
    peerCertificate: new Uint8Array(0),
    ...changes,
  }
}

/** Closes what a test opened, last first; call `release` in afterEach. */
export class Openings {
  readonly #closers: (() => Promise<void>)[] = []

  add(closer: () => Promise<void>): void {
    this.#closers.push(closer)
  }

  async release(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close()
  }
}

export interface TestCluster {
  readonly clock: Clock
  readonly keys: ClusterKeys
  readonly info: ClusterInfo
  readonly nodes: readonly SessionNode[]
  /** A server's store and cache; `nodeId` is the node this server is. */
  server(nodeId?: string, options?: ServerOptions): { store: HttpSessionStore; cache: ClusterSessionCache }
}

export interface ServerOptions {
  readonly keys?: ClusterKeys
  readonly info?: ClusterInfo
  readonly limits?: Partial<HttpSessionStoreLimits>
  readonly now?: () => number
}

/** lru-cache sets its arrays up for the most there may be: that takes time, and a hundred nodes are opened. */
export const smallMemory = { maxRecords: 1000, maxTombstones: 1000 }

/** Session nodes n0, n1... on real sockets. A budget of 2 s, since a loaded machine must not fail a test. */
export async function openCluster(
  openings: Openings,
  count: number,
  more: {
    readonly info?: object
    readonly limits?: Partial<SessionNodeLimits>
    readonly keys?: ClusterKeys
  } = {},
): Promise<TestCluster> {
  const clock = new Clock()
  const keys = more.keys ?? testKeys()
  const ports = await freePorts(count)
  const info = testInfo(
    ports.map((port, i) => ({ id: `n${i}`, url: `http://127.0.0.1:${port}` })),
    more.info,
  )
  const nodes: SessionNode[] = []
  for (const [i, port] of ports.entries()) {
    const limits = { ...smallMemory, ...more.limits }
    const node = createSessionNode({
      membership: membershipOf(info, provider),
      nodeId: `n${i}`,
      keys,
      provider,
      now: clock.now,
      limits,
    })
    await node.listen('127.0.0.1', port)
    openings.add(() => node.close())
    nodes.push(node)
  }
  const server = (nodeId?: string, options: ServerOptions = {}) =>
    openServer(openings, { clock, keys, info, nodeId, options })
  return { clock, keys, info, nodes, server }
}

function openServer(
  openings: Openings,
  wanted: {
    clock: Clock
    keys: ClusterKeys
    info: ClusterInfo
    nodeId: string | undefined
    options: ServerOptions
  },
): { store: HttpSessionStore; cache: ClusterSessionCache } {
  const keys = wanted.options.keys ?? wanted.keys
  const now = wanted.options.now ?? wanted.clock.now
  const membership = membershipOf(wanted.options.info ?? wanted.info, provider)
  const random = randomOf()
  const limits = { readTimeoutMs: 2000, writeTimeoutMs: 2000, ...wanted.options.limits }
  const store = new HttpSessionStore({ membership, keys, provider, random, now, limits })
  openings.add(() => store.close())
  const owners = new OwnerChoice({
    membership,
    nodeId: wanted.nodeId,
    isAvailable: id => store.isAvailable(id),
  })
  const cache = new ClusterSessionCache({ keys, store, owners, random, now })
  return { store, cache }
}

let randomsMade = 0
/** Its own random bytes for each server. */
export function randomOf(): RandomBytes {
  return seededRandom(`server ${randomsMade++}`)
}

/** An HTTP server that answers as a test says; returns its origin. */
export async function openHttp(openings: Openings, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  openings.add(
    () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A TCP server that does with a socket what a test says; returns its origin. */
export async function openTcp(openings: Openings, onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createTcpServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    onSocket(socket)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  openings.add(
    () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Waits until `condition` holds; fails after five seconds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (condition()) return
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  throw new Error('waited five seconds for a condition')
}

/** A signal that is never aborted. */
export const noSignal = new AbortController().signal
// Shared by everybody who waits in a test.
setMaxListeners(0, noSignal)

/** Why a store did not do what it was asked; throws where it did. */
export async function reasonOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof StoreFailure) return error.reason
    throw error
  }
  throw new Error('nothing was rejected')
}
