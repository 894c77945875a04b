import {
  type ClusterLog,
  connectStore,
  type EngineMember,
  joinEngine,
  parseStoreUrl,
  readClusterKeys,
} from '../cluster/index.ts'
import { type ClusterFlags, refuseNodeOptions, type Surroundings } from './cluster-files.ts'
import { UsageError } from './failures.ts'
import type { Output } from './output.ts'

/** The options that say where sessions live. */
export interface StoreFlags extends ClusterFlags {
  readonly lookupTimeout?: number
}

/** Where a process tells people and operators. */
export interface EngineOutput {
  readonly output: Output
  readonly log: ClusterLog
}

/** A server's part in a cluster whose sessions live in an engine; `undefined` where `--store` names none. */
export async function joinNamedEngine(
  flags: StoreFlags,
  { provider, random, now }: Surroundings,
  { output, log }: EngineOutput,
): Promise<EngineMember | undefined> {
  const { store, cluster, clusterKey, lookupTimeout } = flags
  if (store === undefined || store === false) return undefined
  const address = parseStoreUrl(store)
  if (address.kind === 'http') {
    if (cluster !== undefined) return undefined
    throw new UsageError('--store http is session nodes: add --cluster, --cluster-key and --node')
  }
  if (clusterKey === undefined)
    throw new UsageError(`--store ${address.kind}: add --cluster-key with the key that the servers share`)
  if (cluster !== undefined)
    throw new UsageError(
      `--store ${address.kind}: --cluster lists session nodes, and none are asked; leave it out`,
    )
  refuseNodeOptions(flags)
  const { keys, warnings } = readClusterKeys(clusterKey, { provider, nowMs: now() })
  for (const warning of warnings) output.note(warning)
  const timeouts = lookupTimeout === undefined ? {} : { readTimeoutMs: lookupTimeout }
  const engine = await connectStore(address, { provider, now })
  return joinEngine({ engine, keys, random, now, timeouts, log })
}
