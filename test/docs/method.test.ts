import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const document = readFileSync(`${root}docs/method.md`, 'utf8')

/** The steps of the method: every one must have its row. */
const steps = ['S101', 'S102', 'S103', 'S201', 'S202', 'S203', 'S204', 'S205', 'S206', 'S207', 'S208', 'S209']

const rows = document
  .split('\n')
  .filter(line => /^\| (S\d|-|fig|effect)/.test(line))
  .map(line => line.split(' | ').map(cell => cell.replace(/^\| | \|$/g, '')))

describe('docs/method.md', () => {
  it('has a row for every step', () => {
    expect(rows.length).toBe(16)
    expect(steps.filter(step => !rows.some(([name]) => name!.startsWith(step)))).toEqual([])
  })

  it.each(rows)('%s (claim %s): %s', (_step, _claim, _what, functions, tests) => {
    const named = quoted(functions!)
    expect(named.length).toBeGreaterThan(0)
    for (const name of named) expect(declarationsOf(name.split('#')[0]!), name).toContain(name.split('#')[1])
    const shown = quoted(tests!)
    expect(shown.length).toBeGreaterThan(0)
    for (const test of shown) {
      const [file, ...title] = test.split(': ')
      expect(readText(file!), test).toContain(title.join(': '))
    }
  })
})

function quoted(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(match => match[1]!)
}

/** Names a file declares: functions, constants, and `Class.method`. */
function declarationsOf(file: string): string[] {
  const source = ts.createSourceFile(file, readText(file), ts.ScriptTarget.ES2022, true)
  return source.statements.flatMap(statement => {
    if (ts.isFunctionDeclaration(statement)) return [statement.name?.text ?? '']
    if (ts.isVariableStatement(statement))
      return statement.declarationList.declarations.map(({ name }) => name.getText(source))
    if (!ts.isClassDeclaration(statement)) return []
    return statement.members.map(member => `${statement.name?.text}.${member.name?.getText(source)}`)
  })
}

function readText(file: string): string {
  if (!existsSync(root + file)) throw new Error(`${file} does not exist`)
  return readFileSync(root + file, 'utf8')
}
