import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const src = fileURLToPath(new URL('../../src', import.meta.url))
const maxLines = 60
const maxParameters = 4

interface Function {
  readonly place: string
  readonly lines: number
  readonly parameters: number
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))
const functions = files.flatMap(functionsOf)

describe('functions', () => {
  it(`are at most ${maxLines} lines long, the median under 10`, () => {
    expect(functions.length).toBeGreaterThan(300)
    expect(
      functions.filter(({ lines }) => lines > maxLines).map(({ place, lines }) => `${place}: ${lines}`),
    ).toEqual([])
    const lengths = functions.map(({ lines }) => lines).sort((a, b) => a - b)
    expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThan(10)
  })

  it(`take at most ${maxParameters} parameters`, () => {
    expect(
      functions.filter(({ parameters }) => parameters > maxParameters).map(({ place }) => place),
    ).toEqual([])
  })
})

describe('exported functions and classes', () => {
  it('say in a docstring what they do', () => {
    expect(files.flatMap(undocumentedExports)).toEqual([])
  })
})

function functionsOf(file: string): Function[] {
  const source = parse(file)
  const found: Function[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      const start = source.getLineAndCharacterOfPosition(node.getStart()).line
      const end = source.getLineAndCharacterOfPosition(node.getEnd()).line
      found.push({
        place: `${file}:${start + 1}`,
        lines: end - start + 1,
        parameters: node.parameters.length,
      })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function undocumentedExports(file: string): string[] {
  const source = parse(file)
  return source.statements
    .filter(node => ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node))
    .filter(node => node.modifiers?.some(modifier => modifier.kind === ts.SyntaxKind.ExportKeyword))
    .filter(node => ts.getJSDocCommentsAndTags(node).length === 0)
    .map(node => `${file}: ${node.name?.text}`)
}

function parse(file: string): ts.SourceFile {
  return ts.createSourceFile(file, readFileSync(join(src, file), 'utf8'), ts.ScriptTarget.ES2022, true)
}
