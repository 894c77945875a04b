/**
 * Chord as in its paper (Stoica and others, 2001, section IV): a node knows its predecessor and 48 fingers, the
 * successors of its own place plus 2^0, 2^1, ... 2^47, and nobody else. A question goes to the finger that comes
 * closest before the key, from there on likewise, and at last to the key's successor.
 */
import { asciiBytes } from '../../bytes.ts'
import { chordPointName } from '../placement/chord.ts'
import type { Sha256 } from '../placement/placement.ts'
import { placeOf, successor } from '../placement/point-ring.ts'
import type { Network, Route } from './hops.ts'

const placeBits = 48
const places = 2 ** placeBits

/** The finger tables of nodes with these IDs; two of them at one place are not provided for. */
export function chordNetwork(ids: readonly string[], sha256: Sha256): Network {
  const nodes = ids
    .map((id, index) => ({ index, at: placeOf(sha256(asciiBytes(chordPointName(id)))) }))
    .sort((a, b) => a.at - b.at)
  const at = nodes.map(node => node.at)
  const positions: number[] = []
  for (const [position, { index }] of nodes.entries()) positions[index] = position
  const fingers = at.map(place => fingersOf(place, at))
  return {
    route: (from, key) => {
      const { node, hops } = routeFrom(positions[from]!, placeOf(key), { at, fingers })
      return { owner: nodes[node]!.index, hops }
    },
  }
}

/** The distinct nodes a node at `place` knows, nearest first, as positions on the circle; the first is its successor. */
function fingersOf(place: number, at: readonly number[]): readonly number[] {
  const targets = Array.from({ length: placeBits }, (_, bit) => (place + 2 ** bit) % places)
  return [...new Set(targets.map(target => successor(at, target) % at.length))]
}

interface Circle {
  readonly at: readonly number[]
  readonly fingers: readonly (readonly number[])[]
}

function routeFrom(
  start: number,
  key: number,
  { at, fingers }: Circle,
): { node: number; hops: Route['hops'] } {
  // Its own is what lies between it and its predecessor: going on from the key, it comes first.
  const predecessor = at[(start + at.length - 1) % at.length]!
  if (clockwise(key, at[start]!) <= clockwise(key, predecessor)) return { node: start, hops: 0 }
  for (let node = start, hops = 1; ; hops++) {
    const toKey = clockwise(at[node]!, key)
    const next = fingers[node]!.findLast(finger => {
      const toFinger = clockwise(at[node]!, at[finger]!)
      return toFinger > 0 && toFinger < toKey
    })
    // None comes before the key, so it is between this node and its successor, who has it.
    if (next === undefined) return { node: fingers[node]![0]!, hops }
    node = next
  }
}

/** The way from one place to another, going up and round. */
function clockwise(from: number, to: number): number {
  return (to - from + places) % places
}
