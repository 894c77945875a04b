import type { ClusterLog } from './cluster-log.ts'

const intervalMs = 1000

/** What strangers can cause as often as they like makes a line a second; those left out are counted in the next. */
export class LogThrottle {
  readonly #log: ClusterLog
  readonly #now: () => number
  readonly #lines = new Map<string, { writtenMs: number; leftOut: number }>()

  constructor(log: ClusterLog, now: () => number) {
    this.#log = log
    this.#now = now
  }

  /** Warns unless this `message` and `word` did within the last second. `word` is one of a few: each is remembered. */
  warn(message: string, word: string, fields: object = {}): void {
    const nowMs = this.#now()
    const name = `${message} ${word}`
    const line = this.#lines.get(name) ?? { writtenMs: Number.NEGATIVE_INFINITY, leftOut: 0 }
    this.#lines.set(name, line)
    // A clock that was set back must not silence us for as long as it was set back.
    const ageMs = Math.abs(nowMs - line.writtenMs)
    if (ageMs < intervalMs) {
      line.leftOut++
      return
    }
    this.#log.warn({ ...fields, count: line.leftOut + 1 }, message)
    line.writtenMs = nowMs
    line.leftOut = 0
  }
}
