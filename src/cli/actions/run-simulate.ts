import { placementNames } from '../../cluster/index.ts'
import type { SimulateFlags } from '../commands/simulate.ts'
import { writePublicFile } from '../files.ts'
import { createOutput, withProgress } from '../output.ts'
import { simulationPlot } from '../simulation/plot.ts'
import { simulate } from '../simulation/simulation.ts'
import { simulationTables } from '../simulation/tables.ts'

/** Simulates, prints the figures and draws them. */
export async function runSimulate({ placement, draws, svg, json, ...flags }: SimulateFlags): Promise<void> {
  const output = createOutput({ json })
  // An output that cannot be written is told now, not after two minutes.
  if (svg !== undefined) writePublicFile(svg, '', '--svg')
  let done = 0
  const working = simulate(
    {
      ...flags,
      draws: draws === '1' ? 1 : 2,
      placements: placement === 'all' ? placementNames : [placement],
    },
    share => {
      done = share
    },
  )
  const what = () => `${Math.floor(done * 100)} % simulated`
  const simulation = await (process.stderr.isTTY ? withProgress(output, what, working) : working)
  if (svg !== undefined) writePublicFile(svg, simulationPlot(simulation), '--svg')
  output.print({
    json: { event: 'simulated', ...simulation, ...(svg === undefined ? {} : { svg }) },
    text: simulationTables(simulation),
  })
}
