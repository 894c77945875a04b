import { ClusterMetrics, membershipOf } from '../../cluster/index.ts'
import { createSecureContext } from '../../node/index.ts'
import { readClusterFiles, startSessionNode } from '../cluster-files.ts'
import { followClusterFiles } from '../cluster-reload.ts'
import type { SessionNodeFlags } from '../commands/session-node.ts'
import { printedListening } from '../listening.ts'
import { createLog } from '../logging.ts'
import { warnOfNodeCertificate } from '../node-certificates.ts'
import { createOutput } from '../output.ts'
import { openStatusPort } from '../status-port.ts'
import { stopGraceMs, stopSignal } from '../stopping.ts'

/** Stores sessions until it is told to stop. */
export async function runSessionNode(flags: SessionNodeFlags): Promise<void> {
  const log = createLog(flags)
  const output = createOutput({ json: flags.json, log: flags.logLevel && log })
  const context = createSecureContext()
  const files = readClusterFiles(flags, context, output)!
  const membership = membershipOf(files.info, context.provider)
  warnOfNodeCertificate(files, { isServer: false, hasStore: true }, output)
  const metrics = new ClusterMetrics(context)
  metrics.watchProcess()
  const { node, address } = await startSessionNode(files, context, { membership, metrics, log })
  const status = await openStatusPort(flags.metrics, { metrics, membership, files }, { ...context, output })
  const stopFollowing = followClusterFiles(files, membership, context, { output, log: flags.logLevel && log })
  const stopped = stopSignal()
  output.print(printedListening(address))
  await stopped
  stopFollowing()
  status.drain()
  const { get, put, delete: deletes } = node.counters
  const { entries } = node.memory
  await node.close(stopGraceMs)
  await status.close()
  output.print({
    json: { event: 'stopped', ...{ node: flags.node, records: entries, get, put, delete: deletes } },
    text: `stopped with ${entries} sessions; ${get.hit} of ${get.hit + get.miss + get.gone} look-ups found theirs`,
  })
}
