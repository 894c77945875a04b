import {
  chmodSync,
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { jsonLines, run, temporaryDirectory } from '../support/processes.ts'

const windows = process.platform === 'win32'
const isRoot = process.getuid?.() === 0
const anyKey = 'A'.repeat(43)
const hourMs = 3_600_000

/** A key file in a directory of its own, whose only epoch began an hour ago. */
function keyFile(notBeforeMs = Date.now() - hourMs): { directory: string; path: string } {
  const directory = temporaryDirectory()
  const path = join(directory, 'cluster.key')
  const entry = { epoch: 1, notBefore: new Date(notBeforeMs).toISOString(), notAfter: null, key: anyKey }
  writeFileSync(path, JSON.stringify({ keys: [entry] }), { mode: 0o644 })
  return { directory, path }
}

const rotate = (path: string, ...args: string[]) => run(['cluster', 'rotate-key', path, ...args])
const read = (path: string) =>
  JSON.parse(readFileSync(path, 'utf8')) as {
    keys: { epoch: number; notBefore: string; notAfter: string | null; key: string }[]
  }

describe('ringtls cluster rotate-key', () => {
  it('writes the file anew with mode 0600, and says what to do next', async () => {
    const { directory, path } = keyFile()
    const startedMs = Date.now()
    const { exitCode, stdout, stderr } = await rotate(path, '--delay', '90', '--ttl', '600')
    expect([exitCode, stderr]).toEqual([0, ''])
    expect(readdirSync(directory)).toEqual(['cluster.key'])
    if (!windows) expect(statSync(path).mode & 0o777).toBe(0o600)
    const [old, added] = read(path).keys
    expect([old!.epoch, old!.key, added!.epoch, added!.notAfter]).toEqual([1, anyKey, 2, null])
    expect(added!.key).toMatch(/^[\w-]{43}$/)
    expect(added!.key).not.toBe(anyKey)
    const beginMs = Date.parse(added!.notBefore)
    expect(beginMs).toBeGreaterThanOrEqual(startedMs + 90_000)
    expect(beginMs).toBeLessThanOrEqual(Date.now() + 90_000)
    expect(Date.parse(old!.notAfter!)).toBe(beginMs + 600_000)
    expect(stdout).toBe(
      [
        `epoch 2 begins at ${added!.notBefore}, in 90 s`,
        `epoch 1 opens what it sealed until ${old!.notAfter}`,
        `Put ${path} on every server before that. A running one takes it up by itself, or at SIGHUP.`,
        `See whether all have it: ringtls cluster check cluster.json --cluster-key ${path}`,
        '',
      ].join('\n'),
    )
  })

  it('--json says it in fields, and no key; by default it takes a minute and keeps the old key for a day', async () => {
    const { path } = keyFile()
    const { stdout } = await rotate(path, '--json')
    const { keys } = read(path)
    expect(jsonLines(stdout)).toStrictEqual([
      {
        ...{ event: 'rotated', file: path, dryRun: false, epoch: 2 },
        epochs: keys.map(({ epoch, notBefore, notAfter }) => ({ epoch, notBefore, notAfter })),
        dropped: [],
      },
    ])
    expect(Date.parse(keys[0]!.notAfter!) - Date.parse(keys[1]!.notBefore)).toBe(24 * hourMs)
    expect(Math.abs(Date.parse(keys[1]!.notBefore) - Date.now() - 60_000)).toBeLessThan(20_000)
    expect(stdout).not.toContain(keys[1]!.key)
  })

  it('--dry-run writes nothing', async () => {
    const { directory, path } = keyFile()
    const before = readFileSync(path, 'utf8')
    const { exitCode, stdout } = await rotate(path, '--dry-run')
    expect([exitCode, readFileSync(path, 'utf8'), readdirSync(directory)]).toEqual([
      0,
      before,
      ['cluster.key'],
    ])
    expect(stdout).toMatch(/^epoch 2 begins at [^\n]*\nepoch 1 [^\n]*\nNothing was written, since --dry-run/)
  })

  it('what cannot be is one line, exit 2, and leaves the file as it was', async () => {
    const early = keyFile(Date.now() + hourMs)
    const before = readFileSync(early.path, 'utf8')
    const { exitCode, stdout, stderr } = await rotate(early.path)
    expect([exitCode, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^ringtls: \S+cluster\.key: keys: need the newest epoch to have begun[^\n]*\n$/)
    expect(readFileSync(early.path, 'utf8')).toBe(before)
    expect(readdirSync(early.directory)).toEqual(['cluster.key'])
  })

  it('two at once are refused, and so is what one left that was cut off', async () => {
    const { path } = keyFile()
    writeFileSync(`${path}.new`, '')
    const { exitCode, stderr } = await rotate(path)
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(
      /cluster\.key\.new: another rotation is at work, or one was cut off[^\n]*remove it\n$/,
    )
    expect(existsSync(`${path}.new`)).toBe(true)
    expect(read(path).keys.length).toBe(1)
  })

  it.skipIf(windows)('a link is not followed, with and without --dry-run', async () => {
    const { directory, path } = keyFile()
    const link = join(directory, 'linked.key')
    symlinkSync('cluster.key', link)
    for (const args of [[], ['--dry-run']]) {
      const { exitCode, stderr } = await rotate(link, ...args)
      expect(exitCode).toBe(2)
      expect(stderr).toMatch(
        /^ringtls: \S+linked\.key: is a link to cluster\.key, [^\n]*rotate a copy[^\n]*\n$/,
      )
    }
    expect(read(path).keys.length).toBe(1)
  })

  it.skipIf(windows)('neither a directory nor a file that is not there is a key file', async () => {
    const { directory } = keyFile()
    expect((await rotate(directory)).stderr).toMatch(
      /: is no file; name the cluster\.key that servers read\n$/,
    )
    const none = await rotate(join(directory, 'none.key'))
    expect([none.exitCode, none.stderr]).toEqual([
      2,
      expect.stringMatching(/none\.key: there is no such file/),
    ])
  })

  it.skipIf(windows || isRoot)('a directory that is read-only says where to go', async () => {
    const { directory, path } = keyFile()
    chmodSync(directory, 0o555)
    const { exitCode, stderr } = await rotate(path)
    chmodSync(directory, 0o755)
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/permission denied; [^\n]*rotate a copy/)])
  })

  it.skipIf(windows || !isRoot)('root leaves the file to whom it belongs', async () => {
    const { path } = keyFile()
    chownSync(path, 1234, 2345)
    expect((await rotate(path)).exitCode).toBe(0)
    const { uid, gid, mode } = statSync(path)
    expect([uid, gid, mode & 0o777]).toEqual([1234, 2345, 0o600])
  })

  it.skipIf(!existsSync('/proc/self/status') || !isRoot)(
    'where no file can be made, it says so',
    async () => {
      // Root may write where modes say no; in /proc nobody can.
      const { exitCode, stderr } = await rotate('/proc/self/status')
      expect(exitCode).toBe(2)
      expect(stderr).toMatch(/^ringtls: \/proc\/self\/status: [^\n]*rotate a copy in a directory[^\n]*\n$/)
    },
  )
})
