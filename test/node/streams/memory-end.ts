import { Duplex } from 'node:stream'

/** How bytes travel: into which portions a chunk is cut, and how many turns of the event loop each is under way. */
export interface Journey {
  cut(chunk: Buffer): readonly Buffer[]
  turns(): number
}

const direct: Journey = { cut: chunk => [chunk], turns: () => 0 }

export interface MemoryPairOptions {
  readonly allowHalfOpen?: boolean
  readonly highWaterMark?: number
  readonly journey?: Journey
}

/**
 * One end of a connection in memory. As over TCP, an end that is destroyed ends what the other one reads, and what was written before
 * still arrives. The other one's reading is what calls a write back. (A `duplexPair` of Node 20 tells nobody that an end was destroyed.)
 */
export class MemoryEnd extends Duplex {
  readonly #journey: Journey
  #other: MemoryEnd | undefined
  /** What waits until more is read here, by which bytes come. */
  #wanted: (() => void) | undefined
  #hasEnded = false

  constructor({ journey = direct, ...options }: MemoryPairOptions) {
    super({ allowHalfOpen: false, ...options })
    this.#journey = journey
  }

  static pair(options: MemoryPairOptions = {}): { client: MemoryEnd; server: MemoryEnd } {
    const [client, server] = [new MemoryEnd(options), new MemoryEnd(options)]
    client.#other = server
    server.#other = client
    return { client, server }
  }

  override _read(): void {
    const wanted = this.#wanted
    this.#wanted = undefined
    wanted?.()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#deliver([...this.#journey.cut(chunk)], done)
  }

  override _final(done: () => void): void {
    this.#other?.endReading()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#other?.endReading()
    this._read()
    done(error)
  }

  endReading(): void {
    if (this.#hasEnded || this.destroyed) return
    this.#hasEnded = true
    this.push(null)
  }

  async #deliver(portions: Buffer[], done: () => void): Promise<void> {
    for (const portion of portions) {
      for (let turn = this.#journey.turns(); turn > 0; turn--)
        await new Promise(resolve => setImmediate(resolve))
      await this.#other?.accept(portion)
    }
    done()
  }

  /** Resolves once there is room for more. */
  async accept(portion: Buffer): Promise<void> {
    if (this.#hasEnded || this.destroyed || this.push(portion)) return
    await new Promise<void>(resolve => {
      this.#wanted = resolve
    })
  }
}
