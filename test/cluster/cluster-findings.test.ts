import { describe, expect, test } from 'vitest'
import {
  changeFindings,
  epochFindings,
  keyFindings,
  listFindings,
  nodeFindings,
} from '../../src/cluster/cluster-findings.ts'
import type { NodeState } from '../../src/cluster/cluster-info.ts'
import type { SurveyedNode } from '../../src/cluster/node-survey.ts'
import { startMs, type TestEpoch, testInfo, testKeys } from './support.ts'

const day = 24 * 60 * 60 * 1000
const node = (id: string, more: object = {}) => ({
  id,
  url: `http://10.0.0.1:${8400 + Number(id.slice(1))}`,
  ...more,
})
const said = (findings: readonly { kind: string; node?: string; message: string }[]) =>
  findings.map(({ kind, node, message }) => [kind, node ?? '', message.replace(/[,;:].*$/, '')].join('|'))

describe('of a list', () => {
  const about = (nodes: readonly object[], more: object = {}) => said(listFindings(testInfo(nodes, more)))

  test('that is as it should be, nothing', () => {
    expect(about([node('n1'), node('n2', { state: 'draining' })])).toEqual([])
    const zones = [node('n1', { zone: 'a' }), node('n2', { zone: 'b', weight: 2 })]
    expect(about(zones, { replicas: 2 })).toEqual([])
    expect(about([node('n1', { zone: 'a' }), node('n2', { zone: 'a' })], { replicas: 2 })).toEqual([])
  })

  test.each<[string, object[], object, string]>([
    ['nobody is active', [node('n1', { state: 'draining' })], {}, 'no_active_node||no node is active'],
    ['more replicas than nodes', [node('n1')], { replicas: 2 }, 'replicas||replicas is 2'],
    ['a node without a zone', [node('n1'), node('n2', { zone: 'b' })], {}, 'zones||n1 without a zone'],
    [
      'fewer zones than replicas',
      [node('n1', { zone: 'a' }), node('n2', { zone: 'b' }), node('n3', { zone: 'b' })],
      { replicas: 3 },
      'zones||replicas is 3',
    ],
    [
      'weights that nobody heeds',
      [node('n1', { weight: 2 })],
      { placement: 'chord' },
      'weights||placement chord heeds no weights',
    ],
    [
      'nor a table, which says it all itself',
      [node('n1', { weight: 2 })],
      { placement: 'table' },
      'weights||placement table heeds no weights',
    ],
  ])('%s', (_, nodes, more, finding) => {
    expect(about(nodes, more)).toEqual([finding])
  })
})

describe('of a key', () => {
  const about = (epochs: readonly TestEpoch[], nowMs = startMs) =>
    said(keyFindings(testKeys(epochs), { nowMs, maxAgeMs: 30 * day }))
  const began = (daysAgo: number) => ({ notBeforeMs: startMs - daysAgo * day })

  test('that is young, or has its successor, nothing', () => {
    expect(about([{ epoch: 1, ...began(30) }])).toEqual([])
    expect(
      about([
        { epoch: 1, ...began(31), notAfterMs: startMs + 1000 },
        { epoch: 2, notBeforeMs: startMs + 900 },
      ]),
    ).toEqual([])
  })

  test.each<[string, TestEpoch[], string]>([
    ['old', [{ epoch: 3, ...began(31) }], 'key_old||epoch 3 is 31 days old'],
    ['not begun', [{ epoch: 1, notBeforeMs: startMs + 1 }], 'key_not_begun||no epoch has begun'],
    [
      'that ends within a day',
      [{ epoch: 1, notAfterMs: startMs + day - 1 }],
      'key_ends||epoch 1 ends at 2025-02-01T11',
    ],
    [
      'that ends before its successor begins',
      [
        { epoch: 1, notAfterMs: startMs + 1000 },
        { epoch: 2, notBeforeMs: startMs + 1001 },
      ],
      'key_ends||epoch 1 ends at 2025-01-31T12',
    ],
  ])('%s', (_, epochs, finding) => {
    expect(about(epochs)).toEqual([finding])
  })

  test('that ends in a day or later, nothing', () => {
    expect(about([{ epoch: 1, notAfterMs: startMs + day }])).toEqual([])
  })
})

/** A node as a survey saw it: up, with this list, this time and key epoch 1, but for the changes. */
function seen(
  id: string,
  { state = 'active', ...changes }: Partial<SurveyedNode> & { state?: NodeState } = {},
): SurveyedNode {
  return {
    node: testInfo([node(id, { state })]).nodes[0]!,
    ...{ answer: 'up', detail: '', clockAheadMs: 0, clockErrorMs: 0 },
    health: { digest: 'ours', revision: 4, epochs: [1], currentEpoch: 1 },
    ...changes,
  }
}

describe('of nodes', () => {
  const about = (node: SurveyedNode) =>
    said(nodeFindings([seen('n0'), node], { digest: 'ours', revision: 4 }))

  test('that are as the list says, nothing', () => {
    expect(about(seen('n1'))).toEqual([])
    expect(about(seen('n1', { state: 'draining' }))).toEqual([])
    expect(about(seen('n1', { state: 'down', answer: 'refused' }))).toEqual([])
    expect(about(seen('n1', { clockAheadMs: 5100, clockErrorMs: 100 }))).toEqual([])
    expect(about(seen('n1', { clockAheadMs: undefined }))).toEqual([])
  })

  test.each<[string, SurveyedNode, string]>([
    ['down', seen('n1', { answer: 'down', health: {} }), 'node_down|n1|is active in the list'],
    [
      'refused',
      seen('n1', { answer: 'refused', state: 'draining', health: {} }),
      'node_down|n1|is draining in the list',
    ],
    ['shutting down', seen('n1', { answer: 'draining', health: {} }), 'node_down|n1|is active in the list'],
    ['something else', seen('n1', { answer: 'unclear', health: {} }), 'node_unclear|n1|http'],
    ['not down at all', seen('n1', { state: 'down' }), 'node_answers|n1|is down in the list'],
    [
      'with another list',
      seen('n1', { health: { digest: 'theirs', revision: 3 } }),
      'digest|n1|has another cluster.json (revision 3',
    ],
    [
      'a newer list',
      seen('n1', { health: { digest: 'theirs', revision: 5 } }),
      'digest|n1|has a newer cluster.json (revision 5',
    ],
    [
      'that say nothing of their list',
      seen('n1', { health: {} }),
      'digest|n1|has another cluster.json (revision unknown',
    ],
    ['ahead', seen('n1', { clockAheadMs: 5101, clockErrorMs: 100 }), 'clock|n1|its clock is 5.1 s ahead'],
    ['behind', seen('n1', { clockAheadMs: -7000 }), 'clock|n1|its clock is 7.0 s behind'],
  ])('%s', (_, node, finding) => {
    expect(about(node)).toEqual([finding])
  })
})

describe('of the keys that nodes have', () => {
  const uses = (id: string, currentEpoch: number | null, epochs: number[] = []) =>
    seen(id, { health: { currentEpoch, epochs } })
  const rotated = testKeys([
    { epoch: 1, notAfterMs: startMs + day },
    { epoch: 2, notBeforeMs: startMs + 60_000 },
  ])

  test('without the file, most are right', () => {
    const nodes = [uses('n1', 1), uses('n2', 2), uses('n3', 2), seen('n4', { health: {} })]
    expect(said(epochFindings(nodes, { keys: undefined, nowMs: startMs }))).toEqual([
      'current_epoch|n1|uses key epoch 1',
    ])
    expect(epochFindings([], { keys: undefined, nowMs: startMs })).toEqual([])
  })

  test('with it, the file is, and says who has not got the next one yet', () => {
    const nodes = [uses('n1', 1, [2, 1]), uses('n2', 1, [1]), uses('n3', null, [])]
    const find = (nowMs: number) => said(epochFindings(nodes, { keys: rotated, nowMs }))
    expect(find(startMs)).toEqual([
      'missing_epoch|n2|does not have key epoch 2',
      'current_epoch|n3|uses key epoch none',
      'missing_epoch|n3|does not have key epoch 2',
    ])
    expect(find(startMs + 60_000)[0]).toBe('current_epoch|n1|uses key epoch 1')
  })

  test('who is not up is not asked for more', () => {
    const nodes = [seen('n1', { answer: 'draining', health: { currentEpoch: 9 } })]
    expect(epochFindings(nodes, { keys: rotated, nowMs: startMs })).toEqual([])
  })
})

describe('of a change', () => {
  const from = testInfo([node('n1'), node('n2'), node('n3', { state: 'draining' })])
  const about = (nodes: readonly object[], more: object = {}) =>
    said(changeFindings(from, testInfo(nodes, { revision: 2, ...more })))

  test('that is well done, nothing', () => {
    expect(about([node('n1'), node('n2', { state: 'draining' })])).toEqual([])
    expect(
      about([node('n1'), node('n2'), node('n3', { state: 'down' }), node('n4', { state: 'draining' })]),
    ).toEqual([])
  })

  test.each<[string, object[], object, string]>([
    [
      'without a new revision',
      [node('n1'), node('n2')],
      { revision: 1 },
      'revision||revision 1 does not come after 1',
    ],
    [
      'of placement',
      [node('n1'), node('n2')],
      { placement: 'ring' },
      'placement||placement rendezvous becomes ring',
    ],
    ['that takes out an active node', [node('n1')], {}, 'removed|n2|is taken out while it is active'],
    [
      'that stops an active node',
      [node('n1'), node('n2', { state: 'down' })],
      {},
      'removed|n2|goes down while it is active',
    ],
    [
      'of an address',
      [node('n1'), node('n2', { url: 'http://10.0.0.2:1' })],
      {},
      'moved|n2|gets the url http',
    ],
    ['that brings an active node', [node('n1'), node('n2'), node('n9')], {}, 'added|n9|comes in as active'],
    ['into an odd list', [node('n1'), node('n2')], { replicas: 3 }, 'replicas||replicas is 3'],
  ])('%s', (_, nodes, more, finding) => {
    expect(about(nodes, more)).toEqual([finding])
  })
})
