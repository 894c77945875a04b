import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { clusterDigest, parseClusterInfo, readClusterInfo } from '../../src/cluster/cluster-info.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { namedNodes, testInfo } from './support.ts'

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest())
const digest = (nodes: object[], more: object = {}) => clusterDigest(testInfo(nodes, more), sha256)
const parse = (document: unknown) => parseClusterInfo(JSON.stringify(document), 'cluster.json')
const node = (changes: object = {}) => ({ id: 'a', url: 'http://10.0.0.1:8401', ...changes })

describe('cluster_info', () => {
  test('has defaults for all but revision, id and url', () => {
    expect(parse({ revision: 3, nodes: [node({ url: 'HTTP://Node.Example:8401/' })] })).toEqual({
      revision: 3,
      placement: 'rendezvous',
      replicas: 1,
      nodes: [{ id: 'a', url: 'http://node.example:8401', weight: 1, zone: '', state: 'active' }],
    })
  })

  test('places by rendezvous up to 64 nodes and by ring above', () => {
    expect(testInfo(namedNodes(64)).placement).toBe('rendezvous')
    expect(testInfo(namedNodes(65)).placement).toBe('ring')
    expect(testInfo(namedNodes(65), { placement: 'chord' }).placement).toBe('chord')
  })

  test('takes IPv6 addresses and host names', () => {
    const urls = ['http://[::1]:8401', 'https://node.internal']
    expect(testInfo(urls.map((url, i) => ({ id: `${i}`, url }))).nodes.map(({ url }) => url)).toEqual(urls)
  })

  test('that is not there says what to do', () => {
    expect(() => readClusterInfo('no/such/cluster.json')).toThrow(
      'no/such/cluster.json: there is no such file; make one with `ringtls init`',
    )
    expect(readClusterInfo('test/cluster/fixtures/cluster.json').nodes[1]?.weight).toBe(2)
  })

  test.each([
    ['[', 'cluster.json: this is not JSON'],
    ['[]', 'cluster.json: need an object, have []'],
  ])('%s is refused', (text, message) => {
    expect(() => parseClusterInfo(text, 'cluster.json')).toThrow(message)
  })

  test.each([
    [{ nodes: [node()] }, 'revision: need a whole number from 0 to 9007199254740991, have nothing'],
    [{ revision: 1.5, nodes: [node()] }, 'revision: need a whole number'],
    [{ revision: 1 }, 'nodes: need a list of 1 to 1024 items, have nothing'],
    [{ revision: 1, nodes: [] }, 'nodes: need a list of 1'],
    [{ revision: 1, nodes: [node()], replica: 2 }, 'replica: no such field; known are revision, placement'],
    [{ revision: 1, nodes: [node()], replicas: 0 }, 'replicas: need a whole number from 1 to 16, have 0'],
    [{ revision: 1, nodes: [node()], placement: 'modulo' }, 'placement: need one of table, chord'],
    [{ revision: 1, nodes: [node({ id: '' })] }, 'nodes[0].id: need 1 to 64 letters'],
    [{ revision: 1, nodes: [node({ id: 'a/b' })] }, 'nodes[0].id: need 1 to 64 letters'],
    [
      { revision: 1, nodes: [node({ weight: 0 })] },
      'nodes[0].weight: need a whole number from 1 to 100, have 0',
    ],
    [
      { revision: 1, nodes: [node({ weight: '2' })] },
      'nodes[0].weight: need a whole number from 1 to 100, have "2"',
    ],
    [
      { revision: 1, nodes: [node({ state: 'up' })] },
      'nodes[0].state: need one of active, draining, down, have "up"',
    ],
    [{ revision: 1, nodes: [node({ zone: 7 })] }, 'nodes[0].zone: need at most 64'],
    [{ revision: 1, nodes: [node({ url: 'ftp://a' })] }, 'nodes[0].url: need http:// or https://'],
    [{ revision: 1, nodes: [node({ url: 'http://a/path' })] }, 'nodes[0].url: need'],
    [{ revision: 1, nodes: [node({ url: 'http://user@a' })] }, 'nodes[0].url: need'],
    [{ revision: 1, nodes: [node({ url: 'http://a:99999' })] }, 'nodes[0].url: need'],
    [{ revision: 1, nodes: [node(), node({ url: 'http://b' })] }, 'nodes: need an id of its own'],
    [{ revision: 1, nodes: [node(), node({ id: 'b' })] }, 'nodes: need a url of its own'],
    [{ revision: 1, nodes: [node()], slots: [] }, 'slots: need placement "table"'],
  ])('%# %s is refused', (document, message) => {
    expect(() => parse(document)).toThrow(ApiMisuse)
    expect(() => parse(document)).toThrow(`cluster.json: ${message}`)
    expect(() => parse(document)).not.toThrow('\n')
  })

  test('assigns slots to nodes, every slot once', () => {
    const table = (slots: object[]) =>
      testInfo([node(), node({ id: 'b', url: 'http://b' })], { placement: 'table', slots })
    const { slots } = table([
      { from: 100, to: 16383, node: 'b' },
      { from: 0, to: 99, node: 'a' },
    ])
    expect([slots?.[0], slots?.[99], slots?.[100], slots?.[16383]]).toEqual(['a', 'a', 'b', 'b'])
    expect(() => table([{ from: 0, to: 99, node: 'a' }])).toThrow(
      'slots: need a node for every slot; 100 has none',
    )
    expect(() =>
      table([
        { from: 0, to: 5, node: 'a' },
        { from: 5, to: 16383, node: 'b' },
      ]),
    ).toThrow('which 5 is not')
    expect(() => table([{ from: 0, to: 16383, node: 'c' }])).toThrow('slots[0].node: need one of a, b')
    expect(() => table([{ from: 9, to: 8, node: 'a' }])).toThrow('slots[0].to: need a whole number from 9')
  })
})

describe('its digest', () => {
  const nodes = namedNodes(3)

  test('does not depend on defaults written out or the order of members', () => {
    const spelled = nodes.map(({ id, url }) => ({ state: 'active', weight: 1, url, zone: '', id }))
    expect(digest(spelled, { replicas: 1, placement: 'rendezvous' })).toBe(digest(nodes))
    expect(digest(nodes)).toMatch(/^[\w-]{43}$/)
  })

  test.each([
    ['a node added', namedNodes(4), {}],
    ['a node removed', namedNodes(2), {}],
    ['the list reordered', [...nodes].reverse(), {}],
    [
      'same revision, another url',
      nodes.map((each, i) => (i === 1 ? { ...each, url: 'http://x' } : each)),
      {},
    ],
    ['a state', nodes.map(each => ({ ...each, state: 'draining' })), {}],
    ['a weight', nodes.map(each => ({ ...each, weight: 2 })), {}],
    ['replicas', nodes, { replicas: 2 }],
    ['placement', nodes, { placement: 'ring' }],
    ['another revision', nodes, { revision: 2 }],
  ])('changes with %s', (_, changed, more) => {
    expect(digest(changed, more)).not.toBe(digest(nodes))
  })
})
