/** test/requirements/requirements.json, and the document that is made of it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { generate, isTestName, requirements } from '../../tools/rfc-coverage.ts'

const rows = requirements()
const root = new URL('../../', import.meta.url)

describe('the requirement table', () => {
  test('has R001 to R253, each once and in order', () => {
    const ids = Array.from({ length: 253 }, (_, i) => `R${String(i + 1).padStart(3, '0')}`)
    expect(rows.map(({ id }) => id)).toEqual(ids)
  })

  test.each(rows)('$id is carried out by tests that there are, or has a reason', ({ tests, reason }) => {
    expect(tests ?? reason).toBeTruthy()
    expect((tests ?? []).filter(name => !isTestName(name))).toEqual([])
    expect(new Set(tests).size).toBe(tests?.length ?? 0)
    for (const [path] of reason?.matchAll(/docs\/[\w/.-]*\w/g) ?? []) expect(isThere(path), path).toBe(true)
  })

  test.each([
    'test/requirements/table.test.ts › the requirement table › is not written yet',
    'test/requirements/table.test.ts › has R001 to R253, each once and in order',
    'test/requirements/none.test.ts › the requirement table › has R001 to R253, each once and in order',
    'test/connection/alerts.test.ts › NO_SUCH_FAULT › is what a live connection sends, once, and then it is over',
  ])('would notice %s', name => {
    expect(isTestName(name)).toBe(false)
  })

  test.each([
    'test/requirements/table.test.ts › the requirement table › has R001 to R253, each once and in order',
    'test/requirements/table.test.ts › the requirement table › R001 is carried out by tests that there are, or has a reason',
    'test/connection/alerts.test.ts › BAD_SIGNATURE › is what a live connection sends, once, and then it is over',
  ])('knows %s', name => {
    expect(isTestName(name)).toBe(true)
  })
})

test('docs/rfc-coverage.md is what the table and the citations say: npm run rfc-coverage writes it', () => {
  expect(readFileSync(new URL('docs/rfc-coverage.md', root), 'utf8')).toBe(generate())
})

const decisions = readdirSync(new URL('docs/decisions/', root))

/** A decision is named by its number alone. */
function isThere(path: string): boolean {
  const number = /^docs\/decisions\/(\d{4})$/.exec(path)?.[1]
  return number ? decisions.some(name => name.startsWith(number)) : existsSync(new URL(path, root))
}
