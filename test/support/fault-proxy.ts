/** A TCP proxy in front of one address, which does to the bytes on their way what a test says. */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from './free-ports.ts'

/** What happens to the bytes of one direction. They are asked at every piece, so a test may change them at any time. */
export interface Faults {
  /** How much later every piece comes, ms. */
  readonly delayMs?: number
  /** Pieces are kept back until this resolves. */
  readonly gate?: Promise<void>
  /** Taken and thrown away, the end of the stream too. */
  readonly blackHole?: boolean
  /** The connection is over after so many of its bytes in this direction. */
  readonly cutAfter?: number
  /** How: with an orderly end (FIN), or as by default with a reset (RST). */
  readonly cutBy?: 'end' | 'reset'
  /** Offset of a byte whose bits are all inverted: from the start of the connection, or of each turn (what came since the other side spoke). */
  readonly flipAt?: number
  readonly flipIn?: 'connection' | 'turn'
  /** One byte every so many ms. */
  readonly trickleMs?: number
}

/** Where the proxy leads to. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** What the client is told in place of the server, once it has said something; then the connection ends. May be endless. */
export type Answer = () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/** Both ends of one connection through the proxy. */
interface Pair {
  readonly client: Socket
  readonly server: Socket
}

export class FaultProxy {
  /** The server's address; a connection asks for it when it is made. */
  target: Address
  toServer: Faults = {}
  toClient: Faults = {}
  answer: Answer | undefined
  /** A connection that has carried a reply is reset when the client uses it again. */
  resetsReused = false
  /** Accepted so far, and the bytes that were passed on. */
  connections = 0
  bytesToServer = 0
  bytesToClient = 0
  readonly port: number
  readonly #listener: Server
  readonly #pairs = new Set<Pair>()

  private constructor(target: Address, port: number) {
    this.target = target
    this.port = port
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, client => this.#join(client))
  }

  /** Listens on a loopback port of its own. Its connections are those of `target`, which may not be there yet. */
  static async open(target: Address): Promise<FaultProxy> {
    const proxy = new FaultProxy(target, await freePort())
    await proxy.accept()
    return proxy
  }

  /** `http://127.0.0.1:PORT`, for a cluster_info. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** How many connections are open. */
  get open(): number {
    return this.#pairs.size
  }

  /** Stops listening, as a process that has died: new connections are refused, those that are open are reset. */
  async refuse(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#listener.close(() => resolve()))
    this.reset()
    await closed
  }

  /** Listens again, on the same port. */
  accept(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#listener.once('error', reject)
      this.#listener.listen(this.port, '127.0.0.1', () => {
        this.#listener.off('error', reject)
        resolve()
      })
    })
  }

  /** Resets every open connection (RST to both ends). */
  reset(): void {
    for (const pair of this.#pairs) this.#end(pair)
  }

  /** No faults any more. */
  heal(): void {
    this.toServer = {}
    this.toClient = {}
    this.answer = undefined
    this.resetsReused = false
  }

  async close(): Promise<void> {
    if (this.#listener.listening) await this.refuse()
    else this.reset()
  }

  #join(client: Socket): void {
    this.connections++
    const server = connect({ ...this.target, allowHalfOpen: true, noDelay: true })
    const pair = { client, server }
    this.#pairs.add(pair)
    for (const socket of [client, server]) {
      // A target that is not there: its client learns of it by a reset.
      socket.on('error', () => this.#end(pair))
      socket.on('close', () => this.#end(pair))
    }
    const requests = new Lane(server, { faults: () => this.toServer, cut: by => this.#cut(pair, by) })
    const replies = new Lane(client, { faults: () => this.toClient, cut: by => this.#cut(pair, by) })
    let hasReply = false
    client.on('data', (chunk: Buffer) => {
      replies.beginTurn()
      if (hasReply && this.resetsReused) return this.#end(pair)
      if (this.answer !== undefined) return void this.#answer(client, this.answer)
      requests.push(chunk, passed => {
        this.bytesToServer += passed
      })
    })
    server.on('data', (chunk: Buffer) => {
      hasReply = true
      requests.beginTurn()
      replies.push(chunk, passed => {
        this.bytesToClient += passed
      })
    })
    client.on('end', () => requests.end())
    server.on('end', () => replies.end())
  }

  async #answer(client: Socket, answer: Answer): Promise<void> {
    client.removeAllListeners('data').resume()
    for await (const part of answer()) {
      if (client.destroyed) return
      if (!client.write(part))
        await new Promise(resolve => client.once('drain', resolve).once('close', resolve))
    }
    client.end()
  }

  #cut(pair: Pair, by: 'end' | 'reset'): void {
    if (by === 'reset') return this.#end(pair)
    pair.client.end()
    pair.server.end()
  }

  #end(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return
    for (const socket of [pair.client, pair.server]) reset(socket)
  }
}

/** Where there is no connection yet, or its end is being sent, a reset is not possible: Node would keep the handle for ever. */
function reset(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished
  if (socket.connecting || isEnding) socket.destroy()
  else if (!socket.destroyed) socket.resetAndDestroy()
}

interface LaneSetup {
  readonly faults: () => Faults
  readonly cut: (by: 'end' | 'reset') => void
}

/** One direction of one connection: pieces go on in their order, each when the one before it has gone. */
class Lane {
  readonly #to: Socket
  readonly #setup: LaneSetup
  #last: Promise<void> = Promise.resolve()
  /** Bytes of the connection, and of this turn, that came so far. */
  #offset = 0
  #turnOffset = 0

  constructor(to: Socket, setup: LaneSetup) {
    this.#to = to
    this.#setup = setup
  }

  /** The other side has spoken: what comes now is a new turn. */
  beginTurn(): void {
    this.#turnOffset = 0
  }

  push(chunk: Buffer, passed: (count: number) => void): void {
    const faults = this.#setup.faults()
    const bytes = this.#flipped(chunk, faults)
    const { cutAfter = Number.POSITIVE_INFINITY } = faults
    const rest = Math.max(0, cutAfter - this.#offset)
    this.#offset += chunk.length
    this.#turnOffset += chunk.length
    if (faults.blackHole) return
    const dueMs = performance.now() + (faults.delayMs ?? 0)
    this.#after(async () => {
      await faults.gate
      await sleep(dueMs - performance.now())
      await this.#write(bytes.subarray(0, rest), passed)
      if (bytes.length < rest) return
      const { cutBy = 'reset' } = faults
      // A reset on the heels of bytes may reach their reader before he has read them, and looks like an end to some.
      if (cutBy === 'reset') await sleep(20)
      this.#setup.cut(cutBy)
    })
  }

  end(): void {
    const { blackHole, gate } = this.#setup.faults()
    if (blackHole) return
    this.#after(async () => {
      await gate
      this.#to.end()
    })
  }

  #after(step: () => Promise<void>): void {
    this.#last = this.#last.then(step)
  }

  #flipped(chunk: Buffer, { flipAt, flipIn = 'connection' }: Faults): Buffer {
    const at = flipAt === undefined ? -1 : flipAt - (flipIn === 'turn' ? this.#turnOffset : this.#offset)
    if (at < 0 || at >= chunk.length) return chunk
    const flipped = Buffer.from(chunk)
    flipped[at]! ^= 0xff
    return flipped
  }

  async #write(bytes: Buffer, passed: (count: number) => void): Promise<void> {
    for (let start = 0; start < bytes.length; ) {
      const { trickleMs } = this.#setup.faults()
      const part = trickleMs === undefined ? bytes.subarray(start) : bytes.subarray(start, start + 1)
      if (!this.#to.writable) return
      this.#to.write(part)
      passed(part.length)
      start += part.length
      await sleep(trickleMs ?? 0)
    }
  }
}

/** Not at all for 0 and less. */
function sleep(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise(resolve => setTimeout(resolve, ms).unref())
}
