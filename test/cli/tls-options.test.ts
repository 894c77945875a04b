/** What the command line says of negotiation, client certificates, tickets and staples, and what comes of it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { readSessionFile } from '../../src/cli/session-file.ts'
import { needs, runPeer } from '../support/peers.ts'
import { jsonLines, run, startListening, startServers, temporaryDirectory } from '../support/processes.ts'

const directory = temporaryDirectory()
const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))
const pair = (name: string) => ['--cert', fixture(`${name}.pem`), '--key', fixture(`${name}.key`)]
const ca = ['--ca', fixture('ca.pem')]
const certificate = pair('server')

const serve = (...args: string[]) =>
  startListening(['server', '--listen', 'localhost:0', ...certificate, ...args])

/** Our client's handshake, or its failure, as an event. */
async function connect(port: number, ...args: string[]) {
  const { stdout } = await run(['client', `localhost:${port}`, ...ca, '--json', ...args])
  return jsonLines(stdout)[0]
}

describe('what is negotiated', () => {
  it('is what both allow, in the order of the server, or of the client with --prefer-client-order', async () => {
    const names = [
      '--alpn',
      'h2,http/1.1',
      '--groups',
      'P-256:X25519',
      '--ciphers',
      'ECDHE-RSA-AES128-GCM-SHA256',
    ]
    const [ours, theirs] = await Promise.all([serve(...names), serve(...names, '--prefer-client-order')])
    const offer = ['--alpn', 'http/1.1:h2', '--groups', 'X25519,P-256']
    expect(await connect(ours.port, ...offer)).toMatchObject({ alpn: 'h2', group: 'secp256r1' })
    expect(await connect(theirs.port, ...offer)).toMatchObject({ alpn: 'h2', group: 'x25519' })
    expect(await ours.event('handshake')).toMatchObject({
      ...{ cipher: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', alpn: 'h2', group: 'secp256r1', client: null },
    })
    expect(await connect(ours.port, '--alpn', 'h3')).toMatchObject({
      ...{ event: 'handshakeFailed', code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' },
    })
  })

  it('--policy modern on either side leaves RSA key exchange out', async () => {
    const ciphers = ['--ciphers', 'AES128-GCM-SHA256']
    const [modern, old] = await Promise.all([serve('--policy', 'modern'), serve(...ciphers)])
    expect(await connect(modern.port, ...ciphers)).toMatchObject({ event: 'handshakeFailed' })
    expect(await connect(old.port, '--policy', 'modern')).toMatchObject({ event: 'handshakeFailed' })
    expect(await connect(old.port)).toMatchObject({ event: 'handshake', group: null })
  })

  it('is in the order of the provider that --provider names', async () => {
    const [noble, node] = await Promise.all([serve(), serve('--provider', 'node')])
    expect(await connect(noble.port)).toMatchObject({
      cipher: 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
    })
    expect(await connect(node.port, '--provider', 'node')).toMatchObject({
      cipher: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    })
  })

  it('--key-workers has a thread do the work of the private key', async () => {
    const server = await serve('--key-workers', '1')
    const threads = () => readdirSync(`/proc/${server.process.pid}/task`).length
    const before = threads()
    expect(await connect(server.port)).toMatchObject({ event: 'handshake' })
    expect(threads()).toBeGreaterThan(before)
    expect(
      (await run(['server', '--listen', 'localhost:0', ...certificate, '--key-workers', '0'])).exitCode,
    ).toBe(2)
  })

  it('is told on the page and in text', async () => {
    const server = await serve('--alpn', 'http/1.1')
    const args = ['client', `localhost:${server.port}`, ...ca, '--http', '/', '--alpn', 'http/1.1']
    const { stdout, stderr } = await run([...args, '--groups', 'P-384'])
    expect(stdout).toMatch(/\nlook-up: none\ngroup: secp384r1\nalpn: http\/1\.1\nclient: none\n$/)
    expect(stderr).toMatch(
      /\nverified: yes\nhandshake: .*\ngroup: secp384r1\nalpn: http\/1\.1\nclient certificate: no\n$/,
    )
  })
})

describe('--client-auth', () => {
  const clientCa = ['--client-ca', fixture('client-ca.pem')]

  it('require: who has a certificate is let in and named, nobody else', async () => {
    const server = await serve('--client-auth', 'require', ...clientCa)
    const args = ['client', `localhost:${server.port}`, ...ca, '--http', '/', ...pair('client-ed25519')]
    expect((await run(args)).stdout).toMatch(/\nclient: CN=client-ed25519 \(verified\)\n$/)
    expect(await server.event('handshake')).toMatchObject({
      client: 'CN=client-ed25519',
      clientAuthenticated: true,
    })
    expect(await connect(server.port)).toMatchObject({ code: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE' })
    expect(await server.event('handshakeFailed')).toMatchObject({ code: 'PEER_DID_NOT_RETURN_A_CERTIFICATE' })
  })

  it('request: the others too, and it says so', async () => {
    const server = await serve('--client-auth', 'request', ...clientCa)
    expect(await connect(server.port)).toMatchObject({ event: 'handshake', clientAuthenticated: false })
    expect(await connect(server.port, ...pair('client-ec'))).toMatchObject({ clientAuthenticated: true })
    expect(await server.event('handshake')).toMatchObject({ client: null, clientAuthenticated: false })
    expect(await server.event('handshake', 2)).toMatchObject({
      client: 'CN=client-ec',
      clientAuthenticated: true,
    })
  })

  it('request without --client-ca: whoever comes, and nobody is verified', async () => {
    const server = await serve('--client-auth', 'request')
    const args = ['client', `localhost:${server.port}`, ...ca, '--http', '/', ...pair('client-ec')]
    expect((await run(args)).stdout).toMatch(/\nclient: CN=client-ec \(not verified\)\n$/)
    expect(await server.event('handshake')).toMatchObject({
      client: 'CN=client-ec',
      clientAuthenticated: false,
    })
  })

  it('one of several certificates: the one whose authority the server names', async () => {
    const server = await serve('--client-auth', 'require', ...clientCa)
    expect(await connect(server.port, ...pair('ec'), ...pair('client-rsa'))).toMatchObject({
      event: 'handshake',
    })
    expect(await server.event('handshake')).toMatchObject({ client: 'CN=client-rsa' })
  })
})

describe('--tickets', () => {
  let servers: Awaited<ReturnType<typeof startServers>>
  // Its keys and processes take a while on busy cores.
  beforeAll(async () => {
    servers = await startServers(2, ['--tickets'])
  })

  it('in a cluster: made by one server, resumed at another, and no session node is asked', async () => {
    const { cluster } = servers[0]!
    const file = join(directory, 'ticket.pem')
    const trust = ['--ca', cluster.file('ca.pem')]
    const at = (i: number, ...args: string[]) =>
      run(['client', `localhost:${servers[i]!.port}`, ...trust, '--json', ...args])
    await at(0, '--tickets', '--session-out', file)
    expect(readFileSync(file, 'utf8')).toContain('\noffered by: ticket\n')
    expect(readSessionFile(file).client.ticket).toBeDefined()
    const { stdout } = await at(1, '--session-in', file)
    expect(jsonLines(stdout)[0]).toMatchObject({ resumed: true })
    expect(await servers[1]!.event('handshake')).toMatchObject({ reason: 'hit', owner: null, lookupMs: null })
    await Promise.all(servers.map(server => server.stop()))
    for (const { events } of servers) expect(events.at(-1)).toMatchObject({ requests: 0, puts: 0 })
  })

  it('off: a ticket of another server is not even looked at, and a session ID is given', async () => {
    const file = join(directory, 'other.pem')
    const [giving, plain] = await Promise.all([serve('--tickets'), serve()])
    await connect(giving.port, '--tickets', '--session-out', file)
    expect(await connect(plain.port, '--session-in', file, '--session-out', file)).toMatchObject({
      resumed: false,
    })
    expect(readSessionFile(file).client).toMatchObject({ sessionId: { length: 32 } })
    expect(readSessionFile(file).client.ticket).toBeUndefined()
    expect(await plain.event('handshake')).toMatchObject({ reason: 'miss' })
  })
})

needs('openssl', () => {
  it('--ocsp-response is stapled, in the order of --cert', async () => {
    const response = join(directory, 'response.der')
    // responseStatus tryLater(3), which needs no signature (RFC 6960 section 4.2.1).
    writeFileSync(response, Buffer.from('30030a0103', 'hex'))
    const server = await serve('--ocsp-response', response, ...pair('ec'))
    const ask = async (cipher: string) => {
      const args = [
        's_client',
        '-connect',
        `localhost:${server.port}`,
        '-tls1_2',
        '-status',
        '-cipher',
        cipher,
      ]
      return (await runPeer('openssl', args, { input: '' })).stdout
    }
    expect(await ask('ECDHE-RSA-AES128-GCM-SHA256')).toContain('OCSP Response Status: trylater (0x3)')
    expect(await ask('ECDHE-ECDSA-AES128-GCM-SHA256')).toContain('OCSP response: no response sent')
  })
})
