import type { ClusterNode } from './cluster-info.ts'
import type { Membership } from './membership.ts'

export interface OwnerChoiceOptions {
  readonly membership: Membership
  /** Which node this server is, if it is one: new sessions get another owner. */
  readonly nodeId?: string | undefined
  /** Whether a node answers, as far as is known here. */
  readonly isAvailable?: (nodeId: string) => boolean
}

/** At so many sessions the counts are halved: what was long ago weighs less than what is now. */
const maxCounted = 4096

/**
 * Which owner a new session should have. The server draws the ID, so it may draw again until the ID's owner
 * suits, and of two that do, take the one that it gave fewer sessions to: everybody who does so evens the load
 * out, and nobody has to ask anybody (Azar and others, 1994).
 */
export class OwnerChoice {
  readonly #membership: Membership
  readonly #nodeId: string | undefined
  readonly #isAvailable: (nodeId: string) => boolean
  readonly #sessions = new Map<string, number>()
  #counted = 0

  constructor({ membership, nodeId, isAvailable = () => true }: OwnerChoiceOptions) {
    this.#membership = membership
    this.#nodeId = nodeId
    this.#isAvailable = isAvailable
    // A node that is new would get every session until it had as many as the others.
    membership.onChange(() => this.#sessions.clear())
  }

  /** The first owner, whatever its state. */
  ownerOf(storageKey: Uint8Array): string {
    return this.#membership.ownersOf(storageKey)[0]!.id
  }

  /**
   * Those that a new session may have as its first owner: active and, wherever there is another, not this server, so
   * that a session outlives the server that made it; of these the ones that answer, if any does.
   */
  suitable(): ReadonlySet<string> {
    const active = idsOf(this.#membership.info.nodes.filter(node => node.state === 'active'))
    const others = active.filter(id => id !== this.#nodeId)
    const eligible = others.length > 0 ? others : active
    const available = eligible.filter(this.#isAvailable)
    return new Set(available.length > 0 ? available : eligible)
  }

  /** How many sessions this server gave to the node lately, by its weight. */
  loadOf(nodeId: string): number {
    const weight = this.#membership.info.nodes.find(({ id }) => id === nodeId)?.weight ?? 1
    return (this.#sessions.get(nodeId) ?? 0) / weight
  }

  /** A session was given to the node. */
  choose(nodeId: string): void {
    this.#sessions.set(nodeId, (this.#sessions.get(nodeId) ?? 0) + 1)
    if (++this.#counted < maxCounted) return
    this.#counted = 0
    for (const [id, count] of this.#sessions) this.#sessions.set(id, count / 2)
  }
}

function idsOf(nodes: readonly ClusterNode[]): readonly string[] {
  return nodes.map(({ id }) => id)
}
