/** The list of scripts: which to run, against which server, with which arguments. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** A script with its arguments, and what a server needs to pass it. */
export interface Entry {
  /** Unique in the list. */
  readonly id: string
  /** The name of a file in tlsfuzzer's `scripts/`. */
  readonly script: string
  /** `{name}` stands for a variable of the list. */
  readonly args: readonly string[]
  /** The line of the table it counts in. */
  readonly feature: string
  /** Which server it talks to: `default` when absent. */
  readonly profile?: string
  /** Feature words that must all hold; `a/b` holds when one of them does. */
  readonly needs?: readonly string[]
  /** Conversations that are left out when a feature word does not hold. */
  readonly drop_without?: Readonly<Record<string, readonly string[]>>
  /** Exit status of success, 0 when absent. */
  readonly expect?: number
  /** Seconds. */
  readonly timeout?: number
  /** The script counts nothing at its end. */
  readonly no_summary?: boolean
}

/** A list file as it was read. */
export interface List {
  /** The folder of the file. */
  readonly directory: string
  /** Values of `{name}` in arguments; `{here}` is replaced already. */
  readonly variables: Readonly<Record<string, string>>
  readonly entries: readonly Entry[]
}

/** A list that cannot be used; the message says why. */
export class ListError extends Error {}

/** Reads a list file. @throws ListError */
export function readList(path: string): List {
  const directory = dirname(resolve(path))
  const { vars = {}, entries } = parse(path) as { vars?: Record<string, unknown>; entries?: Entry[] }
  if (!Array.isArray(entries)) throw new ListError(`${path}: there are no "entries"`)
  const seen = new Set<string>()
  for (const { id, script, feature, args } of entries) {
    if (![id, script, feature].every(text => typeof text === 'string') || !Array.isArray(args)) {
      throw new ListError(`${path}: entry ${JSON.stringify(id)} needs "id", "script", "args" and "feature"`)
    }
    if (seen.has(id)) throw new ListError(`${path}: two entries have the id ${JSON.stringify(id)}`)
    seen.add(id)
  }
  const variables = Object.entries(vars).map(([name, value]) => [
    name,
    String(value).replaceAll('{here}', directory),
  ])
  return { directory, variables: Object.fromEntries(variables), entries }
}

function parse(path: string): object {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return value !== null && typeof value === 'object' ? value : {}
  } catch (error) {
    throw new ListError(`${path}: ${(error as Error).message}`)
  }
}

/** Whether a server that lacks `without` can be asked this; @returns the needs that do not hold. */
export function missingNeeds({ needs = [] }: Entry, without: ReadonlySet<string>): string[] {
  return needs.filter(need => need.split('/').every(word => without.has(word)))
}

/** The arguments with which to call the script. @throws ListError for a variable that the list does not define */
export function argumentsOf(
  { id, args, drop_without: dropped = {} }: Entry,
  { variables, without }: { variables: List['variables']; without: ReadonlySet<string> },
): string[] {
  const leftOut = Object.entries(dropped).flatMap(([word, names]) => (without.has(word) ? names : []))
  const filled = args.map(arg =>
    arg.replace(/\{([a-z][a-z0-9_]*)\}/g, (_, name: string) => {
      const value = variables[name]
      if (value === undefined) throw new ListError(`${id}: the list defines no variable ${name}`)
      return value
    }),
  )
  return [...leftOut.flatMap(name => ['-e', name]), ...filled]
}
