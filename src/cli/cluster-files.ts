import {
  type ClusterInfo,
  type ClusterKeys,
  type ClusterLog,
  type ClusterMetrics,
  createSessionNode,
  type Membership,
  type NodeTls,
  readClusterInfo,
  readClusterKeys,
  type SessionNode,
} from '../cluster/index.ts'
import type { SecureContext } from '../node/index.ts'
import { UsageError } from './failures.ts'
import { listenError } from './listening.ts'
import { readNodeTls } from './node-certificates.ts'
import type { NodeFlags } from './node-flags.ts'
import type { Address } from './options.ts'
import type { Output } from './output.ts'

/** The options that say which cluster a process belongs to, and as what. */
export interface ClusterFlags extends NodeFlags {
  /** Where sessions are, a URL or `http`; false for a server that does not run its node's session store. */
  readonly store?: string | false
  readonly cluster?: string
  readonly clusterKey?: string
  readonly node?: string
}

/** What the options named: all of a process's part in a cluster. */
export interface ClusterFiles {
  readonly info: ClusterInfo
  readonly keys: ClusterKeys
  readonly nodeId: string
  /** For nodes with an https url. */
  readonly tls: NodeTls | undefined
  /** Where the node's own store listens, if not at its url. */
  readonly listen: Address | undefined
  /** The path of cluster_info. */
  readonly path: string
  readonly keyPath: string
}

/** Where randomness, clock and algorithms come from: a secure context has them all. */
export type Surroundings = Pick<SecureContext, 'provider' | 'random' | 'now'>

/** Reads the files of a cluster; `undefined` when none of the options was given. */
export function readClusterFiles(
  flags: ClusterFlags,
  { provider, now }: Surroundings,
  output: Output,
): ClusterFiles | undefined {
  const { cluster, clusterKey, node } = flags
  if (cluster === undefined && clusterKey === undefined && node === undefined) {
    refuseNodeOptions(flags)
    return undefined
  }
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
  if (flags.store === false && flags.nodeListen !== undefined)
    throw new UsageError('--node-listen is of no use with --no-store: leave one of them out')
  const tls = readNodeTls(flags, { info, path: cluster })
  return { info, keys, nodeId: node, tls, listen: flags.nodeListen, path: cluster, keyPath: clusterKey }
}

/** Throws UsageError on an option of session nodes where there are none. */
export function refuseNodeOptions({ nodeListen, nodeCert, nodeKey, nodeCa }: NodeFlags): void {
  const given = {
    '--node-listen': nodeListen,
    '--node-cert': nodeCert,
    '--node-key': nodeKey,
    '--node-ca': nodeCa,
  }
  const [useless] = Object.entries(given).find(([, value]) => value !== undefined) ?? []
  if (useless !== undefined)
    throw new UsageError(`${useless} is of no use without --cluster: add it, or leave it out`)
}

/** What a session store shares with the rest of its process. */
export interface SessionNodeParts {
  readonly membership: Membership
  readonly metrics: ClusterMetrics
  readonly log: ClusterLog
}

/** Starts the session store of a node on the address that cluster_info gives it, or `--node-listen`. */
export async function startSessionNode(
  { nodeId, keys, tls, path, listen }: ClusterFiles,
  { provider, now }: Surroundings,
  parts: SessionNodeParts,
): Promise<{ node: SessionNode; address: Address }> {
  const { url } = parts.membership.info.nodes.find(({ id }) => id === nodeId)!
  const wanted = listen ?? addressOf(url)
  const isEncrypted = url.startsWith('https:')
  const node = createSessionNode({
    ...parts,
    nodeId,
    keys,
    provider,
    now,
    tls: isEncrypted ? tls : undefined,
  })
  try {
    const { port } = await node.listen(wanted.host, wanted.port)
    return { node, address: { host: wanted.host, port } }
  } catch (error) {
    const remedy =
      listen === undefined
        ? `change the url of node ${nodeId} in ${path}, or say with --node-listen where to listen`
        : 'choose another with --node-listen'
    throw listenError(error, wanted, remedy)
  }
}

function addressOf(url: string): Address {
  const { protocol, hostname, port } = new URL(url)
  const usual = protocol === 'https:' ? 443 : 80
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? usual : Number(port) }
}
