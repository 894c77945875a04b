import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { maxDraws, SessionIds } from '../../src/cluster/session-ids.ts'
import { Clock, derivedKey, seededRandom, startMs, testKeys } from './support.ts'

const clock = new Clock()
const idsOf = (...epochs: number[]) =>
  new SessionIds({ keys: testKeys(epochs.map(epoch => ({ epoch }))), now: clock.now })
/** Draws until `loadOf` is content with `choices` IDs. */
const draw = (
  ids: SessionIds,
  seed: string,
  loadOf: (storageKey: Uint8Array) => number | undefined = () => 0,
  choices = 1,
) => {
  const drawn = ids.draw(seededRandom(seed), loadOf, choices)
  if (drawn === undefined) throw new Error('no ID was drawn')
  return drawn
}

/** An ID as the format says, made with node:crypto. */
function idByHand(epoch: number, random: Uint8Array): Uint8Array {
  const head = Buffer.concat([Buffer.from([0b0100_0000 | (epoch % 64)]), random])
  const tag = createHmac('sha256', derivedKey(epoch, 'id')).update(head).digest().subarray(0, 12)
  return new Uint8Array(Buffer.concat([head, tag]))
}

describe('a session ID', () => {
  test('is version and epoch, 19 random bytes, 12 bytes of HMAC', () => {
    const { id } = draw(idsOf(70), 'id')
    expect(Buffer.from(id).toString('hex')).toBe(
      Buffer.from(idByHand(70, seededRandom('id')(19))).toString('hex'),
    )
  })

  test('made by hand is known, with the storage key by hand', () => {
    const id = idByHand(1, new Uint8Array(19).fill(9))
    const keys = idsOf(1).check(id)
    if (typeof keys === 'string') throw new Error(keys)
    expect(keys.epoch).toBe(1)
    const storageKey = createHmac('sha256', derivedKey(1, 'lookup')).update(id).digest('hex')
    expect(Buffer.from(keys.storageKey(id)).toString('hex')).toBe(storageKey)
  })

  test('with any bit changed is not ours', () => {
    const id = idByHand(1, new Uint8Array(19).fill(9))
    for (let bit = 0; bit < 256; bit++) {
      const forged = id.slice()
      forged[bit >> 3]! ^= 1 << (bit & 7)
      // The six low bits of the first byte are the epoch: 1 turns into its neighbour 0, or into none we know of.
      expect(idsOf(1).check(forged)).toBe(bit === 0 ? 'epoch' : 'foreign_id')
    }
  })

  test.each([0, 1, 31, 33, 64])('of %i bytes is not ours', length => {
    expect(idsOf(1).check(idByHand(1, new Uint8Array(19)).subarray(0, 31))).toBe('foreign_id')
    expect(idsOf(1).check(new Uint8Array(length).fill(0x41))).toBe('foreign_id')
  })

  test('of another cluster is not ours', () => {
    const theirs = new SessionIds({ keys: testKeys([{ epoch: 1 }], 'another cluster'), now: clock.now })
    expect(idsOf(1).check(draw(theirs, 'x').id)).toBe('foreign_id')
  })

  test.each([
    ['the next epoch', 5, 'epoch'],
    ['the one before', 2, 'epoch'],
    ['an epoch far away', 9, 'foreign_id'],
  ])('of %s has the reason %s', (_, epoch, reason) => {
    expect(idsOf(3, 4).check(idByHand(epoch, new Uint8Array(19)))).toBe(reason)
  })

  test('of an epoch that is over is not known any more', () => {
    const turned = new Clock()
    const ids = new SessionIds({
      keys: testKeys([{ epoch: 1, notAfterMs: startMs + 1000 }]),
      now: turned.now,
    })
    const { id } = draw(ids, 'x')
    expect(ids.check(id)).toHaveProperty('epoch', 1)
    turned.nowMs += 1001
    expect(ids.check(id)).toBe('epoch')
    expect(ids.draw(seededRandom('x'), () => 0, 1)).toBeUndefined()
  })
})

describe('drawing', () => {
  test('goes on until the storage key suits', () => {
    let seen = 0
    const drawn = draw(idsOf(1), 'again', () => (++seen === 5 ? 0 : undefined))
    expect(drawn).toMatchObject({ draws: 5, suited: true })
    expect(idsOf(1).check(drawn.id)).toHaveProperty('epoch', 1)
  })

  test('takes the last ID when none suits', () => {
    const drawn = draw(idsOf(1), 'never', () => undefined)
    expect(drawn).toMatchObject({ draws: maxDraws, suited: false })
    expect(idsOf(1).check(drawn.id)).toHaveProperty('epoch', 1)
  })

  test('of two that suit takes the one whose owner is less busy', () => {
    const loads = [undefined, 7, undefined, 3]
    const seen: Uint8Array[] = []
    const loadOf = (storageKey: Uint8Array) => {
      seen.push(storageKey)
      return loads[seen.length - 1]
    }
    const drawn = draw(idsOf(1), 'two', loadOf, 2)
    expect(drawn).toMatchObject({ draws: 4, suited: true, storageKey: seen[3] })
    seen.length = 0
    loads[1] = 2
    expect(draw(idsOf(1), 'two', loadOf, 2)).toMatchObject({ draws: 4, suited: true, storageKey: seen[1] })
  })

  test('takes the only one that suits when a second is not to be had', () => {
    let seen = 0
    const drawn = draw(idsOf(1), 'one', () => (++seen === 5 ? 0 : undefined), 2)
    expect(drawn).toMatchObject({ draws: maxDraws, suited: true })
  })
})
