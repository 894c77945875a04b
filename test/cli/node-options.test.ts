import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { readSessionFile, writeSessionFile } from '../../src/cli/session-file.ts'
import { encodeClientSession } from '../../src/session/client-session.ts'
import { freePorts } from '../support/free-ports.ts'
import {
  type ClusterUnderTest,
  jsonLines,
  makeCluster,
  run,
  type ServerUnderTest,
  startListening,
  startServers,
  temporaryDirectory,
  untilStored,
} from '../support/processes.ts'

/** Connects twice, first to one server and then to another, until the second one resumes: nobody waits for the store. */
async function expectResumption(servers: readonly ServerUnderTest[], ca: string) {
  await vi.waitFor(
    async () => expect(await secondHandshake(servers, ca)).toMatchObject({ resumed: true }),
    60_000,
  )
}

async function secondHandshake(servers: readonly ServerUnderTest[], ca: string) {
  const file = join(temporaryDirectory(), 'session')
  const common = ['--ca', ca, '--http', '/', '--json']
  await run(['client', servers[0]!.address, ...common, '--session-out', file])
  const { stdout } = await run(['client', servers[1]!.address, ...common, '--session-in', file])
  return jsonLines(stdout).find(({ event }) => event === 'handshake')
}

interface Node {
  id: string
  url: string
}

/** A cluster whose nodes have https urls on free ports. */
async function makeTlsCluster(
  nodes: number,
): Promise<ClusterUnderTest & { readonly tlsArgs: readonly string[] }> {
  const directory = join(temporaryDirectory(), 'pki')
  const { exitCode } = await run(['init', directory, '--nodes', String(nodes), '--node-tls'])
  expect(exitCode).toBe(0)
  const file = (name: string) => join(directory, name)
  const info = JSON.parse(readFileSync(file('cluster.json'), 'utf8')) as { nodes: Node[] }
  const ports = await freePorts(nodes)
  for (const [i, node] of info.nodes.entries()) node.url = node.url.replace(/:\d+$/, `:${ports[i]}`)
  writeFileSync(file('cluster.json'), JSON.stringify(info))
  return {
    ...{ directory, file },
    certificateArgs: ['--cert', file('server.pem'), '--key', file('server.key')],
    clusterArgs: ['--cluster', file('cluster.json'), '--cluster-key', file('cluster.key')],
    tlsArgs: [
      '--node-cert',
      file('node.pem'),
      '--node-key',
      file('node.key'),
      '--node-ca',
      file('node-ca.pem'),
    ],
  }
}

/** Each test starts several processes, on a machine that may be busy. */
vi.setConfig({ testTimeout: 120_000 })

describe('a cluster with https between its processes', () => {
  let cluster: Awaited<ReturnType<typeof makeTlsCluster>>
  beforeAll(async () => {
    cluster = await makeTlsCluster(2)
  }, 120_000)

  test('resumes on the other server', async () => {
    const servers = await startServers(2, cluster.tlsArgs, cluster)
    await expectResumption(servers, cluster.file('ca.pem'))
    expect(servers.map(server => server.stderr())).toEqual(['', ''])
    const { nodes } = JSON.parse(readFileSync(cluster.file('cluster.json'), 'utf8')) as { nodes: Node[] }
    for (const { url } of nodes) {
      expect(url).toMatch(/^https:/)
      // Without a certificate not even that.
      await expect(fetch(`${url}/healthz`)).rejects.toThrow()
    }
    await Promise.all(servers.map(server => server.stop()))
  })

  test('says what the others will not like about a certificate', async () => {
    const shown = ['--node-cert', cluster.file('server.pem'), '--node-key', cluster.file('server.key')]
    const args = [...cluster.clusterArgs, '--node', 'n1', ...shown, '--node-ca', cluster.file('ca.pem')]
    const server = await startListening([
      'server',
      '--listen',
      '127.0.0.1:0',
      ...cluster.certificateArgs,
      ...args,
    ])
    expect(server.stderr()).toMatch(
      /^ringtls: --node-cert: the certificate is not for clients \(extendedKeyUsage\): nodes will refuse it\n/,
    )
    // Which its own node did, as soon as connections were opened.
    await vi.waitFor(
      () => expect(server.stderr()).toContain('"reason":"tls","code":"INVALID_PURPOSE"'),
      60_000,
    )
    await server.stop()
    const info = JSON.parse(readFileSync(cluster.file('cluster.json'), 'utf8')) as { nodes: Node[] }
    info.nodes[0]!.url = 'https://node1.example:7801'
    writeFileSync(cluster.file('cluster.json'), JSON.stringify(info))
    const node = await startListening(['session-node', ...args, '--node-listen', '127.0.0.1:0'])
    expect(node.stderr()).toMatch(
      /does not name node1\.example, this node's host in cluster\.json: servers will refuse it\n$/,
    )
    expect(node.port).not.toBe(7801)
  })
})

test('--node-listen is where the store listens, and the others find it at its url', async () => {
  const cluster = await makeCluster(2)
  const { nodes } = JSON.parse(readFileSync(cluster.file('cluster.json'), 'utf8')) as { nodes: Node[] }
  const [port, other] = nodes.map(({ url }) => new URL(url).port)
  const common = [
    'server',
    '--listen',
    '127.0.0.1:0',
    ...cluster.certificateArgs,
    ...cluster.clusterArgs,
    '--lookup-timeout',
    '2000',
  ]
  const servers = await Promise.all([
    startListening([...common, '--node', 'n1', '--node-listen', `0.0.0.0:${port}`]),
    startListening([...common, '--node', 'n2', '--node-listen', `[::]:${other}`]),
  ])
  // No url names that address.
  expect((await fetch(`http://127.0.0.2:${port}/healthz`)).status).toBe(200)
  expect((await fetch(`http://[::1]:${other}/healthz`)).status).toBe(200)
  await expectResumption(servers, cluster.file('ca.pem'))
})

describe('SIGTERM', () => {
  test('ends a node and a server with a line each, whatever is open', async () => {
    const cluster = await makeCluster(1)
    const node = await startListening([
      'session-node',
      ...cluster.clusterArgs,
      '--node',
      'n1',
      '--metrics',
      '127.0.0.1:0',
      '--log-level',
      'info',
    ])
    const { port } = await node.event('metrics')
    expect(await (await fetch(`http://127.0.0.1:${port}/healthz`)).json()).toMatchObject({ node: 'n1' })
    expect(await node.stop()).toBe(0)
    expect(node.events.at(-1)).toMatchObject({ event: 'stopped', records: 0 })
    const said = node
      .stderr()
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(said.map(({ msg }) => msg)).toEqual([
      'session node listens',
      'session node shuts down',
      'session node has shut down',
    ])
    expect(said[0]).toMatchObject({
      level: 'info',
      node: 'n1',
      scheme: 'http',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
    })
  })
})

describe('--log-level', () => {
  test('makes JSON of notes too, and without it they are text', async () => {
    const cluster = await makeCluster(1)
    chmodSync(cluster.file('cluster.key'), 0o644)
    const args = ['session-node', ...cluster.clusterArgs, '--node', 'n1', '--node-listen', '127.0.0.1:0']
    const [plain, asJson, silent] = await Promise.all([
      startListening(args),
      startListening([...args, '--log-level', 'warn']),
      startListening([...args, '--log-level', 'silent']),
    ])
    expect(plain.stderr()).toMatch(/^ringtls: .*cluster\.key: mode 0644 lets others read/)
    await vi.waitFor(() =>
      expect(JSON.parse(asJson.stderr())).toMatchObject({
        level: 'warn',
        msg: expect.stringContaining('mode 0644'),
      }),
    )
    expect(silent.stderr()).toBe('')
  })

  test('debug tells of full, resumed, foreign and failed handshakes, and no secret', async () => {
    const keylog = join(temporaryDirectory(), 'keylog')
    const cluster = await makeCluster(2)
    const servers = await startServers(2, ['--log-level', 'debug', '--keylog', keylog], cluster)
    const ca = ['--ca', cluster.file('ca.pem'), '--http', '/', '--json']
    const file = join(temporaryDirectory(), 'session')
    const ids: Buffer[] = []
    await run(['client', servers[0]!.address, ...ca, '--session-out', file])
    ids.push(sessionIdOf(file))
    await untilStored(cluster, ids[0]!)
    for (const server of [...servers, ...servers])
      expect((await run(['client', server.address, ...ca, '--session-in', file])).exitCode).toBe(0)
    // One byte of the ID is another: nobody of this cluster drew it.
    offerAnotherId(file)
    ids.push(sessionIdOf(file))
    expect((await run(['client', servers[1]!.address, ...ca, '--session-in', file])).exitCode).toBe(0)
    await expect(fetch(`http://${servers[1]!.address}`)).rejects.toThrow()
    const { nodes } = JSON.parse(readFileSync(cluster.file('cluster.json'), 'utf8')) as { nodes: Node[] }
    const stranger = { headers: { authorization: 'ringtls-hmac-sha256 who am I' } }
    expect((await fetch(`${nodes[0]!.url}/v1/sessions/${'A'.repeat(43)}`, stranger)).status).toBe(401)
    await servers[1]!.event('handshakeFailed')
    await Promise.all(servers.map(server => server.stop()))
    const log = servers.map(server => server.stderr()).join('')
    const lines = log
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>)
    const reasons = lines.filter(({ msg }) => msg === 'handshake').map(({ reason }) => reason)
    expect(reasons.sort()).toEqual(['foreign_id', 'hit', 'hit', 'hit', 'hit', 'no_id'])
    const messages = new Set(lines.map(({ msg }) => msg))
    for (const msg of [
      'server listens',
      'session node listens',
      'answered',
      'handshake failed',
      '401: a request that no server of the cluster signed',
    ])
      expect(messages).toContain(msg)
    const keys = JSON.parse(readFileSync(cluster.file('cluster.key'), 'utf8')) as { keys: { key: string }[] }
    const secrets = [
      ...keylogSecrets(readFileSync(keylog, 'utf8')),
      ...ids,
      ...keys.keys.map(({ key }) => Buffer.from(key, 'base64url')),
    ]
    expect(secrets.length).toBeGreaterThan(3)
    for (const secret of secrets)
      for (const spelling of spellings(secret)) expect(log).not.toContain(spelling)
    for (const header of [
      'authorization',
      'ringtls-hmac-sha256',
      'nonce=',
      'mac=',
      'who am I',
      '/v1/sessions',
    ])
      expect(log).not.toContain(header)
  })
})

const sessionIdOf = (file: string) => Buffer.from(readSessionFile(file).client.sessionId)

function offerAnotherId(file: string): void {
  const { client } = readSessionFile(file)
  const sessionId = client.sessionId.map((byte, i) => (i === 25 ? byte ^ 1 : byte))
  writeSessionFile(file, encodeClientSession({ ...client, sessionId }))
}

/** The master secrets of a key log. */
function keylogSecrets(text: string): Buffer[] {
  return text
    .trim()
    .split('\n')
    .map(line => Buffer.from(line.split(' ')[2]!, 'hex'))
}

/** As they might be written into a log; half of a secret is as bad as all of it. */
function spellings(secret: Buffer): string[] {
  const half = secret.subarray(0, 15)
  return [
    half.toString('hex'),
    half.toString('hex').toUpperCase(),
    half.toString('base64'),
    half.toString('base64url'),
    [...half].join(','),
  ]
}

test('a list that is taken up is a line of the log', async () => {
  const cluster = await makeCluster(1)
  const list = cluster.file('cluster.json')
  const node = await startListening([
    'session-node',
    ...cluster.clusterArgs,
    '--node',
    'n1',
    '--log-level',
    'info',
  ])
  const { nodes } = JSON.parse(readFileSync(list, 'utf8')) as { nodes: Node[] }
  writeFileSync(list, JSON.stringify({ revision: 7, nodes }))
  const { digest } = await node.event('reloaded')
  const line = await vi.waitFor(() =>
    JSON.parse(
      node
        .stderr()
        .split('\n')
        .find(text => text.includes('taken up')) ?? '',
    ),
  )
  expect(line).toMatchObject({ level: 'info', name: 'n1', file: list, revision: 7, digest })
})
