/** The examples, run as their readers do, but for the folder of the certificates. */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { fixture } from '../support/fixtures.ts'
import { temporaryDirectory } from '../support/peers.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const patienceMs = 60_000

/** Declares a test for each: by its name without `.ts`, the lines that it prints. */
export function testExamples(examples: Readonly<Record<string, readonly string[]>>): void {
  test.each(Object.entries(examples))(
    'examples/%s.ts',
    async (name, lines) => {
      const directory = temporaryDirectory()
      for (const file of ['ca.pem', 'server.pem', 'server.key'])
        writeFileSync(join(directory, file), fixture(file))
      const { stdout, stderr } = await promisify(execFile)(
        process.execPath,
        ['--import', 'tsx', join(root, 'examples', `${name}.ts`)],
        // It ends by itself: nothing that it has closed holds it up.
        { cwd: root, env: { ...process.env, RINGTLS_PKI: directory }, timeout: patienceMs / 2 },
      )
      expect(stdout.trim().split('\n')).toEqual(lines)
      expect(stderr).toBe('')
    },
    patienceMs,
  )
}
