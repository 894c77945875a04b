import type { CryptoProvider, RandomBytes } from '../crypto/provider.ts'
import { ApiMisuse } from '../errors.ts'
import type { ClusterInfo } from './cluster-info.ts'
import { ClusterSessionCache } from './cluster-session-cache.ts'
import { HttpSessionStore, type HttpSessionStoreLimits } from './http-session-store.ts'
import type { ClusterKeys } from './keys.ts'
import { membershipOf } from './membership.ts'

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
}

/** A server's part in a cluster. */
export interface ClusterMember {
  /** What the TLS server asks. */
  readonly sessionCache: ClusterSessionCache
  readonly store: HttpSessionStore
  /** Opens the connections to the nodes, so that the first client to resume does not wait for that. Never rejects. */
  warmUp(): Promise<void>
  /** Waits up to `timeoutMs`, 200 by default, for sessions on their way to their owners, then drops the connections. */
  close(timeoutMs?: number): Promise<void>
}

/** Makes the session cache of a server whose sessions live on the session nodes of `info`. Throws ApiMisuse on an unknown `nodeId`. */
export function joinCluster({ info, nodeId, limits, ...surroundings }: ClusterMemberOptions): ClusterMember {
  if (nodeId !== undefined && !info.nodes.some(node => node.id === nodeId)) {
    throw new ApiMisuse(
      `${nodeId}: no such node in cluster_info; known are ${info.nodes.map(n => n.id).join(', ')}`,
    )
  }
  const membership = membershipOf(info, surroundings.provider)
  const store = new HttpSessionStore({
    ...surroundings,
    membership,
    ...(limits === undefined ? {} : { limits }),
  })
  const sessionCache = new ClusterSessionCache({ ...surroundings, membership, nodeId, store })
  return {
    sessionCache,
    store,
    warmUp: () => store.warmUp(),
    close: async timeoutMs => {
      await sessionCache.flush(timeoutMs)
      await store.close()
    },
  }
}
