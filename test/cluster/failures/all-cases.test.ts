import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

/** The failure cases that a cluster has to stand; each is a silent full handshake unless its test says otherwise. */
const count = 50

test('every failure case from 1 to 50 has a test of its own, named `case N:`', () => {
  const tests = fileURLToPath(new URL('../..', import.meta.url))
  const files = readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.test.ts'),
  )
  const titles = files.flatMap(name => [...readFileSync(join(tests, name), 'utf8').matchAll(title)])
  const present = new Set(titles.map(([, number]) => Number(number)))
  const missing = Array.from({ length: count }, (_, i) => i + 1).filter(number => !present.has(number))
  expect(missing, 'cases without a test').toEqual([])
})

/** The first argument of test(), of test.each()() with its rows before it, or of describe(). */
const title = /^\s*(?:test|describe|it)?[\w.]*\(?.*['"`]case (\d+):/gm
