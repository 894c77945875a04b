/** Plain servers of node:tls in this process, with a cluster's store attached. */
import { constants } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import { type AttachOptions, attachSessionStore } from '../../../src/cluster/attach-session-store.ts'
import { ClusterSessionCache } from '../../../src/cluster/cluster-session-cache.ts'
import type { ClusterKeys } from '../../../src/cluster/keys.ts'
import { type SessionStore, StoreFailure } from '../../../src/cluster/session-store.ts'
import { fixture } from '../../support/fixtures.ts'
import { type Openings, randomOf, testKeys } from '../support.ts'

/** What every server of a cluster must have alike, and a session that goes to the store and not into a ticket. */
export const sharedTerms: TlsOptions = {
  ...{ cert: fixture('server.pem'), key: fixture('server.key'), maxVersion: 'TLSv1.2' },
  ...{ ciphers: 'AES128-GCM-SHA256:AES256-GCM-SHA384', secureOptions: constants.SSL_OP_NO_TICKET },
  sessionIdContext: 'one for all',
}

export interface AttachedServer {
  readonly server: Server
  readonly port: number
  readonly cache: ClusterSessionCache
  readonly detach: () => void
  /** Errors of handshakes and of connections, by their code. */
  readonly errors: string[]
}

export interface AttachedOptions extends AttachOptions {
  /** Beside `sharedTerms`, or in their place. */
  readonly tls?: TlsOptions
}

/** A budget that busy cores keep to. */
export const patientMs = 8000

/** A `tls.Server` that shows the page of failures/visitor.ts. */
export function openAttached(
  openings: Openings,
  cache: ClusterSessionCache,
  { tls = {}, ...options }: AttachedOptions = {},
): Promise<AttachedServer> {
  const server = createServer({ ...sharedTerms, ...tls }, socket => {
    socket.once('data', () => socket.end(pageOf(socket)))
  })
  return listenAttached(openings, server, { cache, ...options })
}

/** The same page by an `https.Server`. */
export function openAttachedHttps(openings: Openings, cache: ClusterSessionCache): Promise<AttachedServer> {
  const server = createHttpsServer(sharedTerms, ({ socket }, response) => {
    response.setHeader('connection', 'close').end(pageOf(socket as TLSSocket))
  })
  return listenAttached(openings, server, { cache })
}

/** Attaches, then listens on a port of its own until the test is over. */
export async function listenAttached(
  openings: Openings,
  server: Server,
  { cache, ...options }: AttachOptions & { readonly cache: ClusterSessionCache },
): Promise<AttachedServer> {
  const sockets = new Set<{ destroy(): unknown }>()
  const errors: string[] = []
  const note = (error: Error) => void errors.push('code' in error ? String(error.code) : error.message)
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  server.on('tlsClientError', note)
  server.on('secureConnection', socket => socket.on('error', note))
  openings.add(
    () =>
      new Promise(resolve => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  )
  const detach = attachSessionStore(
    server,
    { sessionCache: cache },
    { lookupTimeoutMs: patientMs, ...options },
  )
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { server, port: (server.address() as AddressInfo).port, cache, detach, errors }
}

function pageOf(socket: TLSSocket): string {
  const client = socket.getPeerCertificate().subject?.CN ?? 'none'
  return `resumed: ${socket.isSessionReused() ? 'yes' : 'no'}\nclient: ${client}\nauthorized: ${socket.authorized}\n`
}

/** A store in memory that does as it is told. */
export class TestStore implements SessionStore {
  readonly records = new Map<string, { readonly sealed: Uint8Array; readonly lifetimeMs: number }>()
  gets = 0
  /** In place of what it should do; `undefined` to have it done. */
  instead: (operation: 'get' | 'put' | 'delete') => Promise<Uint8Array | undefined> | undefined = () =>
    undefined

  async get(storageKey: Uint8Array): Promise<Uint8Array | undefined> {
    this.gets++
    return this.instead('get') ?? this.records.get(hex(storageKey))?.sealed
  }

  async put(storageKey: Uint8Array, sealed: Uint8Array, lifetimeMs: number): Promise<void> {
    if ((await this.instead('put')) === undefined) this.records.set(hex(storageKey), { sealed, lifetimeMs })
  }

  async delete(storageKey: Uint8Array): Promise<void> {
    if ((await this.instead('delete')) === undefined) this.records.delete(hex(storageKey))
  }
}

export const noStoreToday = () => Promise.reject(new StoreFailure('error', 'no store today'))

/** The cache of one server on a store in memory. */
export function cacheOn(
  store: SessionStore,
  { keys = testKeys(), now = Date.now }: { keys?: ClusterKeys; now?: () => number } = {},
): ClusterSessionCache {
  return new ClusterSessionCache({ keys, store, random: randomOf(), now })
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
