import {
  type ClusterInfo,
  type ClusterKeys,
  createSessionNode,
  membershipOf,
  readClusterInfo,
  readClusterKeys,
  type SessionNode,
} from '../cluster/index.ts'
import type { SecureContext } from '../node/index.ts'
import { UsageError } from './failures.ts'
import { listenError } from './listening.ts'
import type { Address } from './options.ts'
import type { Output } from './output.ts'

/** The options that say which cluster a process belongs to, and as what. */
export interface ClusterFlags {
  readonly cluster?: string
  readonly clusterKey?: string
  readonly node?: string
}

/** What the options named: all of a process's part in a cluster. */
export interface ClusterFiles {
  readonly info: ClusterInfo
  readonly keys: ClusterKeys
  readonly nodeId: string
  /** The path of cluster_info, for errors. */
  readonly path: string
}

/** Where randomness, clock and algorithms come from: a secure context has them all. */
export type Surroundings = Pick<SecureContext, 'provider' | 'random' | 'now'>

/** Reads the files of a cluster; `undefined` when none of the options was given. */
export function readClusterFiles(
  { cluster, clusterKey, node }: ClusterFlags,
  { provider, now }: Surroundings,
  output: Output,
): ClusterFiles | undefined {
  if (cluster === undefined && clusterKey === undefined && node === undefined) return undefined
  if (cluster === undefined || clusterKey === undefined || node === undefined) {
    const given = { '--cluster': cluster, '--cluster-key': clusterKey, '--node': node }
    const missing = Object.entries(given).filter(([, value]) => value === undefined)
    throw new UsageError(
      `--cluster, --cluster-key and --node belong together: add ${missing.map(([name]) => name).join(' and ')}`,
    )
  }
  const info = readClusterInfo(cluster)
  const { keys, warnings } = readClusterKeys(clusterKey, { provider, nowMs: now() })
  for (const warning of warnings) output.note(warning)
  if (!info.nodes.some(({ id }) => id === node)) {
    const known = info.nodes.map(({ id }) => id).join(', ')
    throw new UsageError(`--node ${node}: ${cluster} has no such node; choose from ${known}`)
  }
  return { info, keys, nodeId: node, path: cluster }
}

/** Starts the session store of a node on the address that cluster_info gives it. */
export async function startSessionNode(
  { info, keys, nodeId, path }: ClusterFiles,
  { provider, now }: Surroundings,
): Promise<{ node: SessionNode; address: Address }> {
  const url = new URL(info.nodes.find(({ id }) => id === nodeId)!.url)
  if (url.protocol !== 'http:') {
    throw new UsageError(
      `${path}: node ${nodeId} has ${url.origin}, and its store speaks http; put a proxy in front of it, or change the url`,
    )
  }
  const address = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) }
  const node = createSessionNode({ membership: membershipOf(info, provider), nodeId, keys, provider, now })
  try {
    await node.listen(address.host, address.port)
  } catch (error) {
    throw listenError(error, address, `change the url of node ${nodeId} in ${path}`)
  }
  return { node, address }
}
