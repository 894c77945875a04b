/** The rows of docs/node-api.md that stand below the names of sections. */
import { readFileSync } from 'node:fs'
import type { Section } from './names.ts'

export interface Row {
  readonly section: Section
  readonly name: string
  readonly state: string
  readonly what: string
  /** `file: title` of each. */
  readonly tests: readonly string[]
}

/** A row is `| name | state | what and why | tests |`, the name and the tests in backticks. */
export function readTable(): Row[] {
  const document = readFileSync(new URL('../../../docs/node-api.md', import.meta.url), 'utf8')
  return document.split(/^## /m).flatMap(part => {
    const [section, ...lines] = part.split('\n')
    return lines.flatMap(line => rowOf(section as Section, line))
  })
}

function rowOf(section: Section, line: string): Row[] {
  const [, name, state, what, tests] =
    /^\| `([^`]+)` \| (supported|different|absent) \| (.*?) \| ?(.*?) ?\|$/.exec(line) ?? []
  if (name === undefined || state === undefined) return []
  const named = [...(tests ?? '').matchAll(/`([^`]+)`/g)].map(([, test]) => test!)
  return [{ section, name, state, what: (what ?? '').trim(), tests: named }]
}
