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
  it('holds for its seeds and for every failure of the past', async () => {
    expect(target.seeds.length).toBeGreaterThan(0)
    for (const bytes of target.seeds) await target.run(bytes)
    for (const [, bytes] of regressions(target.name)) await target.run(bytes)
  })

  it('holds for drawn inputs', async () => {
    const { arbitrary, run, runsInTests = 1000 } = target
    const property = fc.asyncProperty(arbitrary, async bytes => run(bytes))
    await fc.assert(property, { numRuns: runsInTests })
  }, 60_000)
})
