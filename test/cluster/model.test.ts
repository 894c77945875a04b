/**
 * A model of the cluster under fast-check's scheduler: three servers with their session nodes, real handshakes, and
 * everything that can happen to them in any order (test/cluster/model). The rules are in model/rules.ts.
 */
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { commands } from './model/arbitrary.ts'
import { runOf } from './model/byte-scheduler.ts'
import { loadModel, type Model } from './model/load.ts'
import { mutants } from './model/mutants.ts'
import { type Rule, rules } from './model/rules.ts'

/** Runs until a rule is broken. Another rule that a mutant breaks on the way is not what is looked for. */
function broken(model: Model, rule: Rule, maxRuns: number) {
  const property = fc.asyncProperty(fc.scheduler(), commands, async (scheduler, list) => {
    try {
      await model.runModel(list, scheduler, { safetyAlone: rule !== 'healed' })
    } catch (error) {
      if (!(error instanceof model.Violation) || error.rule === rule) throw error
    }
  })
  return fc.check(property, { seed: 1, numRuns: maxRuns, endOnFailure: true })
}

describe('the model of the cluster', () => {
  let model: Model
  beforeAll(async () => {
    model = await loadModel()
  })

  test('no rule is broken, whatever happens, and it all works again once all is healed', async () => {
    // A busy machine does fewer runs; one that has begun is run to its end, since all runs share one virtual time.
    const endMs = Date.now() + 15_000
    let runs = 0
    const property = fc.asyncProperty(fc.scheduler(), commands, async (scheduler, list) => {
      if (Date.now() > endMs) return
      await model.runModel(list, scheduler)
      runs++
    })
    await fc.assert(property, { numRuns: 150 })
    expect(runs).toBeGreaterThan(5)
  }, 60_000)

  test('a run is the same every time', async () => {
    const bytes = Uint8Array.from({ length: 120 }, (_, i) => (40 + i * 89) & 255)
    const traces: string[][] = []
    for (let i = 0; i < 2; i++) {
      const { commands, scheduler } = runOf(bytes)
      await model.runModel(commands, scheduler)
      traces.push(scheduler.trace)
    }
    expect(traces[0]!.length).toBeGreaterThan(50)
    expect(traces[1]).toEqual(traces[0])
  })
})

describe('finds a planted bug in each rule', () => {
  test.each(mutants)(
    '$rule: $name',
    async ({ rule, edits }) => {
      const mutant = await loadModel(edits)
      const { failed, errorInstance } = await broken(mutant, rule, 400)
      expect(failed).toBe(true)
      expect(errorInstance).toMatchObject({ rule })
    },
    120_000,
  )

  test('every rule has a mutant', () => {
    expect(new Set(mutants.map(({ rule }) => rule))).toEqual(new Set(rules))
  })

  test('a mutant whose place is not in the source any more is noticed', async () => {
    const edit = { file: 'handshake/resumption.ts', find: 'what nobody wrote', put: '' }
    await expect(loadModel([edit])).rejects.toThrow('0 times, wanted once')
  })
})
