import { createSecureContext } from '../../node/index.ts'
import { readClusterFiles, startSessionNode } from '../cluster-files.ts'
import type { SessionNodeFlags } from '../commands/session-node.ts'
import { printedListening } from '../listening.ts'
import { createOutput } from '../output.ts'
import { stopSignal } from '../stopping.ts'

/** Stores sessions until it is told to stop. */
export async function runSessionNode(flags: SessionNodeFlags): Promise<void> {
  const output = createOutput(flags)
  const context = createSecureContext()
  const { node, address } = await startSessionNode(readClusterFiles(flags, context, output)!, context)
  const stopped = stopSignal()
  output.print(printedListening(address))
  await stopped
  const { get, put, delete: deletes } = node.counters
  const { entries } = node.memory
  await node.close()
  output.print({
    json: { event: 'stopped', ...{ node: flags.node, records: entries, get, put, delete: deletes } },
    text: `stopped with ${entries} sessions; ${get.hit} of ${get.hit + get.miss + get.gone} look-ups found theirs`,
  })
}
