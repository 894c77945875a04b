/**
 * Owners in distinct zones, so that a zone that fails takes one copy of a record and not all. The owners after
 * the first are taken in the placement's own order of preference, but a node whose zone has an owner is passed
 * over while there is a zone that has none. So the owners are the first node of each zone, then the others,
 * both in order of preference; where all nodes are in one zone, that is the order of preference itself.
 */
import type { PlacedNode } from './placement.ts'

/** How many owners a key has and of which sort. */
export interface Spread {
  /** A number for the zone of each node, by its index in the list. */
  readonly zoneOf: readonly number[]
  /** So many owners are the first of their zone. */
  readonly firsts: number
  /** So many more follow where there are fewer zones than replicas. */
  readonly others: number
}

/** The spread of `replicas` owners over `nodes`; of these only `placed` can own anything. */
export function spreadOf(nodes: readonly PlacedNode[], replicas: number, placed = nodes): Spread {
  const zones = [...new Set(placed.map(zoneNameOf))]
  const firsts = Math.min(replicas, zones.length)
  return {
    zoneOf: nodes.map(node => zones.indexOf(zoneNameOf(node))),
    firsts,
    others: Math.min(replicas, placed.length) - firsts,
  }
}

/**
 * The owners where `circle` holds the nodes' indices in order of preference from `start` on, round and round,
 * and as often as they like. Goes only as far as it must.
 */
export function ownersAlong(circle: readonly number[], start: number, spread: Spread): readonly number[] {
  const firsts: number[] = []
  const others: number[] = []
  for (let i = start; firsts.length < spread.firsts || others.length < spread.others; i++) {
    const node = circle[i % circle.length]!
    if (rivalOf(node, firsts, spread) === -1) firsts.push(node)
    else if (others.length < spread.others && !firsts.includes(node) && !others.includes(node))
      others.push(node)
  }
  return others.length === 0 ? firsts : [...firsts, ...others]
}

/**
 * The owners where any two nodes can be compared: one pass over `candidates`, which are indices, each once.
 * Neither list is ever longer than it has to be; of two nodes that are even the earlier candidate stays ahead.
 */
export function bestOwners(
  candidates: readonly number[],
  isAhead: (node: number, other: number) => boolean,
  spread: Spread,
): readonly number[] {
  const firsts: number[] = []
  const others: number[] = []
  if (spread.firsts === 1) {
    // One zone or one owner: the first owner and the others are one order, which takes half the time.
    for (const node of candidates) insert(node, firsts, 1 + spread.others, isAhead)
    return firsts
  }
  for (const node of candidates) {
    const rival = rivalOf(node, firsts, spread)
    if (rival === -1) insert(node, firsts, spread.firsts, isAhead)
    else if (isAhead(node, firsts[rival]!)) {
      insert(firsts.splice(rival, 1)[0]!, others, spread.others, isAhead)
      insert(node, firsts, spread.firsts, isAhead)
    } else insert(node, others, spread.others, isAhead)
  }
  return others.length === 0 ? firsts : [...firsts, ...others]
}

function zoneNameOf(node: PlacedNode): string {
  return node.zone ?? ''
}

/** Which of `firsts` is in the zone of `node`; -1 for none. */
function rivalOf(node: number, firsts: readonly number[], { zoneOf }: Spread): number {
  const zone = zoneOf[node]
  for (let i = 0; i < firsts.length; i++) {
    if (zoneOf[firsts[i]!] === zone) return i
  }
  return -1
}

/** Puts a node before all that it is ahead of, and drops who is then beyond `most`. */
function insert(
  node: number,
  ranking: number[],
  most: number,
  isAhead: (node: number, other: number) => boolean,
): void {
  let rank = ranking.length
  while (rank > 0 && isAhead(node, ranking[rank - 1]!)) rank--
  if (rank === most) return
  ranking.splice(rank, 0, node)
  if (ranking.length > most) ranking.pop()
}
