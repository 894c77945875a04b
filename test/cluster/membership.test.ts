import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { membershipOf } from '../../src/cluster/membership.ts'
import { OwnerChoice } from '../../src/cluster/owner-choice.ts'
import { Clock, namedNodes, provider, testInfo } from './support.ts'

const keys = Array.from(
  { length: 300 },
  (_, i) => new Uint8Array(createHash('sha256').update(`${i}`).digest()),
)
const ids = (nodes: readonly { id: string }[]) => nodes.map(({ id }) => id)

/** Four nodes, of which the last leaves. */
function changing(memoryMs = 1000) {
  const clock = new Clock()
  const before = testInfo(namedNodes(4))
  const after = testInfo(namedNodes(3), { revision: 2 })
  const membership = membershipOf(before, provider, { now: clock.now, memoryMs })
  return { clock, before, after, membership }
}

describe('a list that changes', () => {
  test('places by the new one at once, and knows who owned a key before', () => {
    const { before, after, membership } = changing()
    const [old, fresh] = [membershipOf(before, provider), membershipOf(after, provider)]
    expect(membership.replace(after)).toBe(true)
    expect(membership.info).toBe(after)
    expect(membership.digest).toBe(fresh.digest)
    let moved = 0
    for (const key of keys) {
      expect(ids(membership.ownersOf(key))).toEqual(ids(fresh.ownersOf(key)))
      const former = ids(old.ownersOf(key)).filter(id => !ids(fresh.ownersOf(key)).includes(id))
      expect(ids(membership.formerOwnersOf(key))).toEqual(former)
      moved += former.length
    }
    // Rendezvous moves the keys of the node that left, about a quarter, and no others.
    expect(moved).toBe(keys.filter(key => ids(old.ownersOf(key)).includes('n3')).length)
    expect(moved).toBeGreaterThan(30)
  })

  test('forgets the former owners after its time, and not before', () => {
    const { clock, after, membership } = changing()
    membership.replace(after)
    const key = keys.find(key => membership.formerOwnersOf(key).length > 0)!
    clock.nowMs += 999
    expect(ids(membership.formerOwnersOf(key))).toEqual(['n3'])
    expect(ids(membership.reachable)).toEqual(['n0', 'n1', 'n2', 'n3'])
    clock.nowMs += 1
    expect(membership.formerOwnersOf(key)).toEqual([])
    expect(ids(membership.reachable)).toEqual(['n0', 'n1', 'n2'])
  })

  test('remembers every placement of that time, latest first, and each owner once', () => {
    const { membership, before, after } = changing()
    membership.replace(after)
    membership.replace(testInfo(namedNodes(2), { revision: 3 }))
    const old = [membershipOf(after, provider), membershipOf(before, provider)]
    for (const key of keys) {
      const now = ids(membership.ownersOf(key))
      const former = old.flatMap(list => ids(list.ownersOf(key))).filter(id => !now.includes(id))
      expect(ids(membership.formerOwnersOf(key))).toEqual([...new Set(former)])
    }
  })

  test('a former owner that is still in the list has the address and state of now', () => {
    const { membership, before } = changing()
    const nodes = before.nodes.map(node =>
      node.id === 'n1' ? { ...node, url: 'http://10.0.0.99:8401', state: 'down' } : node,
    )
    membership.replace(testInfo([...nodes, { id: 'n9', url: 'http://10.0.0.9:8401', weight: 100 }]))
    const found = keys.flatMap(key => membership.formerOwnersOf(key)).filter(node => node.id === 'n1')
    expect(found.length).toBeGreaterThan(0)
    expect(found.every(node => node.url === 'http://10.0.0.99:8401' && node.state === 'down')).toBe(true)
  })

  test('a change that moves no key takes the place of no placement that is still read', () => {
    const { membership, before, after } = changing()
    membership.replace(after)
    const former = keys.map(key => ids(membership.formerOwnersOf(key)))
    for (let revision = 3; revision < 10; revision++) {
      const nodes = [...after.nodes].reverse().map((node, i) => ({
        ...node,
        url: `http://10.9.9.${revision}:${8000 + i}`,
        state: revision % 2 ? 'draining' : 'active',
      }))
      expect(membership.replace(testInfo(nodes, { revision }))).toBe(true)
    }
    expect(keys.map(key => ids(membership.formerOwnersOf(key)))).toEqual(former)
    const weighty = after.nodes.map(node => ({ ...node, weight: 2 }))
    membership.replace(testInfo(weighty, { revision: 11 }))
    const old = membershipOf(before, provider)
    for (const key of keys) {
      const now = ids(membership.ownersOf(key))
      const known = ids(membership.formerOwnersOf(key))
      for (const id of ids(old.ownersOf(key))) expect([...now, ...known]).toContain(id)
    }
  })

  test('the same list again is no change, and nobody is told', () => {
    const { membership, before, after } = changing()
    let told = 0
    membership.onChange(() => told++)
    expect(membership.replace(testInfo(namedNodes(4)))).toBe(false)
    expect([told, membership.info]).toEqual([0, before])
    membership.replace(after)
    expect(told).toBe(1)
  })
})

describe('choosing an owner', () => {
  const choiceOf = (nodes: readonly object[], nodeId?: string, dead: string[] = []) =>
    new OwnerChoice({
      membership: membershipOf(testInfo(nodes), provider),
      nodeId,
      isAvailable: id => !dead.includes(id),
    })

  test('nodes that do not answer are left out while another answers', () => {
    const nodes = namedNodes(3)
    expect([...choiceOf(nodes, 'n0', ['n1']).suitable()]).toEqual(['n2'])
    expect([...choiceOf(nodes, 'n0', ['n1', 'n2']).suitable()]).toEqual(['n1', 'n2'])
    expect([...choiceOf(nodes, undefined, ['n0', 'n1', 'n2']).suitable()]).toEqual(['n0', 'n1', 'n2'])
  })

  test('load is the number of sessions by weight, and halves as time goes on', () => {
    const choice = choiceOf([{ ...namedNodes(1)[0], weight: 4 }, namedNodes(2)[1]!])
    for (let i = 0; i < 4095; i++) choice.choose('n0')
    expect(choice.loadOf('n0')).toBe(4095 / 4)
    expect(choice.loadOf('n1')).toBe(0)
    choice.choose('n1')
    expect([choice.loadOf('n0'), choice.loadOf('n1')]).toEqual([4095 / 8, 0.5])
  })

  test('a changed list starts counting anew', () => {
    const membership = membershipOf(testInfo(namedNodes(2)), provider)
    const choice = new OwnerChoice({ membership })
    choice.choose('n0')
    membership.replace(testInfo(namedNodes(3)))
    expect(choice.loadOf('n0')).toBe(0)
    expect([...choice.suitable()]).toEqual(['n0', 'n1', 'n2'])
  })
})
