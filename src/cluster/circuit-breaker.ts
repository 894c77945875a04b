/** `closed`: asked as usual. `open`: not asked. `half_open`: one request is under way to see whether it is back. */
export type BreakerState = 'closed' | 'open' | 'half_open'

export interface BreakerOptions {
  /** ms since 1970. */
  readonly now: () => number
  /** So many failures in a row open it. */
  readonly threshold?: number
  /** How long it stays open before one request is let through. */
  readonly coolDownMs?: number
  readonly onChange?: (state: BreakerState) => void
}

/**
 * Remembers that somebody does not answer, so that not every client waits to find that out again. After three
 * failures in a row nobody is asked for a second; then one request may try, and decides.
 */
export class CircuitBreaker {
  readonly #now: () => number
  readonly #threshold: number
  readonly #coolDownMs: number
  readonly #onChange: (state: BreakerState) => void
  #state: BreakerState = 'closed'
  #failures = 0
  #openedMs = 0

  constructor({ now, threshold = 3, coolDownMs = 1000, onChange = () => {} }: BreakerOptions) {
    this.#now = now
    this.#threshold = threshold
    this.#coolDownMs = coolDownMs
    this.#onChange = onChange
  }

  get state(): BreakerState {
    return this.#state
  }

  /** Whether a request would be let through now. */
  get isPassable(): boolean {
    return this.#state === 'closed' || (this.#state === 'open' && this.#hasCooled())
  }

  /** Asks to let a request through; whoever may go must call `succeeded` or `failed` at the end. */
  admit(): boolean {
    if (!this.isPassable) return false
    if (this.#state === 'open') this.#become('half_open')
    return true
  }

  succeeded(): void {
    this.#failures = 0
    this.#become('closed')
  }

  failed(): void {
    this.#failures++
    if (this.#state === 'closed' && this.#failures < this.#threshold) return
    this.#openedMs = this.#now()
    this.#become('open')
  }

  /** A clock that was set back must not keep it open for as long as it was set back. */
  #hasCooled(): boolean {
    const ageMs = this.#now() - this.#openedMs
    return ageMs >= this.#coolDownMs || ageMs < 0
  }

  #become(state: BreakerState): void {
    if (this.#state === state) return
    this.#state = state
    this.#onChange(state)
  }
}
