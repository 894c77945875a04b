/** The config file in the runner's form: which tests are not run, and why; and how its errors are called here. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface ShimConfig {
  /** By a glob of names: the reason. */
  readonly DisabledTests: Readonly<Record<string, string>>
  /** By BoringSSL's `:ERROR:`, the codes of src/errors.ts that mean the same, of which stderr must have one. */
  readonly ErrorMap: Readonly<Record<string, readonly string[]>>
}

export const configPath = fileURLToPath(new URL('config.json', import.meta.url))

export function readConfig(): ShimConfig {
  return JSON.parse(readFileSync(configPath, 'utf8')) as ShimConfig
}

/** Whether a glob as Go's filepath.Match has it, of `*` and `?` alone, is one of the name. */
export function matchesGlob(glob: string, name: string): boolean {
  const pattern = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '[^/]*')
    .replace(/\?/g, '[^/]')
  return new RegExp(`^${pattern}$`).test(name)
}

/** The reason why a test is disabled, `undefined` for one that is run. */
export function reasonDisabled({ DisabledTests }: ShimConfig, name: string): string | undefined {
  return Object.entries(DisabledTests).find(([glob]) => matchesGlob(glob, name))?.[1]
}
