/** Asks every node of a list how it is (`GET /healthz`), for operators: nothing here is on the path of a handshake. */
import { Client } from 'undici'
import type { ClusterInfo, ClusterNode } from './cluster-info.ts'
import type { ClusterHealth, NodeHealth } from './health.ts'
import { type NodeTls, nodeClientTls } from './node-tls.ts'
import { withinBudget } from './time-budget.ts'

/**
 * `up` it answers, and as this node; `draining` it shuts down; `refused` nobody listens there; `down` no answer;
 * `unclear` something answers, and it may be anything: `detail` says what came.
 */
export const nodeAnswers = ['up', 'draining', 'refused', 'down', 'unclear'] as const
export type NodeAnswer = (typeof nodeAnswers)[number]

/** What a node said of itself: all of it checked for its type, and none of it believed beyond that. */
export type ReportedHealth = Partial<ClusterHealth & Pick<NodeHealth, 'entries' | 'bytes'>>

/** One node of the list, and what came of asking it. */
export interface SurveyedNode {
  readonly node: ClusterNode
  readonly answer: NodeAnswer
  /** Why it is not `up`, in a few words; '' when it is. */
  readonly detail: string
  readonly health: ReportedHealth
  /** Its clock less ours, ms; `undefined` when it did not say. */
  readonly clockAheadMs: number | undefined
  /** How far off that may be, ms: half the time the request took. */
  readonly clockErrorMs: number
}

export interface SurveyOptions {
  /** For each node. */
  readonly timeoutMs: number
  /** ms since 1970. */
  readonly now: () => number
  /** For nodes with an https url. */
  readonly tls?: NodeTls | undefined
}

/** So many nodes are asked at once: every request has a connection of its own, and a process may have 1,024 files open. */
const nodesAtOnce = 64
const maxReplyBytes = 16_384

/** Asks all nodes, whatever their state in the list, in its order. Never rejects. */
export async function surveyNodes(
  { nodes }: ClusterInfo,
  options: SurveyOptions,
): Promise<readonly SurveyedNode[]> {
  const surveyed: SurveyedNode[] = new Array(nodes.length)
  let next = 0
  const askNext = async (): Promise<void> => {
    for (let at = next++; at < nodes.length; at = next++) surveyed[at] = await survey(nodes[at]!, options)
  }
  await Promise.all(Array.from({ length: nodesAtOnce }, askNext))
  return surveyed
}

interface Reply {
  readonly status: number
  readonly text: string
}

async function survey(node: ClusterNode, { timeoutMs, now, tls }: SurveyOptions): Promise<SurveyedNode> {
  const nothing = { node, health: {}, clockAheadMs: undefined, clockErrorMs: 0 }
  const sentMs = now()
  try {
    const reply = await askHealth(node, timeoutMs, tls)
    const clockErrorMs = Math.max(0, now() - sentMs) / 2
    const { answer, detail, health } = read(node, reply)
    const clockAheadMs = health.nowMs === undefined ? undefined : health.nowMs - sentMs - clockErrorMs
    return { node, answer, detail, health, clockAheadMs, clockErrorMs }
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ECONNREFUSED') return { ...nothing, answer: 'refused', detail: 'nobody listens there' }
    const detail = code === 'timeout' ? `no answer within ${timeoutMs} ms` : `no answer (${code})`
    return { ...nothing, answer: 'down', detail }
  }
}

async function askHealth({ url }: ClusterNode, timeoutMs: number, tls: NodeTls | undefined): Promise<Reply> {
  const client = new Client(url, {
    connect: { timeout: timeoutMs, ...(tls === undefined ? {} : nodeClientTls(tls)) },
    maxResponseSize: maxReplyBytes,
    maxHeaderSize: 8192,
  })
  try {
    return await withinBudget(timeoutMs, async signal => {
      const reply = await client.request({ path: '/healthz', method: 'GET', signal })
      return { status: reply.statusCode, text: await reply.body.text() }
    })
  } finally {
    // What is still under way has no one to wait for it.
    client.destroy().catch(() => {})
  }
}

function read(
  node: ClusterNode,
  { status, text }: Reply,
): Pick<SurveyedNode, 'answer' | 'detail' | 'health'> {
  const unclear = (detail: string) => ({ answer: 'unclear' as const, detail, health: {} })
  const said = objectOf(text)
  if (status === 503 && said.status === 'draining') {
    return { answer: 'draining', detail: 'it shuts down', health: {} }
  }
  if (status !== 200) return unclear(`status ${status}`)
  if (said.status !== 'ok') return unclear('status 200 without a state: an older node, or no node at all')
  const health = reportedHealth(said)
  if (health.node !== undefined && health.node !== node.id)
    return unclear(`it says that it is ${health.node ?? 'no node'}`)
  return { answer: 'up', detail: '', health }
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isWord = (value: unknown): value is string => typeof value === 'string' && /^[\w.+-]{1,64}$/.test(value)
const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length <= 64 && value.every(isCount)

/** Words go to a terminal: only those are let through that can do nothing there. */
function reportedHealth(said: Readonly<Record<string, unknown>>): ReportedHealth {
  const { node, revision, digest, placement, entries, bytes, epochs, currentEpoch, nowMs, version } = said
  return {
    ...(isWord(node) || node === null ? { node } : {}),
    ...(isCount(revision) ? { revision } : {}),
    ...(isWord(digest) ? { digest } : {}),
    ...(isWord(placement) ? { placement } : {}),
    ...(isCount(entries) ? { entries } : {}),
    ...(isCount(bytes) ? { bytes } : {}),
    ...(isCounts(epochs) ? { epochs } : {}),
    ...(isCount(currentEpoch) || currentEpoch === null ? { currentEpoch } : {}),
    ...(isCount(nowMs) ? { nowMs } : {}),
    ...(isWord(version) ? { version } : {}),
  }
}

/** Of a library's error the code says enough; our own budget's is `timeout`. */
function codeOf(error: unknown): string {
  if (error instanceof Error && 'reason' in error && error.reason === 'timeout') return 'timeout'
  if (error instanceof Error && 'code' in error && typeof error.code === 'string')
    return /TIMEOUT$|TIMEDOUT$/.test(error.code) ? 'timeout' : error.code
  return error instanceof Error ? error.name : 'unknown error'
}
