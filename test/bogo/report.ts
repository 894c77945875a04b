/** What a run came to, group by group. */
import { matchesGlob, type ShimConfig } from './disabled.ts'
import type { ListedTest, TestResult } from './runner.ts'

export interface GroupCount {
  readonly group: string
  passed: number
  failed: number
  /** Asked for what the shim does not do, though the config does not say so: to be looked into. */
  unimplemented: number
  disabled: number
}

/** One row per group of the runner, in its order. */
export function countByGroup(
  tests: readonly ListedTest[],
  results: ReadonlyMap<string, TestResult>,
  isDisabled: (name: string) => boolean,
): GroupCount[] {
  const rows = new Map<string, GroupCount>()
  for (const { name, group } of tests) {
    const row = rows.get(group) ?? { group, passed: 0, failed: 0, unimplemented: 0, disabled: 0 }
    rows.set(group, row)
    const outcome = results.get(name)?.outcome ?? (isDisabled(name) ? 'disabled' : undefined)
    if (outcome) row[outcome]++
  }
  return [...rows.values()]
}

export function totalOf(rows: readonly GroupCount[]): GroupCount {
  const total: GroupCount = { group: 'all', passed: 0, failed: 0, unimplemented: 0, disabled: 0 }
  for (const row of rows) for (const key of countKeys) total[key] += row[key]
  return total
}

const countKeys = ['passed', 'failed', 'unimplemented', 'disabled'] as const

/** As Markdown, so that it can go into docs/conformance.md. */
export function tableOf(rows: readonly GroupCount[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
  const body = [...rows, totalOf(rows)].map(row => line([row.group, ...countKeys.map(key => row[key])]))
  return [line(['group', ...countKeys]), line(['---', ...countKeys.map(() => '---:')]), ...body].join('\n')
}

/** Why tests were not run, the most frequent reason first. */
export function reasonTableOf(counts: ReadonlyMap<string, number>): string {
  const rows = [...counts].sort(([, a], [, b]) => b - a)
  return [
    '| tests | why they are not run |',
    '| ---: | --- |',
    ...rows.map(([reason, count]) => `| ${count} | ${reason} |`),
  ].join('\n')
}

/** How many tests of the scope each reason takes out; a test that two globs match counts for the first. */
export function countByReason(config: ShimConfig, tests: readonly ListedTest[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { name } of tests) {
    const entry = Object.entries(config.DisabledTests).find(([glob]) => matchesGlob(glob, name))
    if (entry) counts.set(entry[1], (counts.get(entry[1]) ?? 0) + 1)
  }
  return counts
}

/** Globs that match no test of the scope: they are out of date. */
export function staleGlobs(config: ShimConfig, tests: readonly ListedTest[]): string[] {
  return Object.keys(config.DisabledTests).filter(glob => !tests.some(({ name }) => matchesGlob(glob, name)))
}
