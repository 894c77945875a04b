/** The parts of a simulation, each a job for a thread of its own; what goes in and comes out is plain data. */
import { createHash } from 'node:crypto'
import { type HopFigures, hopFigures } from '../../cluster/simulation/hops.ts'
import {
  chanceBalance,
  placementFigures,
  type SimulationPlan,
  simulatedIds,
} from '../../cluster/simulation/placement-figures.ts'
import { seededRandom } from '../../cluster/simulation/seeded-random.ts'

export type SimulationJob = { readonly seed: string } & (
  | { readonly kind: 'placement'; readonly plan: SimulationPlan }
  | { readonly kind: 'chance'; readonly nodes: number; readonly sampled: number }
  | { readonly kind: 'hops'; readonly sizes: readonly number[] }
)

/** What a thread tells: the share that is done, 0 to 1, and at last its result. */
export type JobMessage = { readonly done: number } | { readonly result: unknown }

/** How many questions go through each network. */
export const questions = 10_000

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()

/** Does a job: `placement` gives PlacementFigures, `chance` a Balance, `hops` a list of HopFigures. */
export function doJob(job: SimulationJob, onProgress: (done: number) => void): unknown {
  // All placements get the same sessions.
  const random = seededRandom(`ringtls simulate ${job.seed} ${job.kind}`)
  switch (job.kind) {
    case 'placement':
      return placementFigures(job.plan, { sha256, random, onProgress })
    case 'chance':
      return chanceBalance(job, random)
    case 'hops':
      return job.sizes.map((size, i): HopFigures => {
        onProgress(i / job.sizes.length)
        return hopFigures(simulatedIds(size), questions, { sha256, random })
      })
  }
}
