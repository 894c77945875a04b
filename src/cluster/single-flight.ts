import { untilAborted } from './time-budget.ts'

/** Work under way, and how many still wait for it. */
interface Flight<T> {
  readonly ending: AbortController
  readonly landed: Promise<T>
  waiting: number
}

/** Whoever asks for what another has asked for already waits for the same answer: fifty clients with one session are one request. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>()

  /**
   * Runs `work`, or joins the run for `key` that is under way, until `signal` ends this caller's waiting. `work`'s
   * own signal ends when nobody waits any more.
   */
  run(key: string, signal: AbortSignal, work: (end: AbortSignal) => Promise<T>): Promise<T> {
    return untilAborted(signal, () => this.#join(key, signal, work))
  }

  #join(key: string, signal: AbortSignal, work: (end: AbortSignal) => Promise<T>): Promise<T> {
    const flight = this.#flights.get(key) ?? this.#depart(key, work)
    const leave = () => {
      if (--flight.waiting === 0) this.#abandon(key, flight)
    }
    flight.waiting++
    signal.addEventListener('abort', leave, { once: true })
    return flight.landed.finally(() => signal.removeEventListener('abort', leave))
  }

  #depart(key: string, work: (end: AbortSignal) => Promise<T>): Flight<T> {
    const ending = new AbortController()
    const landed = startedNow(() => work(ending.signal))
    const flight = { ending, landed, waiting: 0 }
    this.#flights.set(key, flight)
    // Who comes after the answer asks anew: it may be another by then.
    const land = () => this.#forget(key, flight)
    landed.then(land, land)
    return flight
  }

  #abandon(key: string, flight: Flight<T>): void {
    this.#forget(key, flight)
    flight.ending.abort()
  }

  #forget(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key)
  }
}

/** Runs at once, and makes a rejection of what is thrown. */
export async function startedNow<T>(work: () => Promise<T>): Promise<T> {
  return work()
}
