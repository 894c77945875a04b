/** The source files of `src/`, as syntax trees. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export const src = fileURLToPath(new URL('../../src', import.meta.url))

/** Paths below `src`, with slashes. */
export const sourceFiles = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(file =>
  file.endsWith('.ts'),
)

/** @param file a path below `src` */
export function parseSource(file: string): ts.SourceFile {
  return ts.createSourceFile(file, readFileSync(join(src, file), 'utf8'), ts.ScriptTarget.ES2022, true)
}

/** Shows every node below `node`, itself included. */
export function visitNodes(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node)
  ts.forEachChild(node, child => visitNodes(child, see))
}
