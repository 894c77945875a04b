/** A project that compiles against node:tls compiles against ours, for whatever docs/node-api.md calls supported. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { readTable } from '../node/parity/table.ts'
import { visitNodes } from '../support/source.ts'

/** The compiler reads all of Node's types. */
const timeout = 60_000

const user = textOf('node-tls-user.ts')

describe('types', () => {
  it('every name that is supported compiles with node:tls', { timeout }, () => {
    expect(errorsIn('node-tls-user.ts', user)).toEqual([])
  })

  it('every name that is supported compiles with the import changed', { timeout }, () => {
    const changed = user.replaceAll("from 'node:tls'", "from 'ringtls/node'")
    expect(changed).not.toBe(user)
    expect(errorsIn('node-tls-user.ts', changed)).toEqual([])
  })

  it('what node:tls would not take is not taken either', { timeout }, () => {
    const wrong = user
      .replaceAll("from 'node:tls'", "from 'ringtls/node'")
      .replace('ciphers: tls.DEFAULT_CIPHERS,', 'ciphers: 7,')
      .replace('requestCert: true,', "requestCert: 'yes',")
    const errors = errorsIn('node-tls-user.ts', wrong)
    expect(errors.length).toBe(2)
    for (const error of errors) expect(error).toMatch(/Type '(number|string)' is not assignable to type/)
  })

  it('the program has every name that is supported or different', () => {
    const used = new Set(namesIn(user))
    const rows = readTable().filter(({ state }) => state !== 'absent')
    expect(rows.length).toBeGreaterThan(150)
    const missing = rows
      .filter(({ name }) => !used.has(name))
      .map(({ section, name }) => `${section}: ${name}`)
    // Node's own types do not have these.
    expect(missing.sort()).toEqual(untyped)
  })

  it('objects of ours go where those of Node go', { timeout }, () => {
    const text = textOf('assignability.ts')
    const changed = text
      .replace("from '../../src/node/index.ts'", "from 'ringtls/node'")
      .replace(/'..\/..\/src\/node\/(https|http2)\.ts'/g, "'ringtls/$1'")
    expect(changed).not.toBe(text)
    expect(errorsIn('assignability.ts', changed)).toEqual([])
  })
})

const untyped = [
  'Functions, classes and values: convertALPNProtocols',
  'Methods and properties of a socket: secureConnecting',
  'Methods and properties of a socket: setServername',
  'Methods and properties of a socket: setSession',
]

function textOf(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8')
}

/** What the compiler says of a file that stands here and has this text: strictly, and with the package's own declarations. */
function errorsIn(name: string, text: string): string[] {
  const file = fileURLToPath(new URL(name, import.meta.url))
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts'],
    types: ['node'],
    strict: true,
    noEmit: true,
  }
  const host = ts.createCompilerHost(options)
  host.getSourceFile = (path, target) => {
    if (path === file) return ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true)
    const read = parsed.get(path) ?? ts.createSourceFile(path, ts.sys.readFile(path) ?? '', target)
    parsed.set(path, read)
    return read
  }
  const program = ts.createProgram([file], options, host)
  const ours = program.getSourceFiles().filter(({ fileName }) => !fileName.includes('/node_modules/'))
  return [
    ...program.getOptionsDiagnostics(),
    ...ours.flatMap(source => [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ]),
  ].map(({ messageText, file: where, start }) => {
    const line = where && start !== undefined ? where.getLineAndCharacterOfPosition(start).line + 1 : 0
    return `${where?.fileName ?? ''}:${line} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
  })
}

/** Declarations, which are the same in every program here. */
const parsed = new Map<string, ts.SourceFile>()

/** Its identifiers, and its texts: events are named by those. */
function namesIn(text: string): string[] {
  const names: string[] = []
  visitNodes(ts.createSourceFile('user.ts', text, ts.ScriptTarget.ES2022, true), node => {
    if (ts.isIdentifier(node) || ts.isStringLiteralLike(node)) names.push(node.text)
  })
  return names
}
