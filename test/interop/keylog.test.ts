/**
 * The line that we log for a connection is the line that the peer logs: two implementations came to one
 * master secret (RFC 5246 §8.1, RFC 7627 §4), and who reads the log can read the traffic.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect as connectNode, createServer as createNodeServer } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { ConnectionOptions } from '../../src/node/index.ts'
import {
  needs,
  opensslOptions,
  runPeer,
  startGnutlsServer,
  startOpensslServer,
  temporaryDirectory,
} from '../support/peers.ts'
import {
  authorities,
  authoritiesFile,
  gnutlsIdentities,
  gnutlsPriority,
  nodeIdentities,
  oneOfEachExchange,
  opensslIdentities,
  startOwnServer,
  type Talk,
  visit,
} from './support.ts'

/** With and without RFC 7627, each way on suites of each key exchange. */
const cases = oneOfEachExchange.flatMap(suite =>
  [true, false].map(hasEms => ({
    ...suite,
    hasEms,
    title: `${suite.opensslName} ${hasEms ? 'with' : 'without'} extended_master_secret`,
  })),
)

const clientRandomLines = (text: string): string[] =>
  text.split('\n').filter(line => /^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}$/.test(line))

/** A server of ours that greets, and the lines it logs. */
async function startLoggingServer(): Promise<{ port: number; lines: string[] }> {
  const lines: string[] = []
  const { server, port } = await startOwnServer(socket => {
    socket.resume()
    socket.end('hello\n')
  }, nodeIdentities)
  server.on('keylog', (line: Buffer) => lines.push(...clientRandomLines(line.toString())))
  return { port, lines }
}

/** What our client logs of a visit. */
async function visitLogging(port: number, options: ConnectionOptions, talk: Talk) {
  const lines: string[] = []
  const visited = await visit(port, { ...options, keylog: true }, talk, socket =>
    socket.on('keylog', (line: Buffer) => lines.push(...clientRandomLines(line.toString()))),
  )
  return { ...visited, lines }
}

describe('openssl', () => {
  needs('openssl', () => {
    for (const { title, name, opensslName, hasEms } of cases) {
      const options = () => (hasEms ? {} : opensslOptions('-ExtendedMasterSecret'))

      test(`our server and s_client log one secret: ${title}`, async () => {
        const { port, lines } = await startLoggingServer()
        const log = join(temporaryDirectory(), 'keys.log')
        const tls = ['-tls1_2', '-cipher', opensslName, '-CAfile', authoritiesFile(), '-keylogfile', log]
        const client = await runPeer('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...tls], {
          env: options(),
        })
        expect(client.stdout).toContain(`Extended master secret: ${hasEms ? 'yes' : 'no'}\n`)
        expect(lines).toHaveLength(1)
        expect(lines).toEqual(clientRandomLines(readFileSync(log, 'latin1')))
      })

      test(`our client and s_server log one secret, full and resumed: ${title}`, async () => {
        const log = join(temporaryDirectory(), 'keys.log')
        const args = [...opensslIdentities, '-tls1_2', '-no_ticket', '-cipher', opensslName, '-www']
        const { port } = await startOpensslServer([...args, '-keylogfile', log], { env: options() })
        const request = { send: 'GET / HTTP/1.0\r\n\r\n' }
        const full = await visitLogging(port, { ciphers: name }, request)
        expect(full.received.toString()).toContain(`Extended master secret: ${hasEms ? 'yes' : 'no'}\n`)
        const session = full.socket.getSession()!
        const resumed = await visitLogging(port, { ciphers: name, session }, request)
        expect(resumed.socket.isSessionReused()).toBe(true)
        const lines = [...full.lines, ...resumed.lines]
        expect(lines).toHaveLength(2)
        expect(lines).toEqual(clientRandomLines(readFileSync(log, 'latin1')))
      })
    }
  })
})

describe('GnuTLS', () => {
  const flags = (hasEms: boolean) => (hasEms ? [] : ['%NO_SESSION_HASH'])

  needs('gnutls-cli', () => {
    for (const { title, name, hasEms } of cases) {
      test(`our server and gnutls-cli log one secret: ${title}`, async () => {
        const { port, lines } = await startLoggingServer()
        const log = join(temporaryDirectory(), 'keys.log')
        const tls = ['--x509cafile', authoritiesFile(), '--priority', gnutlsPriority(name, ...flags(hasEms))]
        await runPeer('gnutls-cli', ['--port', String(port), ...tls, 'localhost'], {
          env: { SSLKEYLOGFILE: log },
        })
        expect(lines).toHaveLength(1)
        expect(lines).toEqual(clientRandomLines(readFileSync(log, 'latin1')))
      })
    }
  })
  needs('gnutls-serv', () => {
    for (const { title, name, hasEms } of cases) {
      test(`our client and gnutls-serv log one secret: ${title}`, async () => {
        const log = join(temporaryDirectory(), 'keys.log')
        const priority = ['--priority', gnutlsPriority(name, ...flags(hasEms))]
        const args = [...gnutlsIdentities, ...priority, '--echo', '--disable-client-cert']
        const { port } = await startGnutlsServer(args, { env: { SSLKEYLOGFILE: log } })
        const { lines } = await visitLogging(port, { ciphers: name }, { send: 'hello\n', closeAfterBytes: 6 })
        expect(lines).toHaveLength(1)
        expect(lines).toEqual(clientRandomLines(readFileSync(log, 'latin1')))
      })
    }
  })
})

describe('node:tls', () => {
  const noEms = 1 // SSL_OP_NO_EXTENDED_MASTER_SECRET, which node:crypto does not name

  for (const { title, opensslName, name, hasEms } of cases) {
    const secureOptions = hasEms ? 0 : noEms

    test(`our server and a client of node:tls log one secret: ${title}`, async () => {
      const { port, lines } = await startLoggingServer()
      const theirs: string[] = []
      const socket = connectNode({
        ...{ host: '127.0.0.1', port, servername: 'localhost', ca: authorities },
        ...{ ciphers: opensslName, maxVersion: 'TLSv1.2', secureOptions },
      })
      socket.on('keylog', (line: Buffer) => theirs.push(...clientRandomLines(line.toString())))
      socket.resume()
      await once(socket, 'close')
      expect(lines).toHaveLength(1)
      expect(lines).toEqual(theirs)
    })

    test(`our client and a server of node:tls log one secret: ${title}`, async () => {
      const theirs: string[] = []
      const server = createNodeServer({
        ...{ ...nodeIdentities, dhparam: 'auto' },
        ...{ ciphers: opensslName, maxVersion: 'TLSv1.2', secureOptions },
      })
      onTestFinished(() => void server.close())
      server.on('keylog', (line: Buffer) => theirs.push(...clientRandomLines(line.toString())))
      server.on('secureConnection', socket => socket.end('hello\n'))
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const { lines } = await visitLogging((server.address() as AddressInfo).port, { ciphers: name }, {})
      expect(lines).toHaveLength(1)
      expect(lines).toEqual(theirs)
    })
  }
})
