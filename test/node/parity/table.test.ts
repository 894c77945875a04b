/** docs/node-api.md is what it says: it has every name of node:tls in one row, and the tests that its rows name are there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { visitNodes } from '../../support/source.ts'
import { namesOfNode, type Section } from './names.ts'
import { readTable } from './table.ts'

const folder = fileURLToPath(new URL('.', import.meta.url))
const names = namesOfNode()
const rows = readTable()

describe('docs/node-api.md', () => {
  it.each(Object.keys(names) as Section[])('%s: every name of node:tls is in one row', section => {
    const listed = rows.filter(row => row.section === section)
    const known = listed.filter(({ what }) => !/(since|until) Node \d/.test(what)).map(({ name }) => name)
    expect(new Set(listed.map(({ name }) => name)).size, 'names twice').toBe(listed.length)
    expect(names[section].length).toBeGreaterThan(5)
    expect(names[section].filter(name => !listed.some(row => row.name === name))).toEqual([])
    // A name that not every Node has says so; all others are there.
    expect(known.filter(name => !names[section].includes(name))).toEqual([])
  })

  it('says of every name what it is, and shows it', () => {
    const wrong = rows.filter(({ state, what, tests }) => {
      if (state === 'absent') return what === ''
      return !['supported', 'different'].includes(state) || tests.length === 0
    })
    expect(wrong).toEqual([])
    expect(rows.filter(({ state, what }) => state === 'different' && what === '')).toEqual([])
  })

  it('names tests that there are', () => {
    const titles = new Set(titlesOfTests())
    expect(titles.size).toBeGreaterThan(100)
    expect(rows.flatMap(({ tests }) => tests).filter(test => !titles.has(test))).toEqual([])
  })

  it('leaves no difference out: each has a row that names it', () => {
    const named = new Set(rows.flatMap(({ tests }) => tests))
    const general = readFileSync(`${folder}../../../docs/node-api.md`, 'utf8')
    const unnamed = titlesOfTests()
      .filter(title => title.startsWith('differences: '))
      .filter(title => !named.has(title) && !general.includes(`\`${title}\``))
    expect(unnamed).toEqual([])
  })

  it('links to files that there are', () => {
    const document = readFileSync(`${folder}../../../docs/node-api.md`, 'utf8')
    const links = [...document.matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link!)
    expect(links.length).toBeGreaterThan(0)
    expect(links.filter(link => !existsSync(`${folder}../../../docs/${link}`))).toEqual([])
  })
})

/** `file: title` of every test here and in test/types, the file without its ending. */
function titlesOfTests(): string[] {
  return [folder, `${folder}../../types/`].flatMap(directory =>
    readdirSync(directory)
      .filter(file => file.endsWith('.test.ts'))
      .flatMap(file =>
        titlesIn(`${directory}${file}`).map(title => `${file.replace('.test.ts', '')}: ${title}`),
      ),
  )
}

function titlesIn(file: string): string[] {
  const titles: string[] = []
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true)
  visitNodes(source, node => {
    if (!ts.isCallExpression(node) || !/^(parity|difference|it)$/.test(node.expression.getText(source)))
      return
    const [title] = node.arguments
    if (title && ts.isStringLiteralLike(title)) titles.push(title.text)
  })
  return titles
}
