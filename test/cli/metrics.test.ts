import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { freePorts } from '../support/free-ports.ts'
import {
  type ClusterUnderTest,
  makeCluster,
  run,
  type ServerUnderTest,
  startListening,
} from '../support/processes.ts'
import { type Metric, parsePrometheus, sampleOf } from '../support/prometheus.ts'

type Page = ReadonlyMap<string, Metric>

let cluster: ClusterUnderTest
/** n1 with its store, n2 without: its store is a process of its own. */
let servers: readonly ServerUnderTest[]
/** The pages of n1's store, of n2's own port, of n2's store. */
let pages: readonly Page[]
const urlOf = (id: string) =>
  (
    JSON.parse(readFileSync(cluster.file('cluster.json'), 'utf8')) as { nodes: { id: string; url: string }[] }
  ).nodes.find(node => node.id === id)!.url
let statusUrl: string

async function page(origin: string): Promise<Page> {
  const response = await fetch(`${origin}/metrics`)
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ])
  return parsePrometheus(await response.text())
}

const connect = (server: ServerUnderTest, ...args: string[]) =>
  run(['client', server.address, '--ca', cluster.file('ca.pem'), '--http', '/', '--json', ...args])

beforeAll(async () => {
  cluster = await makeCluster(2)
  const [statusPort] = await freePorts(1)
  statusUrl = `http://127.0.0.1:${statusPort}`
  const common = [
    '--listen',
    '127.0.0.1:0',
    ...cluster.certificateArgs,
    ...cluster.clusterArgs,
    '--lookup-timeout',
    '2000',
  ]
  await startListening(['session-node', ...cluster.clusterArgs, '--node', 'n2'])
  servers = await Promise.all([
    startListening(['server', ...common, '--node', 'n1']),
    startListening([
      'server',
      ...common,
      '--node',
      'n2',
      '--no-store',
      '--metrics',
      `127.0.0.1:${statusPort}`,
    ]),
  ])
  const session = cluster.file('session')
  const first = await connect(servers[0]!, '--session-out', session)
  expect(first).toMatchObject({ exitCode: 0 })
  // Its owner is n2, since n1 made it.
  await vi.waitFor(
    async () => expect(sampleOf(await page(urlOf('n2')), 'ringtls_store_entries')).toBe(1),
    60_000,
  )
  expect(await connect(servers[1]!, '--session-in', session)).toMatchObject({ exitCode: 0 })
  // No hello of TLS.
  await expect(fetch(`http://${servers[1]!.address}`)).rejects.toThrow()
  await servers[1]!.event('handshakeFailed')
  pages = await Promise.all([urlOf('n1'), statusUrl, urlOf('n2')].map(page))
}, 120_000)

describe('/metrics', () => {
  test('has what docs/metrics.md has, and nothing else', () => {
    const own = (page: Page) => [...page].filter(([name]) => name.startsWith('ringtls_'))
    const shown = [...new Map(pages.flatMap(own))].map(([name, { type }]) => `${name} ${type}`)
    expect(shown.sort()).toEqual(
      table()
        .map(({ name, type }) => `${name} ${type}`)
        .sort(),
    )
    const ofNode = own(pages[2]!).map(([name]) => name)
    const ofServer = own(pages[1]!).map(([name]) => name)
    expect(ofNode.sort()).toEqual(
      table()
        .filter(({ by }) => by.includes('node'))
        .map(({ name }) => name)
        .sort(),
    )
    expect(ofServer.sort()).toEqual(
      table()
        .filter(({ by }) => by.includes('server'))
        .map(({ name }) => name)
        .sort(),
    )
    expect(own(pages[0]!)).toHaveLength(table().length)
  })

  test('has the labels of the table, and their documented words', () => {
    for (const { name, labels, text } of table()) {
      const samples = pages.flatMap(page => page.get(name)?.samples ?? [])
      expect(samples.length, name).toBeGreaterThan(0)
      for (const sample of samples) {
        expect(
          Object.keys(sample.labels).filter(label => label !== 'le'),
          name,
        ).toEqual(labels)
        for (const label of ['result', 'reason', 'seen_by'])
          if (label in sample.labels && name !== 'ringtls_lookup_seconds')
            expect(text).toContain(`\`${sample.labels[label]}\``)
      }
    }
  })

  test('counts what was done', () => {
    const [n1, n2, n2Store] = pages as [Page, Page, Page]
    expect(sampleOf(n1, 'ringtls_resumption_total', { result: 'no_id' })).toBe(1)
    expect(sampleOf(n1, 'ringtls_store_put_total', { result: 'ok' })).toBe(1)
    expect(sampleOf(n2, 'ringtls_resumption_total', { result: 'hit' })).toBe(1)
    expect(sampleOf(n2, 'ringtls_resumption_total', { result: 'miss' })).toBe(0)
    expect(sampleOf(n2, 'ringtls_handshakes_failed_total')).toBe(1)
    const found = n2
      .get('ringtls_lookup_seconds')!
      .samples.find(({ name, labels }) => name.endsWith('_count') && labels.result === 'hit')
    expect(found!.value).toBe(1)
    expect(sampleOf(n2Store, 'ringtls_store_requests_total', { method: 'PUT', status: '204' })).toBe(1)
    expect(sampleOf(n2Store, 'ringtls_store_requests_total', { method: 'GET', status: '200' })! >= 1).toBe(
      true,
    )
    expect(sampleOf(n2Store, 'ringtls_store_bytes')).toBeGreaterThan(100)
    expect(sampleOf(n1, 'ringtls_breaker_state', { node: 'n2' })).toBe(0)
    const age = sampleOf(n1, 'ringtls_key_epoch_age_seconds')!
    expect(age >= 60 && age < 660).toBe(true)
  })

  test('has the figures of the process too', () => {
    for (const page of pages)
      expect(sampleOf(page, 'process_resident_memory_bytes')).toBeGreaterThan(1_000_000)
  })

  test('is on a port of its own beside /healthz, and nothing else is there', async () => {
    const health = await fetch(`${statusUrl}/healthz`)
    expect(health.status).toBe(200)
    expect(await health.json()).toMatchObject({ status: 'ok', node: 'n2', revision: 1, currentEpoch: 1 })
    expect((await fetch(`${statusUrl}/`)).status).toBe(404)
    expect(servers[1]!.events.find(({ event }) => event === 'metrics')).toMatchObject({ host: '127.0.0.1' })
  })
})

test('a server without a cluster has its handshakes alone', async () => {
  const server = await startListening([
    'server',
    '--listen',
    '127.0.0.1:0',
    ...cluster.certificateArgs,
    '--metrics',
    '127.0.0.1:0',
  ])
  const { port } = await server.event('metrics')
  const shown = await page(`http://127.0.0.1:${port}`)
  expect([...shown.keys()].filter(name => name.startsWith('ringtls_'))).toEqual([
    'ringtls_resumption_total',
    'ringtls_handshakes_failed_total',
  ])
  const health = await fetch(`http://127.0.0.1:${port}/healthz`)
  expect(Object.keys((await health.json()) as object)).toEqual(['status', 'node', 'nowMs', 'version'])
  expect(await server.stop()).toBe(0)
})

interface Row {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
  readonly by: readonly string[]
  readonly text: string
}

/** The rows of the table in docs/metrics.md. */
function table(): readonly Row[] {
  const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  return text
    .split('\n')
    .filter(line => line.startsWith('| `ringtls_'))
    .map(line => {
      const [, name = '', type = '', labels = '', by = '', what = ''] = line
        .split('|')
        .map(cell => cell.trim())
      const words = (cell: string) =>
        cell
          .split(',')
          .map(word => word.trim().replaceAll('`', ''))
          .filter(Boolean)
      return { name: name.replaceAll('`', ''), type, labels: words(labels), by: words(by), text: what }
    })
}
