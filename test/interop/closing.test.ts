/** Ends of connections: a close_notify is a clean end on either side, a transport cut off is a truncation (RFC 5246 §7.2.1). */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connect, type TLSSocket } from '../../src/node/index.ts'
import { fixture } from '../support/pair.ts'
import { needs, startGnutlsServer, startOpensslServer, startPeer } from '../support/peers.ts'
import {
  endOf,
  fixturePath,
  gnutlsIdentity,
  gnutlsPriority,
  oneGcmOneCbc,
  opensslIdentity,
  startOwnServer,
} from './support.ts'

/** Our client, connected and with nothing to say. */
/** Our TRUNCATED, in OpenSSL's word. */
const truncated = 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING'

async function connectTo(port: number): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca: fixture('ca.pem') })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

describe('a foreign server ends a connection of our client', () => {
  needs('openssl', () => {
    const args = [...opensslIdentity, '-tls1_2', '-no_ticket']

    test('openssl s_server is killed: TRUNCATED', async () => {
      const { process, port } = await startOpensslServer(args)
      const end = endOf(await connectTo(port))
      process.kill()
      expect(await end).toBe(truncated)
    })

    test('openssl s_server is told to quit, and closes its socket without an alert: TRUNCATED', async () => {
      const { process, port } = await startOpensslServer(args)
      const end = endOf(await connectTo(port))
      process.write('Q\n')
      expect(await end).toBe(truncated)
    })

    test('openssl s_server -rev is asked to close: a clean end', async () => {
      const { port } = await startOpensslServer([...args, '-rev'])
      const socket = await connectTo(port)
      socket.write('CLOSE\n')
      expect(await endOf(socket)).toBe('end')
    })
  })

  needs('gnutls-serv', () => {
    const args = [
      ...gnutlsIdentity,
      '--priority',
      gnutlsPriority(oneGcmOneCbc[1]!.name),
      '--disable-client-cert',
    ]

    test('gnutls-serv is killed: TRUNCATED', async () => {
      const { process, port } = await startGnutlsServer([...args, '--echo'])
      const end = endOf(await connectTo(port))
      process.kill()
      expect(await end).toBe(truncated)
    })

    test('gnutls-serv has answered an HTTP request: a clean end', async () => {
      const { port } = await startGnutlsServer([...args, '--http'])
      const socket = await connectTo(port)
      socket.write('GET / HTTP/1.0\r\n\r\n')
      expect(await endOf(socket)).toBe('end')
    })
  })

  test.each([
    ['node:tls destroys its socket: TRUNCATED', 'destroy', truncated],
    ['node:tls ends its socket: a clean end', 'end', 'end'],
  ] as const)('%s', async (_title, method, expected) => {
    const server = createServer({
      cert: fixture('server.pem'),
      key: fixture('server.key'),
      maxVersion: 'TLSv1.2',
      ciphers: oneGcmOneCbc[0]!.opensslName,
    })
    onTestFinished(() => void server.close())
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const connected = once(server, 'secureConnection')
    const end = endOf(await connectTo((server.address() as AddressInfo).port))
    const [theirs] = await connected
    theirs[method]()
    expect(await end).toBe(expected)
  })
})

describe('a foreign client ends a connection of our server', () => {
  const ca = fixturePath('ca.pem')

  /** The end of the next connection, once it is there. */
  async function nextEnd(): Promise<{ port: number; open: Promise<unknown>; end: Promise<string> }> {
    const { server, port } = await startOwnServer()
    const open = once(server, 'secureConnection')
    return { port, open, end: open.then(([socket]) => endOf(socket)) }
  }

  needs('openssl', () => {
    const start = (port: number) =>
      startPeer('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_2', '-CAfile', ca])

    test('openssl s_client is killed: TRUNCATED', async () => {
      const { port, open, end } = await nextEnd()
      const client = start(port)
      await open
      // A client that has read our last flight: what it has not read would turn its end into a reset.
      await client.said(/^ +Verify return code: 0/m)
      client.kill()
      expect(await end).toBe(truncated)
    })

    test('openssl s_client is told to quit: a clean end', async () => {
      const { port, open, end } = await nextEnd()
      const client = start(port)
      await open
      client.endInput()
      expect(await end).toBe('end')
      expect((await client.ended()).exitCode).toBe(0)
    })

    test.each([
      ['our server ends: s_client reads a clean end', 'end', 0, /^closed$/m],
      [
        'our server is cut off: s_client reads an unexpected one',
        'destroy',
        1,
        /unexpected eof|^read:errno=0$/m,
      ],
    ] as const)('%s', async (_title, method, exitCode, words) => {
      const { port } = await startOwnServer(socket => socket[method]())
      const outcome = await start(port).ended()
      expect(outcome.stdout + outcome.stderr).toMatch(words)
      expect(outcome.exitCode).toBe(exitCode)
    })
  })

  needs('gnutls-cli', () => {
    const start = (port: number) => {
      const priority = ['--priority', gnutlsPriority(oneGcmOneCbc[0]!.name)]
      return startPeer('gnutls-cli', ['--port', String(port), '--x509cafile', ca, ...priority, 'localhost'])
    }

    test('gnutls-cli is killed: TRUNCATED', async () => {
      const { port, open, end } = await nextEnd()
      const client = start(port)
      await open
      await client.said(/Handshake was completed/)
      client.kill()
      expect(await end).toBe(truncated)
    })

    test('gnutls-cli has nothing more to say: a clean end', async () => {
      const { port, open, end } = await nextEnd()
      const client = start(port)
      await open
      client.endInput()
      expect(await end).toBe('end')
    })

    test.each([
      ['our server ends: gnutls-cli reads a clean end', 'end', 0, 'Peer has closed the GnuTLS connection'],
      [
        'our server is cut off: gnutls-cli says so',
        'destroy',
        1,
        'The TLS connection was non-properly terminated',
      ],
    ] as const)('%s', async (_title, method, exitCode, words) => {
      const { port } = await startOwnServer(socket => socket[method]())
      const outcome = await start(port).ended()
      expect(outcome.stdout + outcome.stderr).toContain(words)
      expect(outcome.exitCode).toBe(exitCode)
    })
  })
})
