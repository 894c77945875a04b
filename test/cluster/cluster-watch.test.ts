import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { type ClusterWatchOptions, type Reloaded, watchCluster } from '../../src/cluster/cluster-watch.ts'
import { membershipOf } from '../../src/cluster/membership.ts'
import type { CryptoProvider } from '../../src/crypto/provider.ts'
import {
  Clock,
  keysText,
  provider,
  rawKey,
  startMs,
  type TestEpoch,
  testInfo,
  testKeys,
  until,
} from './support.ts'

const posix = process.platform !== 'win32'
/** For tests that read when they say so. */
const never = 3_600_000
const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

const node = (id: string, more: object = {}) => ({
  id,
  url: `http://10.0.0.1:${8400 + Number(id.slice(1))}`,
  ...more,
})
const infoText = (revision: number, nodes: readonly object[]) => JSON.stringify({ revision, nodes })

/** Both files in a folder, a watch over them, and all that it told of. */
function watched(
  options: Partial<ClusterWatchOptions> & { folder?: string; epochs?: readonly TestEpoch[] } = {},
) {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'ringtls-watch-'))
  folders.push(folder)
  const [infoPath, keysPath] = [join(folder, 'cluster.json'), join(folder, 'cluster.key')]
  // Put in place at once: a poll beside us must not see a part of it.
  const write = (path: string, text: string) => {
    writeFileSync(`${path}~`, text, { mode: 0o600 })
    renameSync(`${path}~`, path)
  }
  const writeInfo = (text: string) => write(infoPath, text)
  const writeKeys = (text: string) => write(keysPath, text)
  const epochs = options.epochs ?? [{ epoch: 1 }]
  if (options.folder === undefined) {
    writeInfo(infoText(1, [node('n1'), node('n2')]))
    writeKeys(keysText(epochs))
  }
  const clock = new Clock()
  const membership = membershipOf(testInfo([node('n1'), node('n2')]), provider, { now: clock.now })
  const keys = testKeys(epochs)
  const warnings: string[] = []
  const reloads: Reloaded[] = []
  const silent = () => {}
  const log = {
    ...{ debug: silent, info: silent, error: silent },
    warn: (fields: object, message: string) => warnings.push(`${Object.values(fields)} | ${message}`),
  }
  const watch = watchCluster({
    ...{ infoPath, keysPath, membership, keys, provider, now: clock.now, log, pollMs: never },
    onReload: reloaded => reloads.push(reloaded),
    ...options,
  })
  onTestFinished(() => watch.close())
  return {
    watch,
    folder,
    infoPath,
    keysPath,
    writeInfo,
    writeKeys,
    clock,
    membership,
    keys,
    warnings,
    reloads,
  }
}

const ids = ({ info }: { info: { nodes: readonly { id: string }[] } }) => info.nodes.map(({ id }) => id)

describe('a changed list', () => {
  test('is taken up by everybody who holds the membership, and told of once', async () => {
    const { watch, writeInfo, infoPath, membership, warnings, reloads } = watched()
    expect(await watch.reload()).toBe(false)
    writeInfo(infoText(2, [node('n1'), node('n3')]))
    expect(await watch.reload()).toBe(true)
    expect(await watch.reload()).toBe(false)
    expect(ids(membership)).toEqual(['n1', 'n3'])
    expect(reloads).toEqual([{ kind: 'info', path: infoPath, revision: 2, digest: membership.digest }])
    expect(warnings).toEqual([])
  })

  test('in another layout is no other list', async () => {
    const { watch, writeInfo, infoPath, membership, reloads } = watched()
    const { digest } = membership
    writeInfo(
      JSON.stringify(
        JSON.parse(infoText(1, [node('n1', { weight: 1 }), node('n2', { zone: '' })])),
        undefined,
        3,
      ),
    )
    expect(await watch.reload()).toBe(false)
    expect([membership.digest, reloads, infoPath]).toEqual([digest, [], infoPath])
  })

  test.each([
    ['the same', 1, 'its revision 1 is the same as before'],
    ['a lower one', 0, 'its revision 0 was 1 before'],
  ])('with %s revision is taken up with a warning', async (_, revision, said) => {
    const { watch, writeInfo, membership, warnings } = watched()
    writeInfo(infoText(revision, [node('n9')]))
    await watch.reload()
    expect(ids(membership)).toEqual(['n9'])
    expect(warnings).toEqual([expect.stringContaining(said)])
  })

  test('that has not this process any more is taken up, and says that it serves what it has', async () => {
    const { watch, writeInfo, membership, warnings } = watched({ nodeId: 'n2' })
    writeInfo(infoText(2, [node('n1')]))
    await watch.reload()
    expect(ids(membership)).toEqual(['n1'])
    expect(warnings).toEqual([expect.stringContaining('node n2, which this process is, was taken out')])
  })

  test('that moves this process says that it must be restarted; another node may move', async () => {
    const { watch, writeInfo, warnings } = watched({ nodeId: 'n2' })
    writeInfo(infoText(2, [node('n1', { url: 'http://10.0.0.9:1' }), node('n2')]))
    await watch.reload()
    expect(warnings).toEqual([])
    writeInfo(infoText(3, [node('n1'), node('n2', { url: 'http://10.0.0.9:1' })]))
    await watch.reload()
    expect(warnings).toEqual([
      expect.stringMatching(/n2, which this process is, has http:\/\/10\.0\.0\.9:1 now; restart it/),
    ])
  })
})

describe('a file that is of no use', () => {
  test('leaves in force what there is; each fault is told once, and again when it comes back', async () => {
    const { infoPath, writeInfo, membership, warnings } = watched({ pollMs: 5 })
    const { digest } = membership
    const good = infoText(2, [node('n3')])
    const spoil: readonly (readonly [() => void, warnings: number])[] = [
      [() => unlinkSync(infoPath), 1],
      [() => writeInfo(''), 2],
      // Cut off is the same fault as empty: it is not JSON.
      [() => writeInfo(good.slice(0, -3)), 2],
      [() => writeInfo(good.replace('"revision":2', '"revision":"2"')), 3],
    ]
    for (const [spoilIt, count] of spoil) {
      spoilIt()
      await until(() => warnings.length === count)
    }
    expect(warnings).toEqual([
      `${infoPath} | ${infoPath}: cannot be read (ENOENT); going on with what was read before`,
      expect.stringContaining('this is not JSON'),
      expect.stringContaining('revision: need a whole number'),
    ])
    expect(membership.digest).toBe(digest)
    writeInfo(good)
    await until(() => membership.digest !== digest)
    expect(ids(membership)).toEqual(['n3'])
    unlinkSync(infoPath)
    await until(() => warnings.length === 4)
  })

  test('is told of again when it was good meanwhile, though nothing changed', async () => {
    let hashed = 0
    const counting: CryptoProvider = {
      ...provider,
      hash: name => {
        hashed++
        return provider.hash(name)
      },
    }
    const { infoPath, keysPath, writeInfo, warnings } = watched({ provider: counting, pollMs: 5 })
    const readAgain = async () => {
      const before = hashed
      await until(() => hashed > before + 2)
    }
    unlinkSync(keysPath)
    await until(() => warnings.length === 1)
    for (const count of [2, 3]) {
      await readAgain()
      unlinkSync(infoPath)
      await until(() => warnings.length === count)
      writeInfo(infoText(1, [node('n1'), node('n2')]))
    }
  })

  test('is told of anew at each reload, since somebody asks', async () => {
    const { watch, writeInfo, warnings } = watched()
    writeInfo('{')
    await watch.reload()
    await watch.reload()
    expect(warnings.length).toBe(2)
  })

  test('and holds keys is never quoted', async () => {
    const { watch, writeKeys, keysPath, keys, warnings } = watched()
    const key = rawKey(2).toString('base64url')
    const texts = [
      '',
      key,
      `{"keys":["${key}"]}`,
      keysText([{ epoch: 2 }]).slice(0, -2),
      keysText([{ epoch: -2 }]),
    ]
    for (const text of texts) {
      writeKeys(text)
      await watch.reload()
    }
    truncateSync(keysPath, 0)
    await watch.reload()
    expect(warnings.length).toBe(texts.length + 1)
    for (const warning of warnings) expect(warning).not.toContain(key.slice(0, 6))
    expect(keys.periods.map(({ epoch }) => epoch)).toEqual([1])
  })

  test('does not keep the other one from being read', async () => {
    const { watch, writeInfo, writeKeys, keys } = watched()
    writeInfo('{')
    writeKeys(keysText([{ epoch: 1 }, { epoch: 2 }]))
    await watch.reload()
    expect(keys.current(startMs)?.epoch).toBe(2)
  })
})

describe('new keys', () => {
  test('are used by everybody who holds the old ones, from their notBefore on', async () => {
    const { watch, writeKeys, keysPath, keys, warnings, reloads } = watched()
    writeKeys(
      keysText([
        { epoch: 1, notAfterMs: startMs + 9000 },
        { epoch: 2, notBeforeMs: startMs + 2000 },
      ]),
    )
    expect(await watch.reload()).toBe(true)
    expect(reloads).toEqual([{ kind: 'keys', path: keysPath, periods: keys.periods, currentEpoch: 1 }])
    expect(keys.periods.map(({ epoch }) => epoch)).toEqual([2, 1])
    expect([keys.current(startMs + 1999)?.epoch, keys.current(startMs + 2000)?.epoch]).toEqual([1, 2])
    expect(warnings).toEqual([])
  })

  test('under the number of an old one, or without it, cost sessions: both are said', async () => {
    const { watch, writeKeys, warnings } = watched({ epochs: [{ epoch: 1 }, { epoch: 2 }] })
    const other = JSON.parse(keysText([{ epoch: 2 }], 'other')) as object
    writeKeys(JSON.stringify(other))
    await watch.reload()
    expect(warnings.map(warning => warning.replace(/^.*\| \S+ /, ''))).toEqual([
      'epoch 2 has another key now, and was not over: its sessions are full handshakes',
      'epoch 1 is not in it any more, and was not over: its sessions are full handshakes',
    ])
  })

  test('of which none has begun are taken, with a warning', async () => {
    const { watch, writeKeys, keys, warnings } = watched()
    writeKeys(keysText([{ epoch: 1, notBeforeMs: startMs + 1 }]))
    await watch.reload()
    expect(keys.current(startMs)).toBeUndefined()
    expect(warnings).toEqual([expect.stringContaining('none of its epochs has begun')])
  })

  test.skipIf(!posix)('in a file that others may read are taken, with a warning', async () => {
    const { watch, writeKeys, keysPath, warnings } = watched()
    writeKeys(keysText([{ epoch: 1 }, { epoch: 2 }]))
    chmodSync(keysPath, 0o644)
    await watch.reload()
    await watch.reload()
    expect(warnings).toEqual([expect.stringContaining('mode 0644 lets others read the cluster key')])
  })

  test('that are over go from memory without anybody changing a file', async () => {
    const epochs = [{ epoch: 1, notAfterMs: startMs + 1000 }, { epoch: 2 }]
    const { watch, clock, keys, warnings, reloads } = watched({ epochs, pollMs: 5 })
    await watch.reload()
    clock.nowMs = startMs + 1001
    await until(() => keys.periods.length === 1)
    expect([keys.periods[0]!.epoch, warnings, reloads]).toEqual([2, [], []])
  })

  test('are asked for when all are over: once', async () => {
    const { clock, warnings, watch } = watched({
      epochs: [{ epoch: 1, notAfterMs: startMs + 1000 }],
      pollMs: 5,
    })
    clock.nowMs = startMs + 1001
    await until(() => warnings.length > 0)
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(warnings).toEqual([
      expect.stringMatching(
        /need an epoch that is not past its notAfter; add one with `ringtls cluster rotate-key`/,
      ),
    ])
    watch.close()
  })
})

describe('polling', () => {
  test('sees a file that another took the place of, as editors do it', async () => {
    const { writeInfo, membership } = watched({ pollMs: 5 })
    writeInfo(infoText(2, [node('n3')]))
    await until(() => ids(membership)[0] === 'n3')
  })

  test.skipIf(!posix)('sees links that were turned, as Kubernetes does it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringtls-volume-'))
    for (const revision of [1, 2]) {
      const data = join(folder, `..data_${revision}`)
      mkdirSync(data)
      writeFileSync(join(data, 'cluster.json'), infoText(revision, [node(`n${revision}`), node('n9')]))
      writeFileSync(join(data, 'cluster.key'), keysText([{ epoch: 1 }, { epoch: revision + 5 }]), {
        mode: 0o600,
      })
    }
    symlinkSync('..data_1', join(folder, '..data'))
    for (const name of ['cluster.json', 'cluster.key']) symlinkSync(join('..data', name), join(folder, name))
    const { membership, keys } = watched({ folder, pollMs: 5 })
    await until(() => ids(membership)[1] === 'n9' && keys.current(startMs)?.epoch === 6)
    symlinkSync('..data_2', join(folder, '..data_tmp'))
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
    await until(() => ids(membership)[0] === 'n2' && keys.current(startMs)?.epoch === 7)
  })

  test('ends with the watch', async () => {
    const { watch, writeInfo, membership } = watched({ pollMs: 5 })
    watch.close()
    writeInfo(infoText(2, [node('n3')]))
    await new Promise(resolve => setTimeout(resolve, 60))
    expect(ids(membership)).toEqual(['n1', 'n2'])
  })

  test('ends with the watch though it is closed in the middle of a reading', async () => {
    const made = watched({ pollMs: 5, onReload: () => made.watch.close() })
    made.writeInfo(infoText(2, [node('n3')]))
    await until(() => ids(made.membership)[0] === 'n3')
    made.writeInfo(infoText(3, [node('n4')]))
    await new Promise(resolve => setTimeout(resolve, 60))
    expect(ids(made.membership)).toEqual(['n3'])
  })

  test('watches keys alone where the list has no file', async () => {
    const { folder, clock, membership, keysPath } = watched()
    const keys = testKeys()
    const watch = watchCluster({ keysPath, membership, keys, provider, now: clock.now, pollMs: never })
    onTestFinished(() => watch.close())
    writeFileSync(keysPath, keysText([{ epoch: 1 }, { epoch: 2 }]), { mode: 0o600 })
    writeFileSync(join(folder, 'cluster.json'), infoText(2, [node('n3')]))
    expect(await watch.reload()).toBe(true)
    expect([ids(membership), keys.current(startMs)?.epoch]).toEqual([['n1', 'n2'], 2])
  })
})
