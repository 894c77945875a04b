/** Clients that visit the servers of a cluster without a pause: full at one, resumed at the others, and again later. */
import { readFileSync } from 'node:fs'
import { type ClusterMember, joinCluster, readClusterInfo, readClusterKeys } from '../../src/cluster/index.ts'
import { connect, createSecureContext } from '../../src/node/index.ts'
import { decodeClientSession } from '../../src/session/client-session.ts'

/** A server to visit. */
export interface Target {
  readonly port: number
  readonly node: string | undefined
}

/** A session that a client keeps, and that its owner has. */
export interface KeptSession {
  readonly bytes: Uint8Array
  readonly id: Uint8Array
  /** The six bits of its ID. */
  readonly epoch: number
  /** Who made it. */
  readonly maker: string
  /** Whether all servers had the same files when it was made. */
  readonly isSettled: boolean
}

/** A visit that was to resume. */
export interface Return {
  readonly session: KeptSession
  readonly at: string
  readonly resumed: boolean
}

export interface LoadOptions {
  /** What the clients visit on their own; none where a test makes every visit itself. */
  readonly targets: readonly Target[]
  readonly caFile: string
  readonly infoFile: string
  readonly keyFile: string
}

/** How many clients there are at a time. */
const clients = 2
const timeoutMs = 20_000

/** The clients and all that became of them. A visit that fails makes `stop` reject. */
export class ClusterLoad {
  readonly sessions: KeptSession[] = []
  readonly returns: Return[] = []
  /** False while servers have different files: what is made then may be where not everybody looks yet. */
  isSettled = true
  /** Sees where sessions are, as one server more; who changes the files gives it the new ones. */
  readonly observer: ClusterMember
  readonly #options: LoadOptions
  readonly #ca: Buffer
  readonly #running: Promise<unknown>
  #visits = 0
  #isStopped = false

  constructor(options: LoadOptions) {
    const { provider, random, now } = createSecureContext()
    const info = readClusterInfo(options.infoFile)
    const { keys } = readClusterKeys(options.keyFile, { provider, nowMs: now() })
    this.#options = options
    this.#ca = readFileSync(options.caFile)
    this.observer = joinCluster({ info, keys, provider, random, now, limits: { readTimeoutMs: timeoutMs } })
    const running = Promise.all(
      Array.from({ length: options.targets.length > 0 ? clients : 0 }, () => this.#visitOn()),
    )
    // Who stops the load hears of it.
    running.catch(() => {})
    this.#running = running
  }

  /** Reads the files of the observer again, as a server would. */
  takeFiles(): void {
    const { provider, now } = createSecureContext()
    this.observer.membership.replace(readClusterInfo(this.#options.infoFile))
    this.observer.keys.replaceWith(readClusterKeys(this.#options.keyFile, { provider, nowMs: now() }).keys)
  }

  /** Returns that did not resume though every server could know better, in words. */
  get lost(): readonly string[] {
    return this.returns
      .filter(({ session, resumed }) => session.isSettled && !resumed)
      .map(({ session, at }) => `made by ${session.maker} in epoch ${session.epoch}, full at ${at}`)
  }

  /** One visit; with a session, one that is to resume. Rejects when the handshake fails. */
  visit({ port }: Target, session?: KeptSession): Promise<{ resumed: boolean; session: Buffer | undefined }> {
    return new Promise((resolve, reject) => {
      const socket = connect(
        {
          ...{ host: '127.0.0.1', port, servername: 'localhost', ca: this.#ca },
          ...(session ? { session: session.bytes } : {}),
        },
        () => {
          resolve({ resumed: socket.isSessionReused(), session: socket.getSession() })
          socket.end()
        },
      )
      socket.once('error', reject)
    })
  }

  /** Makes a session at a server, and waits until its owner has it; `undefined` when it was not stored in time. */
  async make(target: Target, waitMs = timeoutMs): Promise<KeptSession | undefined> {
    const { isSettled } = this
    const { session } = await this.visit(target)
    const client = decodeClientSession(session!)
    client.session.masterSecret.wipe()
    const id = client.sessionId
    const deadlineMs = Date.now() + waitMs
    while (!(await this.#isStored(id))) {
      if (Date.now() > deadlineMs) return undefined
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    const maker = target.node ?? ''
    return { bytes: session!, id, epoch: id[0]! & 63, maker, isSettled: isSettled && this.isSettled }
  }

  /** Every session made so far comes back, each to another server than the one before. */
  async returnWithAll(): Promise<void> {
    const { targets } = this.#options
    for (const [i, session] of [...this.sessions].entries())
      await this.#return(targets[i % targets.length]!, session)
  }

  /** Lets the clients finish what they do; rejects when one of them met an error. */
  async stop(): Promise<void> {
    this.#isStopped = true
    try {
      await this.#running
    } finally {
      await this.observer.close(0)
    }
  }

  async #visitOn(): Promise<void> {
    const { targets } = this.#options
    while (!this.#isStopped) {
      const turn = this.#visits++
      const made = await this.make(targets[turn % targets.length]!)
      if (made === undefined) throw new Error('a session was not stored by its owner')
      this.sessions.push(made)
      await this.#return(targets[(turn + 1) % targets.length]!, made)
      // And one of those that were made before, whenever that was.
      await this.#return(
        targets[(turn + 2) % targets.length]!,
        this.sessions[(turn * 7) % this.sessions.length]!,
      )
    }
  }

  async #return(target: Target, session: KeptSession): Promise<void> {
    const { resumed } = await this.visit(target, session)
    this.returns.push({ session, at: target.node ?? '', resumed })
  }

  async #isStored(id: Uint8Array): Promise<boolean> {
    const found = await this.observer.sessionCache.load(id, AbortSignal.timeout(timeoutMs))
    if (!('session' in found)) return false
    found.session.masterSecret.wipe()
    return true
  }
}
