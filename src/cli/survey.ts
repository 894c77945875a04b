import { type ClusterInfo, type SurveyedNode, surveyNodes } from '../cluster/index.ts'
import { createSecureContext } from '../node/index.ts'
import type { SurveyFlags } from './commands/cluster.ts'
import { readNodeTls } from './node-certificates.ts'
import { type Output, withProgress } from './output.ts'

/** Asks all nodes of the list in the file at `path`. */
export function survey(
  info: ClusterInfo,
  path: string,
  flags: SurveyFlags,
  output: Output,
): Promise<readonly SurveyedNode[]> {
  const tls = readNodeTls(flags, { info, path })
  const { now } = createSecureContext()
  const asking = surveyNodes(info, { timeoutMs: flags.timeout, now, tls })
  return withProgress(output, `asking ${info.nodes.length} nodes`, asking)
}
