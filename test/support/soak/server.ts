/** The built binary as a server of the soak, with a probe inside it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const binary = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))
const probe = new URL('probe.mjs', import.meta.url).href

/** What a process holds, sizes in bytes, the heap after a collection. */
export interface Sample {
  readonly rss: number
  readonly heapUsed: number
  readonly external: number
  readonly unhandledRejections: number
  readonly sockets: number
  readonly resources: number
}

/** A breaker of this server that is not closed, from and to ms since 1970. */
export interface OpenBreaker {
  readonly node: string
  readonly fromMs: number
  toMs: number
}

export class SoakServer {
  readonly id: string
  port = 0
  readonly breakers: OpenBreaker[] = []
  /** Lines on stderr that are neither JSON nor expected: an exception, say. */
  readonly complaints: string[] = []
  /** The process ended though nobody asked it to. */
  hasDied = false
  readonly #child: ChildProcess
  readonly #exited: Promise<number | null>
  #isStopping = false

  private constructor(id: string, args: readonly string[]) {
    this.id = id
    this.#child = spawn(process.execPath, ['--expose-gc', '--import', probe, binary, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    createInterface(this.#child.stderr!).on('line', line => this.#hear(line))
    this.#exited = new Promise(resolve => {
      this.#child.once('close', code => {
        this.hasDied = !this.#isStopping
        resolve(code)
      })
    })
  }

  /** Starts `ringtls server ...args` and waits until it listens. */
  static async start(id: string, args: readonly string[]): Promise<SoakServer> {
    const server = new SoakServer(id, ['server', '--node', id, '--json', '--log-level', 'warn', ...args])
    const lines = createInterface(server.#child.stdout!)
    server.port = await new Promise<number>((resolve, reject) => {
      lines.once('line', line => resolve((JSON.parse(line) as { port: number }).port))
      void server.#exited.then(code => reject(new Error(`${id} ended with ${code}: ${server.complaints}`)))
    })
    // It tells of every handshake; the clients tell it too.
    lines.on('line', () => {})
    return server
  }

  sample(): Promise<Sample> {
    return new Promise((resolve, reject) => {
      this.#child.once('message', message => resolve(message as Sample))
      this.#child.send({}, error => error && reject(error))
    })
  }

  /** Asks it to stop, and waits for its end; resolves to its exit code. */
  async stop(): Promise<number | null> {
    this.#isStopping = true
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000)
    const code = await this.#exited
    clearTimeout(timer)
    return code
  }

  #hear(line: string): void {
    let logged: { readonly node?: string; readonly breaker?: string; readonly time?: number | string }
    try {
      logged = JSON.parse(line) as typeof logged
    } catch {
      this.complaints.push(line)
      return
    }
    if (logged.node === undefined || logged.breaker === undefined) return
    const nowMs = typeof logged.time === 'number' ? logged.time : Date.now()
    for (const open of this.breakers) if (open.node === logged.node && open.toMs > nowMs) open.toMs = nowMs
    if (logged.breaker === 'closed') return
    this.breakers.push({ node: logged.node, fromMs: nowMs, toMs: Number.POSITIVE_INFINITY })
  }
}
