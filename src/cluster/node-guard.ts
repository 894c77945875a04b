import { type BreakerOptions, type BreakerState, CircuitBreaker } from './circuit-breaker.ts'
import { type ClusterLog, silentLog } from './cluster-log.ts'
import { StoreFailure } from './session-store.ts'

export interface NodeGuardOptions extends BreakerOptions {
  /** What errors call it. */
  readonly name: string
  /** More requests than that at one time are not made: they would only queue. */
  readonly maxInFlight?: number
}

/** Stands before one storing node: it is not asked while its breaker is open, nor more than it can take. */
export class NodeGuard {
  readonly #name: string
  readonly #maxInFlight: number
  readonly #breaker: CircuitBreaker
  #inFlight = 0

  constructor({ name, maxInFlight = 256, ...breaker }: NodeGuardOptions) {
    this.#name = name
    this.#maxInFlight = maxInFlight
    this.#breaker = new CircuitBreaker(breaker)
  }

  get state(): BreakerState {
    return this.#breaker.state
  }

  /** Whether it would be asked now. */
  get isAvailable(): boolean {
    return this.#breaker.isPassable && this.#inFlight < this.#maxInFlight
  }

  /**
   * Runs `work`, which must settle within a time of its own: what it rejects with is passed on, and counts against
   * the node unless it is an answer. Rejects with StoreFailure `breaker` without running it; what `insists` is run
   * even if the breaker is open.
   */
  async run<T>(work: () => Promise<T>, { insists = false } = {}): Promise<T> {
    if (this.#inFlight >= this.#maxInFlight) {
      throw new StoreFailure('breaker', `${this.#name}: ${this.#inFlight} requests are under way already`)
    }
    if (!this.#breaker.admit() && !insists) {
      throw new StoreFailure('breaker', `${this.#name}: not asked, since it did not answer lately`)
    }
    this.#inFlight++
    try {
      const result = await work()
      this.#breaker.succeeded()
      return result
    } catch (error) {
      if (error instanceof StoreFailure && error.isAnswer) this.#breaker.succeeded()
      else this.#breaker.failed()
      throw error
    } finally {
      this.#inFlight--
    }
  }
}

/** What all guards of one store have in common. */
export interface NodeGuardsOptions extends Omit<NodeGuardOptions, 'name' | 'onChange'> {
  /** What errors and logs call one; its name by default. */
  readonly called?: (name: string) => string
  readonly log?: ClusterLog | undefined
}

/** A guard for each of the nodes, or of an engine's servers, by its name; made when it is first asked for. */
export class NodeGuards {
  readonly #options: NodeGuardsOptions
  readonly #guards = new Map<string, NodeGuard>()

  constructor(options: NodeGuardsOptions) {
    this.#options = options
  }

  of(name: string): NodeGuard {
    const guard = this.#guards.get(name) ?? this.#make(name)
    this.#guards.set(name, guard)
    return guard
  }

  /** Those that were asked for something so far. */
  get states(): ReadonlyMap<string, BreakerState> {
    return new Map([...this.#guards].map(([name, guard]) => [name, guard.state] as const))
  }

  #make(name: string): NodeGuard {
    const { log = silentLog, called = String, ...options } = this.#options
    const onChange = (breaker: BreakerState) =>
      log.warn({ node: name, breaker }, `${called(name)}: breaker ${breaker}`)
    return new NodeGuard({ ...options, name: called(name), onChange })
  }
}
