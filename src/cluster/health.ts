import type { ClusterKeys } from './keys.ts'
import type { Membership } from './membership.ts'
import { packageVersion } from './version.ts'

/** What `GET /healthz` says of any process. No secret is in it, nor in what follows. */
export interface ProcessHealth {
  readonly status: 'ok'
  /** The ID of the node; null for a server that is none. */
  readonly node: string | null
  /** Its clock, ms since 1970. */
  readonly nowMs: number
  readonly version: string
}

/** What it says of a process of a cluster: `ringtls cluster status` compares them. */
export interface ClusterHealth extends ProcessHealth {
  readonly revision: number
  /** Of cluster_info: processes with another one do not have the same list. */
  readonly digest: string
  readonly placement: string
  /** The numbers of all key epochs that open, newest first. */
  readonly epochs: readonly number[]
  /** The one that seals; null where none has begun. */
  readonly currentEpoch: number | null
}

/** What it says of a session node. */
export interface NodeHealth extends ClusterHealth {
  readonly entries: number
  readonly bytes: number
}

export interface HealthSources {
  readonly membership: Membership
  readonly keys: ClusterKeys
  readonly nodeId: string | undefined
  /** ms since 1970. */
  readonly now: () => number
}

/** The state of a process of a cluster as of now. */
export function clusterHealth({ membership, keys, nodeId, now }: HealthSources): ClusterHealth {
  const { info, digest } = membership
  const nowMs = now()
  return {
    ...processHealth(nodeId, nowMs),
    ...{ revision: info.revision, digest, placement: info.placement },
    epochs: keys.live(nowMs).map(({ epoch }) => epoch),
    currentEpoch: keys.current(nowMs)?.epoch ?? null,
  }
}

/** The state of a process that belongs to no cluster. */
export function processHealth(nodeId: string | undefined, nowMs: number): ProcessHealth {
  return { status: 'ok', node: nodeId ?? null, nowMs, version: packageVersion() }
}
