import type { CryptoProvider } from '../crypto/provider.ts'
import { type ClusterInfo, type ClusterNode, clusterDigest } from './cluster-info.ts'
import { type Placement, placementOf } from './placement/index.ts'

export interface MembershipOptions {
  /** ms since 1970. Without a clock no former placement is forgotten for its age. */
  readonly now?: () => number
  /** How long a placement is still read after another took its place: as long as its sessions live, 10 minutes by default. */
  readonly memoryMs?: number
}

/**
 * So many placements are remembered: who changes the list more often than that within the lifetime of a session
 * loses some sessions, and no look-up asks ever more nodes.
 */
const maxFormerPlacements = 4

/** A list, and what is worked out from it once. */
interface PlacedList {
  readonly info: ClusterInfo
  readonly digest: string
  readonly place: Placement
}

/**
 * Who is in the cluster and who owns what, as of now: everybody who holds it sees a changed list at once. A
 * session stays where it was stored when the list changed, so the owners of before are known for a while.
 */
export class Membership {
  readonly #sha256: (bytes: Uint8Array) => Uint8Array
  readonly #now: () => number
  readonly #memoryMs: number
  readonly #listeners: (() => void)[] = []
  #current: PlacedList
  /** Newest first. */
  #former: readonly { readonly list: PlacedList; readonly untilMs: number }[] = []

  constructor(info: ClusterInfo, provider: CryptoProvider, options: MembershipOptions = {}) {
    this.#sha256 = bytes => provider.hash('sha256').update(bytes).digest()
    this.#now = options.now ?? (() => 0)
    this.#memoryMs = options.memoryMs ?? 600_000
    this.#current = this.#placed(info)
  }

  get info(): ClusterInfo {
    return this.#current.info
  }

  /** SHA-256 in base64url. */
  get digest(): string {
    return this.#current.digest
  }

  /** The owners of a storage key, first owner first, whatever their state. */
  ownersOf(storageKey: Uint8Array): readonly ClusterNode[] {
    const { info, place } = this.#current
    return place(storageKey).map(index => info.nodes[index]!)
  }

  /**
   * Those who owned the key not long ago and do not now, latest first. A node that is still in the list has its
   * address and state of now; of one that was taken out the last address is all there is.
   */
  formerOwnersOf(storageKey: Uint8Array): readonly ClusterNode[] {
    this.#forgetOld()
    if (this.#former.length === 0) return []
    const known = new Map(this.info.nodes.map(node => [node.id, node]))
    const owning = new Set(this.ownersOf(storageKey).map(node => node.id))
    const owners: ClusterNode[] = []
    for (const { list } of this.#former) {
      for (const index of list.place(storageKey)) {
        const node = list.info.nodes[index]!
        if (owning.has(node.id)) continue
        owning.add(node.id)
        owners.push(known.get(node.id) ?? node)
      }
    }
    return owners
  }

  /** Every node that may be asked for something: those of now, and the owners of before. */
  get reachable(): readonly ClusterNode[] {
    this.#forgetOld()
    const lists = [this.#current, ...this.#former.map(({ list }) => list)]
    const nodes = lists.flatMap(({ info }) => info.nodes)
    return nodes.filter((node, i) => nodes.findIndex(({ id }) => id === node.id) === i)
  }

  /** Takes another list in the place of this one. Returns whether it says anything else. */
  replace(info: ClusterInfo): boolean {
    const list = this.#placed(info)
    if (list.digest === this.#current.digest) return false
    if (placesOtherwise(this.#current.info, info)) {
      const untilMs = this.#now() + this.#memoryMs
      this.#former = [{ list: this.#current, untilMs }, ...this.#former].slice(0, maxFormerPlacements)
    }
    this.#current = list
    for (const listener of this.#listeners) listener()
    return true
  }

  /** Calls `listener` after each change. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  #forgetOld(): void {
    if (this.#former.length === 0) return
    const nowMs = this.#now()
    this.#former = this.#former.filter(({ untilMs }) => nowMs < untilMs)
  }

  #placed(info: ClusterInfo): PlacedList {
    return { info, digest: clusterDigest(info, this.#sha256), place: placementOf(info, this.#sha256) }
  }
}

/** Whether a key may have another owner: states, addresses and the order of the list do not matter to that. */
function placesOtherwise(before: ClusterInfo, after: ClusterInfo): boolean {
  const contentOf = ({ placement, replicas, nodes, slots }: ClusterInfo) => {
    const placed = nodes.map(({ id, weight, zone }) => JSON.stringify([id, weight, zone])).sort()
    return JSON.stringify([placement, replicas, placed, slots])
  }
  return contentOf(before) !== contentOf(after)
}

/** Works out digest and placement; two servers with the same cluster_info come to the same owners. */
export function membershipOf(
  info: ClusterInfo,
  provider: CryptoProvider,
  options?: MembershipOptions,
): Membership {
  return new Membership(info, provider, options)
}
