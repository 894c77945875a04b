/** What strangers may say to a session node's port, a node that has no room, and nodes by name and by IPv6 address. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { membershipOf } from '../../../src/cluster/membership.ts'
import { createSessionNode, type SessionNodeLimits } from '../../../src/cluster/session-node.ts'
import { freePort, freePorts } from '../../support/free-ports.ts'
import { type ServerUnderTest, startListening } from '../../support/processes.ts'
import { Openings, provider, smallMemory, testInfo, testKeys, until } from '../support.ts'
import { certificateArgs, clusterFiles, expectNoSecrets, outputOf, startFront } from './played-node.ts'
import { openTap, type Tap } from './tap.ts'
import { type Visit, visit } from './visitor.ts'

const openings = new Openings()
afterAll(() => openings.release())

const front = { id: 'front', url: 'http://127.0.0.1:9' }
const resumed = { resumed: true, reason: 'hit' }

/** Resumes, as soon as the session is where it belongs: who made it waits for nobody. */
async function resumedAt(
  port: number,
  session: Buffer,
  options: Parameters<typeof visit>[1] = {},
): Promise<Visit> {
  for (let attempt = 1; ; attempt++) {
    const made = await visit(port, { ...options, session })
    if (made.resumed || attempt === 100) return made
  }
}

describe('case 42: strangers at the port of a session node', () => {
  let node: ServerUnderTest
  let server: ServerUnderTest
  let tap: Tap
  let made: Visit
  let nodePort = 0

  beforeAll(async () => {
    nodePort = await freePort()
    tap = await openTap(openings, () => nodePort)
    const nodeFiles = clusterFiles([front, { id: 'store', url: `http://127.0.0.1:${nodePort}` }])
    node = await startListening(['session-node', ...nodeFiles, '--node', 'store'])
    server = await startFront(clusterFiles([front, { id: 'store', url: `http://127.0.0.1:${tap.port}` }]))
    made = await visit(server.port)
    expect(await resumedAt(server.port, made.session)).toMatchObject(resumed)
  })

  /** Says these bytes on a connection of its own; the status of each answer. */
  async function say(bytes: string | Uint8Array): Promise<number[]> {
    const socket = connect({ host: '127.0.0.1', port: nodePort })
    socket.on('error', () => {})
    let text = ''
    const closed = once(socket, 'close')
    socket.on('data', chunk => {
      text += chunk.toString('latin1')
      // A node hangs up on strangers after its answer. Where it does not, the status tells.
      setTimeout(() => socket.destroy(), 1000)
    })
    socket.write(bytes)
    await closed
    return [...text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status))
  }

  const path = (name = randomBytes(32).toString('base64url').replace(/.$/, 'A')) => `/v1/sessions/${name}`
  const request = (line: string, headers = '') => `${line} HTTP/1.1\r\nhost: a\r\n${headers}\r\n`

  /** The requests that our server made, each as it was. */
  const overheard = (method: string) =>
    tap
      .heard()
      .map(bytes => bytes.toString('latin1'))
      .flatMap(text => text.split(/(?=^(?:GET|PUT|DELETE) \/v1)/m))
      .filter(text => text.startsWith(`${method} `))
      .map(text => Buffer.from(text, 'latin1'))

  test.each(['GET', 'PUT'])('case 42: %s replayed as it was overheard: 401', async method => {
    const replayed = overheard(method)
    expect(replayed.length).toBeGreaterThan(0)
    for (const bytes of replayed) expect(await say(bytes)).toEqual([401])
  })

  const changes: readonly [string, (text: string) => string][] = [
    ['for another session', text => text.replace(/^GET \S+/, `GET ${path()}`)],
    ['with another method', text => text.replace(/^GET/, 'DELETE')],
    ['with another MAC', text => text.replace(/mac=./, mac => (mac === 'mac=A' ? 'mac=B' : 'mac=A'))],
    [
      'with another nonce',
      text => text.replace(/nonce=./, nonce => (nonce === 'nonce=A' ? 'nonce=B' : 'nonce=A')),
    ],
    ['with a time of tomorrow', text => text.replace(/time=\d+/, `time=${Date.now() + 86_400_000}`)],
    ['under another epoch', text => text.replace('epoch=1', 'epoch=2')],
    ['without authentication', text => text.replace(/authorization: .*\r\n/i, '')],
    ['with half of it', text => text.replace(/,mac=\S*/, '')],
    ['under another scheme', text => text.replace('ringtls-hmac-sha256', 'Basic')],
  ]
  test.each(changes)('case 42: an overheard GET %s: 401', async (_, change) => {
    const honest = overheard('GET')[0]!.toString('latin1')
    const changed = change(honest)
    expect(changed).not.toBe(honest)
    expect(await say(Buffer.from(changed, 'latin1'))).toEqual([401])
  })

  const name43 = 'A'.repeat(43)
  const strange: readonly [string, string, readonly number[]][] = [
    ['a GET of a stranger', request(`GET ${path()}`), [401]],
    ['traversal', request(`GET /v1/sessions/../../etc/passwd`), [404]],
    ['traversal in percent signs', request(`GET /v1/sessions/%2e%2e%2f%2e%2e%2fetc%2fpasswd`), [404]],
    ['traversal in a name of the right length', request(`GET /v1/sessions/${'../'.repeat(14)}A`), [404]],
    ['a name behind a session', request(`GET /v1/sessions/${name43}/../${name43}`), [404]],
    ['a query', request(`GET ${path(name43)}?all=1`), [404]],
    ['a name with a zero byte', request(`GET ${path(`${name43.slice(3)}%00`)}`), [404]],
    ['all sessions', request('GET /v1/sessions/'), [404]],
    ['a whole URL', request(`GET http://127.0.0.1/etc/passwd`), [404]],
    ['another method', request(`POST ${path(name43)}`), [405]],
    ['CONNECT', request('CONNECT 127.0.0.1:22'), []],
    ['a header of 100 KB', request('GET /healthz', `x: ${'y'.repeat(100_000)}\r\n`), [431]],
    ['ten thousand headers', request('GET /healthz', 'a: b\r\n'.repeat(10_000)), [431]],
    ['a path of 100 KB', request(`GET /${'a'.repeat(100_000)}`), [431]],
    [
      'a body of 10 MB, announced',
      request(`PUT ${path(name43)}`, 'content-length: 10000000\r\n') + 'x'.repeat(20_000),
      [413],
    ],
    [
      'two lengths',
      `${request(`PUT ${path(name43)}`, 'content-length: 3\r\ncontent-length: 4\r\n')}abc`,
      [400],
    ],
    [
      'a length and chunks',
      `${request(`PUT ${path(name43)}`, 'content-length: 3\r\ntransfer-encoding: chunked\r\n')}abc`,
      [400],
    ],
    ['no HTTP', 'EHLO example.test\r\n', [400]],
    ['a ClientHello', '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03', [400]],
  ]
  test.each(strange)('case 42: %s: refused', async (_, bytes, statuses) => {
    expect(await say(Buffer.from(bytes, 'latin1'))).toEqual(statuses)
  })

  test('case 42: and after all that our own server resumes, and nobody printed a secret', async () => {
    expect(await visit(server.port, { session: made.session })).toMatchObject(resumed)
    expectNoSecrets(outputOf(server) + outputOf(node), [made])
    // Nor did one travel: what is overheard between servers holds neither the ID nor the master secret.
    expectNoSecrets(Buffer.concat(tap.heard()).toString('latin1'), [made])
    await node.stop()
    expect(node.events.at(-1)).toMatchObject({ event: 'stopped', delete: { deleted: 0, missing: 0 } })
  })
})

describe('case 33: the store is full', () => {
  async function open(limits: Partial<SessionNodeLimits>) {
    const port = await freePort()
    const nodes = [front, { id: 'store', url: `http://127.0.0.1:${port}` }]
    const node = createSessionNode({
      ...{
        membership: membershipOf(testInfo(nodes), provider),
        nodeId: 'store',
        keys: testKeys(),
        provider,
        now: Date.now,
      },
      limits: { ...smallMemory, ...limits },
    })
    await node.listen('127.0.0.1', port)
    openings.add(() => node.close())
    const server = await startFront(clusterFiles(nodes))
    return { node, server }
  }

  test.each<[string, Partial<SessionNodeLimits>]>([
    ['of records', { maxRecords: 3 }],
    ['of bytes', { maxBytes: 700 }],
  ])(
    'case 33: %s: the session that nobody asked for longest is full, the others resume',
    async (_, limits) => {
      const { node, server } = await open(limits)
      const made: Visit[] = []
      for (let i = 0; i < 4; i++) {
        made.push(await visit(server.port))
        await until(() => node.counters.put.stored === i + 1)
        // The first is used again, the second is not.
        if (i === 1) expect(await visit(server.port, { session: made[0]!.session })).toMatchObject(resumed)
      }
      expect(node.memory).toMatchObject({ entries: 3, evictions: 1 })
      expect(await visit(server.port, { session: made[1]!.session })).toMatchObject({
        resumed: false,
        reason: 'miss',
      })
      for (const { session } of made.slice(2))
        expect(await visit(server.port, { session })).toMatchObject(resumed)
    },
  )

  test('case 33: of nonces: nothing is stored and nothing found, and every client has its page', async () => {
    // One for the server's first question, one for the first PUT.
    const { node, server } = await open({ maxNonces: 2 })
    const first = await visit(server.port)
    await until(() => node.counters.put.stored === 1)
    expect(await visit(server.port, { session: first.session })).toMatchObject({
      resumed: false,
      reason: 'error',
    })
    await until(() => node.counters.nonces_full === 2)
    expect(node.memory.entries).toBe(1)
  })
})

const hasIpv6 = Object.values(networkInterfaces()).some(list =>
  list?.some(({ address }) => address === '::1'),
)

describe.skipIf(!hasIpv6)('case 43: an IPv6 address and a host name', () => {
  let servers: ServerUnderTest[]
  beforeAll(async () => {
    const [one, two] = await freePorts(2)
    const files = clusterFiles([
      { id: 'v6', url: `http://[::1]:${one}` },
      { id: 'name', url: `http://localhost:${two}` },
    ])
    const start = (id: string, listen: string) =>
      startListening([
        ...['server', '--listen', listen, '--node', id, '--lookup-timeout', '5000'],
        ...certificateArgs('server'),
        ...files,
      ])
    servers = await Promise.all([start('v6', '[::1]:0'), start('name', 'localhost:0')])
  })

  test.each([
    ['v6', 0, 'name', 1],
    ['name', 1, 'v6', 0],
  ])('case 43: made at %s, kept at the other, resumed at both', async (_, maker, owner, other) => {
    const hosts = ['::1', servers[1]!.host]
    const made = await visit(servers[maker]!.port, { host: hosts[maker]! })
    expect(made.page).toMatchObject({ resumed: 'no', reason: 'no_id', owner })
    for (const at of [other, maker]) {
      const again = await resumedAt(servers[at]!.port, made.session, { host: hosts[at]! })
      expect(again).toMatchObject(resumed)
      expect(again.page.owner).toBe(owner)
    }
    for (const server of servers) expectNoSecrets(outputOf(server), [made])
  })
})
