import { readFileSync } from 'node:fs'
import { ApiMisuse } from '../errors.ts'
import { toBase64url } from './base64url.ts'
import { JsonField } from './json-field.ts'
import type { Sha256 } from './placement/placement.ts'
import { tableSlots } from './placement/table.ts'

export const placementNames = ['table', 'chord', 'ring', 'kademlia', 'rendezvous'] as const
export type PlacementName = (typeof placementNames)[number]

/** Whether a placement goes by the nodes' weights. */
export function weighsNodes(placement: PlacementName): boolean {
  return placement === 'ring' || placement === 'rendezvous'
}

/**
 * What a node may be asked for. A state never moves a key: it says which owners new sessions may have, and the
 * server that draws an ID draws again until its owner is active.
 */
export const nodeStates = ['active', 'draining', 'down'] as const
export type NodeState = (typeof nodeStates)[number]

export interface ClusterNode {
  /** Who it is, wherever it is: 1 to 64 letters, digits, dots, dashes or underscores. */
  readonly id: string
  /** Where it is: http or https, host and port, nothing more. */
  readonly url: string
  /** Its share of the sessions, relative to the others', 1 to 100. */
  readonly weight: number
  readonly zone: string
  /** `active`: chosen, written, read. `draining`: no longer chosen; read, deleted from, and written what was drawn for it before. `down`: not asked at all. */
  readonly state: NodeState
}

/** The list that every server of a cluster has a copy of (the method's cluster_info). */
export interface ClusterInfo {
  /** Counts changes of this list. An epoch is something else: it counts keys. */
  readonly revision: number
  readonly placement: PlacementName
  /** On how many nodes a record is; more than there are nodes means on all. */
  readonly replicas: number
  readonly nodes: readonly ClusterNode[]
  /** With placement `table`: the ID of the node for each of the 16,384 slots, when the operator assigns them. */
  readonly slots?: readonly string[]
}

/** Up to so many nodes `rendezvous` is the default, above it `ring`. */
const maxRendezvousNodes = 64
const maxNodes = 1024
const maxReplicas = 16

/**
 * Reads a cluster_info document:
 * `{ "revision": 1, "nodes": [{ "id": "a", "url": "http://10.0.0.1:8401" }] }`, where `placement`, `replicas`
 * (1), `weight` (1), `zone` ("") and `state` ("active") may be left out. `slots`, with placement `table`, is a
 * list of `{ "from", "to", "node" }` that names every slot from 0 to 16383 once. Throws ApiMisuse in one line that names
 * the field; an unknown field is an error too, since it is a known one misspelt.
 * @param name what errors call the document, such as its path
 */
export function parseClusterInfo(text: string, name: string): ClusterInfo {
  const root = JsonField.parse(text, { name, secret: false })
  const fields = root.members(['revision', 'placement', 'replicas', 'nodes', 'slots'])
  const nodes = fields.nodes.items(1, maxNodes).map(readNode)
  refuseTwins(fields.nodes, nodes)
  const usual = nodes.length <= maxRendezvousNodes ? 'rendezvous' : 'ring'
  const placement = fields.placement.absent ? usual : fields.placement.oneOf(placementNames)
  if (!fields.slots.absent && placement !== 'table')
    fields.slots.fail('placement "table" when slots are assigned')
  return {
    revision: fields.revision.integer(0, Number.MAX_SAFE_INTEGER),
    placement,
    replicas: fields.replicas.absent ? 1 : fields.replicas.integer(1, maxReplicas),
    nodes,
    ...(fields.slots.absent ? {} : { slots: readSlots(fields.slots, nodes) }),
  }
}

/** Reads the cluster_info file at `path`. Throws ApiMisuse. */
export function readClusterInfo(path: string): ClusterInfo {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const advice =
      code === 'ENOENT' ? 'there is no such file; make one with `ringtls init`' : `cannot read it (${code})`
    throw new ApiMisuse(`${path}: ${advice}`)
  }
  return parseClusterInfo(text, path)
}

/**
 * SHA-256 in base64url over everything a cluster_info says, defaults filled in, in the order of its list. A
 * reordered list gives another digest though it places every key the same: an operator is told that two
 * servers do not have the same file, and decides. Layout and key order of the JSON do not count.
 */
export function clusterDigest(info: ClusterInfo, sha256: Sha256): string {
  const nodes = info.nodes.map(({ id, url, weight, zone, state }) => [id, url, weight, zone, state])
  const content = [
    'ringtls cluster_info v1',
    info.revision,
    info.placement,
    info.replicas,
    nodes,
    info.slots ?? null,
  ]
  return toBase64url(sha256(new TextEncoder().encode(JSON.stringify(content))))
}

function readNode(field: JsonField): ClusterNode {
  const { id, url, weight, zone, state } = field.members(['id', 'url', 'weight', 'zone', 'state'])
  return {
    id: id.text(/^[A-Za-z0-9._-]{1,64}$/, '1 to 64 letters, digits, dots, dashes or underscores'),
    url: readOrigin(url),
    weight: weight.absent ? 1 : weight.integer(1, 100),
    zone: zone.absent ? '' : zone.text(/^[\x20-\x7e]{0,64}$/, 'at most 64 printable ASCII characters'),
    state: state.absent ? 'active' : state.oneOf(nodeStates),
  }
}

function readOrigin(field: JsonField): string {
  const need = 'http:// or https:// with host and port only, such as http://10.0.0.1:8401'
  const text = field.text(/^https?:\/\/[^/?#@]+\/?$/i, need)
  return URL.canParse(text) ? new URL(text).origin : field.fail(need)
}

function refuseTwins(field: JsonField, nodes: readonly ClusterNode[]): void {
  const ids = new Set(nodes.map(node => node.id))
  const urls = new Set(nodes.map(node => node.url))
  if (ids.size < nodes.length) field.fail('an id of its own for each node')
  if (urls.size < nodes.length) field.fail('a url of its own for each node')
}

function readSlots(field: JsonField, nodes: readonly ClusterNode[]): readonly string[] {
  const slots: (string | undefined)[] = new Array(tableSlots).fill(undefined)
  for (const range of field.items(1, tableSlots)) {
    const { from, to, node } = range.members(['from', 'to', 'node'])
    const first = from.integer(0, tableSlots - 1)
    const last = to.integer(first, tableSlots - 1)
    const id = node.oneOf(nodes.map(({ id }) => id))
    for (let slot = first; slot <= last; slot++) {
      if (slots[slot] !== undefined) range.fail(`slots that no other range names, which ${slot} is not`)
      slots[slot] = id
    }
  }
  return slots.map((id, slot) => id ?? field.fail(`a node for every slot; ${slot} has none`))
}
