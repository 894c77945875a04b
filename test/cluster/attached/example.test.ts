import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { fixture } from '../../support/fixtures.ts'
import { temporaryDirectory } from '../../support/peers.ts'
import { keysText } from '../support.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

test('examples/20-attach-session-store.ts does what it says', { timeout: 60_000 }, async () => {
  const directory = temporaryDirectory()
  for (const name of ['ca.pem', 'server.pem', 'server.key'])
    writeFileSync(join(directory, name), fixture(name))
  writeFileSync(join(directory, 'cluster.key'), keysText([{ epoch: 1 }]))
  const args = ['--import', 'tsx', 'examples/20-attach-session-store.ts']
  const env = { ...process.env, RINGTLS_PKI: directory }
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
    cwd: root,
    env,
    timeout: 50_000,
  })
  expect(stderr).toBe('')
  expect(stdout.trim().split('\n')).toEqual([
    'one answers: full handshake',
    'two answers: resumed',
    'one answers: resumed',
    'two answers: full handshake',
  ])
})
