import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { CommandFailed } from '../failures.ts'
import type { HandshakeEvent } from '../handshake-event.ts'
import type { BackEnd } from './balancer.ts'

const binary = fileURLToPath(new URL('../main.js', import.meta.url))
const timeoutMs = 10_000

/** The last line of a server: what it did, and what it asked of session nodes. */
export interface StoppedEvent {
  readonly event: 'stopped'
  readonly handshakes: number
  /** HTTP requests sent to session nodes. */
  readonly requests: number
  readonly lookups: number
  readonly puts: number
}

interface ListeningEvent extends BackEnd {
  readonly event: 'listening'
}

type ServerEvent = HandshakeEvent | StoppedEvent | ListeningEvent | { readonly event: 'handshakeFailed' }

/** A `ringtls server --json` in a process of its own. */
export class ServerProcess {
  readonly id: string
  readonly #child: ChildProcess
  readonly #events: ServerEvent[] = []
  readonly #exited: Promise<number | null>
  #stderr = ''
  #wake: () => void = () => {}

  private constructor(id: string, args: readonly string[]) {
    this.id = id
    const command = [binary, 'server', '--json', '--listen', '127.0.0.1:0', '--node', id, ...args]
    this.#child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] })
    createInterface(this.#child.stdout!).on('line', line => {
      this.#events.push(JSON.parse(line) as ServerEvent)
      this.#wake()
    })
    this.#child.stderr!.on('data', chunk => {
      this.#stderr += chunk
    })
    this.#exited = new Promise(resolve => {
      // 'close' comes when its output has come too.
      this.#child.once('close', code => {
        resolve(code)
        this.#wake()
      })
      this.#child.once('error', error => {
        this.#stderr += error.message
        resolve(null)
      })
    })
  }

  /** Starts one and waits until it listens. `onStart` sees it at once, so that it can be killed before that too. */
  static async start(
    id: string,
    args: readonly string[],
    onStart: (server: ServerProcess) => void,
  ): Promise<{ server: ServerProcess; address: BackEnd }> {
    const server = new ServerProcess(id, args)
    onStart(server)
    const address = await server.next('listening')
    return { server, address }
  }

  /** Takes the next event of a kind, waiting for it. */
  async next<K extends ServerEvent['event']>(kind: K): Promise<Extract<ServerEvent, { event: K }>> {
    const deadline = AbortSignal.timeout(timeoutMs)
    for (;;) {
      const at = this.#events.findIndex(({ event }) => event === kind)
      if (at >= 0) return this.#events.splice(at, 1)[0] as Extract<ServerEvent, { event: K }>
      if (deadline.aborted || this.#child.exitCode !== null) {
        const said = this.#stderr.trim() || 'it said nothing'
        const how = deadline.aborted ? `took more than ${timeoutMs} ms` : 'ended'
        throw new CommandFailed(`server ${this.id} ${how} and did not say '${kind}': ${said}`)
      }
      await new Promise<void>(resolve => {
        this.#wake = resolve
        deadline.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  /** Ends it with a signal; resolves to its exit code when it is gone. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    this.#child.kill(signal)
    return this.#exited
  }
}
