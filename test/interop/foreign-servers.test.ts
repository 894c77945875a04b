/** Our client at other people's servers: a full handshake, then the session resumed at the same server. */
import { constants, randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { needs, opensslOptions, startGnutlsServer, startOpensslServer } from '../support/peers.ts'
import {
  gnutlsDescription,
  gnutlsIdentities,
  gnutlsPriority,
  mostSuites,
  nodeIdentities,
  oneGcmOneCbc,
  oneOfEachExchange,
  opensslIdentities,
  opensslIdentity,
  type Suite,
  suites,
  type Talk,
  type Visit,
  visit,
} from './support.ts'

const cbcSuites = mostSuites.filter(({ isCbc }) => isCbc)

/** Two visits, the second with the session of the first. */
async function visitTwice(port: number, { name, keyExchange }: Suite, talk: Talk): Promise<[Visit, Visit]> {
  const full = await visit(port, { ciphers: name }, talk)
  const session = full.socket.getSession()
  expect(session).toBeDefined()
  const resumed = await visit(port, { ciphers: name, session: session! }, talk)
  expect(full.socket.authorized).toBe(true)
  expect(full.socket.isSessionReused()).toBe(false)
  expect(full.socket.handshake).toMatchObject({ cipher: name, resumed: false, reason: 'no_id' })
  // ServerKeyExchange is the tenth (RFC 5246 §7.4.3).
  expect(full.socket.handshake?.messages).toHaveLength(keyExchange === 'rsa' ? 9 : 10)
  expect(resumed.socket.authorized).toBe(true)
  expect(resumed.socket.isSessionReused()).toBe(true)
  expect(resumed.socket.handshake).toMatchObject({ cipher: name, resumed: true, reason: 'hit' })
  expect(resumed.socket.handshake?.messages).toHaveLength(6)
  return [full, resumed]
}

describe('openssl s_server', () => {
  const request = { send: 'GET / HTTP/1.0\r\n\r\n' }

  /** Its page tells how it saw the connection, and the extensions it was offered stand in its log. */
  async function check(suite: Suite, flags: readonly string[] = [], env: Record<string, string> = {}) {
    const args = [
      ...opensslIdentities,
      '-tls1_2',
      '-no_ticket',
      '-cipher',
      suite.opensslName,
      '-www',
      ...flags,
    ]
    const server = await startOpensslServer([...args, '-tlsextdebug'], { env })
    const pages = (await visitTwice(server.port, suite, request)).map(({ received }) =>
      received.toString('latin1'),
    )
    expect(pages[0]).toMatch(new RegExp(`^New, \\S+, Cipher is ${suite.opensslName}$`, 'm'))
    expect(pages[1]).toMatch(new RegExp(`^Reused, \\S+, Cipher is ${suite.opensslName}$`, 'm'))
    expect(pages[1]).toMatch(/^ +1 session cache hits$/m)
    for (const page of pages) expect(page).toMatch(/<\/BODY><\/HTML>\s*$/)
    expect(server.process.output.match(/^TLS client extension "encrypt-then-mac"/gm)).toHaveLength(2)
    return pages
  }

  needs('openssl', () => {
    for (const suite of suites) {
      test(`${suite.opensslName}: full, then resumed`, async () => {
        for (const page of await check(suite)) expect(page).toMatch(/^ +Extended master secret: yes$/m)
      })
    }
    for (const suite of cbcSuites) {
      test(`${suite.opensslName} without encrypt_then_mac: full, then resumed`, () =>
        check(suite, ['-no_etm']))
    }
    for (const suite of oneOfEachExchange) {
      test(`${suite.opensslName} without extended_master_secret: full, then resumed`, async () => {
        const pages = await check(suite, [], opensslOptions('-ExtendedMasterSecret'))
        for (const page of pages) expect(page).toMatch(/^ +Extended master secret: no$/m)
      })
    }

    test('lines sent back reversed, over a connection that stays open', async () => {
      const server = await startOpensslServer([...opensslIdentity, '-tls1_2', '-no_ticket', '-rev'])
      const text = 'there and back again\nand again, reversed\n'
      const { received } = await visit(server.port, {}, { send: text, closeAfterBytes: text.length })
      expect(received.toString()).toBe('niaga kcab dna ereht\ndesrever ,niaga dna\n')
    })
  })
})

describe('gnutls-serv', () => {
  /** It says what was agreed on each connection. */
  async function check(suite: Suite, ...flags: readonly string[]): Promise<readonly string[]> {
    const { process, port } = await startGnutlsServer([
      ...gnutlsIdentities,
      ...['--priority', gnutlsPriority(suite.name, ...flags)],
      ...['--echo', '--noticket', '--disable-client-cert'],
    ])
    const text = 'a line, and no more\n'
    const visits = await visitTwice(port, suite, { send: text, closeAfterBytes: text.length })
    for (const { received } of visits) expect(received.toString()).toBe(text)
    const connections = await process.until(output => {
      const [, ...said] = output.split('* Accepted connection')
      return said.length === 2 && said.every(part => part.includes('- Options:')) && said
    })
    for (const said of connections) expect(said).toMatch(gnutlsDescription(suite.name))
    expect(connections[0]).not.toContain('*** This is a resumed session')
    expect(connections[1]).toContain('*** This is a resumed session')
    return connections.map(said => /^- Options: (.*)$/m.exec(said)?.[1] ?? '')
  }

  needs('gnutls-serv', () => {
    for (const suite of mostSuites) {
      test(`${suite.opensslName}: full, then resumed`, async () => {
        const etm = suite.isCbc ? ' EtM,' : ''
        const agreed = `extended master secret, safe renegotiation,${etm}`
        expect(await check(suite)).toEqual([agreed, agreed])
      })
    }
    for (const suite of cbcSuites) {
      test(`${suite.opensslName} without encrypt_then_mac: full, then resumed`, async () => {
        const agreed = 'extended master secret, safe renegotiation,'
        expect(await check(suite, '%NO_ETM')).toEqual([agreed, agreed])
      })
    }
    for (const suite of oneOfEachExchange) {
      test(`${suite.opensslName} without extended_master_secret: full, then resumed`, async () => {
        const agreed = suite.isCbc ? 'safe renegotiation, EtM,' : 'safe renegotiation,'
        expect(await check(suite, '%NO_SESSION_HASH')).toEqual([agreed, agreed])
      })
    }
  })
})

describe('node:tls', () => {
  /** An echo that keeps its sessions in a map; says of each connection whether it was resumed. */
  async function startNodeServer(options: TlsOptions): Promise<{ port: number; seen: boolean[] }> {
    const kept = new Map<string, Buffer>()
    const seen: boolean[] = []
    const server = createServer({
      ...nodeIdentities,
      // Without parameters it does no DHE.
      dhparam: 'auto',
      maxVersion: 'TLSv1.2',
      secureOptions: constants.SSL_OP_NO_TICKET,
      ...options,
    })
    server.on('newSession', (id: Buffer, data: Buffer, done: () => void) => {
      kept.set(id.toString('hex'), data)
      done()
    })
    server.on('resumeSession', (id: Buffer, done: (error: null, data: Buffer | null) => void) =>
      done(null, kept.get(id.toString('hex')) ?? null),
    )
    server.on('secureConnection', (socket: TLSSocket) => {
      seen.push(socket.isSessionReused())
      socket.pipe(socket)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    return { port: (server.address() as AddressInfo).port, seen }
  }

  for (const suite of mostSuites) {
    test(`${suite.opensslName}: full, then resumed`, async () => {
      const { port, seen } = await startNodeServer({ ciphers: suite.opensslName })
      const text = 'sent there and back'
      const visits = await visitTwice(port, suite, { send: text, closeAfterBytes: text.length })
      for (const { received } of visits) expect(received.toString()).toBe(text)
      expect(seen).toEqual([false, true])
    })
  }

  for (const suite of oneGcmOneCbc) {
    test(`${suite.opensslName}: 1 MB there and back`, async () => {
      const { port } = await startNodeServer({ ciphers: suite.opensslName })
      const data = randomBytes(1024 * 1024)
      const { received } = await visit(port, {}, { send: data, closeAfterBytes: data.length })
      expect(received.equals(data)).toBe(true)
    })
  }
})
