import { StoreFailure } from './session-store.ts'

/** How long a store has, in ms. */
export interface StoreTimeouts {
  /** For a whole look-up: a client waits for it. */
  readonly readTimeoutMs: number
  /** For a PUT or DELETE: nobody waits for it. */
  readonly writeTimeoutMs: number
}

export const defaultStoreTimeouts: StoreTimeouts = { readTimeoutMs: 50, writeTimeoutMs: 1000 }

/**
 * Runs `work` for at most `timeoutMs` and never longer: the promise rejects by our own timer even if what
 * `work` waits for never answers and does not heed its signal. (node:http, undici, ioredis and node-redis were
 * all still pending after eight seconds against a stopped store.) `work`'s signal is aborted when the time is
 * over; what it does later is of no consequence.
 */
export function withinBudget<T>(timeoutMs: number, work: (end: AbortSignal) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const ending = new AbortController()
    const expire = () => {
      const failure = new StoreFailure('timeout', `no answer within ${timeoutMs} ms`)
      reject(failure)
      ending.abort(failure)
    }
    // Where this process itself was held up, the answer may lie in a socket already: sockets are read between two timers.
    let timer = setTimeout(() => {
      timer = setTimeout(expire, 0)
    }, timeoutMs)
    work(ending.signal)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}

/**
 * Waits for what `work` promises until its caller gives up: then it rejects at once, and what `work` does is of no
 * consequence. A caller who had given up before has it not begun.
 */
export function untilAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new StoreFailure('timeout', 'the look-up was given up by its caller'))
    if (signal.aborted) return giveUp()
    signal.addEventListener('abort', giveUp, { once: true })
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', giveUp))
  })
}
