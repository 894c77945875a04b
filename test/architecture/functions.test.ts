import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { parseSource, sourceFiles, visitNodes } from '../support/source.ts'

const maxLines = 60
const maxParameters = 4

interface Function {
  readonly place: string
  readonly lines: number
  readonly parameters: number
}

const functions = sourceFiles.flatMap(functionsOf)

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
    expect(sourceFiles.flatMap(undocumentedExports)).toEqual([])
  })
})

function functionsOf(file: string): Function[] {
  const source = parseSource(file)
  const found: Function[] = []
  visitNodes(source, node => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      const start = source.getLineAndCharacterOfPosition(node.getStart()).line
      const end = source.getLineAndCharacterOfPosition(node.getEnd()).line
      found.push({
        place: `${file}:${start + 1}`,
        lines: end - start + 1,
        parameters: node.parameters.length,
      })
    }
  })
  return found
}

function undocumentedExports(file: string): string[] {
  const source = parseSource(file)
  const documented = new Set<string | undefined>()
  return source.statements
    .filter(node => ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node))
    .filter(node => node.modifiers?.some(modifier => modifier.kind === ts.SyntaxKind.ExportKeyword))
    .filter(node => {
      // Of an overloaded function the first signature speaks for all.
      const name = node.name?.text
      const isDocumented = documented.has(name) || ts.getJSDocCommentsAndTags(node).length > 0
      if (isDocumented && ts.isFunctionDeclaration(node)) documented.add(name)
      return !isDocumented
    })
    .map(node => `${file}: ${node.name?.text}`)
}
