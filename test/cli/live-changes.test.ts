/** Keys and lists that change under load: real servers, real session nodes, clients that never pause. */
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { ClusterLoad, type Target } from '../support/cluster-load.ts'
import { freePort } from '../support/free-ports.ts'
import {
  type ClusterUnderTest,
  jsonLines,
  makeCluster,
  run,
  type ServerUnderTest,
  startListening,
} from '../support/processes.ts'

/** So many of each sort are seen before a test goes on. */
const enough = 6
const patienceMs = 60_000
/** From a rotation to its new epoch: three servers must have it by then, on whatever machine. */
const delaySeconds = 10

const loads: ClusterLoad[] = []
const running: ServerUnderTest[] = []
afterEach(async () => {
  for (const load of loads.splice(0)) await load.stop().catch(() => {})
  for (const server of running.splice(0)) await server.stop('SIGKILL')
})

/** A cluster whose servers have files of their own, as on machines of their own. */
async function startCluster(nodes: number) {
  const cluster = await makeCluster(nodes)
  const own = (node: string, name: string) => cluster.file(`${node}-${name}`)
  const ids = Array.from({ length: nodes }, (_, i) => `n${i + 1}`)
  for (const id of ids)
    for (const name of ['cluster.json', 'cluster.key']) give(cluster.file(name), own(id, name))
  const start = (id: string, command: readonly string[]) =>
    startOwn([
      ...command,
      '--cluster',
      own(id, 'cluster.json'),
      '--cluster-key',
      own(id, 'cluster.key'),
      '--node',
      id,
    ])
  const server = ['server', '--listen', '127.0.0.1:0', ...cluster.certificateArgs, '--lookup-timeout', '5000']
  const servers = await Promise.all(ids.map(id => start(id, server)))
  return { cluster, own, servers, start }
}

async function startOwn(args: readonly string[]): Promise<ServerUnderTest> {
  const server = await startListening(args)
  running.push(server)
  return server
}

/** As tools that distribute files do it: a new file takes the place of the old one. */
function give(from: string, to: string): void {
  copyFileSync(from, `${to}~`)
  renameSync(`${to}~`, to)
}

function startLoad(cluster: ClusterUnderTest, targets: readonly Target[]): ClusterLoad {
  const load = new ClusterLoad({
    ...{ targets, caFile: cluster.file('ca.pem') },
    ...{ infoFile: cluster.file('cluster.json'), keyFile: cluster.file('cluster.key') },
  })
  loads.push(load)
  return load
}

async function untilTrue(condition: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + patienceMs
  while (!condition()) {
    if (Date.now() > deadlineMs) throw new Error(`waited ${patienceMs} ms for a condition`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

const reloads = (server: ServerUnderTest) => server.events.filter(({ event }) => event === 'reloaded').length

/** Waits until a server has taken one more file up; returns the event. */
async function taken(server: ServerUnderTest, before: number) {
  return server.event('reloaded', before + 1)
}

describe('a key rotation under load', () => {
  it('loses no session, whoever takes the new key up when', { timeout: 120_000 }, async () => {
    const { cluster, own, servers } = await startCluster(3)
    const load = startLoad(cluster, servers)
    await untilTrue(() => load.returns.length >= enough)

    const keyFile = cluster.file('cluster.key')
    const rotated = await run([
      'cluster',
      'rotate-key',
      keyFile,
      '--delay',
      String(delaySeconds),
      '--ttl',
      '600',
      '--json',
    ])
    expect(rotated.exitCode).toBe(0)
    const [event] = jsonLines(rotated.stdout)
    const beginMs = Date.parse((event!.epochs as { notBefore: string }[])[1]!.notBefore)
    load.takeFiles()
    const [byWatch, bySignal, late] = servers as [ServerUnderTest, ServerUnderTest, ServerUnderTest]
    give(keyFile, own('n1', 'cluster.key'))
    give(keyFile, own('n2', 'cluster.key'))
    bySignal.process.kill('SIGHUP')
    const inTime = { event: 'reloaded', epochs: [2, 1], currentEpoch: 1 }
    expect(await taken(byWatch, 0)).toStrictEqual({ ...inTime, file: own('n1', 'cluster.key') })
    expect(await taken(bySignal, 0)).toStrictEqual({ ...inTime, file: own('n2', 'cluster.key') })
    await untilTrue(() => Date.now() > beginMs - 6000)
    give(keyFile, own('n3', 'cluster.key'))
    expect(await taken(late, 0)).toStrictEqual({ ...inTime, file: own('n3', 'cluster.key') })

    const madeWith = (epoch: number) => load.sessions.filter(session => session.epoch === epoch)
    const resumedWith = (epoch: number) => load.returns.filter(r => r.session.epoch === epoch && r.resumed)
    await untilTrue(() => madeWith(2).length >= enough && resumedWith(2).length >= enough)
    const old = resumedWith(1).length
    await untilTrue(() => resumedWith(1).length >= old + 3)
    await load.stop()

    expect(load.lost).toEqual([])
    expect(load.returns.every(({ resumed }) => resumed)).toBe(true)
    // Every server made sessions of both epochs, and resumed some of both.
    for (const epoch of [1, 2]) {
      expect(new Set(madeWith(epoch).map(({ maker }) => maker))).toEqual(new Set(['n1', 'n2', 'n3']))
      expect(new Set(resumedWith(epoch).map(({ at }) => at))).toEqual(new Set(['n1', 'n2', 'n3']))
    }
    const reasons = servers.flatMap(({ events }) =>
      events.filter(e => e.event === 'handshake').map(e => e.reason),
    )
    expect(new Set(reasons)).toEqual(new Set(['no_id', 'hit']))
    expect(servers.map(server => server.stderr())).toEqual(['', '', ''])
  })

  it('that never reached one server costs its clients full handshakes, and no error', {
    timeout: 120_000,
  }, async () => {
    const { cluster, own, servers } = await startCluster(3)
    const [first, second, stale] = servers as [ServerUnderTest, ServerUnderTest, ServerUnderTest]
    const load = startLoad(cluster, servers)
    await untilTrue(() => load.returns.length >= 3)
    await load.stop()
    const rotated = await run([
      'cluster',
      'rotate-key',
      cluster.file('cluster.key'),
      '--delay',
      '1',
      '--ttl',
      '600',
      '--json',
    ])
    const [event] = jsonLines(rotated.stdout)
    const beginMs = Date.parse((event!.epochs as { notBefore: string }[])[1]!.notBefore)
    for (const [i, server] of [first, second].entries()) {
      give(cluster.file('cluster.key'), own(`n${i + 1}`, 'cluster.key'))
      await taken(server, 0)
    }
    await untilTrue(() => Date.now() > beginMs)

    const clients = startLoad(cluster, [])
    // The stale node refuses what is signed with the new key, so only what the other one owns is stored.
    let made = await clients.make(first, 300)
    for (let tries = 0; made === undefined && tries < 100; tries++) made = await clients.make(first, 300)
    expect(made?.epoch).toBe(2)
    expect((await clients.visit(second, made)).resumed).toBe(true)
    const seen = stale.events.length
    expect((await clients.visit(stale, made)).resumed).toBe(false)
    await untilTrue(() => stale.events.length > seen)
    const [refused] = stale.events.slice(seen)
    expect(refused).toMatchObject({ event: 'handshake', resumed: false, reason: 'epoch', lookupMs: null })
    // What it makes itself, with the old key, is good everywhere, and what was made before is good at it.
    const ofStale = await clients.make(stale)
    expect([ofStale?.epoch, (await clients.visit(first, ofStale)).resumed]).toEqual([1, true])
    // Once it has the key, nothing is left of it.
    give(cluster.file('cluster.key'), own('n3', 'cluster.key'))
    await taken(stale, 0)
    expect((await clients.visit(stale, made)).resumed).toBe(true)
    await clients.stop()
  })
})

describe('a list that changes under load', () => {
  it('a node comes in, drains and goes, weights and order change: every session resumes', {
    timeout: 180_000,
  }, async () => {
    const { cluster, own, servers, start } = await startCluster(3)
    const load = startLoad(cluster, servers)
    const followers = [...servers]
    const made = () => load.sessions.filter(({ isSettled }) => isSettled).length
    await untilTrue(() => load.returns.length >= enough)
    const info = JSON.parse(readFileSync(cluster.file('cluster.json'), 'utf8')) as { nodes: object[] }
    const fourth = { id: 'n4', url: `http://127.0.0.1:${await freePort()}` }

    /** Gives the list to one server after the other, and lets the clients go on with it. */
    const change = async (revision: number, nodes: readonly object[]) => {
      load.isSettled = false
      writeFileSync(cluster.file('cluster.json'), JSON.stringify({ revision, nodes }))
      for (const server of followers) {
        const before = reloads(server)
        give(cluster.file('cluster.json'), own(server.node!, 'cluster.json'))
        if (server.node === 'n2') server.process.kill('SIGHUP')
        expect(await taken(server, before)).toMatchObject({ revision })
      }
      load.takeFiles()
      load.isSettled = true
      await load.returnWithAll()
      const [sessions, returns] = [made(), load.returns.length]
      await untilTrue(() => made() >= sessions + enough && load.returns.length >= returns + 2 * enough)
    }

    writeFileSync(
      cluster.file('n4-cluster.json'),
      JSON.stringify({ revision: 2, nodes: [...info.nodes, fourth] }),
    )
    give(cluster.file('cluster.key'), own('n4', 'cluster.key'))
    const node = await start('n4', ['session-node'])
    await change(2, [...info.nodes, fourth])
    followers.push(node)
    const weighted = [fourth, ...info.nodes.map((node, i) => ({ ...node, weight: i + 1 }))]
    await change(3, weighted)
    await change(
      4,
      weighted.map(node => (node === fourth ? { ...node, state: 'draining' } : node)),
    )
    const drainedFrom = servers.map(({ events }) => events.length)
    await change(
      5,
      weighted.filter(node => node !== fourth),
    )
    const stored = await fetch(`${fourth.url}/healthz`).then(
      reply => reply.json() as Promise<{ entries: number }>,
    )
    await load.stop()

    expect(load.lost).toEqual([])
    // It had sessions, all from before it drained, and they were read where they were.
    expect(stored.entries).toBeGreaterThan(0)
    const since = servers.flatMap(({ events }, i) => events.slice(drainedFrom[i]))
    const owners = (of: typeof since) =>
      of.filter(e => e.event === 'handshake' && e.reason === 'no_id').map(e => e.owner)
    expect(owners(servers.flatMap(({ events }) => events))).toContain('n4')
    expect(owners(since)).not.toContain('n4')
    expect(node.stderr()).toMatch(/: node n4, which this process is, was taken out; it serves what it has/)
    // While servers had different lists, nodes and servers saw it: a warning for each list, and a count.
    const { nodes } = JSON.parse(readFileSync(own('n2', 'cluster.json'), 'utf8')) as {
      nodes: { id: string; url: string }[]
    }
    const url = nodes.find(({ id }) => id === 'n2')!.url
    const metrics = await fetch(`${url}/metrics`).then(reply => reply.text())
    const counts = [...metrics.matchAll(/^ringtls_cluster_digest_mismatch_total(?:\{[^}]*\})? (\d+)$/gm)].map(
      ([, n]) => Number(n),
    )
    expect(Math.max(...counts)).toBeGreaterThan(0)
  })
})
