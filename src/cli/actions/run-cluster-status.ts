import { membershipOf, readClusterInfo, type SurveyedNode } from '../../cluster/index.ts'
import { createSecureContext } from '../../node/index.ts'
import type { SurveyFlags } from '../commands/cluster.ts'
import { createOutput, type Printed } from '../output.ts'
import { survey } from '../survey.ts'
import { type Cell, tableText } from '../table.ts'

/** Prints how every node is. */
export async function runClusterStatus(file: string, flags: SurveyFlags): Promise<void> {
  const output = createOutput(flags)
  const { info, digest } = membershipOf(readClusterInfo(file), createSecureContext().provider)
  const nodes = await survey(info, file, flags, output)
  if (flags.json) for (const node of nodes) output.print({ json: nodeEvent(node, digest) })
  output.print(printedStatus(nodes, { file, digest, revision: info.revision }))
}

/** What there is no word about is null. */
function nodeEvent({ node, answer, detail, health, clockAheadMs }: SurveyedNode, digest: string) {
  const { revision, entries, bytes, epochs, currentEpoch, version } = health
  return {
    event: 'node',
    ...{ id: node.id, url: node.url, state: node.state, answer, detail },
    ...{ revision: revision ?? null, digest: health.digest ?? null },
    agrees: health.digest === undefined ? null : health.digest === digest,
    ...{ entries: entries ?? null, bytes: bytes ?? null },
    ...{ epochs: epochs ?? null, currentEpoch: currentEpoch ?? null },
    ...{
      clockAheadMs: clockAheadMs === undefined ? null : Math.round(clockAheadMs),
      version: version ?? null,
    },
  }
}

function printedStatus(
  nodes: readonly SurveyedNode[],
  { file, digest, revision }: { file: string; digest: string; revision: number },
): Printed {
  const up = nodes.filter(({ answer }) => answer === 'up').length
  const agreeing = nodes.filter(({ health }) => health.digest === digest).length
  const heads = ['node', 'url', 'list', 'answer', 'revision', 'agrees', 'entries', 'bytes', 'epoch', 'clock']
  return {
    json: { event: 'status', ...{ file, revision, digest, nodes: nodes.length, up, agreeing } },
    text: [
      tableText({ heads, rows: nodes.map(node => rowOf(node, digest)) }),
      '',
      `${file}: revision ${revision}; ${up} of ${nodes.length} nodes up, ${agreeing} with this list`,
      ...nodes.filter(({ detail }) => detail !== '').map(({ node, detail }) => `${node.id}: ${detail}`),
    ].join('\n'),
  }
}

const none = '-'

function rowOf({ node, answer, health, clockAheadMs }: SurveyedNode, digest: string): readonly Cell[] {
  const { revision, entries, bytes, currentEpoch } = health
  const isAsListed = answer === (node.state === 'down' ? 'down' : 'up')
  const agrees = health.digest === undefined ? undefined : health.digest === digest
  return [
    node.id,
    node.url,
    node.state,
    { text: answer, style: isAsListed ? 'green' : 'red' },
    numberText(revision),
    agrees === undefined ? none : { text: agrees ? 'yes' : 'no', style: agrees ? 'green' : 'red' },
    numberText(entries),
    numberText(bytes),
    numberText(currentEpoch ?? undefined),
    clockAheadMs === undefined ? none : clockText(clockAheadMs),
  ]
}

function numberText(number: number | undefined): string {
  return number === undefined ? none : String(number)
}

/** To a tenth of a second: the way there and back is in it. */
function clockText(aheadMs: number): string {
  const seconds = (aheadMs / 1000).toFixed(1).replace('-0.0', '0.0')
  return `${aheadMs >= 50 ? '+' : ''}${seconds} s`
}
