/** What a placement does with many sessions: how evenly they lie, and how many survive a change. */
import type { RandomBytes } from '../../crypto/provider.ts'
import type { PlacementName } from '../cluster-info.ts'
import { type PlacedNode, type Placement, placementOf, type Sha256 } from '../placement/index.ts'
import { type Balance, balanceOf } from './balance.ts'
import { randomBelow } from './seeded-random.ts'

/** `leave`: taken off the list and still running; `crash`: gone with all it stored, and taken off the list. */
export const clusterEvents = ['join', 'leave', 'crash'] as const
export type ClusterEvent = (typeof clusterEvents)[number]

export interface SimulationPlan {
  readonly placement: PlacementName
  /** At least 2, each of weight 1 and in one zone. */
  readonly nodes: number
  /** How many sessions are placed. */
  readonly sampled: number
  readonly replicas: number
  /** 2 measures the best of two draws too. */
  readonly draws: 1 | 2
  /** Each happens to the whole cluster, none after another. */
  readonly events: readonly ClusterEvent[]
}

export interface PlacementFigures {
  readonly placement: PlacementName
  /** Of first owners, every session drawn once. */
  readonly balance: Balance
  /** Of first owners, each the better of two; null when it was not asked for. */
  readonly bestOfTwo: Balance | null
  readonly events: readonly EventFigures[]
}

/** Shares of all sessions, 0 to 1. */
export interface EventFigures {
  readonly event: ClusterEvent
  /** Sessions that have another first owner afterwards. */
  readonly moved: number
  /** As many must move for equal shares. */
  readonly idealMoved: number
  /** Sessions that still resume where each is on one node. */
  readonly oneCopy: Resumed
  /** The same where each is on `replicas` nodes. */
  readonly allCopies: Resumed
}

export interface Resumed {
  /** Only the owners by the changed list are asked. */
  readonly ownersOnly: number
  /** The former owners are asked too. It is also what resumes as long as a node that crashed is on the list. */
  readonly withFormer: number
}

/** What a simulation needs from outside; `onProgress` hears the share that is done now and then, 0 to 1. */
export interface Surroundings {
  readonly sha256: Sha256
  readonly random: RandomBytes
  readonly onProgress?: (done: number) => void
}

/** Up to so many nodes each is a server that draws IDs too; above it other servers do, which store nothing. */
const maxDrawingNodes = 64
/** Few, since a sample would leave many with too little to go by. */
const otherServers = 16
const keysPerReport = 16_384

/** The IDs of simulated nodes: those of the golden vectors. */
export function simulatedIds(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `node-${i}`)
}

/** Places `plan.sampled` random storage keys, before and after every event, and counts. Two runs with the same `random` see the same keys. */
export function placementFigures(plan: SimulationPlan, surroundings: Surroundings): PlacementFigures {
  const { placement, replicas, sampled } = plan
  const { sha256, random, onProgress } = surroundings
  const place = (nodes: readonly PlacedNode[], copies: number) =>
    placementOf({ placement, replicas: copies, nodes }, sha256)
  const nodes = withLeaverLast(plan.nodes, random)
  const owners = place(nodes, replicas)
  const loads = new Uint32Array(nodes.length)
  const joined = plan.events.includes('join') ? place([...nodes, newcomer(nodes)], replicas) : undefined
  const left = plan.events.some(event => event !== 'join') ? place(nodes.slice(0, -1), replicas) : undefined
  const changes = plan.events.map(event => new Change(event, nodes.length))
  for (let i = 0; i < sampled; i++) {
    const key = random(32)
    const before = owners(key)
    loads[before[0]!]!++
    const [afterJoin, afterLeave] = [joined?.(key), left?.(key)]
    for (const change of changes) change.count(before, change.event === 'join' ? afterJoin! : afterLeave!)
    if (i % keysPerReport === 0) onProgress?.(i / sampled / plan.draws)
  }
  const report = (done: number) => onProgress?.((1 + done) / 2)
  return {
    placement,
    balance: balanceOf(loads),
    bestOfTwo:
      plan.draws === 1 ? null : balanceOf(loadsOfTwoDraws(place(nodes, 1), plan, { random, report })),
    events: changes.map(change => change.figures(sampled)),
  }
}

/** What chance alone makes of as many sessions, where every node is as likely as another: no placement of hashes is more even. */
export function chanceBalance(
  { nodes, sampled }: { nodes: number; sampled: number },
  random: RandomBytes,
): Balance {
  const loads = new Uint32Array(nodes)
  for (let i = 0; i < sampled; i++) loads[randomBelow(nodes, random)]!++
  return balanceOf(loads)
}

/** The order of a list means nothing to a placement, so whoever leaves stands last: the others keep their indices. */
function withLeaverLast(count: number, random: RandomBytes): readonly PlacedNode[] {
  const nodes = simulatedIds(count).map(id => ({ id, weight: 1 }))
  const leaver = nodes.splice(randomBelow(count, random), 1)
  return [...nodes, ...leaver]
}

function newcomer(nodes: readonly PlacedNode[]): PlacedNode {
  return { id: `node-${nodes.length}`, weight: 1 }
}

/** Counts what an event does to one session after another. */
class Change {
  readonly event: ClusterEvent
  readonly #nodes: number
  /** Who answers nobody any more. */
  readonly #dead: number
  #moved = 0
  readonly #oneCopy = { ownersOnly: 0, withFormer: 0 }
  readonly #allCopies = { ownersOnly: 0, withFormer: 0 }

  /** @param nodes how many there are before; the last of them is who leaves or crashes */
  constructor(event: ClusterEvent, nodes: number) {
    this.event = event
    this.#nodes = nodes
    this.#dead = event === 'crash' ? nodes - 1 : -1
  }

  /** Takes a session into account by its owners before and after. */
  count(before: readonly number[], after: readonly number[]): void {
    const stays = after[0] === before[0]
    if (!stays) this.#moved++
    if (stays) this.#oneCopy.ownersOnly++
    if (before[0] !== this.#dead) this.#oneCopy.withFormer++
    if (after.some(node => before.includes(node))) this.#allCopies.ownersOnly++
    if (before.some(node => node !== this.#dead)) this.#allCopies.withFormer++
  }

  figures(sampled: number): EventFigures {
    const shares = ({ ownersOnly, withFormer }: Resumed): Resumed => ({
      ownersOnly: ownersOnly / sampled,
      withFormer: withFormer / sampled,
    })
    return {
      event: this.event,
      moved: this.#moved / sampled,
      idealMoved: 1 / (this.event === 'join' ? this.#nodes + 1 : this.#nodes),
      oneCopy: shares(this.#oneCopy),
      allCopies: shares(this.#allCopies),
    }
  }
}

/**
 * Loads where the server that makes a session draws two IDs, neither its own to store, and keeps the one whose
 * owner it has given less to so far. Servers tell each other nothing.
 */
function loadsOfTwoDraws(
  owners: Placement,
  { nodes, sampled }: SimulationPlan,
  { random, report }: { random: RandomBytes; report: (done: number) => void },
): Uint32Array {
  const loads = new Uint32Array(nodes)
  const isNode = nodes <= maxDrawingNodes
  const given = Array.from({ length: isNode ? nodes : otherServers }, () => new Uint32Array(nodes))
  for (let i = 0; i < sampled; i++) {
    const server = randomBelow(given.length, random)
    const counters = given[server]!
    const draw = (): number => {
      for (;;) {
        const owner = owners(random(32))[0]!
        if (!isNode || owner !== server) return owner
      }
    }
    const [one, other] = [draw(), draw()]
    const owner = counters[other]! < counters[one]! ? other : one
    counters[owner]!++
    loads[owner]!++
    if (i % keysPerReport === 0) report(i / sampled)
  }
  return loads
}
