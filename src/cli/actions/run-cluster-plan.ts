import { createHash } from 'node:crypto'
import {
  type ClusterInfo,
  changeFindings,
  type Finding,
  membershipOf,
  type PlacementDifference,
  placementDifference,
  readClusterInfo,
} from '../../cluster/index.ts'
import { createSecureContext } from '../../node/index.ts'
import type { PlanFlags } from '../commands/cluster.ts'
import { createOutput, type Printed } from '../output.ts'
import { tableText } from '../table.ts'

/** Prints what a changed list would move. */
export async function runClusterPlan(file: string, flags: PlanFlags): Promise<void> {
  const { provider } = createSecureContext()
  const [from, to] = [file, flags.to].map(path => membershipOf(readClusterInfo(path), provider))
  const keys = { count: flags.sample, random: seededRandom(flags.seed) }
  const difference = placementDifference(from!, to!, keys)
  const findings = changeFindings(from!.info, to!.info)
  createOutput(flags).print(
    printedPlan({ file, flags, from: from!.info, to: to!.info, difference, findings }),
  )
}

/** The same keys for the same seed: SHA-256 of seed and count. */
function seededRandom(seed: number): (length: number) => Uint8Array {
  let count = 0
  return length => createHash('sha256').update(`ringtls plan ${seed} ${count++}`).digest().subarray(0, length)
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
      tableText(
        ['of the sessions', 'share'],
        [
          moved(['get another first owner', movedFirstOwner]),
          ['  at least, for the shares that are wanted', percent(idealMoved)],
          moved(['get another set of owners', movedAnyOwner]),
          moved(['are found with a former owner alone, until they are over', movedAllOwners]),
        ],
      ),
      '',
      tableText(
        ['node', 'before', 'after', 'wanted'],
        shares.map(({ id, before, after, ideal }) => [id, percent(before), percent(after), percent(ideal)]),
      ),
      '',
      `${sampled.toLocaleString('en')} random keys, seed ${flags.seed}`,
      ...findings.map(({ node, message }) => `${node ?? flags.to}: ${message}`),
    ].join('\n'),
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}
