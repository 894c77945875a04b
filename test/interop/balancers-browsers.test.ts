/** Chromium and Firefox come back through HAProxy, which gives each connection to the next of three servers. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../support/peers.ts'
import {
  type ClusterUnderTest,
  makeCluster,
  type ServerUnderTest,
  startListening,
  temporaryDirectory,
} from '../support/processes.ts'
import { type Balancer, type Page, pagesIn, startBalancer } from './balancers.ts'
import { type Browser, type BrowserName, startBrowser } from './browser.ts'
import { identityFiles, serverIdentities } from './own-ends.ts'

const nodes = ['n1', 'n2', 'n3']
/** Before the first page has come it may have opened connections to spare: those know of no session yet. */
const mostVisits = 10
const patienceMs = 120_000

/** Firefox 153 resumes by ticket alone, as at `openssl s_server -no_ticket`. */
const cases = [
  { name: 'chromium', flags: [], resumes: true },
  { name: 'chromium', flags: ['--tickets'], resumes: true },
  { name: 'firefox-esr', flags: [], resumes: false },
  { name: 'firefox-esr', flags: ['--tickets'], resumes: true },
] as const

describe.each(['chromium', 'firefox-esr'] as const)('%s behind haproxy', name => {
  needs('certutil', () => needs('haproxy', () => needs(name, () => tests(name))))
})

function tests(name: BrowserName): void {
  let browser: Browser
  let cluster: ClusterUnderTest
  beforeAll(async () => {
    const { cert, key } = identityFiles(serverIdentities.rsa)
    cluster = { ...(await makeCluster(3)), certificateArgs: ['--cert', cert, '--key', key] }
    browser = await startBrowser(name)
  }, patienceMs)
  afterAll(() => browser?.close())

  for (const { flags, resumes } of cases.filter(one => one.name === name)) {
    const means = flags.length > 0 ? 'tickets on' : 'tickets off'
    const outcome = resumes
      ? 'the page of a new connection says resumed, from another server'
      : 'full handshakes'
    test(
      `${means}: ${outcome}`,
      async () => {
        const stage = await startStage(cluster, flags)
        try {
          const pages = await visits(browser, stage)
          expectFlawless(pages, stage.servers)
          if (resumes) expectResumedElsewhere(pages, stage)
          else expectFull(pages, stage)
        } finally {
          await stage.balancer.close()
          await Promise.all(stage.servers.map(server => server.stop()))
        }
      },
      patienceMs,
    )
  }
}

interface Stage {
  readonly servers: readonly ServerUnderTest[]
  readonly balancer: Balancer
  /** Where each server logs its master secrets. */
  readonly keylogs: readonly string[]
}

async function startStage(cluster: ClusterUnderTest, flags: readonly string[]): Promise<Stage> {
  const directory = temporaryDirectory()
  const keylogs = nodes.map(node => join(directory, `${node}.log`))
  const to = ['server', '--listen', '127.0.0.1:0', '--alpn', 'http/1.1', '--lookup-timeout', '2000']
  const args = [...to, ...cluster.certificateArgs, ...cluster.clusterArgs, ...flags]
  const servers = await Promise.all(
    nodes.map((node, i) => startListening([...args, '--node', node, '--keylog', keylogs[i]!])),
  )
  return { servers, keylogs, balancer: await startBalancer('haproxy', servers) }
}

/** Visits until a page says that it was resumed, and comes from another server than the page before, and a session was at two. */
async function visits(browser: Browser, { balancer, keylogs }: Stage): Promise<readonly Page[]> {
  const pages: Page[] = []
  const isEnough = () => isResumedElsewhere(pages.at(-1), pages.at(-2)) && mastersAtTwo(keylogs) > 0
  while (pages.length < mostVisits && !isEnough())
    pages.push(...pagesIn(await browser.visit(`https://localhost:${balancer.port}/`)))
  return pages
}

const isResumedElsewhere = (page: Page | undefined, before: Page | undefined): boolean =>
  before !== undefined && page?.resumed === 'yes' && page.server !== before.server

function expectResumedElsewhere(pages: readonly Page[], { keylogs }: Stage): void {
  expect(pages[0]).toMatchObject({ resumed: 'no' })
  expect(pages.at(-1)).toMatchObject({ resumed: 'yes', reason: 'hit' })
  expect(isResumedElsewhere(pages.at(-1), pages.at(-2))).toBe(true)
  expect(mastersAtTwo(keylogs)).toBeGreaterThan(0)
}

function expectFull(pages: readonly Page[], { keylogs, servers }: Stage): void {
  expect(pages.map(({ resumed }) => resumed)).toEqual(Array(mostVisits).fill('no'))
  const handshakes = servers.flatMap(({ events }) => events).filter(({ event }) => event === 'handshake')
  expect(handshakes.filter(({ resumed }) => resumed)).toEqual([])
  expect(mastersAtTwo(keylogs)).toBe(0)
}

/** How many master secrets more than one server has logged: the browser may have made a session at each, and this one crossed over. */
function mastersAtTwo(keylogs: readonly string[]): number {
  const masters = keylogs.flatMap(file => {
    const lines = readFileSync(file, 'latin1').matchAll(/^CLIENT_RANDOM [0-9a-f]{64} ([0-9a-f]{96})$/gm)
    return [...new Set([...lines].map(([, master]) => master))]
  })
  return masters.length - new Set(masters).size
}

/** No handshake failed, but for connections to spare that just ended, and no hello without a session of ours cost a look-up. */
function expectFlawless(pages: readonly Page[], servers: readonly ServerUnderTest[]): void {
  for (const page of pages) expect(page).toMatchObject({ protocol: 'TLSv1.2', alpn: 'http/1.1' })
  const events = servers.flatMap(({ events }) => events)
  const failed = events.filter(({ event, code }) => event === 'handshakeFailed' && code !== 'TRUNCATED')
  expect(failed).toEqual([])
  const strangers = events.filter(({ reason }) => /^(no_id|foreign_id|epoch)$/.test(String(reason)))
  expect(strangers.length).toBeGreaterThan(0)
  for (const { lookupMs } of strangers) expect(lookupMs).toBeNull()
}
