import { describe, expect, test } from 'vitest'
import { rotateClusterKeys } from '../../src/cluster/key-rotation.ts'
import { parseClusterKeys } from '../../src/cluster/keys.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { keysText, provider, rawKey, seededRandom, startMs, type TestEpoch } from './support.ts'

const minute = 60_000
const hour = 60 * minute

function rotate(epochs: readonly TestEpoch[], changes: { nowMs?: number; delayMs?: number } = {}) {
  const options = { nowMs: startMs, delayMs: minute, lifetimeMs: hour, ...changes }
  return rotateClusterKeys(keysText(epochs), 'cluster.key', { random: seededRandom('rotation'), ...options })
}

/** What a rotated file says: epoch, notBefore and notAfter as ms from `startMs`, key. */
function written(text: string): [number, number, number | null, string][] {
  const { keys } = JSON.parse(text) as {
    keys: { epoch: number; notBefore: string; notAfter: string | null; key: string }[]
  }
  return keys.map(({ epoch, notBefore, notAfter, key }) => [
    epoch,
    Date.parse(notBefore) - startMs,
    notAfter === null ? null : Date.parse(notAfter) - startMs,
    key,
  ])
}

const key = (epoch: number) => rawKey(epoch).toString('base64url')
const drawn = Buffer.from(seededRandom('rotation')(32)).toString('base64url')

describe('a rotation', () => {
  test('adds an epoch that begins later, and closes the one before when its last session is over', () => {
    const { text, added, closed, dropped, periods } = rotate([{ epoch: 1 }])
    expect(written(text)).toEqual([
      [1, -minute, minute + hour, key(1)],
      [2, minute, null, drawn],
    ])
    expect(added).toEqual({ epoch: 2, notBeforeMs: startMs + minute, notAfterMs: Number.POSITIVE_INFINITY })
    expect(closed).toEqual([{ epoch: 1, notBeforeMs: startMs - minute, notAfterMs: startMs + minute + hour }])
    expect([dropped, periods]).toEqual([[], [...closed, added]])
  })

  test('is what servers read: the old key until the new one begins, both until the last session is over', () => {
    const keys = parseClusterKeys(rotate([{ epoch: 1 }]).text, 'cluster.key', { provider, nowMs: startMs })
    const usedAt = (ms: number) => [
      keys.current(startMs + ms)?.epoch,
      keys.live(startMs + ms).map(({ epoch }) => epoch),
    ]
    expect(usedAt(minute - 1)).toEqual([1, [2, 1]])
    expect(usedAt(minute)).toEqual([2, [2, 1]])
    expect(usedAt(minute + hour)).toEqual([2, [2, 1]])
    expect(usedAt(minute + hour + 1)).toEqual([2, [2]])
  })

  test('leaves out what is over, and counts up from there all the same', () => {
    const { text, dropped } = rotate([
      { epoch: 8, notBeforeMs: startMs - 9 * hour, notAfterMs: startMs - 1 },
      { epoch: 7, notBeforeMs: startMs - 9 * hour, notAfterMs: startMs },
    ])
    expect(dropped).toEqual([8])
    expect(written(text).map(([epoch]) => epoch)).toEqual([7, 9])
  })

  test('goes on from a file in which everything is over', () => {
    const over = { epoch: 5, notBeforeMs: startMs - hour, notAfterMs: startMs - 1 }
    const { text, closed, dropped } = rotate([over])
    expect([written(text), closed, dropped]).toEqual([[[6, minute, null, drawn]], [], [5]])
  })

  test('moves an end that people wrote: the predecessor is needed until its successor takes over', () => {
    const { text } = rotate([{ epoch: 1, notAfterMs: startMs + 1 }])
    expect(written(text)[0]).toEqual([1, -minute, minute + hour, key(1)])
  })

  test('leaves the ends of older epochs as they are, and gives one to those without', () => {
    const { text, closed } = rotate([
      { epoch: 3, notBeforeMs: startMs - hour },
      { epoch: 1, notBeforeMs: startMs - 4 * hour, notAfterMs: startMs + 1 },
      { epoch: 2, notBeforeMs: startMs - 2 * hour },
    ])
    expect(written(text).map(([epoch, , end]) => [epoch, end])).toEqual([
      [1, 1],
      [2, 0],
      [3, minute + hour],
      [4, null],
    ])
    expect(closed.map(({ epoch }) => epoch)).toEqual([2, 3])
  })

  test('passes over a number that is a live one modulo 64', () => {
    const { added } = rotate([{ epoch: 1, notAfterMs: startMs + hour }, { epoch: 64 }])
    expect(added.epoch).toBe(66)
  })

  test('a hundred times in a row gives a file that servers read every time', () => {
    let text = keysText([{ epoch: 1 }])
    for (let i = 1; i <= 100; i++) {
      const nowMs = startMs + i * 2 * minute
      const random = seededRandom(`rotation ${i}`)
      text = rotateClusterKeys(text, 'cluster.key', { random, nowMs, delayMs: minute, lifetimeMs: hour }).text
      const keys = parseClusterKeys(text, 'cluster.key', { provider, nowMs: nowMs + minute })
      expect(keys.current(nowMs + minute)?.epoch).toBe(i + 1)
    }
  })
})

describe('a rotation is refused, in one line without a key', () => {
  const live = (count: number, notAfterMs?: number) =>
    Array.from({ length: count }, (_, i) => ({
      epoch: i + 1,
      ...(notAfterMs === undefined ? {} : { notAfterMs }),
    }))

  test.each([
    [
      'while the newest epoch has not begun',
      [{ epoch: 1 }, { epoch: 2, notBeforeMs: startMs + 1000 }],
      'cluster.key: keys: need the newest epoch to have begun, and 2 begins at 2025-01-31T12:00:01.000Z; rotate after that',
    ],
    [
      'where 63 epochs are live',
      live(63, startMs + hour),
      'cluster.key: keys: need fewer than 63 live epochs, or there is no number for another; rotate after 2025-01-31T13:00:00.000Z',
    ],
    ['where none of 63 ever ends', live(63), 'no number for another; remove some'],
    ['where live epochs share six bits', [{ epoch: 1 }, { epoch: 65 }], 'which 1 and 65 do not; remove one'],
    ['where numbers are used up', [{ epoch: 2 ** 32 - 1 }], 'need epochs to count up, which end here'],
  ] as const)('%s', (_, epochs, message) => {
    const refused = () => rotate(epochs)
    expect(refused).toThrow(ApiMisuse)
    expect(refused).toThrow(message)
    expect(refused).not.toThrow('\n')
  })

  test('but not with 62 live ones, nor as the newest begins', () => {
    expect(rotate(live(62, startMs + hour)).added.epoch).toBe(63)
    expect(rotate([{ epoch: 1 }, { epoch: 2, notBeforeMs: startMs }]).added.epoch).toBe(3)
  })

  test('where the file is none', () => {
    const options = { random: seededRandom('x'), nowMs: startMs, delayMs: 0, lifetimeMs: hour }
    for (const text of ['', '{"keys":[', '{"keys":[]}', keysText([{ epoch: -1 }])]) {
      expect(() => rotateClusterKeys(text, 'cluster.key', options)).toThrow(ApiMisuse)
    }
  })
})
