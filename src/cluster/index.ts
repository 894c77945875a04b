/** `ringtls/cluster`: sessions that any server of a cluster resumes. */

export { type AttachOptions, attachSessionStore } from './attach-session-store.ts'
export type { BreakerState } from './circuit-breaker.ts'
export {
  changeFindings,
  epochFindings,
  type Finding,
  type FindingKind,
  keyFindings,
  listFindings,
  nodeFindings,
} from './cluster-findings.ts'
export {
  type ClusterInfo,
  type ClusterNode,
  clusterDigest,
  type NodeState,
  nodeStates,
  type PlacementName,
  parseClusterInfo,
  placementNames,
  readClusterInfo,
} from './cluster-info.ts'
export { type ClusterLog, silentLog } from './cluster-log.ts'
export { type ClusterMember, type ClusterMemberOptions, joinCluster } from './cluster-member.ts'
export {
  ClusterSessionCache,
  type ClusterSessionCacheCounters,
  type ClusterSessionCacheOptions,
} from './cluster-session-cache.ts'
export { type ClusterWatch, type ClusterWatchOptions, type Reloaded, watchCluster } from './cluster-watch.ts'
export { type ConnectStoreOptions, connectStore, type EngineAddress } from './engines/connect-store.ts'
export { type EngineMember, type EngineMemberOptions, joinEngine } from './engines/engine-member.ts'
export { EngineSessionStore, type EngineSessionStoreCounters } from './engines/engine-session-store.ts'
export { fromIoredis, type IoredisClient } from './engines/ioredis.ts'
export { fromMemjs, type MemjsClient } from './engines/memjs.ts'
export { fromNodeRedis, type NodeRedisClient } from './engines/node-redis.ts'
export type { SessionEngine } from './engines/session-engine.ts'
export { parseStoreUrl, type StoreAddress } from './engines/store-url.ts'
export type { KeyPeriod } from './epoch-keys.ts'
export { GuardedStore, type GuardedStoreOptions } from './guarded-store.ts'
export {
  type ClusterHealth,
  clusterHealth,
  type NodeHealth,
  type ProcessHealth,
  processHealth,
} from './health.ts'
export {
  defaultHttpSessionStoreLimits,
  HttpSessionStore,
  type HttpSessionStoreCounters,
  type HttpSessionStoreLimits,
  type HttpSessionStoreOptions,
} from './http-session-store.ts'
export { type Rotation, type RotationOptions, rotateClusterKeys } from './key-rotation.ts'
export {
  ClusterKeys,
  keyFileWarnings,
  makeClusterKeys,
  maxLiveEpochs,
  parseClusterKeys,
  readClusterKeys,
} from './keys.ts'
export { Membership, type MembershipOptions, membershipOf } from './membership.ts'
export { ClusterMetrics, type ClusterMetricsOptions, type MeasuredMember } from './metrics.ts'
export {
  type NodeAnswer,
  type ReportedHealth,
  type SurveyedNode,
  type SurveyOptions,
  surveyNodes,
} from './node-survey.ts'
export type { NodeTls } from './node-tls.ts'
export { HttpTransport, type NodeReply, type NodeRequest, type NodeTransport } from './node-transport.ts'
export { OwnerChoice, type OwnerChoiceOptions } from './owner-choice.ts'
export {
  chord,
  kademlia,
  type PlacedNode,
  type Placement,
  placementOf,
  rendezvous,
  ring,
  type Sha256,
  table,
} from './placement/index.ts'
export {
  type NodeShare,
  type PlacedCluster,
  type PlacementDifference,
  placementDifference,
} from './placement-difference.ts'
export {
  createSessionNode,
  defaultSessionNodeLimits,
  type SessionNode,
  type SessionNodeCounters,
  type SessionNodeLimits,
  type SessionNodeOptions,
} from './session-node.ts'
export { type SessionStore, StoreFailure, type StoreFailureReason } from './session-store.ts'
export { createStatusServer } from './status-server.ts'
export { clusterTickets } from './ticket-keys.ts'
