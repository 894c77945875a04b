import { expect } from 'vitest'
import type { Span } from '../../src/wire/reader.ts'

/** The leaves, in their order, cover every byte once; a group begins at its first leaf and ends with its last. */
export function expectPartition(spans: readonly Span[], length: number): void {
  let offset = 0
  for (const span of spans.filter(each => each.leaf)) {
    expect(span.offset, span.path).toBe(offset)
    offset += span.length
  }
  expect(offset).toBe(length)
  for (const group of spans.filter(each => !each.leaf)) {
    const inside = spans.filter(each => each.leaf && each.path.startsWith(`${group.path}.`))
    const covered = inside.reduce((sum, leaf) => sum + leaf.length, 0)
    expect(covered, group.path).toBe(group.length)
  }
}
