/** Bundles for the browser, and which names of their surroundings they use. */
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import ts from 'typescript'

/**
 * One script of all that `contents` imports, from the package as it is built: no shim, nothing left out. A module of Node's in it is an
 * error. @param globalName what the exports are a global of; an ES module without it
 */
export async function bundle(contents: string, globalName?: string): Promise<string> {
  const { outputFiles, warnings } = await build({
    stdin: { contents, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
    bundle: true,
    platform: 'browser',
    target: 'es2022',
    minify: true,
    write: false,
    logLevel: 'silent',
    ...(globalName === undefined ? { format: 'esm' } : { format: 'iife', globalName }),
  })
  if (warnings.length > 0) throw new Error(warnings.map(({ text }) => text).join('\n'))
  return outputFiles[0]!.text
}

/**
 * The globals beyond ECMAScript 2022 that a script names, properties of `globalThis` included, sorted. TypeScript knows what a name is: to it the
 * script is a program that was written for no surroundings at all.
 */
export function foreignNames(script: string): string[] {
  const file = 'bundle.ts'
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2022.d.ts'],
    types: [],
    strict: false,
    // So that what `globalThis` is not known to have is said.
    noImplicitAny: true,
    noEmit: true,
  }
  const host = ts.createCompilerHost(options)
  const getSourceFile = host.getSourceFile.bind(host)
  host.getSourceFile = (name, languageVersion) =>
    name === file
      ? ts.createSourceFile(name, script, languageVersion, true)
      : getSourceFile(name, languageVersion)
  const program = ts.createProgram([file], options, host)
  const names = program.getSemanticDiagnostics(program.getSourceFile(file)).flatMap(nameIn)
  return [...new Set(names)].sort()
}

function nameIn({ messageText, file, start, length }: ts.Diagnostic): string[] {
  const message = ts.flattenDiagnosticMessageText(messageText, '\n')
  const name = /^Cannot find name '(\w+)'/.exec(message)?.[1]
  if (name !== undefined) return [name]
  if (!file || start === undefined || !message.includes("'typeof globalThis'")) return []
  return [`globalThis.${/\w+(?=\W*$)/.exec(file.text.slice(start, start + (length ?? 0)))?.[0]}`]
}
