import {
  type ClusterKeys,
  epochFindings,
  type Finding,
  keyFileWarnings,
  keyFindings,
  listFindings,
  membershipOf,
  nodeFindings,
  readClusterInfo,
  readClusterKeys,
} from '../../cluster/index.ts'
import { createSecureContext } from '../../node/index.ts'
import type { CheckFlags } from '../commands/cluster.ts'
import { CommandFailed } from '../failures.ts'
import { createOutput, type Printed } from '../output.ts'
import { survey } from '../survey.ts'

const dayMs = 24 * 60 * 60 * 1000

/** Prints what an operator should see to; throws CommandFailed when there is anything. */
export async function runClusterCheck(file: string, flags: CheckFlags): Promise<void> {
  const output = createOutput(flags)
  const { provider, now } = createSecureContext()
  const { info, digest } = membershipOf(readClusterInfo(file), provider)
  const keys =
    flags.clusterKey === undefined ? undefined : readKeys(flags.clusterKey, { provider, nowMs: now() })
  const nodes = await survey(info, file, flags, output)
  const nowMs = now()
  const about = (name: string) => (finding: Finding) => printedFinding(finding, name)
  const printed = [
    ...listFindings(info).map(about(file)),
    ...(keys && flags.clusterKey ? keysFound(keys, flags, nowMs).map(about(flags.clusterKey)) : []),
    ...nodeFindings(nodes, { digest, revision: info.revision }).map(about('')),
    ...epochFindings(nodes, { keys, nowMs }).map(about('')),
  ]
  for (const finding of printed) output.print(finding)
  output.print({
    json: {
      event: 'checked',
      ...{ file, revision: info.revision, nodes: nodes.length, findings: printed.length },
    },
    ...(printed.length === 0
      ? { text: `${file}: revision ${info.revision}, ${nodes.length} nodes: all is well` }
      : {}),
  })
  if (printed.length > 0) throw new CommandFailed(`${file}: ${printed.length} to see to`)
}

/** The file's mode is a finding of ours, and so no warning. */
function readKeys(path: string, surroundings: Parameters<typeof readClusterKeys>[1]): ClusterKeys {
  return readClusterKeys(path, surroundings).keys
}

function keysFound(keys: ClusterKeys, flags: CheckFlags, nowMs: number): readonly Finding[] {
  const path = flags.clusterKey!
  const modes = keyFileWarnings(path).map(warning => ({
    kind: 'key_mode' as const,
    message: warning.replace(`${path}: `, ''),
  }))
  return [...modes, ...keyFindings(keys, { nowMs, maxAgeMs: flags.maxKeyAge * dayMs })]
}

/** A line begins with what it is about: a file, or a node. */
function printedFinding({ kind, node, message }: Finding, file: string): Printed {
  return {
    json: { event: 'finding', ...{ kind, node: node ?? null, file: file === '' ? null : file, message } },
    text: `${node ?? file}: ${message}`,
  }
}
