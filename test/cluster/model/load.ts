/**
 * The model and all of the sources that it runs, in an environment without sockets or time, as one bundle; for a
 * mutant with one rule taken out of the source. So no rule needs a switch in the package that would turn it off.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** One place in a source file that a mutant has otherwise. */
export interface Edit {
  /** A path below `src`. */
  readonly file: string
  /** Stands there exactly once. */
  readonly find: string
  readonly put: string
}

export type Model = typeof import('./run.ts')

/** Throws when a place that should be edited is not there exactly once: the source has moved on, and the mutant must follow. */
export async function loadModel(edits: readonly Edit[] = []): Promise<Model> {
  const { outputFiles } = await build({
    entryPoints: [here('run.ts')],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    inject: [here('virtual-time.ts')],
    plugins: [environment(edits)],
    logLevel: 'silent',
  })
  const directory = await mkdtemp(join(tmpdir(), 'ringtls-model-'))
  try {
    const file = join(directory, 'model.cjs')
    await writeFile(file, outputFiles[0]!.contents)
    return createRequire(import.meta.url)(file) as Model
  } finally {
    await rm(directory, { recursive: true })
  }
}

function environment(edits: readonly Edit[]): Plugin {
  return {
    name: 'environment',
    setup({ onLoad, onResolve, onEnd }) {
      const open = new Set(edits)
      onResolve({ filter: /^node:https?$/ }, ({ importer }) =>
        importer.includes('/src/cluster/') ? { path: here('in-memory-http.ts') } : undefined,
      )
      // The transport is the model's own.
      onResolve({ filter: /^undici$/ }, () => ({ path: 'undici', namespace: 'empty' }))
      onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'export class Pool {}' }))
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        let contents = await readFile(path, 'utf8')
        for (const edit of edits) {
          if (!path.endsWith(`/src/${edit.file}`)) continue
          contents = edited(contents, edit)
          open.delete(edit)
        }
        const url = JSON.stringify(pathToFileURL(path).href)
        return { contents: contents.replaceAll('import.meta.url', url), loader: 'ts' }
      })
      onEnd(() => {
        for (const { file } of open) throw new Error(`src/${file} is not in the bundle of the model`)
      })
    },
  }
}

function edited(contents: string, { file, find, put }: Edit): string {
  const count = contents.split(find).length - 1
  if (count !== 1) throw new Error(`src/${file}: ${count} times, wanted once: ${find}`)
  return contents.replace(find, () => put)
}
