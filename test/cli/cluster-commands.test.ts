import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { membershipOf, readClusterInfo } from '../../src/cluster/index.ts'
import { createSecureContext } from '../../src/node/index.ts'
import { freePort } from '../support/free-ports.ts'
import {
  type ClusterUnderTest,
  jsonLines,
  makeCluster,
  run,
  type ServerUnderTest,
  startListening,
  temporaryDirectory,
} from '../support/processes.ts'

interface ListedNode {
  readonly id: string
  readonly url: string
  readonly state?: string
  readonly weight?: number
}

const directory = temporaryDirectory()
const posix = process.platform !== 'win32'
let cluster: ClusterUnderTest
let listed: readonly ListedNode[]
let healthy: string
let digest: string
let stranger: Server
let strangerUrl: string
const nodes: ServerUnderTest[] = []

/** Writes a list and returns its path. */
function list(name: string, revision: number, nodes: readonly object[], more: object = {}): string {
  const path = join(directory, name)
  writeFileSync(path, JSON.stringify({ revision, ...more, nodes }))
  return path
}

beforeAll(async () => {
  cluster = await makeCluster(2)
  listed = (JSON.parse(readFileSync(cluster.file('cluster.json'), 'utf8')) as { nodes: ListedNode[] }).nodes
  healthy = cluster.file('cluster.json')
  digest = membershipOf(readClusterInfo(healthy), createSecureContext().provider).digest
  const start = (id: string) => startListening(['session-node', ...cluster.clusterArgs, '--node', id])
  nodes.push(...(await Promise.all(['n1', 'n2'].map(start))))
  // A node of another time, with another list and another key.
  const said = { status: 'ok', node: 'n3', revision: 7, digest: 'theirs', epochs: [9], currentEpoch: 9 }
  stranger = createServer((_, response) => {
    response.end(JSON.stringify({ ...said, nowMs: Date.now() - 60_000, entries: 5, bytes: 1234 }))
  })
  await new Promise<void>(resolve => stranger.listen(0, '127.0.0.1', resolve))
  strangerUrl = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`
})

afterAll(async () => {
  stranger.close()
  await Promise.all(nodes.map(node => node.stop()))
})

/** One line each, in the order of the list. */
const linesOf = (stdout: string) => stdout.trimEnd().split('\n')

describe('ringtls cluster status', () => {
  it('shows every node in a table, in plain text where it is piped', async () => {
    const { exitCode, stdout, stderr } = await run(['cluster', 'status', healthy])
    expect([exitCode, stderr]).toEqual([0, ''])
    expect(stdout).not.toContain('\u001b')
    const [head, first, second, empty, summary, ...more] = linesOf(stdout)
    const words = 'node url list answer revision agrees entries bytes epoch clock'
    expect(head!.split(/ +/)).toEqual(words.split(' '))
    expect(first).toMatch(
      new RegExp(`^n1 {4}${listed[0]!.url} {2}active {2}up {6}1 {9}yes {5}0 {8}0 {6}1 {6}[+-]?\\d+\\.\\d s$`),
    )
    expect(second).toMatch(/^n2 /)
    expect([empty, summary, more]).toEqual([
      '',
      `${healthy}: revision 1; 2 of 2 nodes up, 2 with this list`,
      [],
    ])
  })

  it('says who is not up, and who has another list, and why', async () => {
    const gone = { id: 'n4', url: `http://127.0.0.1:${await freePort()}`, state: 'down' }
    const file = list('mixed.json', 2, [listed[0]!, { id: 'n3', url: strangerUrl }, gone])
    const { exitCode, stdout } = await run(['cluster', 'status', file])
    expect(exitCode).toBe(0)
    const [, ...lines] = linesOf(stdout).map(line => line.split(/ {2,}/).filter((_, column) => column !== 1))
    expect(lines.slice(0, 3)).toEqual([
      ['n1', 'active', 'up', '1', 'no', '0', '0', '1', expect.stringMatching(/ s$/)],
      ['n3', 'active', 'up', '7', 'no', '5', '1234', '9', expect.stringMatching(/^-(59|60|6\d)\.\d s$/)],
      ['n4', 'down', 'refused', '-', '-', '-', '-', '-', '-'],
    ])
    expect(linesOf(stdout).slice(-2)).toEqual([
      `${file}: revision 2; 2 of 3 nodes up, 0 with this list`,
      'n4: nobody listens there',
    ])
  })

  it('--json has a line for each node, and one for all', async () => {
    const gone = { id: 'n4', url: `http://127.0.0.1:${await freePort()}` }
    const file = list('more.json', 1, [...listed, gone])
    const { stdout } = await run(['cluster', 'status', file, '--json', '--timeout', '5000'])
    const [first, , third, all] = jsonLines(stdout)
    const shape = { event: 'node', id: 'n1', url: listed[0]!.url, state: 'active', answer: 'up', detail: '' }
    expect(first).toStrictEqual({
      ...shape,
      ...{ revision: 1, digest, agrees: false, entries: 0, bytes: 0, epochs: [1], currentEpoch: 1 },
      ...{ clockAheadMs: expect.any(Number), version: expect.stringMatching(/^\d+\.\d+\.\d+/) },
    })
    const nothing = Object.fromEntries(
      Object.keys(first!)
        .slice(6)
        .map(name => [name, null]),
    )
    const refused = { answer: 'refused', detail: 'nobody listens there' }
    expect(third).toStrictEqual({ ...shape, ...gone, ...refused, ...nothing })
    expect(all).toStrictEqual({
      ...{
        event: 'status',
        file,
        revision: 1,
        digest: expect.stringMatching(/^[\w-]{43}$/),
        nodes: 3,
        up: 2,
        agreeing: 0,
      },
    })
  })

  it('says what takes so long', async () => {
    const silent = createServer(() => {})
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
    const file = list('silent.json', 1, [{ id: 'n1', url }])
    const { exitCode, stdout, stderr } = await run(['cluster', 'status', file, '--timeout', '2500'])
    silent.closeAllConnections()
    silent.close()
    expect([exitCode, stderr]).toEqual([
      0,
      expect.stringMatching(/^ringtls: asking 1 nodes, \d\.\d s so far\n/),
    ])
    expect(stdout).toMatch(/\nn1: no answer within 2500 ms\n$/)
  })
})

describe('ringtls cluster check', () => {
  it('finds nothing where all is well: exit 0', async () => {
    const args = ['cluster', 'check', healthy, '--cluster-key', cluster.file('cluster.key')]
    const { exitCode, stdout, stderr } = await run(args)
    expect([exitCode, stderr]).toEqual([0, ''])
    expect(stdout).toBe(`${healthy}: revision 1, 2 nodes: all is well\n`)
    const asJson = await run([...args, '--json'])
    expect(jsonLines(asJson.stdout)).toStrictEqual([
      { event: 'checked', file: healthy, revision: 1, nodes: 2, findings: 0 },
    ])
  })

  it('has a line for each thing, and exit 1', async () => {
    const key = join(directory, 'next.key')
    const { keys } = JSON.parse(readFileSync(cluster.file('cluster.key'), 'utf8')) as { keys: object[] }
    const next = { epoch: 2, notBefore: '2999-01-01T00:00:00Z', notAfter: null, key: 'A'.repeat(43) }
    writeFileSync(key, JSON.stringify({ keys: [...keys, next] }))
    chmodSync(key, 0o644)
    const gone = { id: 'n4', url: `http://127.0.0.1:${await freePort()}` }
    const down = { ...listed[1]!, state: 'down' }
    const file = list('ill.json', 2, [listed[0]!, down, { id: 'n3', url: strangerUrl }, gone], {
      replicas: 5,
    })
    const args = ['cluster', 'check', file, '--cluster-key', key]
    const { exitCode, stdout, stderr } = await run(args)
    expect(exitCode).toBe(1)
    const expected: (readonly [about: string, kind: string, said: RegExp])[] = [
      [file, 'replicas', /^replicas is 5, and there are 4 nodes/],
      ...(posix
        ? [[key, 'key_mode', /^mode 0644 lets others read the cluster key; run chmod 600 on it$/] as const]
        : []),
      ['n1', 'digest', /^has another cluster\.json \(revision 1, wanted 2\); distribute it$/],
      ['n2', 'node_answers', /^is down in the list, and answers/],
      ['n3', 'digest', /^has a newer cluster\.json \(revision 7, here 2\); check against that one$/],
      ['n3', 'clock', /^its clock is (59|6\d)\.\d s behind/],
      ['n4', 'node_down', /^is active in the list, and refused: nobody listens there$/],
      ['n1', 'missing_epoch', /^does not have key epoch 2; distribute cluster\.key$/],
      ['n2', 'missing_epoch', /^does not have key epoch 2/],
      ['n3', 'current_epoch', /^uses key epoch 9, wanted 1; distribute cluster\.key$/],
      ['n3', 'missing_epoch', /^does not have key epoch 2, 1/],
    ]
    expect(stderr).toBe(`ringtls: ${file}: ${expected.length} to see to\n`)
    const lines = linesOf(stdout)
    expect(lines.map(line => line.slice(0, line.indexOf(': ')))).toEqual(expected.map(([about]) => about))
    for (const [i, [about, , said]] of expected.entries())
      expect(lines[i]!.slice(about.length + 2)).toMatch(said)

    const asJson = await run([...args, '--json'])
    const [last, ...findings] = jsonLines(asJson.stdout).reverse()
    expect([asJson.exitCode, last]).toStrictEqual([
      1,
      { event: 'checked', file, revision: 2, nodes: 4, findings: expected.length },
    ])
    expect(findings.reverse().map(({ event, kind, node, file }) => [event, kind, node ?? file])).toEqual(
      expected.map(([about, kind]) => ['finding', kind, about]),
    )
  })

  it('an old key is overdue, by a rule that can be set', async () => {
    const key = join(directory, 'old.key')
    const old = { epoch: 1, notBefore: new Date(Date.now() - 40 * 86_400_000).toISOString(), notAfter: null }
    writeFileSync(key, JSON.stringify({ keys: [{ ...old, key: 'A'.repeat(43) }] }), { mode: 0o600 })
    const args = ['cluster', 'check', healthy, '--cluster-key', key]
    const { exitCode, stdout } = await run(args)
    expect([exitCode, stdout]).toEqual([
      1,
      `${key}: epoch 1 is 40 days old, wanted at most 30 days; rotate with \`ringtls cluster rotate-key\`\n`,
    ])
    expect((await run([...args, '--max-key-age', '41'])).exitCode).toBe(0)
  })
})

describe('ringtls cluster plan', () => {
  const from = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ id: `n${i}`, url: `http://10.0.0.${i + 1}` }))

  it('says what moves, who gets what, and what to think of', async () => {
    const [now, then] = [list('now.json', 1, from(4)), list('then.json', 1, from(3))]
    const { exitCode, stdout, stderr } = await run([
      'cluster',
      'plan',
      now,
      '--to',
      then,
      '--sample',
      '20000',
    ])
    expect([exitCode, stderr]).toEqual([0, ''])
    const lines = linesOf(stdout)
    expect(lines.slice(0, 3)).toEqual([
      `from ${now}, revision 1, 4 nodes`,
      `to   ${then}, revision 1, 3 nodes`,
      '',
    ])
    // Rendezvous moves what the leaver had, a quarter; 20,000 keys tell that to 0.3 points.
    const figures = lines.filter(line => line.endsWith(' %')).map(line => line.trim().split(/ {2,}/))
    const share = (line: readonly string[] | undefined, column: number) => Number.parseFloat(line![column]!)
    for (const figure of figures.slice(0, 4)) expect(Math.abs(share(figure, 1) - 25)).toBeLessThan(1.6)
    const rows = figures.slice(4)
    expect(rows.map(([id]) => id)).toEqual(['n0', 'n1', 'n2', 'n3'])
    for (const row of rows) expect(Math.abs(share(row, 1) - 25)).toBeLessThan(1.6)
    for (const row of rows.slice(0, 3)) expect(Math.abs(share(row, 2) - 33.3)).toBeLessThan(1.6)
    expect(rows[3]!.slice(2)).toEqual(['0.00 %', '0.00 %'])
    expect(lines.slice(-3)).toEqual([
      '20,000 random keys, seed 1',
      `${then}: revision 1 does not come after 1; raise it, or nobody sees who is behind`,
      'n3: is taken out while it is active; make it draining first, and take it out when its sessions are over',
    ])
  })

  it('--json has the same in numbers; the seed chooses the keys', async () => {
    const [now, then] = [list('now.json', 1, from(2)), list('same.json', 2, from(2))]
    const plan = async (...args: string[]) =>
      jsonLines(
        (await run(['cluster', 'plan', now, '--to', then, '--json', '--sample', '1000', ...args])).stdout,
      )
    const [first] = await plan()
    const share = { before: expect.any(Number), after: expect.any(Number), ideal: 0.5 }
    expect(first).toStrictEqual({
      event: 'plan',
      ...{ from: { file: now, revision: 1 }, to: { file: then, revision: 2 }, sampled: 1000, seed: 1 },
      ...{ movedFirstOwner: 0, movedAnyOwner: 0, movedAllOwners: 0, idealMoved: 0 },
      ...{ shares: ['n0', 'n1'].map(id => ({ id, ...share })), warnings: [] },
    })
    const shares = async (seed: string) => (await plan('--seed', seed))[0]!.shares
    const others = await Promise.all(['1', '2', '3'].map(shares))
    expect(others[0]).toEqual(first!.shares)
    expect(new Set(others.map(other => JSON.stringify(other))).size).toBeGreaterThan(1)
  })
})

describe('a file that cannot be used is exit 2, in one line', () => {
  it.each([
    ['status', []],
    ['check', []],
    ['plan', ['--to', 'none.json']],
  ])('%s', async (command, args) => {
    const broken = join(directory, 'broken.json')
    writeFileSync(broken, '{"revision":1,"nodes":[{"id":"n1","url":"ftp://x"}]}')
    const { exitCode, stdout, stderr } = await run(['cluster', command, broken, ...args])
    expect([exitCode, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^ringtls: \S+broken\.json: nodes\[0\]\.url: need http:\/\/[^\n]*\n$/)
  })

  it('a key file too, and nodes that want certificates', async () => {
    const { exitCode, stderr } = await run(['cluster', 'check', healthy, '--cluster-key', healthy])
    expect([exitCode, stderr]).toEqual([
      2,
      expect.stringMatching(/^ringtls: [^\n]*revision: no such field[^\n]*\n$/),
    ])
    const encrypted = list('https.json', 1, [{ id: 'n1', url: 'https://127.0.0.1:1' }])
    const asked = await run(['cluster', 'status', encrypted])
    expect([asked.exitCode, asked.stderr]).toEqual([
      2,
      expect.stringMatching(/add --node-cert and --node-key and --node-ca\n$/),
    ])
  })
})

describe('--help', () => {
  it.each(['', 'status', 'check', 'plan', 'rotate-key'])('%s has examples', async command => {
    const { exitCode, stdout, stderr } = await run([
      'cluster',
      ...(command === '' ? [] : [command]),
      '--help',
    ])
    expect([exitCode, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(new RegExp(`\\nExamples:\\n {2}\\$ ringtls cluster ${command}`))
    expect(stdout).not.toContain('\u001b')
    if (command !== '') expect(stdout).toMatch(/\n {2}--json {2,}/)
  })
})

describe('a running node', () => {
  it.skipIf(!posix)('reads its files at SIGHUP, and says when nothing has changed', async () => {
    const node = nodes[0]!
    const before = node.stderr().length
    node.process.kill('SIGHUP')
    await expect
      .poll(() => node.stderr().slice(before), { timeout: 15_000 })
      .toMatch(/SIGHUP: [^\n]*nothing has changed\n$/)
  })

  it('takes up a list by itself, says so, and keeps it when the file is spoiled', async () => {
    const node = nodes[1]!
    writeFileSync(
      healthy,
      JSON.stringify({ revision: 2, nodes: [...listed, { id: 'n3', url: strangerUrl }] }),
    )
    const event = await node.event('reloaded')
    expect(event).toStrictEqual({
      event: 'reloaded',
      file: healthy,
      revision: 2,
      digest: expect.stringMatching(/^[\w-]{43}$/),
    })
    writeFileSync(healthy, '{')
    await expect
      .poll(() => node.stderr(), { timeout: 15_000 })
      .toMatch(/cluster\.json: this is not JSON[^\n]*; going on with what was read before\n/)
    const health = (await fetch(`${listed[1]!.url}/healthz`).then(reply => reply.json())) as object
    expect(health).toMatchObject({ revision: 2, digest: event.digest })
  })
})
