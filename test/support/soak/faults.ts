/** Faults on the way to the session nodes: so many percent of the time there is one before each node. */
import { FaultProxy } from '../fault-proxy.ts'

/** Each lasts for one slot. */
export const slotMs = 100

const kinds = ['black hole', 'delay', 'reset', 'refusal', 'cut', 'flipped byte', 'trickle'] as const
export type FaultKind = (typeof kinds)[number]

/** A fault that was, ms since 1970. */
export interface Fault {
  readonly node: string
  readonly kind: FaultKind
  readonly fromMs: number
  readonly toMs: number
}

export interface FaultPlan {
  /** 0.01 for one percent of the slots. */
  readonly rate: number
  /** Delays are longer than that. */
  readonly budgetMs: number
  /** 0 to 1, not 1 itself. */
  readonly random: () => number
}

/** Proxies by node ID, and what is done with them. */
export class FaultyWays {
  readonly faults: Fault[] = []
  readonly #proxies: ReadonlyMap<string, FaultProxy>
  readonly #plan: FaultPlan
  #running: Promise<void> = Promise.resolve()
  #isEnding = false

  private constructor(proxies: ReadonlyMap<string, FaultProxy>, plan: FaultPlan) {
    this.#proxies = proxies
    this.#plan = plan
  }

  /** @param targets port of each node's store, by its ID */
  static async open(targets: ReadonlyMap<string, number>, plan: FaultPlan): Promise<FaultyWays> {
    const proxies = new Map<string, FaultProxy>()
    for (const [id, port] of targets) proxies.set(id, await FaultProxy.open({ host: '127.0.0.1', port }))
    return new FaultyWays(proxies, plan)
  }

  urlOf(node: string): string {
    return this.#proxies.get(node)!.url
  }

  begin(): void {
    this.#running = this.#run()
  }

  /** No faults from now on. */
  async end(): Promise<void> {
    this.#isEnding = true
    await this.#running
  }

  async close(): Promise<void> {
    await this.end()
    await Promise.all([...this.#proxies.values()].map(proxy => proxy.close()))
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      const { random, rate } = this.#plan
      const afflicted = [...this.#proxies].filter(() => random() < rate)
      const fromMs = Date.now()
      const begun = afflicted.map(([node, proxy]) => {
        const kind = kinds[Math.floor(random() * kinds.length)]!
        return { node, proxy, kind, ready: this.#inflict(proxy, kind) }
      })
      await new Promise(resolve => setTimeout(resolve, slotMs))
      for (const { node, proxy, kind, ready } of begun) {
        await ready
        proxy.heal()
        if (kind === 'refusal') await proxy.accept()
        // Bytes that were swallowed are missing still: their connections are of no use to anybody.
        if (kind === 'black hole') proxy.reset()
        this.faults.push({ node, kind, fromMs, toMs: Date.now() })
      }
    }
  }

  async #inflict(proxy: FaultProxy, kind: FaultKind): Promise<void> {
    switch (kind) {
      case 'black hole':
        proxy.toServer = { blackHole: true }
        proxy.toClient = { blackHole: true }
        return
      case 'delay':
        proxy.toClient = { delayMs: this.#plan.budgetMs + 100 }
        return
      case 'reset':
        proxy.reset()
        proxy.resetsReused = true
        return
      case 'refusal':
        return proxy.refuse()
      case 'cut':
        proxy.reset()
        proxy.toClient = { cutAfter: 100 }
        return
      case 'flipped byte':
        proxy.toClient = { flipAt: 200, flipIn: 'turn' }
        return
      case 'trickle':
        proxy.toClient = { trickleMs: 20 }
        return
    }
  }
}
