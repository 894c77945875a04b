import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

/**
 * A handshake step that is called without `yield*` does nothing at all, and a check that does nothing is the
 * worst kind. Proof values catch most of that at compile time; this reads the types and catches the rest.
 */
function droppedGenerators(program: ts.Program, isOurs: (file: string) => boolean): string[] {
  const checker = program.getTypeChecker()
  const dropped: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isExpressionStatement(node) && isGenerator(checker, node.expression)) dropped.push(placeOf(node))
    ts.forEachChild(node, visit)
  }
  for (const file of program.getSourceFiles()) if (isOurs(file.fileName)) visit(file)
  return dropped
}

function isGenerator(checker: ts.TypeChecker, expression: ts.Expression): boolean {
  if (!ts.isCallExpression(expression)) return false
  return checker.getTypeAtLocation(expression).getSymbol()?.getName() === 'Generator'
}

function placeOf(node: ts.Node): string {
  const file = node.getSourceFile()
  return `${file.fileName.split('/').at(-1)}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`
}

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts'],
  types: [],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  allowImportingTsExtensions: true,
  noEmit: true,
}

describe('generators', () => {
  it('no step of a handshake is called and dropped', () => {
    const root = fileURLToPath(new URL('../../src/connection/connection.ts', import.meta.url))
    const program = ts.createProgram([root], options)
    expect(program.getSourceFiles().some(file => file.fileName.endsWith('handshake/server.ts'))).toBe(true)
    expect(droppedGenerators(program, file => file.includes('/src/'))).toEqual([])
  })

  it('finds a dropped step', () => {
    const text =
      'function* step(): Generator<number, void, unknown> { yield 1 }\nexport function* all() { step(); yield* step() }'
    const host = ts.createCompilerHost(options)
    const read = host.getSourceFile.bind(host)
    host.getSourceFile = (name, version) =>
      name === 'probe.ts' ? ts.createSourceFile(name, text, version, true) : read(name, version)
    const program = ts.createProgram(['probe.ts'], options, host)
    expect(droppedGenerators(program, file => file === 'probe.ts')).toEqual(['probe.ts:2'])
  })
})
