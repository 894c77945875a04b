import { existsSync, readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { targets } from '../fuzz/targets/index.ts'

/** What every failure of the past looked like: fuzz/regress/TARGET/*.bin. */
function regressions(name: string): [string, Uint8Array][] {
  const folder = new URL(`../fuzz/regress/${name}/`, import.meta.url)
  if (!existsSync(folder)) return []
  return readdirSync(folder).map(file => [file, new Uint8Array(readFileSync(new URL(file, folder)))])
}

describe.each(targets)('fuzz target $name', target => {
  it('holds for its seeds and for every failure of the past', () => {
    expect(target.seeds.length).toBeGreaterThan(0)
    for (const bytes of target.seeds) target.run(bytes)
    for (const [, bytes] of regressions(target.name)) target.run(bytes)
  })

  it('holds for a thousand drawn inputs', () => {
    fc.assert(fc.property(target.arbitrary, target.run), { numRuns: 1000 })
  })
})
