import type { CryptoProvider, RandomBytes } from '../crypto/provider.ts'
import { ApiMisuse } from '../errors.ts'
import type { ClusterInfo } from './cluster-info.ts'
import type { ClusterLog } from './cluster-log.ts'
import { ClusterSessionCache } from './cluster-session-cache.ts'
import { HttpSessionStore, type HttpSessionStoreLimits } from './http-session-store.ts'
import type { ClusterKeys } from './keys.ts'
import { type Membership, membershipOf } from './membership.ts'
import type { NodeTls } from './node-tls.ts'
import { OwnerChoice } from './owner-choice.ts'

export interface ClusterMemberOptions {
  readonly info: ClusterInfo
  readonly keys: ClusterKeys
  /** Which node of `info` this server is; left out for a server that stores nothing itself. */
  readonly nodeId?: string | undefined
  readonly provider: CryptoProvider
  readonly random: RandomBytes
  /** ms since 1970. */
  readonly now: () => number
  readonly limits?: Partial<HttpSessionStoreLimits>
  /** How long a placement is still read after `membership.replace`: as long as sessions live, 10 minutes by default. */
  readonly memoryMs?: number
  /** What nodes with an https url are shown, and verified by. */
  readonly tls?: NodeTls | undefined
  readonly log?: ClusterLog
}

/** A server's part in a cluster. */
export interface ClusterMember {
  /** What the TLS server asks. */
  readonly sessionCache: ClusterSessionCache
  readonly store: HttpSessionStore
  /** Who is in the cluster; `replace` takes a changed list while everything runs. */
  readonly membership: Membership
  /** The cluster's keys; `replaceWith` rotates them while everything runs. */
  readonly keys: ClusterKeys
  /** Opens the connections to the nodes, so that the first client to resume does not wait for that. Never rejects. */
  warmUp(): Promise<void>
  /** Waits up to `timeoutMs`, 200 by default, for sessions on their way to their owners, then drops the connections. */
  close(timeoutMs?: number): Promise<void>
}

/** Makes the session cache of a server whose sessions live on the session nodes of `info`. Throws ApiMisuse on an unknown `nodeId`. */
export function joinCluster(options: ClusterMemberOptions): ClusterMember {
  const { info, nodeId, keys, provider, random, now, memoryMs } = options
  if (nodeId !== undefined && !info.nodes.some(node => node.id === nodeId)) {
    throw new ApiMisuse(
      `${nodeId}: no such node in cluster_info; known are ${info.nodes.map(n => n.id).join(', ')}`,
    )
  }
  const membership = membershipOf(info, provider, { now, ...(memoryMs === undefined ? {} : { memoryMs }) })
  const { limits = {}, tls, log } = options
  const surroundings = { membership, keys, provider, random, now, limits, tls, ...(log ? { log } : {}) }
  const store = new HttpSessionStore(surroundings)
  const isAvailable = (id: string) => store.isAvailable(id)
  const owners = new OwnerChoice({ membership, nodeId, isAvailable })
  const sessionCache = new ClusterSessionCache({ keys, store, owners, random, now })
  return {
    ...{ sessionCache, store, membership, keys },
    warmUp: () => store.warmUp(),
    close: async timeoutMs => {
      await sessionCache.flush(timeoutMs)
      await store.close()
    },
  }
}
