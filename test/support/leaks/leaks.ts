/**
 * Connections by the thousand, in a process of their own: what is left of them when they are over. With `--expose-gc`, and with
 * `--max-opt=0`: code that V8 optimizes meanwhile lies on the heap too, a megabyte in 10,000 connections.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import {
  connect,
  createServer,
  MemorySessionCache,
  type Server,
  type TLSSocket,
} from '../../../src/node/index.ts'
import { fixture } from '../fixtures.ts'

export interface LeakOptions {
  readonly provider: 'noble' | 'node'
  /** Short connections, one after the other in `lanes`. */
  readonly connections: number
  /** Connections that are open at the same time. */
  readonly open: number
  /** Keeps what should go, so that one sees the measurement find it. */
  readonly leak?: boolean
}

/** What a process holds after garbage collection. */
export interface Held {
  readonly heapBytes: number
  readonly bufferBytes: number
  /** Sockets of both sides that nobody has let go. */
  readonly sockets: number
  /** Handles and timers that keep the process alive, besides the listening one. */
  readonly resources: number
}

export interface LeakReport {
  /** After a warm-up of a tenth as many connections of each kind. */
  readonly before: Held
  readonly afterShort: Held
  /** While the open ones are open. */
  readonly whileOpen: Held
  readonly afterOpen: Held
}

const lanes = 20
const identity = { cert: fixture('ec.pem'), key: fixture('ec.key') }
const trusted = { ca: fixture('ec-ca.pem'), servername: 'localhost', host: '127.0.0.1' }

export async function findLeaks(options: LeakOptions): Promise<LeakReport> {
  const run = new Run(options)
  await run.listen()
  try {
    const { connections, open } = options
    await run.short(Math.max(lanes, connections / 10))
    await run.open(Math.max(lanes, open / 10), async () => {})
    const before = await run.held()
    await run.short(connections)
    const afterShort = await run.held()
    let whileOpen = before
    await run.open(open, async () => {
      whileOpen = await run.held()
    })
    return { before, afterShort, whileOpen, afterOpen: await run.held() }
  } finally {
    run.close()
  }
}

class Run {
  readonly #server: Server
  readonly #options: LeakOptions
  #everySocket: WeakRef<TLSSocket>[] = []
  readonly #kept: TLSSocket[] = []

  constructor(options: LeakOptions) {
    this.#options = options
    const { provider } = options
    // A cache that is full from the warm-up on: sessions that are kept on purpose are no leak.
    const sessionCache = new MemorySessionCache({ now: Date.now, maxSessions: lanes })
    this.#server = createServer({ ...identity, provider, sessionCache }, socket => {
      this.#watch(socket)
      socket.on('error', () => {})
      socket.pipe(socket)
    })
    this.#server.on('tlsClientError', (_, socket: TLSSocket) => this.#watch(socket))
  }

  async listen(): Promise<void> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening')
  }

  close(): void {
    this.#server.close()
  }

  /** Connections that end in each way there is, some of them resumed. */
  async short(count: number): Promise<void> {
    let left = count
    const lane = async () => {
      let session: Buffer | undefined
      for (let n = 0; left-- > 0; n++) session = await this.#visit(endings[n % endings.length]!, session)
    }
    await Promise.all(Array.from({ length: lanes }, lane))
  }

  /** Opens many, each of which has said something, then closes them. */
  async open(count: number, whileOpen: () => Promise<void>): Promise<void> {
    const sockets: TLSSocket[] = []
    while (sockets.length < count) {
      const some = Array.from({ length: Math.min(lanes, count - sockets.length) }, () => this.#connect({}))
      await Promise.all(
        some.map(async socket => {
          socket.write('hello')
          await once(socket, 'data')
        }),
      )
      sockets.push(...some)
    }
    await whileOpen()
    await Promise.all(sockets.splice(0).map(socket => once(socket.end().resume(), 'close')))
  }

  async held(): Promise<Held> {
    // What closes in the next turns is let go there, and finalizers run between collections.
    for (let i = 0; i < 10; i++) {
      for (let turns = 0; turns < 20; turns++) await turn()
      globalThis.gc!()
    }
    // Before memory is measured: a WeakRef takes some, too.
    this.#everySocket = this.#everySocket.filter(reference => reference.deref() !== undefined)
    await turn()
    globalThis.gc!()
    const { heapUsed, external } = process.memoryUsage()
    const resources = process
      .getActiveResourcesInfo()
      .filter(name => /^(TCP|Timeout|Pipe.*Wrap)/.test(name) && name !== 'PipeWrap')
    return {
      heapBytes: heapUsed,
      bufferBytes: external,
      sockets: this.#everySocket.length,
      resources: resources.length - 1,
    }
  }

  async #visit(end: Ending, session: Buffer | undefined): Promise<Buffer | undefined> {
    // Who resumes has verified before.
    const options = end === 'untrusted' ? { ca: fixture('ca.pem') } : session && { session }
    const socket = this.#connect({ ...options })
    socket.on('error', () => {})
    const closed = new Promise(resolve => socket.once('close', resolve))
    let made = session
    socket.on('session', bytes => {
      made = bytes
    })
    if (end === 'cut off in the handshake') socket.once('connect', () => turn().then(() => socket.destroy()))
    else if (end !== 'untrusted') {
      socket.write('hello')
      socket.once('data', () => (end === 'destroyed' ? socket.destroy() : socket.end()))
      socket.resume()
    }
    await closed
    return made
  }

  #connect(options: object): TLSSocket {
    const { port } = this.#server.address() as AddressInfo
    const socket = connect({ ...trusted, provider: this.#options.provider, port, ...options })
    this.#watch(socket)
    return socket
  }

  #watch(socket: TLSSocket): void {
    this.#everySocket.push(new WeakRef(socket))
    if (this.#options.leak) this.#kept.push(socket)
  }
}

const endings = ['ended', 'destroyed', 'ended', 'untrusted', 'ended', 'cut off in the handshake'] as const
type Ending = (typeof endings)[number]

/** What of a report says that something leaks; empty where all is well. @param slack by which the heap may have grown: 0.05 for 5 % */
export function leaksIn({ before, afterShort, afterOpen }: LeakReport, slack: number): string[] {
  const wrong: string[] = []
  for (const [when, after] of Object.entries({
    'short connections': afterShort,
    'open connections': afterOpen,
  })) {
    const growth = after.heapBytes / before.heapBytes - 1
    if (growth > slack) wrong.push(`${when}: the heap grew by ${(100 * growth).toFixed(1)} %`)
    if (after.sockets > mostHeldByChance) wrong.push(`${when}: ${after.sockets} sockets are still there`)
    if (after.resources > before.resources)
      wrong.push(`${when}: ${after.resources} handles and timers are still there`)
  }
  return wrong
}

/** The collector is conservative where a register or a stack slot still names an object. */
const mostHeldByChance = 5
