import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from 'vitest'

const corpus = process.env.RINGTLS_CORPUS

/** What all Wycheproof files have in common; `Group` and `Case` are the fields of one schema. */
export interface WycheproofFile<Group, Case> {
  readonly testGroups: readonly (Group & { readonly tests: readonly (Case & WycheproofCase)[] })[]
}
export interface WycheproofCase {
  readonly tcId: number
  readonly comment: string
  readonly flags: readonly string[]
  readonly result: 'valid' | 'invalid' | 'acceptable'
}

/** Describes tests over Wycheproof files, which are not ours to ship: RINGTLS_CORPUS names the folder above them. */
export function describeWycheproof<Group, Case>(
  names: readonly string[],
  define: (name: string, read: () => WycheproofFile<Group, Case>) => void,
): void {
  for (const name of names) {
    const title = corpus ? `Wycheproof ${name}` : `Wycheproof ${name} (skipped: needs RINGTLS_CORPUS)`
    describe.skipIf(!corpus)(title, () =>
      define(name, () =>
        JSON.parse(readFileSync(join(corpus ?? '', 'wycheproof', `${name}_test.json`), 'utf8')),
      ),
    )
  }
}
