import type { Timers } from '../../src/driver/driver.ts'

/** Timers on a clock that a test turns. */
export class VirtualTimers implements Timers {
  #nowMs = 0
  #waiting: { readonly atMs: number; readonly callback: () => void }[] = []

  now(): number {
    return this.#nowMs
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, callback }
    this.#waiting.push(timer)
    return () => {
      this.#waiting = this.#waiting.filter(each => each !== timer)
    }
  }

  get pending(): number {
    return this.#waiting.length
  }

  /** Turns the clock on and runs what falls due. */
  advance(ms: number): void {
    this.#nowMs += ms
    const due = this.#waiting.filter(timer => timer.atMs <= this.#nowMs)
    this.#waiting = this.#waiting.filter(timer => timer.atMs > this.#nowMs)
    for (const { callback } of due) callback()
  }
}
