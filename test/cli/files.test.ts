import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { writeSecretFile } from '../../src/cli/files.ts'
import { temporaryDirectory } from '../support/processes.ts'

it('a secret takes the place of what was there: who had it open, or linked it, does not see it', () => {
  const directory = temporaryDirectory()
  const [path, elsewhere] = [join(directory, 'secret'), join(directory, 'elsewhere')]
  writeFileSync(path, 'old, for all to read', { mode: 0o644 })
  const open = openSync(path, 'r')
  writeSecretFile(path, 'new and secret', '--session-out')
  const seen = Buffer.alloc(64)
  const length = readSync(open, seen, 0, 64, 0)
  closeSync(open)
  expect(seen.toString('latin1', 0, length)).toBe('old, for all to read')
  expect(readFileSync(path, 'utf8')).toBe('new and secret')
  expect(statSync(path).mode & 0o777).toBe(0o600)

  writeFileSync(elsewhere, 'not ours')
  symlinkSync(elsewhere, join(directory, 'link'))
  writeSecretFile(join(directory, 'link'), 'new and secret', '--session-out')
  expect(readFileSync(elsewhere, 'utf8')).toBe('not ours')
})

it('a directory is no place for a secret', () => {
  const directory = join(temporaryDirectory(), 'folder')
  mkdirSync(directory)
  expect(() => writeSecretFile(directory, 'secret', '--session-out')).toThrow(
    /--session-out .*is a directory/,
  )
})
