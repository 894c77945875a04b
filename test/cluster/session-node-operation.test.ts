/** What operators see of a session node: its log, its end, its certificates. */
import { X509Certificate } from 'node:crypto'
import { connect } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ClusterLog } from '../../src/cluster/cluster-log.ts'
import { HttpSessionStore } from '../../src/cluster/http-session-store.ts'
import { membershipOf } from '../../src/cluster/membership.ts'
import type { NodeTls } from '../../src/cluster/node-tls.ts'
import {
  createSessionNode,
  type SessionNode,
  type SessionNodeLimits,
  type SessionNodeOptions,
} from '../../src/cluster/session-node.ts'
import {
  type CertificateAndKey,
  makeCertificateAuthority,
  makeNodeCertificate,
  makeServerCertificate,
} from '../../src/pki/make-certificates.ts'
import { freePort } from '../support/free-ports.ts'
import { hash, keyPath, NodeClient, parseResponse } from './node-client.ts'
import {
  Clock,
  noSignal,
  Openings,
  provider,
  randomOf,
  smallMemory,
  testInfo,
  testKeys,
  until,
} from './support.ts'

const openings = new Openings()
afterEach(() => openings.release())

interface Line {
  readonly level: string
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

/** A log that keeps its lines. */
function keptLog(): { readonly log: ClusterLog; readonly lines: Line[] } {
  const lines: Line[] = []
  const write = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields: { ...fields }, message })
  }
  return {
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    lines,
  }
}

interface Opened {
  readonly node: SessionNode
  readonly port: number
  readonly clock: Clock
  readonly client: NodeClient
  readonly lines: Line[]
}

async function openNode(more: Partial<SessionNodeOptions> = {}): Promise<Opened> {
  const clock = new Clock()
  const { log, lines } = keptLog()
  const membership = membershipOf(testInfo([{ id: 'a', url: 'http://127.0.0.1:1' }]), provider)
  const limits = { ...smallMemory, ...more.limits }
  const surroundings = { membership, nodeId: 'a', keys: testKeys(), provider, now: clock.now }
  const node = createSessionNode({ ...surroundings, log, ...more, limits })
  openings.add(() => node.close(0))
  const { port } = await node.listen('127.0.0.1', 0)
  return {
    node,
    port,
    clock,
    lines,
    client: new NodeClient({ port, clock, nodeId: 'a', digest: membership.digest }),
  }
}

describe('the log of a session node', () => {
  const warnings = (lines: Line[]) => lines.filter(({ level }) => level === 'warn')

  test('says where it listens, and when it ends', async () => {
    const { node, port, lines } = await openNode()
    await node.close()
    expect(lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
      'info session node listens',
      'info session node shuts down',
      'info session node has shut down',
    ])
    expect(lines[0]!.fields).toEqual({ node: 'a', host: '127.0.0.1', port, scheme: 'http' })
  })

  test('tells each foreign cluster_info once, up to 64 of them', async () => {
    const { client, lines, node } = await openNode()
    for (let i = 0; i < 3; i++) await client.ask({ digest: hash('another list') })
    const { digest } = client.options
    expect(warnings(lines)).toEqual([
      {
        level: 'warn',
        fields: { ours: digest, theirs: hash('another list'), revision: 1 },
        message: 'a server has another cluster_info',
      },
    ])
    for (let i = 0; i < 70; i++) await client.ask({ digest: hash(`list ${i}`) })
    expect(warnings(lines)).toHaveLength(64)
    expect(node.counters.cluster_digest_mismatch).toBe(73)
  })

  test('shows no digest that is none', async () => {
    const { client, lines } = await openNode()
    await client.ask({ digest: 'a line of somebody else, with a 200 in it' })
    expect(warnings(lines)[0]!.fields.theirs).toBe('none')
  })

  test('tells of strangers by reason, a line a second, and how many there were', async () => {
    const { client, lines, clock } = await openNode()
    const counts = () => warnings(lines).map(({ fields }) => `${fields.reason} ${fields.count}`)
    for (let i = 0; i < 5; i++) await client.ask({ authorization: undefined })
    await client.ask({ key: Buffer.alloc(32) })
    expect(counts()).toEqual(['malformed 1', 'wrong_mac 1'])
    clock.nowMs += 1000
    await client.ask({ authorization: undefined })
    expect(counts()).toEqual(['malformed 1', 'wrong_mac 1', 'malformed 5'])
    // A clock that was set back by an hour does not silence it for an hour.
    clock.nowMs -= 3_600_000
    await client.ask({ authorization: undefined })
    expect(counts()).toHaveLength(4)
  })

  test('tells that it is full', async () => {
    const { client, lines } = await openNode({ limits: { maxNonces: 1 } })
    for (let i = 0; i < 4; i++) await client.ask()
    expect(warnings(lines).map(({ message }) => message)).toEqual([
      '503: more requests in 60 s than nonces are kept of',
    ])
  })

  test('has method and status of every reply at debug level, and nothing that was sent', async () => {
    const { client, lines } = await openNode()
    await client.ask({ method: 'PUT', body: Buffer.from('a sealed record'), lifetime: '600000' })
    await client.ask({ path: '/secret?of=mine', method: 'POST' })
    expect(lines.filter(({ level }) => level === 'debug').map(({ fields }) => fields)).toEqual([
      { method: 'PUT', status: 204 },
      { method: 'other', status: 404 },
    ])
    const all = JSON.stringify(lines)
    for (const sent of ['sealed', 'secret', 'nonce', 'mac=', keyPath(1)]) expect(all).not.toContain(sent)
  })

  test('tells that connections are refused', async () => {
    const { port, lines, node } = await openNode({ limits: { maxConnections: 1 } })
    const sockets = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
    for (const socket of sockets) socket.on('error', () => {})
    await until(() => node.counters.refused_connections.too_many === 1)
    expect(warnings(lines)[0]!.fields).toEqual({ reason: 'too_many', count: 1 })
    for (const socket of sockets) socket.destroy()
  })
})

describe('the end of a session node', () => {
  /** A kept connection with a PUT on it whose body is still to come. */
  async function halfPut({ port, client }: Opened) {
    const body = Buffer.from('a sealed record')
    const headers = { ...client.headersOf({ method: 'PUT', body, lifetime: '600000' }), host: 'a' }
    const lines = [`PUT ${keyPath(1)} HTTP/1.1`, ...Object.entries(headers).map(header => header.join(': '))]
    const socket = connect(port, '127.0.0.1')
    let said = ''
    const ended = new Promise<string>(resolve => socket.on('close', () => resolve(said)))
    socket.on('error', () => {})
    socket.on('data', data => {
      said += data
    })
    socket.write(
      `${lines.join('\r\n')}\r\nconnection: keep-alive\r\nexpect: 100-continue\r\ncontent-length: 15\r\n\r\n`,
    )
    // Then the node has its head.
    await until(() => said.includes('100 Continue'))
    return { socket, body, ended }
  }

  test('lets finish what is under way, and takes nothing new', async () => {
    const opened = await openNode()
    const { socket, body, ended } = await halfPut(opened)
    const closed = opened.node.close(10_000)
    await until(() => opened.node.address() === undefined)
    await expect(opened.client.ask()).rejects.toThrow('ECONNREFUSED')
    socket.write(body)
    const answer = parseResponse((await ended).replace('HTTP/1.1 100 Continue\r\n\r\n', ''))
    expect(answer).toMatchObject({ status: 204, headers: { connection: 'close' } })
    await closed
    expect(opened.node.memory.entries).toBe(1)
  })

  test('drops what does not finish in time', async () => {
    const opened = await openNode()
    const { ended } = await halfPut(opened)
    await opened.node.close(50)
    expect(await ended).toBe('HTTP/1.1 100 Continue\r\n\r\n')
  })

  test('drops idle connections at once', async () => {
    const opened = await openNode()
    const { socket, body, ended } = await halfPut(opened)
    const startedMs = Date.now()
    socket.write(body)
    await until(() => opened.node.memory.entries === 1)
    await opened.node.close(60_000)
    await ended
    expect(Date.now() - startedMs).toBeLessThan(30_000)
  })
})

describe('a session node with https', () => {
  const hosts = ['127.0.0.1', '::1', 'localhost']
  let ca: CertificateAndKey
  let tls: NodeTls
  /** Whoever else has a certificate. */
  let strangers: NodeTls
  let serverOnly: CertificateAndKey
  let elsewhere: CertificateAndKey

  beforeAll(async () => {
    const lifetime = { nowMs: Date.now(), validDays: 1 }
    ca = await makeCertificateAuthority({ commonName: 'nodes', ...lifetime })
    const otherCa = await makeCertificateAuthority({ commonName: 'others', ...lifetime })
    const node = await makeNodeCertificate({ ca, hosts, ...lifetime })
    const other = await makeNodeCertificate({ ca: otherCa, hosts, ...lifetime })
    serverOnly = await makeServerCertificate({ ca, hosts, ...lifetime })
    elsewhere = await makeNodeCertificate({ ca, hosts: ['10.9.8.7'], ...lifetime })
    tls = { cert: node.certificatePem, key: node.keyPem, ca: ca.certificatePem }
    strangers = { cert: other.certificatePem, key: other.keyPem, ca: ca.certificatePem }
  })

  /** A store of a server, and the one node of its cluster at `host`. */
  async function openPair(
    host: string,
    shown: { node?: NodeTls; server?: NodeTls; limits?: Partial<SessionNodeLimits> },
  ) {
    const port = await freePort()
    const { log, lines } = keptLog()
    const clock = new Clock()
    const membership = membershipOf(
      testInfo([{ id: 'a', url: `https://${host.includes(':') ? `[${host}]` : host}:${port}` }]),
      provider,
    )
    const keys = testKeys()
    const node = createSessionNode({
      membership,
      nodeId: 'a',
      keys,
      provider,
      now: clock.now,
      limits: { ...smallMemory, ...shown.limits },
      tls: shown.node ?? tls,
      log,
    })
    openings.add(() => node.close(0))
    await node.listen(host, port)
    const limits = { readTimeoutMs: 5000, writeTimeoutMs: 5000 }
    const store = new HttpSessionStore({
      membership,
      keys,
      provider,
      random: randomOf(),
      now: clock.now,
      limits,
      tls: shown.server,
    })
    openings.add(() => store.close())
    const client = (certificate: Partial<NodeTls>) =>
      new NodeClient({
        host,
        port,
        clock,
        nodeId: 'a',
        digest: membership.digest,
        tls: { ca: tls.ca, ...certificate },
      })
    return { node, port, store, client, lines }
  }
  const storageKey = new Uint8Array(32).fill(7)

  test.each(['127.0.0.1', '::1', 'localhost'])('serves the servers of the cluster at %s', async host => {
    const { store } = await openPair(host, { server: tls })
    await store.put(storageKey, new Uint8Array([1, 2, 3]), 60_000)
    expect(await store.get(storageKey, noSignal)).toEqual(new Uint8Array([1, 2, 3]))
  })

  test('serves nobody without a certificate, not even with a good signature', async () => {
    const { client, node, lines } = await openPair('127.0.0.1', { server: tls })
    await expect(client({}).ask()).rejects.toThrow()
    await expect(client({}).ask({ path: '/healthz' })).rejects.toThrow()
    await expect(client(strangers).ask()).rejects.toThrow()
    expect((await client(tls).ask()).status).toBe(404)
    expect(node.counters.replies).toEqual({ 'GET 404': 1 })
    await until(() => node.counters.refused_connections.tls === 3)
    expect(lines.find(({ level }) => level === 'warn')?.fields).toMatchObject({
      ...{ reason: 'tls', code: 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE', count: 1 },
    })
  })

  test.each<[string, () => NodeTls]>([
    ['of another authority', () => ({ ...strangers, ca: tls.ca })],
    ['that is not for clients', () => ({ ...tls, cert: serverOnly.certificatePem, key: serverOnly.keyPem })],
  ])('refuses a server with a certificate %s', async (_, server) => {
    const { store } = await openPair('127.0.0.1', { server: server() })
    await expect(store.put(storageKey, new Uint8Array(1), 60_000)).rejects.toMatchObject({
      name: 'StoreFailure',
    })
  })

  test.each<[string, () => NodeTls]>([
    ['of another authority', () => strangers],
    ['that names another host', () => ({ ...tls, cert: elsewhere.certificatePem, key: elsewhere.keyPem })],
  ])('is refused by servers when it shows a certificate %s', async (_, nodeTls) => {
    const { store, node } = await openPair('127.0.0.1', { node: { ...nodeTls(), ca: tls.ca }, server: tls })
    await expect(store.put(storageKey, new Uint8Array(1), 60_000)).rejects.toMatchObject({
      name: 'StoreFailure',
    })
    expect(node.memory.entries).toBe(0)
  })

  test('a stranger who says nothing holds no place, and does not keep it from ending', async () => {
    const { port, node } = await openPair('127.0.0.1', { server: tls, limits: { requestTimeoutMs: 100 } })
    const silent = connect(port, '127.0.0.1')
    silent.on('error', () => {})
    await new Promise(resolve => silent.once('close', resolve))
    const late = connect(port, '127.0.0.1')
    late.on('error', () => {})
    await new Promise(resolve => late.once('connect', resolve))
    await node.close(1)
    expect(node.address()).toBeUndefined()
  })

  test('speaks no TLS below 1.2', async () => {
    const { port } = await openPair('127.0.0.1', { server: tls })
    const failed = await new Promise<Error>((resolve, reject) => {
      const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
      const socket = tlsConnect({ host: '127.0.0.1', port, ...tls, ...old }, () =>
        reject(new Error('it did')),
      )
      socket.on('error', resolve)
    })
    expect(failed.message).toMatch(/protocol version/i)
  })

  test('and certificates that it makes are for both ends', () => {
    expect(new X509Certificate(tls.cert).keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  })
})
