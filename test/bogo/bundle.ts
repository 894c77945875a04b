/** The shim as one executable file: the runner starts it some thousand times. */
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const entry = fileURLToPath(new URL('shim/main.ts', import.meta.url))

/** Writes the shim to `workDir` and returns its path. */
export async function bundleShim(workDir: string): Promise<string> {
  const outfile = join(workDir, 'shim.mjs')
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    banner: { js: `#!${process.execPath}` },
    footer: { js: 'process.exit(await main(process.argv.slice(2)))' },
    logLevel: 'warning',
  })
  chmodSync(outfile, 0o755)
  return outfile
}
