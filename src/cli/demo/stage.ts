import { randomInt } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClusterMember, joinCluster, readClusterInfo, readClusterKeys } from '../../cluster/index.ts'
import { connect, createSecureContext, type HandshakeReport } from '../../node/index.ts'
import { decodeClientSession } from '../../session/client-session.ts'
import { makeClusterDirectory } from '../cluster-directory.ts'
import { CommandFailed } from '../failures.ts'
import type { HandshakeEvent } from '../handshake-event.ts'
import { fetchOverHttp } from '../http-request.ts'
import { type BackEnd, type Balancer, startBalancer } from './balancer.ts'
import { ServerProcess } from './server-process.ts'

export const nodeIds = ['n1', 'n2', 'n3'] as const
/** For a look-up between processes that share two busy cores; a dead node refuses at once, whatever the budget. */
const lookupTimeoutMs = 1000
const storedWithinMs = 5000

/** RSA key exchange is the method's own path: the premaster that session_info is derived from comes from the client. */
const ciphers = 'AES128-GCM-SHA256'

/** One connection of the client: what it saw, and what the server said. */
export interface Visit {
  readonly report: HandshakeReport
  /** What the client keeps for its next visit. */
  readonly session: Buffer
  readonly authorized: boolean
  readonly page: string
  readonly server: HandshakeEvent
}

/** Three server processes, their balancer, and a directory that goes with them. */
export class Stage {
  readonly #directory = mkdtempSync(join(tmpdir(), 'ringtls-demo-'))
  readonly #running = new Map<string, { server: ServerProcess; address: BackEnd }>()
  readonly #started = new Set<ServerProcess>()
  #balancer: Balancer | undefined
  #member: ClusterMember | undefined

  /** Writes the cluster's files, as `ringtls init` does, and starts everything. */
  async open(): Promise<void> {
    const urls = (await freePorts(nodeIds.length)).map(port => `http://127.0.0.1:${port}`)
    await makeClusterDirectory({ directory: this.#directory, host: 'localhost', urls })
    this.#member = this.#join()
    await Promise.all(nodeIds.map(id => this.start(id)))
    this.#balancer = await startBalancer(() => nodeIds.flatMap(id => this.#running.get(id)?.address ?? []))
  }

  /** Where clients connect. */
  get balancer(): BackEnd {
    return this.#balancer!.address
  }

  addressOf(id: string): BackEnd {
    return this.#running.get(id)!.address
  }

  /** Starts the server of a node, with its session store. */
  async start(id: string, more: readonly string[] = []): Promise<void> {
    const files = [
      'cert',
      'server.pem',
      'key',
      'server.key',
      'cluster',
      'cluster.json',
      'cluster-key',
      'cluster.key',
    ]
    const flags = files.map((word, i) => (i % 2 === 0 ? `--${word}` : this.#path(word)))
    const args = [...flags, '--lookup-timeout', String(lookupTimeoutMs), ...more]
    const started = await ServerProcess.start(id, args, server => this.#started.add(server))
    this.#running.set(id, started)
  }

  /** As a crash does it: no farewell. The balancer is not told. */
  async kill(id: string): Promise<void> {
    await this.#running.get(id)!.server.stop('SIGKILL')
  }

  /** As an operator does it. Returns what the server said of itself. */
  async stop(id: string): Promise<{ exitCode: number | null; requests: number; puts: number }> {
    const { server } = this.#running.get(id)!
    const exitCode = await server.stop('SIGTERM')
    const { requests, puts } = await server.next('stopped')
    return { exitCode, requests, puts }
  }

  /** Connects as a client that trusts our authority, and gets the page. */
  async visit(address: BackEnd, session?: Uint8Array): Promise<Visit> {
    const ca = readFileSync(this.#path('ca.pem'), 'utf8')
    const options = { ...address, servername: 'localhost', ca, ciphers }
    // The story is about session IDs: no ticket is asked for.
    const socket = connect({ ...options, tickets: false, ...(session ? { session } : {}) })
    const { body } = await fetchOverHttp(socket, { path: '/', host: 'localhost' })
    const page = body.toString('utf8')
    const id = /^server: (.*)$/m.exec(page)?.[1] ?? ''
    const server = await this.#running.get(id)?.server.next('handshake')
    const kept = socket.getSession()
    if (!server || !kept || !socket.handshake)
      throw new CommandFailed(`an answer that says nothing of its server: ${page}`)
    return { report: socket.handshake, session: kept, authorized: socket.authorized, page, server }
  }

  /** Which node holds a session, worked out here from its ID alone, as every server does. */
  ownerOf(session: Uint8Array): string | undefined {
    return this.#member!.sessionCache.ownerOf(idOf(session))
  }

  /** Waits until the owner has a session: nobody else waits for that. */
  async untilStored(session: Uint8Array): Promise<void> {
    const deadline = AbortSignal.timeout(storedWithinMs)
    while (!deadline.aborted) {
      const lookup = await this.#member!.sessionCache.load(idOf(session), deadline)
      if ('session' in lookup) return lookup.session.masterSecret.wipe()
      await sleep(5)
    }
    throw new CommandFailed(`the session was not stored within ${storedWithinMs} ms`)
  }

  /** Ends every process and removes every file, at once: it runs when this process exits too. */
  dispose(): void {
    for (const server of this.#started) void server.stop('SIGKILL')
    this.#balancer?.close()
    void this.#member?.close(0)
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #path(name: string): string {
    return join(this.#directory, name)
  }

  #join(): ClusterMember {
    const { provider, random, now } = createSecureContext()
    const info = readClusterInfo(this.#path('cluster.json'))
    const { keys } = readClusterKeys(this.#path('cluster.key'), { provider, nowMs: now() })
    return joinCluster({ info, keys, provider, random, now, limits: { readTimeoutMs: lookupTimeoutMs } })
  }
}

function idOf(session: Uint8Array): Uint8Array {
  const client = decodeClientSession(session)
  client.session.masterSecret.wipe()
  return client.sessionId
}

/**
 * Below those that systems hand out by themselves (Linux from 32768, others from 49152 on): a node that is killed and started again must find its
 * port as it left it, and not as the source of somebody's connection.
 */
const [lowestPort, highestPort] = [10_240, 32_767]

/** Ports that were free a moment ago. All are held until the last is found, so that no two are the same. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listenAnywhere))
  const found = servers.map(server => (server.address() as AddressInfo).port)
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return found
}

/** Tries one port after the other; a machine has no thousand of them in use. */
async function listenAnywhere(): Promise<Server> {
  for (let triesLeft = 1000; ; triesLeft--) {
    const server = createServer()
    try {
      const port = randomInt(lowestPort, highestPort + 1)
      await new Promise<void>((resolve, reject) =>
        server.once('error', reject).listen(port, '127.0.0.1', resolve),
      )
      return server
    } catch (error) {
      if (triesLeft === 0) throw error
    }
  }
}
