import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { ForeignDigests } from '../../src/cluster/foreign-digests.ts'

const digest = (name: string | number) => createHash('sha256').update(String(name)).digest('base64url')

test('a digest is news once, from each who sends it, until all is forgotten', () => {
  const digests = new ForeignDigests()
  const tell = () => [
    digests.news(digest('a')),
    digests.news(digest('a'), 'n1'),
    digests.news(digest('b'), 'n1'),
  ]
  const first = tell()
  expect(first).toEqual([digest('a'), digest('a'), digest('b')])
  expect(tell()).toEqual([undefined, undefined, undefined])
  digests.forget()
  expect(tell()).toEqual(first)
})

test('what is no digest is not shown, and news once whatever it is', () => {
  const digests = new ForeignDigests()
  const others = [
    '',
    'x',
    `${digest('a')}=`,
    `${digest('a')}\nforged line`,
    digest('a').slice(1),
    'a'.repeat(10_000),
  ]
  expect(others.map(other => digests.news(other))).toEqual(['none', ...others.slice(1).map(() => undefined)])
  expect(digests.news(digest('a'))).toBe(digest('a'))
})

test('of 64 a log is told, and beyond of none: strangers may send as many as they like', () => {
  const digests = new ForeignDigests()
  const told = Array.from({ length: 200 }, (_, i) => digests.news(digest(i)))
  expect(told.filter(one => one !== undefined)).toEqual(Array.from({ length: 64 }, (_, i) => digest(i)))
})
