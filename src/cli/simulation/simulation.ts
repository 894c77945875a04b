import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { PlacementName } from '../../cluster/index.ts'
import type { Balance } from '../../cluster/simulation/balance.ts'
import type { HopFigures } from '../../cluster/simulation/hops.ts'
import type { PlacementFigures, SimulationPlan } from '../../cluster/simulation/placement-figures.ts'
import { CommandFailed } from '../failures.ts'
import type { JobMessage, SimulationJob } from './jobs.ts'

/** What `ringtls simulate` is to simulate. */
export interface SimulationWish extends Omit<SimulationPlan, 'placement' | 'sampled'> {
  readonly sessions: number
  readonly placements: readonly PlacementName[]
  readonly seed: string
}

/** All that came of it, as `--json` prints it. */
export interface Simulation extends Omit<SimulationWish, 'placements'> {
  /** How many of the sessions were placed, each a random storage key. */
  readonly sampled: number
  /** What chance makes of as many sessions: no placement of hashes is more even than that. */
  readonly chance: Balance
  readonly placements: readonly PlacementFigures[]
  readonly hops: readonly HopFigures[]
}

/** Up to so many nodes every session is placed, above it a sample: `rendezvous` and `kademlia` read all nodes for each. */
const maxExactNodes = 64
const maxSample = 100_000

/**
 * Simulates in threads, as many at once as there are cores. `onProgress` hears the share that is done, 0 to 1.
 * Throws CommandFailed when a thread dies, as for want of memory.
 */
export async function simulate(
  { placements, ...wish }: SimulationWish,
  onProgress: (done: number) => void,
): Promise<Simulation> {
  const { nodes, sessions, seed, replicas, draws, events } = wish
  const sampled = nodes <= maxExactNodes ? sessions : Math.min(sessions, maxSample)
  const plans = placements.map(placement => ({ placement, nodes, sampled, replicas, draws, events }))
  const jobs: SimulationJob[] = [
    // Longest first, so that no core waits for the last one: those that read all nodes stand last in the list.
    ...plans.map(plan => ({ kind: 'placement' as const, plan, seed })).reverse(),
    { kind: 'hops', sizes: sizesUpTo(nodes), seed },
    { kind: 'chance', nodes, sampled, seed },
  ]
  const results = await doAll(jobs, onProgress)
  const chance = results.pop() as Balance
  const hops = results.pop() as HopFigures[]
  return { ...wish, sampled, chance, placements: results.reverse() as PlacementFigures[], hops }
}

/** 4, 16, 64 and so on, and the number itself. */
function sizesUpTo(nodes: number): readonly number[] {
  const powers = [4, 16, 64, 256, 1024, 4096].filter(size => size < nodes)
  return [...powers, nodes]
}

async function doAll(jobs: readonly SimulationJob[], onProgress: (done: number) => void): Promise<unknown[]> {
  const done = jobs.map(() => 0)
  const results: unknown[] = []
  const waiting = [...jobs.entries()]
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, job] = next
      results[index] = await inThread(job, share => {
        done[index] = share
        onProgress(done.reduce((total, part) => total + part, 0) / jobs.length)
      })
      done[index] = 1
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  return results
}

function inThread(job: SimulationJob, onProgress: (done: number) => void): Promise<unknown> {
  return new Promise((resolve, reject) => {
    // The build renames imports and cannot see this one.
    const program = new URL(`./thread.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)
    const worker = new Worker(program, { workerData: job })
    worker.on('message', (message: JobMessage) =>
      'result' in message ? resolve(message.result) : onProgress(message.done),
    )
    worker.on('error', error => reject(new CommandFailed(`the simulation broke off: ${error.message}`)))
    worker.on('exit', code => reject(new CommandFailed(`a thread of the simulation ended with ${code}`)))
  })
}
