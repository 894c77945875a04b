/** The package as npm packs it, and a project that has installed it: made once, for all tests of a file. */
import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory } from '../support/processes.ts'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Packed {
  readonly tarball: string
  /** In bytes. */
  readonly packedSize: number
  readonly unpackedSize: number
  readonly files: readonly string[]
}

interface PackReport {
  readonly filename: string
  readonly size: number
  readonly unpackedSize: number
  readonly files: readonly { readonly path: string }[]
}

/** Packs what stands in `dist`: `npm test` builds it first. */
export function pack(): Packed {
  const directory = temporaryDirectory()
  const report = npm(root, 'pack', '--ignore-scripts', '--json', '--pack-destination', directory)
  const [packed] = Object.values(JSON.parse(report) as Record<string, PackReport>)
  const { filename, size, unpackedSize, files } = packed!
  return {
    tarball: join(directory, filename),
    packedSize: size,
    unpackedSize,
    files: files.map(({ path }) => path),
  }
}

/** Copies the consumer project and installs the package, and Node's types, into it; gives its directory. */
export function install({ tarball }: Packed): string {
  const project = join(temporaryDirectory(), 'consumer')
  cpSync(join(root, 'test/package/consumer'), project, { recursive: true })
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>
  }
  const types = `@types/node@${devDependencies['@types/node']}`
  npm(project, 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball, types)
  return project
}

function npm(cwd: string, ...args: readonly string[]): string {
  return execFileSync('npm', [...args, '--loglevel=error'], { cwd, encoding: 'utf8' })
}
