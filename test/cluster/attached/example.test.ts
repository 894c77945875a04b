import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))

test('examples/20-attach-session-store.ts does what it says', { timeout: 60_000 }, async () => {
  const args = ['--import', 'tsx', 'examples/20-attach-session-store.ts']
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: root, timeout: 50_000 })
  expect(stderr).toBe('')
  expect(stdout.trim().split('\n')).toEqual([
    'one answers: full handshake',
    'two answers: resumed',
    'one answers: resumed',
    'two answers: full handshake',
  ])
})
