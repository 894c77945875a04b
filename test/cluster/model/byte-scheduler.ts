import { type Command, commandsOf } from './commands.ts'
import type { Scheduler } from './network.ts'

interface Waiting {
  readonly label: string
  readonly go: () => void
}

/** A scheduler whose choices are bytes; where they end, whoever waited longest goes next. */
export class ByteScheduler implements Scheduler {
  /** What went, in its order. */
  readonly trace: string[] = []
  readonly #choices: Uint8Array
  readonly #waiting: Waiting[] = []

  constructor(choices: Uint8Array) {
    this.#choices = choices
  }

  schedule(task: Promise<void>, label: string): Promise<void> {
    return new Promise(resolve => this.#waiting.push({ label, go: () => resolve(task) }))
  }

  count(): number {
    return this.#waiting.length
  }

  async waitOne(): Promise<void> {
    const choice = this.#choices[this.trace.length] ?? 0
    const [next] = this.#waiting.splice(choice % this.#waiting.length, 1)
    if (next === undefined) throw new Error('nobody waits')
    this.trace.push(next.label)
    next.go()
  }
}

/** Any bytes are a run: a length, so many choices of the scheduler, and commands. */
export function runOf(bytes: Uint8Array): {
  readonly commands: readonly Command[]
  readonly scheduler: ByteScheduler
} {
  const at = 1 + (bytes[0] ?? 0)
  return { commands: commandsOf(bytes.subarray(at)), scheduler: new ByteScheduler(bytes.subarray(1, at)) }
}
