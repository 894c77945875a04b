/**
 * HAProxy and nginx, configured by the files of examples/, pass TLS on to three servers in turn: whoever comes back is at another server, and
 * resumes there by session ID, also when a server is taken out or dies.
 */
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { freePorts } from '../support/free-ports.ts'
import { needs, temporaryDirectory } from '../support/peers.ts'
import {
  type ClusterUnderTest,
  temporaryDirectory as clusterDirectory,
  type Event,
  makeCluster,
  type ServerUnderTest,
  startServers,
} from '../support/processes.ts'
import {
  type Balancer,
  type BalancerName,
  type Client,
  type Page,
  startBalancer,
  type TwoVisits,
  untilReplicated,
  type Visit,
  visitByOpenssl,
  visitTwice,
} from './balancers.ts'

const names: readonly BalancerName[] = ['haproxy', 'nginx']
const nodes = ['n1', 'n2', 'n3']
/** On two busy cores; alone they take a tenth of it. */
const patienceMs = 240_000

/** 50 of curl and 50 of OpenSSL, half of each with TLS 1.3 in the offer. */
const clients: readonly Client[] = Array.from({ length: 100 }, (_, i) => ({
  program: i % 2 === 0 ? 'curl' : 'openssl',
  offers: i % 4 < 2 ? 'TLS 1.2' : 'TLS 1.3',
}))
const opensslClients = clients.filter(({ program }) => program === 'openssl')

/** Why a first visit is a full handshake: of 128 made-up session IDs one looks like one of a neighbouring epoch. */
const firstReasons = { 'TLS 1.2': /^no_id$/, 'TLS 1.3': /^(foreign_id|epoch)$/ } as const

interface Stage {
  readonly servers: readonly ServerUnderTest[]
  readonly cluster: ClusterUnderTest
  readonly balancer: Balancer
}

let pki: ClusterUnderTest
beforeAll(async () => {
  pki = await makeCluster(3)
}, patienceMs)

/** Certificates are the same for all, and take long to make; the nodes have ports of their own. */
async function startStage(name: BalancerName, replicas = 1): Promise<Stage> {
  const cluster = await makeClusterLike(pki, replicas)
  const servers = await startServers(3, [], cluster)
  return { servers, cluster, balancer: await startBalancer(name, servers) }
}

async function makeClusterLike(other: ClusterUnderTest, replicas: number): Promise<ClusterUnderTest> {
  const directory = clusterDirectory()
  const file = (name: string) => (name === 'cluster.json' ? join(directory, name) : other.file(name))
  const info = JSON.parse(readFileSync(other.file('cluster.json'), 'utf8')) as { nodes: { id: string }[] }
  const ports = await freePorts(info.nodes.length)
  const nodes = info.nodes.map(({ id }, i) => ({ id, url: `http://127.0.0.1:${ports[i]}` }))
  writeFileSync(file('cluster.json'), JSON.stringify({ ...info, replicas, nodes }))
  const clusterArgs = ['--cluster', file('cluster.json'), '--cluster-key', file('cluster.key')]
  return { directory, file, certificateArgs: other.certificateArgs, clusterArgs }
}

async function stopStage(stage: Stage | undefined): Promise<void> {
  if (!stage) return
  const { balancer, servers } = stage
  await balancer.close()
  await Promise.all(servers.map(server => server.stop('SIGKILL')))
  // Nothing is left that would take another test's connections.
  const socket = connect(balancer.port, '127.0.0.1')
  await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
}

const eventsOf = ({ servers }: Stage, kind: string): readonly Event[] =>
  servers.flatMap(({ events }) => events.filter(({ event }) => event === kind))

/** One after the other, so that the turn of each connection is known. */
async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (const item of items) results.push(await work(item))
  return results
}

function expectFirst(page: Page | undefined, { offers }: Client): void {
  expect(page).toMatchObject({ protocol: 'TLSv1.2', resumed: 'no', 'look-up': 'none' })
  expect(page?.reason).toMatch(firstReasons[offers])
  // The node that keeps the session is never the server that made it.
  expect(nodes.filter(node => node !== page?.server)).toContain(page?.owner)
}

function expectResumedElsewhere({ client, pages, sessionIds }: TwoVisits): void {
  const [first, second] = pages
  expect(pages).toHaveLength(2)
  expectFirst(first, client)
  expect(second).toMatchObject({ resumed: 'yes', reason: 'hit', owner: first!.owner })
  expect(second?.server).not.toBe(first!.server)
  expect(sessionIds[0]).toMatch(/^[0-9a-f]{64}$/)
  expect(sessionIds[1]).toBe(sessionIds[0])
}

describe.each(names)('behind %s', name => {
  needs('curl', () => needs('openssl', () => needs(name, () => tests(name))))
})

function tests(name: BalancerName): void {
  test(
    '100 clients come twice: all resume, by session ID, at another server',
    () => withStage(name, 1, expectAllResumed),
    patienceMs,
  )

  test(
    'a server that is taken out gets no new client, and what it made resumes at the others',
    () => withStage(name, 1, stage => expectTakenOut(stage, 'n1')),
    patienceMs,
  )

  test(
    'a server dies: who had a session there that it made resumes, who had one that it kept gets a full handshake',
    async () => {
      await withStage(name, 1, async stage => {
        const { firsts, seconds } = await visitAroundDeath(stage, 'n2')
        const isLost = firsts.map(({ owner }) => owner === 'n2')
        expect(new Set(isLost)).toEqual(new Set([true, false]))
        expect(seconds.map(({ resumed }) => resumed)).toEqual(isLost.map(lost => (lost ? 'no' : 'yes')))
        for (const [i, { reason }] of seconds.entries())
          expect(reason).toMatch(isLost[i] ? /^(error|timeout|breaker)$/ : /^hit$/)
      })
    },
    patienceMs,
  )

  test(
    'a server dies of a cluster with two replicas: everybody resumes',
    async () => {
      await withStage(name, 2, async stage => {
        const { firsts, seconds } = await visitAroundDeath(stage, 'n2')
        expect(firsts.map(({ owner }) => owner)).toContain('n2')
        expect(seconds.map(({ resumed, reason }) => `${resumed} ${reason}`)).toEqual(
          firsts.map(() => 'yes hit'),
        )
      })
    },
    patienceMs,
  )
}

async function expectAllResumed(stage: Stage): Promise<void> {
  const { balancer, cluster, servers } = stage
  const visits = await inTurn(clients, client => visitTwice(client, balancer.port, cluster))
  for (const visit of visits) expectResumedElsewhere(visit)

  await Promise.all(servers.map(server => server.stop()))
  expect(eventsOf(stage, 'handshakeFailed')).toEqual([])
  const handshakes = eventsOf(stage, 'handshake')
  const [full, resumed] = [false, true].map(wanted => handshakes.filter(event => event.resumed === wanted))
  expect([full!.length, resumed!.length]).toEqual([100, 100])
  expect(new Set(full!.map(({ lookupMs }) => lookupMs))).toEqual(new Set([null]))
  expect(new Set(resumed!.map(({ reason }) => reason))).toEqual(new Set(['hit']))
  // Round-robin: a third each.
  for (const { events } of servers) {
    const share = events.filter(({ event }) => event === 'handshake').length
    expect([66, 67]).toContain(share)
  }
  // One request for each new session and one for each resumption: no first hello cost any.
  const stopped = eventsOf(stage, 'stopped')
  const total = (name: string) => stopped.reduce((sum, event) => sum + Number(event[name]), 0)
  expect({ puts: total('puts'), lookups: total('lookups') }).toEqual({ puts: 100, lookups: 100 })
  expect(total('requests')).toBe(200)
}

async function withStage(
  name: BalancerName,
  replicas: number,
  work: (stage: Stage) => Promise<void>,
): Promise<void> {
  const stage = await startStage(name, replicas)
  try {
    await work(stage)
  } finally {
    await stopStage(stage)
  }
}

/** Every client's first visit, the death of one server, and every client's second visit: none of them sees an error. */
async function visitAroundDeath(stage: Stage, dead: string) {
  const { balancer, cluster, servers } = stage
  const caFile = cluster.file('ca.pem')
  const to = { port: balancer.port, caFile }
  const directory = temporaryDirectory()
  const fileOf = (i: number) => join(directory, `session-${i}.pem`)
  const some = opensslClients.slice(0, 30)
  const firsts = await inTurn([...some.entries()], async ([i, client]) => {
    const { page, sessionId } = await visitByOpenssl(client, to, ['-sess_out', fileOf(i)])
    await untilReplicated(cluster, sessionId)
    return page
  })
  for (const [i, page] of firsts.entries()) expectFirst(page, some[i]!)
  expect(firsts.map(({ server }) => server)).toContain(dead)

  await servers.find(({ node }) => node === dead)!.stop('SIGKILL')
  const seconds = await inTurn([...some.entries()], async ([i, client]) => {
    const { page } = await visitByOpenssl(client, to, ['-sess_in', fileOf(i)])
    return page
  })
  expect(seconds.map(({ server }) => server)).not.toContain(dead)
  expect(eventsOf(stage, 'handshakeFailed')).toEqual([])
  return { firsts, seconds }
}

async function expectTakenOut({ balancer, cluster }: Stage, node: string): Promise<void> {
  const to = { port: balancer.port, caFile: cluster.file('ca.pem') }
  const client: Client = { program: 'openssl', offers: 'TLS 1.2' }
  const sessionFile = join(temporaryDirectory(), 'session.pem')
  const turn = (...flags: string[]) => inTurn(nodes, () => visitByOpenssl(client, to, flags))
  const serversOf = (visits: readonly Visit[]) => new Set(visits.map(({ page }) => page.server))

  // It has its turn.
  let made: Visit
  do made = await visitByOpenssl(client, to, ['-sess_out', sessionFile])
  while (made.page.server !== node)
  await untilReplicated(cluster, made.sessionId)

  await balancer.takeOut(node)
  // nginx's old workers may take a last connection.
  const others = nodes.filter(other => other !== node)
  await vi.waitFor(
    async () => {
      const visits = await turn('-sess_in', sessionFile)
      expect(serversOf(visits)).toEqual(new Set(others))
      expect(visits.map(({ page }) => page.resumed)).toEqual(['yes', 'yes', 'yes'])
    },
    { timeout: 20_000 },
  )
  await balancer.putBack(node)
  await vi.waitFor(
    async () => {
      expect(serversOf(await turn())).toEqual(new Set(nodes))
    },
    { timeout: 20_000 },
  )
}
