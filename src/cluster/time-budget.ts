import { StoreFailure } from './session-store.ts'

export interface TimeBudget {
  readonly timeoutMs: number
  /** The caller's own end, when it has one. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Runs `work` for at most `timeoutMs` and never longer: the promise rejects by our own timer even if what
 * `work` waits for never answers and does not heed its signal. (node:http, undici, ioredis and node-redis were
 * all still pending after eight seconds against a stopped store.) `work`'s signal is aborted when the time is
 * over; what it does later is of no consequence.
 */
export function withinBudget<T>(budget: TimeBudget, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { timeoutMs, signal } = budget
  return new Promise((resolve, reject) => {
    const ending = new AbortController()
    const end = (failure: StoreFailure) => {
      settle()
      reject(failure)
      ending.abort(failure)
    }
    const giveUp = () => end(new StoreFailure('timeout', 'the look-up was given up by its caller'))
    const timer = setTimeout(
      () => end(new StoreFailure('timeout', `no answer within ${timeoutMs} ms`)),
      timeoutMs,
    )
    const settle = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
    }
    if (signal?.aborted) return giveUp()
    signal?.addEventListener('abort', giveUp, { once: true })
    work(ending.signal).then(resolve, reject).finally(settle)
  })
}
