/** The programs around Go's crypto/tls, JSSE and rustls: one process, spoken to by lines (peers/README.md). */
import { type Library, PeerProcess } from '../support/peers.ts'

/** How such a peer saw a connection. */
export interface PeerVisit {
  readonly suite: string
  readonly resumed: boolean
  /** '' for none. */
  readonly alpn: string
  /** The common name in our certificate, '' where we showed none. */
  readonly peer: string
  /** 32 bytes in hexadecimal, of the libraries that have an exporter. */
  readonly exported?: string
}

/** What it is told: files, lists joined by commas, numbers. */
export type PeerOptions = Readonly<Record<string, string | number | undefined>>

/** A server of such a peer, which goes on until its process ends. */
export interface PeerListener {
  readonly port: number
  /** Takes the next handshake that it reported; rejects with what it says of one that failed. */
  next(): Promise<PeerVisit>
}

interface Line {
  readonly id: string
  readonly error?: string
  readonly port?: number
  readonly visits?: readonly PeerVisit[]
}

/** One process for all tests of a file, which ends it after the last. */
export class LibraryPeer {
  readonly name: Library
  readonly #process: PeerProcess
  #commands = 0

  constructor(name: Library) {
    this.name = name
    this.#process = new PeerProcess(name, [], { deadlineMs: 300_000 })
  }

  async end(): Promise<void> {
    this.#process.kill()
    await this.#process.ended()
  }

  /** Visits an echo of ours twice; rejects with what it says of a failure. */
  async connect(options: PeerOptions): Promise<readonly PeerVisit[]> {
    const id = this.#command('connect', options)
    return (await this.#line(id, 0)).visits!
  }

  async listen(options: PeerOptions): Promise<PeerListener> {
    const id = this.#command('listen', options)
    const { port } = await this.#line(id, 0)
    let taken = 0
    return { port: port!, next: async () => (await this.#line(id, ++taken)) as unknown as PeerVisit }
  }

  #command(name: 'connect' | 'listen', options: PeerOptions): string {
    const id = String(++this.#commands)
    const words = Object.entries(options).filter(([, value]) => value !== undefined)
    this.#process.write(`${[id, name, ...words.map(([key, value]) => `${key}=${value}`)].join(' ')}\n`)
    return id
  }

  /** Waits for line `index` with this id. */
  async #line(id: string, index: number): Promise<Line> {
    const line = await this.#process.until(output => linesOf(output).filter(line => line.id === id)[index])
    if (line.error !== undefined) throw new Error(`${this.name}: ${line.error}`)
    return line
  }
}

/** The lines that are complete; what a JVM says beside them is no answer. */
function linesOf(output: string): Line[] {
  return output
    .split('\n')
    .slice(0, -1)
    .filter(line => line.startsWith('{"') && line.endsWith('}'))
    .map(line => JSON.parse(line) as Line)
}
