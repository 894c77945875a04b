import {
  type ClusterInfo,
  changeFindings,
  type Finding,
  membershipOf,
  type PlacementDifference,
  placementDifference,
  readClusterInfo,
} from '../../cluster/index.ts'
import { seededRandom } from '../../cluster/simulation/seeded-random.ts'
import { createSecureContext } from '../../node/index.ts'
import type { PlanFlags } from '../commands/cluster.ts'
import { createOutput, type Printed } from '../output.ts'
import { tableText } from '../table.ts'

/** Prints what a changed list would move. */
export async function runClusterPlan(file: string, flags: PlanFlags): Promise<void> {
  const { provider } = createSecureContext()
  const [from, to] = [file, flags.to].map(path => membershipOf(readClusterInfo(path), provider))
  const keys = { count: flags.sample, random: seededRandom(`ringtls plan ${flags.seed}`) }
  const difference = placementDifference(from!, to!, keys)
  const findings = changeFindings(from!.info, to!.info)
  createOutput(flags).print(
    printedPlan({ file, flags, from: from!.info, to: to!.info, difference, findings }),
  )
}

interface Plan {
  readonly file: string
  readonly flags: PlanFlags
  readonly from: ClusterInfo
  readonly to: ClusterInfo
  readonly difference: PlacementDifference
  readonly findings: readonly Finding[]
}

function printedPlan({ file, flags, from, to, difference, findings }: Plan): Printed {
  const { sampled, movedFirstOwner, movedAnyOwner, movedAllOwners, idealMoved, shares } = difference
  const moved = ([what, count]: readonly [string, number]) => [what, percent(count / sampled)]
  return {
    json: {
      event: 'plan',
      ...{ from: { file, revision: from.revision }, to: { file: flags.to, revision: to.revision } },
      ...{ sampled, seed: flags.seed, movedFirstOwner, movedAnyOwner, movedAllOwners, idealMoved, shares },
      ...{ warnings: findings.map(({ kind, node, message }) => ({ kind, node: node ?? null, message })) },
    },
    text: [
      `from ${file}, revision ${from.revision}, ${from.nodes.length} nodes`,
      `to   ${flags.to}, revision ${to.revision}, ${to.nodes.length} nodes`,
      '',
      tableText({
        heads: ['of the sessions', 'share'],
        rows: [
          moved(['get another first owner', movedFirstOwner]),
          ['  at least, for the shares that are wanted', percent(idealMoved)],
          moved(['get another set of owners', movedAnyOwner]),
          moved(['are found with a former owner alone, until they are over', movedAllOwners]),
        ],
        isOfFigures: true,
      }),
      '',
      tableText({
        heads: ['node', 'before', 'after', 'wanted'],
        rows: shares.map(({ id, ...share }) => [
          id,
          ...[share.before, share.after, share.ideal].map(percent),
        ]),
        isOfFigures: true,
      }),
      '',
      `${sampled.toLocaleString('en')} random keys, seed ${flags.seed}`,
      ...findings.map(({ node, message }) => `${node ?? flags.to}: ${message}`),
    ].join('\n'),
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}
