import { once } from 'node:events'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { readSessionFile } from '../../src/cli/session-file.ts'
import {
  jsonLines,
  type RunOptions,
  run,
  startListening,
  startServers,
  temporaryDirectory,
  untilStored,
} from '../support/processes.ts'

type Servers = Awaited<ReturnType<typeof startServers>>

const directory = temporaryDirectory()
const sessionFile = join(directory, 'session.pem')
const number = expect.any(Number)
let servers: Servers

beforeAll(async () => {
  // RSA key exchange: the method's own path.
  servers = await startServers(2, ['--ciphers', 'AES128-GCM-SHA256'])
})

const ca = () => servers[0]!.cluster.file('ca.pem')
const client = (at: number, args: readonly string[], options?: RunOptions) =>
  run(['client', `localhost:${servers[at]!.port}`, '--ca', ca(), ...args], options)

describe('a cluster of two servers', () => {
  it('full at one, over HTTP, and the session goes to a file that is kept secret', async () => {
    writeFileSync(sessionFile, 'old')
    chmodSync(sessionFile, 0o644)
    const { exitCode, stdout, stderr } = await client(0, ['--http', '/', '--session-out', sessionFile])
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(
      /^server: n1\nprotocol: TLSv1.2\ncipher: TLS_RSA_WITH_AES_128_GCM_SHA256\nresumed: no\nreason: no_id\nowner: n2\nlook-up: none\ngroup: none\nalpn: none\nclient: none\n$/,
    )
    expect(stderr).toMatch(
      /^protocol: TLSv1.2\ncipher: TLS_RSA_WITH_AES_128_GCM_SHA256\nresumed: no\nverified: yes\n/,
    )
    expect(stderr).toMatch(/session\.pem: written with mode 0600; it holds a master secret/)
    expect(statSync(sessionFile).mode & 0o777).toBe(0o600)
    const text = readFileSync(sessionFile, 'utf8')
    expect(text).toMatch(/-----BEGIN RINGTLS SESSION-----\n[A-Za-z0-9+/=\n]+-----END RINGTLS SESSION-----\n$/)
    expect(text).toMatch(
      /\nserver name: localhost\nverified: yes\ncipher suite: TLS_RSA_WITH_AES_128_GCM_SHA256\n/,
    )
    await untilStored(servers[0]!.cluster, readSessionFile(sessionFile).client.sessionId)
  })

  it('resumed at the other, and the events of both say so in exactly these fields', async () => {
    const { exitCode, stdout } = await client(1, ['--http', '/', '--session-in', sessionFile, '--json'])
    expect(exitCode).toBe(0)
    const shape = {
      event: 'handshake',
      node: null,
      protocol: 'TLSv1.2',
      cipher: 'TLS_RSA_WITH_AES_128_GCM_SHA256',
      resumed: true,
      reason: 'hit',
      owner: null,
      lookupMs: null,
      bytesIn: number,
      bytesOut: number,
      ms: number,
    }
    const settled = { alpn: null, group: null, client: null, clientAuthenticated: false }
    const [handshake, response] = jsonLines(stdout)
    expect(handshake).toStrictEqual({ ...shape, verified: true, ...settled })
    expect(Object.keys(handshake!)).toEqual(Object.keys({ ...shape, verified: true, ...settled }))
    expect(response).toStrictEqual({
      event: 'response',
      status: 200,
      body: expect.stringContaining('resumed: yes\n'),
    })
    const served = await servers[1]!.event('handshake')
    expect(served).toStrictEqual({ ...shape, node: 'n2', owner: 'n2', lookupMs: number, ...settled })
    expect(Object.keys(served)).toEqual(Object.keys({ ...shape, ...settled }))
    expect([served.bytesIn, served.bytesOut]).toEqual([handshake!.bytesOut, handshake!.bytesIn])
    const full = await servers[0]!.event('handshake')
    expect(full).toStrictEqual({
      ...shape,
      ...{ node: 'n1', resumed: false, reason: 'no_id', owner: 'n2', lookupMs: null, ...settled },
    })
    const { host, port } = servers[0]!
    expect(servers[0]!.events[0]).toStrictEqual({ event: 'listening', host, port })
  })

  it('a session of another name is not offered, which is said, and the handshake is full', async () => {
    const { exitCode, stdout, stderr } = await run([
      'client',
      servers[1]!.address,
      '--ca',
      ca(),
      '--session-in',
      sessionFile,
    ])
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/\nresumed: no\nverified: yes\n/)
    expect(stderr).toBe(
      `ringtls: ${sessionFile}: not offered: it was made with "localhost", and this connection is to "127.0.0.1"; going on with a full handshake\n`,
    )
  })

  it('a session that was not verified is not offered where a verified one is asked for', async () => {
    const file = join(directory, 'insecure.pem')
    const address = `localhost:${servers[0]!.port}`
    const made = await run(['client', address, '--insecure', '--session-out', file])
    expect(made.stdout).toMatch(/\nverified: no \(/)
    const { stdout, stderr } = await client(0, ['--session-in', file])
    expect(stdout).toMatch(/\nresumed: no\nverified: yes\n/)
    expect(stderr).toMatch(/not offered: it was made without verifying the server/)
  })

  it('a handshake that fails is one line and exit 1, and an event on both sides', async () => {
    const { exitCode, stdout, stderr } = await client(0, ['--servername', 'wrong.example', '--json'])
    expect(exitCode).toBe(1)
    expect(jsonLines(stdout)).toStrictEqual([
      {
        event: 'handshakeFailed',
        code: 'HOSTNAME_MISMATCH',
        message: expect.stringContaining('wrong.example'),
      },
    ])
    expect(stderr).toMatch(
      /^ringtls: handshake with localhost:\d+ failed: HOSTNAME_MISMATCH: [^\n]* bad_certificate\n$/,
    )
    expect(await servers[0]!.event('handshakeFailed')).toStrictEqual({
      event: 'handshakeFailed',
      code: 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE',
      message: 'the peer sent the fatal alert bad_certificate',
    })
  })

  it('a connection without a byte, as a balancer checks health, is no handshake that failed; one with a byte is', async () => {
    const server = await startListening([
      'server',
      '--listen',
      '127.0.0.1:0',
      ...servers[0]!.cluster.certificateArgs,
    ])
    const come = async (bytes: string) => {
      const socket = connect(server.port, server.host).resume()
      socket.end(bytes)
      await once(socket, 'close')
    }
    await come('')
    await come('\x16')
    expect(await server.event('handshakeFailed')).toMatchObject({ code: 'TRUNCATED' })
    await server.stop()
    expect(server.events.filter(({ event }) => event === 'handshakeFailed')).toHaveLength(1)
    expect(await server.event('stopped')).toMatchObject({ handshakes: 0, failed: 1 })
  })

  it('nobody there is one line and exit 1', async () => {
    const { exitCode, stderr } = await run(['client', 'localhost:1', '--insecure'])
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(/^ringtls: localhost:1: nobody listens[^\n]*\n$/),
    ])
  })

  it('SIGTERM and SIGINT: each says what it did and exits 0', async () => {
    expect(await Promise.all([servers[0]!.stop('SIGTERM'), servers[1]!.stop('SIGINT')])).toEqual([0, 0])
    expect(servers[1]!.events.at(-1)).toStrictEqual({
      ...{
        event: 'stopped',
        node: 'n2',
        handshakes: 2,
        resumed: 1,
        failed: 0,
        requests: 2,
        lookups: 1,
        puts: 1,
      },
    })
    expect(servers.map(server => server.stderr())).toEqual(['', ''])
  })
})

describe('a server alone', () => {
  it('echoes, on IPv6, under a chosen suite, and writes a key log that nobody else may read', async () => {
    const keylog = join(directory, 'keys.log')
    const { certificateArgs } = servers[0]!.cluster
    const args = ['server', '--listen', '[::1]:0', ...certificateArgs, '--app', 'echo', '--keylog', keylog]
    const server = await startListening([...args, '--ciphers', 'AES256-SHA:AES128-SHA256'])
    expect(server.host).toBe('::1')
    const { exitCode, stdout, stderr } = await run(['client', server.address, '--ca', ca()], {
      input: 'hello, hello\n',
    })
    expect([exitCode, stdout]).toEqual([0, 'hello, hello\n'])
    expect(stderr).toMatch(/\ncipher: TLS_RSA_WITH_AES_256_CBC_SHA\n/)
    expect(await server.event('handshake')).toMatchObject({ node: null, owner: null, lookupMs: null })
    expect(await server.stop()).toBe(0)
    expect(readFileSync(keylog, 'utf8')).toMatch(/^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}\n$/)
    expect(statSync(keylog).mode & 0o777).toBe(0o600)
  })

  it('says in text what it says in JSON, and keeps sessions for itself', async () => {
    const file = join(directory, 'alone.pem')
    const { certificateArgs } = servers[0]!.cluster
    const server = await startListening(['server', '--listen', 'localhost:0', ...certificateArgs])
    const address = `localhost:${server.port}`
    await run(['client', address, '--ca', ca(), '--session-out', file])
    const { stdout } = await run(['client', address, '--ca', ca(), '--session-in', file, '--http', '/any'])
    expect(stdout).toMatch(
      new RegExp(`^server: localhost:${server.port}\n[^]*resumed: yes\nreason: hit\nowner: none\n`),
    )
    expect(await server.event('handshake', 2)).toMatchObject({ resumed: true, owner: null, lookupMs: number })
    expect(await server.stop()).toBe(0)
  })
})

it('a session node stores for servers that run none', async () => {
  const { cluster } = servers[0]!
  const node = await startListening(['session-node', ...cluster.clusterArgs, '--node', 'n2'])
  const url = (JSON.parse(readFileSync(cluster.file('cluster.json'), 'utf8')) as { nodes: { url: string }[] })
    .nodes[1]!.url
  expect(`http://${node.address}`).toBe(url)
  const [front] = await startServers(1, ['--no-store'], cluster)
  const file = join(directory, 'node.pem')
  const address = `localhost:${front!.port}`
  await run(['client', address, '--ca', ca(), '--session-out', file])
  await untilStored(cluster, readSessionFile(file).client.sessionId)
  const { stdout } = await run(['client', address, '--ca', ca(), '--session-in', file])
  expect(stdout).toMatch(/\nresumed: yes\n/)
  expect(await front!.stop()).toBe(0)
  expect(await node.stop()).toBe(0)
  expect(node.events.at(-1)).toMatchObject({ event: 'stopped', node: 'n2', records: 1 })
})
