/**
 * The time of a run of the model. The bundle of load.ts puts `setTimeout` and `clearTimeout` of this file in the
 * place of the runtime's in every source, so that no run waits for anything, and each is the same every time.
 */
import type { Timers } from '../../../src/driver/driver.ts'

class VirtualTimer {
  readonly atMs: number
  readonly callback: () => void

  constructor(atMs: number, callback: () => void) {
    this.atMs = atMs
    this.callback = callback
  }

  /** As a timer of Node's has it. */
  unref(): this {
    return this
  }
}

let timeMs = 0
let waiting: VirtualTimer[] = []

export function setTimeout(callback: () => void, delayMs = 0): VirtualTimer {
  const timer = new VirtualTimer(timeMs + Math.max(0, delayMs), callback)
  // Behind those of the same time: they run in the order they were set.
  const at = waiting.findIndex(other => other.atMs > timer.atMs)
  waiting.splice(at < 0 ? waiting.length : at, 0, timer)
  return timer
}

export function clearTimeout(timer: VirtualTimer | undefined): void {
  waiting = waiting.filter(other => other !== timer)
}

export const virtualTime = {
  /** ms since 1970, of a clock that is right. */
  get nowMs(): number {
    return timeMs
  },

  restart(nowMs: number): void {
    timeMs = nowMs
    waiting = []
  },

  /** When the next timer is due. */
  get nextMs(): number | undefined {
    return waiting[0]?.atMs
  },

  /** Turns the clock to the next timer and runs it. */
  fireNext(): void {
    const timer = waiting.shift()
    if (timer === undefined) throw new Error('no timer is set')
    timeMs = timer.atMs
    timer.callback()
  },

  advanceTo(nowMs: number): void {
    timeMs = Math.max(timeMs, nowMs)
  },
}

/** For a Driver. */
export const virtualTimers: Timers = {
  now: () => timeMs,
  schedule: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}
