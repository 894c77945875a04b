/** What an operator should see to: of the list, of the key, of the nodes. Pure: what was read and heard is handed in. */
import { type ClusterInfo, weighsNodes } from './cluster-info.ts'
import type { ClusterKeys } from './keys.ts'
import type { SurveyedNode } from './node-survey.ts'

/** One thing that is not as it should be, in a line that says what to do. */
export interface Finding {
  /** A word for programs. */
  readonly kind: FindingKind
  /** The ID of the node that it is about, if it is about one. */
  readonly node?: string
  readonly message: string
}

export type FindingKind =
  | 'node_down'
  | 'node_answers'
  | 'node_unclear'
  | 'digest'
  | 'clock'
  | 'current_epoch'
  | 'missing_epoch'
  | 'no_active_node'
  | 'replicas'
  | 'zones'
  | 'weights'
  | 'revision'
  | 'placement'
  | 'removed'
  | 'added'
  | 'moved'
  | 'key_mode'
  | 'key_not_begun'
  | 'key_ends'
  | 'key_old'

/** How far clocks may be apart: a record from further ahead is refused, and a request 30 s off. */
const clockToleranceMs = 5000
const dayMs = 24 * 60 * 60 * 1000

/** What is odd in the list itself, whoever answers. */
export function listFindings({ nodes, replicas, placement }: ClusterInfo): readonly Finding[] {
  const findings: Finding[] = []
  const add = (kind: FindingKind, message: string) => findings.push({ kind, message })
  const usable = nodes.filter(({ state }) => state === 'active')
  if (usable.length === 0)
    add('no_active_node', 'no node is active, so no session can be resumed; activate one')
  if (replicas > nodes.length)
    add('replicas', `replicas is ${replicas}, and there are ${nodes.length} nodes; add nodes, or lower it`)
  const zones = new Set(nodes.map(({ zone }) => zone).filter(zone => zone !== ''))
  const zoneless = nodes.filter(({ zone }) => zone === '').map(({ id }) => id)
  if (zones.size > 0 && zoneless.length > 0)
    add('zones', `${zoneless.join(', ')} without a zone, and others have one; name one for each`)
  if (zones.size > 1 && replicas > zones.size)
    add('zones', `replicas is ${replicas}, and there are ${zones.size} zones: some records are twice in one`)
  if (!weighsNodes(placement) && nodes.some(({ weight }) => weight !== 1))
    add('weights', `placement ${placement} heeds no weights; use rendezvous or ring, or leave them out`)
  return findings
}

/** How the key stands at `nowMs`; `maxAgeMs` is how old the one in use may be. */
export function keyFindings(
  keys: ClusterKeys,
  { nowMs, maxAgeMs }: { readonly nowMs: number; readonly maxAgeMs: number },
): readonly Finding[] {
  const current = keys.current(nowMs)
  if (current === undefined) {
    const message =
      'no epoch has begun, so no session can be resumed; wait, or rotate with `ringtls cluster rotate-key`'
    return [{ kind: 'key_not_begun', message }]
  }
  const { epoch, notBeforeMs, notAfterMs } = current
  const successor = keys.periods.find(period => period.epoch > epoch)
  const remedy = 'rotate with `ringtls cluster rotate-key`'
  const findings: Finding[] = []
  const hasHeir = successor !== undefined && successor.notBeforeMs <= notAfterMs
  if (!hasHeir && notAfterMs - nowMs < dayMs) {
    const end = new Date(notAfterMs).toISOString()
    findings.push({
      kind: 'key_ends',
      message: `epoch ${epoch} ends at ${end}, and none follows it; ${remedy}`,
    })
  }
  const ageDays = Math.floor((nowMs - notBeforeMs) / dayMs)
  if (successor === undefined && nowMs - notBeforeMs > maxAgeMs) {
    const limit = `${maxAgeMs / dayMs} days`
    findings.push({
      kind: 'key_old',
      message: `epoch ${epoch} is ${ageDays} days old, wanted at most ${limit}; ${remedy}`,
    })
  }
  return findings
}

/** Who is not as the list says, or has another list, another time or other keys. */
export function nodeFindings(
  surveyed: readonly SurveyedNode[],
  { digest, revision }: { readonly digest: string; readonly revision: number },
): readonly Finding[] {
  return surveyed.flatMap(({ node, answer, detail, health, clockAheadMs, clockErrorMs }) => {
    const findings: Finding[] = []
    const add = (kind: FindingKind, message: string) => findings.push({ kind, node: node.id, message })
    const isWanted = node.state !== 'down'
    if (isWanted && answer === 'unclear')
      add('node_unclear', `${node.url} answers otherwise than a node: ${detail}`)
    else if (isWanted && answer !== 'up')
      add('node_down', `is ${node.state} in the list, and ${answer}: ${detail}`)
    if (!isWanted && answer === 'up')
      add('node_answers', 'is down in the list, and answers; make it active, or stop it')
    if (!isWanted || answer !== 'up') return findings
    if (health.digest !== digest) add('digest', digestText(health.revision, revision))
    const aheadMs = clockAheadMs ?? 0
    if (Math.abs(aheadMs) > clockToleranceMs + clockErrorMs)
      add('clock', `its clock is ${secondsText(aheadMs)}; see to its time service`)
    return findings
  })
}

/** Who uses another key than the others, or than the file, or does not have one that is there. */
export function epochFindings(
  surveyed: readonly SurveyedNode[],
  { keys, nowMs }: { readonly keys: ClusterKeys | undefined; readonly nowMs: number },
): readonly Finding[] {
  const told = surveyed.filter(({ answer, health }) => answer === 'up' && health.currentEpoch !== undefined)
  const wanted =
    keys === undefined
      ? mostCommon(told.map(({ health }) => health.currentEpoch!))
      : (keys.current(nowMs)?.epoch ?? null)
  const live = keys?.live(nowMs).map(({ epoch }) => epoch) ?? []
  return told.flatMap(({ node, health: { currentEpoch, epochs = [] } }) => {
    const findings: Finding[] = []
    const add = (kind: FindingKind, message: string) => findings.push({ kind, node: node.id, message })
    if (currentEpoch !== wanted)
      add(
        'current_epoch',
        `uses key epoch ${currentEpoch ?? 'none'}, wanted ${wanted ?? 'none'}; distribute cluster.key`,
      )
    const missing = live.filter(epoch => !epochs.includes(epoch))
    if (missing.length > 0)
      add('missing_epoch', `does not have key epoch ${missing.join(', ')}; distribute cluster.key`)
    return findings
  })
}

/** What to think of before the list `from` becomes `to`. */
export function changeFindings(from: ClusterInfo, to: ClusterInfo): readonly Finding[] {
  const findings: Finding[] = []
  const add = (kind: FindingKind, message: string, node?: string) =>
    findings.push({ kind, message, ...(node === undefined ? {} : { node }) })
  if (to.revision <= from.revision)
    add(
      'revision',
      `revision ${to.revision} does not come after ${from.revision}; raise it, or nobody sees who is behind`,
    )
  if (to.placement !== from.placement)
    add(
      'placement',
      `placement ${from.placement} becomes ${to.placement}: most keys move; do it when few sessions matter`,
    )
  for (const node of from.nodes) {
    const next = to.nodes.find(({ id }) => id === node.id)
    if (next === undefined && node.state === 'active')
      add(
        'removed',
        'is taken out while it is active; make it draining first, and take it out when its sessions are over',
        node.id,
      )
    if (next?.state === 'down' && node.state === 'active')
      add(
        'removed',
        'goes down while it is active; make it draining first, or its sessions are lost',
        node.id,
      )
    if (next !== undefined && next.url !== node.url)
      add(
        'moved',
        `gets the url ${next.url}, where it begins empty; restart it, or give it another id`,
        node.id,
      )
  }
  for (const { id, state } of to.nodes) {
    const isNew = !from.nodes.some(node => node.id === id)
    if (isNew && state === 'active')
      add(
        'added',
        'comes in as active; add it as draining, and make it active when every server has the list',
        id,
      )
  }
  return [...findings, ...listFindings(to)]
}

/** Whose list is the newer one decides what is to be done. */
function digestText(theirs: number | undefined, ours: number): string {
  if (theirs !== undefined && theirs > ours)
    return `has a newer cluster.json (revision ${theirs}, here ${ours}); check against that one`
  return `has another cluster.json (revision ${theirs ?? 'unknown'}, wanted ${ours}); distribute it`
}

/** Ahead or behind, in seconds with one decimal. */
function secondsText(aheadMs: number): string {
  return `${(Math.abs(aheadMs) / 1000).toFixed(1)} s ${aheadMs > 0 ? 'ahead' : 'behind'}`
}

/** What most say; of several, what was said first. */
function mostCommon<T>(values: readonly T[]): T | undefined {
  const counts = new Map<T, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0]
}
