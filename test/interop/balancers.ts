/** HAProxy and nginx with the files of examples/, in front of three `ringtls server` processes, and clients that visit twice. */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'
import { fromHex } from '../../src/bytes.ts'
import { type ClusterInfo, joinCluster, readClusterInfo, readClusterKeys } from '../../src/cluster/index.ts'
import { createSecureContext } from '../../src/node/index.ts'
import { freePort } from '../support/free-ports.ts'
import { PeerProcess, startPeer, temporaryDirectory } from '../support/peers.ts'
import { type ClusterUnderTest, type ServerUnderTest, untilStored } from '../support/processes.ts'
import { startRelay } from './relay.ts'

export type BalancerName = 'haproxy' | 'nginx'

/** A balancer that runs, and what an operator tells it. */
export interface Balancer {
  readonly port: number
  /** No new connection for server n1, n2 or n3; resolves when the balancer has understood. */
  takeOut(node: string): Promise<void>
  putBack(node: string): Promise<void>
  close(): Promise<void>
}

/** A file of examples/, by its path there. */
export const exampleFile = (name: string): string =>
  fileURLToPath(new URL(`../../examples/${name}`, import.meta.url))

/** More than the tests of one file take together. */
const deadlineMs = 300_000

/** Starts a balancer in front of servers n1, n2 and n3. Whoever starts it closes it. */
export function startBalancer(name: BalancerName, servers: readonly ServerUnderTest[]): Promise<Balancer> {
  return name === 'haproxy' ? startHaproxy(servers) : startNginx(servers)
}

async function startHaproxy(servers: readonly ServerUnderTest[]): Promise<Balancer> {
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'ringtls-haproxy-'))
  const admin = join(directory, 'admin.sock')
  const addresses = servers.map(({ node, address }) => [`RINGTLS_${node!.slice(1)}`, address])
  const env = {
    ...Object.fromEntries(addresses),
    RINGTLS_BIND: `127.0.0.1:${port}`,
    RINGTLS_ADMIN: admin,
  }
  const process = new PeerProcess('haproxy', ['-db', '-f', exampleFile('haproxy/haproxy.cfg')], {
    env,
    deadlineMs,
  })
  // It answers there once it listens everywhere.
  await vi
    .waitFor(() => command(admin, 'show info'), { timeout: 15_000 })
    .catch(error => {
      process.kill()
      throw new Error(`haproxy: ${error}; it said: ${process.output}`)
    })
  const set = async (node: string, state: string) => {
    const answer = await command(admin, `set server ringtls/${node} state ${state}`)
    if (answer !== '') throw new Error(`haproxy: ${answer}`)
  }
  return {
    port,
    takeOut: node => set(node, 'drain'),
    putBack: node => set(node, 'ready'),
    close: () => end(process, directory),
  }
}

/** Says a line to HAProxy's admin socket and returns its answer. */
async function command(socketPath: string, line: string): Promise<string> {
  const socket = connect(socketPath)
  let answer = ''
  socket.on('data', chunk => {
    answer += chunk
  })
  socket.end(`${line}\n`)
  await once(socket, 'close')
  return answer.trim()
}

async function startNginx(servers: readonly ServerUnderTest[]): Promise<Balancer> {
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'ringtls-nginx-'))
  const file = join(directory, 'nginx.conf')
  const original = readFileSync(exampleFile('nginx/nginx.conf'), 'utf8')
  const replaced = [
    ['127.0.0.1:9443', `127.0.0.1:${port}`],
    ['/run/nginx.pid', join(directory, 'nginx.pid')],
    ...servers.map(({ node, address }) => [`127.0.0.1:844${node!.slice(1)}`, address]),
  ].reduce((text, [from, to]) => replaceOnce(text, from!, to!), original)
  writeFileSync(file, replaced)
  const args = ['-e', 'stderr', '-c', file, '-g', 'daemon off;']
  const process = new PeerProcess('nginx', args, { hasWorkers: true, deadlineMs })
  await process.said(/start worker process \d+/)
  let reloads = 0
  const reload = async (text: string) => {
    writeFileSync(file, text)
    process.signal('SIGHUP')
    reloads++
    await process.until(output => output.split('(SIGHUP)')[reloads]?.includes('start worker process'))
  }
  return {
    port,
    takeOut: node => {
      const { address } = servers.find(server => server.node === node)!
      return reload(replaceOnce(replaced, `server ${address} `, `server ${address} down `))
    },
    putBack: () => reload(replaced),
    close: () => end(process, directory),
  }
}

/** The example is what the test takes it for. */
function replaceOnce(text: string, from: string, to: string): string {
  const parts = text.split(from)
  if (parts.length !== 2)
    throw new Error(`the example has ${from} ${parts.length - 1} times, and the test wants it once`)
  return parts.join(to)
}

async function end(process: PeerProcess, directory: string): Promise<void> {
  process.kill()
  await process.ended().catch(() => {})
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
}

/** A line of the page each: what a server said of the connection. */
export type Page = Readonly<Record<string, string>>

/** What the pages in a client's output say. */
export function pagesIn(output: string): readonly Page[] {
  return output
    .split(/(?=^server: )/m)
    .map(page => [...page.matchAll(/^([a-z-]+): (.*?)\r?$/gm)].map(([, name, value]) => [name, value]))
    .map(lines => Object.fromEntries(lines) as Page)
    .filter(page => page.server !== undefined)
}

/** Who comes: curl or OpenSSL, with TLS 1.2 alone or with TLS 1.3 in its offer too. */
export interface Client {
  readonly program: 'curl' | 'openssl'
  readonly offers: 'TLS 1.2' | 'TLS 1.3'
}

/** Two visits of one client, each on a connection of its own, and the session ID of each ServerHello in hexadecimal. */
export interface TwoVisits {
  readonly client: Client
  readonly pages: readonly Page[]
  readonly sessionIds: readonly string[]
}

/** A client visits, waits until the session is where it belongs, and visits again. */
export async function visitTwice(
  client: Client,
  port: number,
  cluster: ClusterUnderTest,
): Promise<TwoVisits> {
  const relay = await startRelay([port, port], id => untilStored(cluster, fromHex(id)))
  const caFile = cluster.file('ca.pem')
  if (client.program === 'curl') {
    const pages = await visitByCurl(client, { port: relay.port, caFile })
    return { client, pages, sessionIds: relay.sessionIds }
  }
  const sessionFile = join(temporaryDirectory(), 'session.pem')
  const to = { port: relay.port, caFile }
  const first = await visitByOpenssl(client, to, ['-sess_out', sessionFile])
  const second = await visitByOpenssl(client, to, ['-sess_in', sessionFile])
  return { client, pages: [first.page, second.page], sessionIds: relay.sessionIds }
}

interface Place {
  readonly port: number
  readonly caFile: string
}

/** curl keeps sessions as long as it runs: two URLs are two connections, since a page closes its own. */
async function visitByCurl({ offers }: Client, { port, caFile }: Place): Promise<readonly Page[]> {
  const url = `https://localhost:${port}/`
  const most = offers === 'TLS 1.2' ? ['--tls-max', '1.2'] : []
  const args = ['--silent', '--show-error', '--fail', '--ipv4', '--cacert', caFile, ...most, url, url]
  const { exitCode, stdout, stderr } = await startPeer('curl', args).ended()
  if (exitCode !== 0) throw new Error(`curl: ${stderr}`)
  return pagesIn(stdout)
}

/** What one visit showed. */
export interface Visit {
  readonly page: Page
  /** In hexadecimal. */
  readonly sessionId: string
}

/** One visit of `openssl s_client`, without tickets. Throws unless it verified the server and was told of the end. */
export async function visitByOpenssl(
  { offers }: Client,
  { port, caFile }: Place,
  flags: readonly string[],
): Promise<Visit> {
  const most = offers === 'TLS 1.2' ? ['-tls1_2'] : []
  const args = ['-no_ticket', '-CAfile', caFile, '-verify_return_error', '-connect', `127.0.0.1:${port}`]
  const process = startPeer('openssl', ['s_client', ...args, ...most, ...flags])
  process.write('GET / HTTP/1.0\r\n\r\n')
  const { exitCode, stdout, stderr } = await process.ended()
  const [page] = pagesIn(stdout)
  const [, sessionId] = /^ +Session-ID: ([0-9A-F]{64})$/m.exec(stdout) ?? []
  if (exitCode !== 0 || !/^closed$/m.test(stdout) || !page || !sessionId)
    throw new Error(`openssl: ${stderr}${stdout}`)
  return { page, sessionId }
}

/** Waits until as many nodes have the session as the cluster has replicas: who makes it waits for none. @param id hexadecimal */
export async function untilReplicated(cluster: ClusterUnderTest, id: string): Promise<void> {
  const info = readClusterInfo(cluster.file('cluster.json'))
  await vi.waitFor(
    async () => {
      const kept = await Promise.all(info.nodes.map(node => hasSession(cluster, onlyNode(info, node.id), id)))
      const count = kept.filter(isKept => isKept).length
      if (count < info.replicas) throw new Error(`${count} of ${info.replicas} replicas are there`)
    },
    { timeout: 20_000, interval: 10 },
  )
}

/** The list of nodes as one sees it whom a single node answers. */
function onlyNode(info: ClusterInfo, id: string): ClusterInfo {
  return {
    ...info,
    nodes: info.nodes.map(node => (node.id === id ? node : { ...node, url: 'http://127.0.0.1:9' })),
  }
}

async function hasSession(cluster: ClusterUnderTest, info: ClusterInfo, id: string): Promise<boolean> {
  const { provider, random, now } = createSecureContext()
  const { keys } = readClusterKeys(cluster.file('cluster.key'), { provider, nowMs: now() })
  const observer = joinCluster({ info, keys, provider, random, now, limits: { readTimeoutMs: 5000 } })
  try {
    const found = await observer.sessionCache.load(fromHex(id), AbortSignal.timeout(5000))
    if ('session' in found) found.session.masterSecret.wipe()
    return 'session' in found
  } finally {
    await observer.close(0)
  }
}
