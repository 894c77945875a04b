/** Certificates that are refused, on our side and on theirs, and what the other side gets to know. */
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { type ConnectionOptions, connect } from '../../src/node/index.ts'
import { fixture } from '../support/pair.ts'
import { needs, type Peer, runPeer, startGnutlsServer, startOpensslServer } from '../support/peers.ts'
import {
  endOf,
  fixturePath,
  gnutlsIdentity,
  gnutlsPriority,
  oneGcmOneCbc,
  opensslIdentity,
  startOwnServer,
  visit,
} from './support.ts'

/** An authority that has nothing to do with the servers' certificate. */
const otherAuthority = fixturePath('x509/root.pem')

describe('our client refuses', () => {
  const refusals = [
    {
      title: 'a certificate of another authority',
      options: { ca: fixture('x509/root.pem') },
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      openssl: /tlsv1 alert unknown ca:.*SSL alert number 48$/m,
      gnutls: /Alert\[2\|48\] - CA is unknown - was received$/m,
    },
    {
      title: 'a certificate of another name',
      options: { servername: 'elsewhere.example' },
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
      openssl: /sslv3 alert bad certificate:.*SSL alert number 42$/m,
      gnutls: /Alert\[2\|42\] - Certificate is bad - was received$/m,
    },
  ] as const

  const refuse = async (port: number, options: ConnectionOptions) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ca: fixture('ca.pem'),
      ...options,
    })
    const code = await endOf(socket)
    expect(socket.authorized).toBe(false)
    expect(socket.handshake).toBeUndefined()
    return code
  }

  needs('openssl', () => {
    const start = () => startOpensslServer([...opensslIdentity, '-tls1_2', '-no_ticket', '-www'])

    for (const { title, options, code, openssl } of refusals) {
      test(`${title}: openssl s_server is told the alert, and serves the next`, async () => {
        const { process, port } = await start()
        expect(await refuse(port, options)).toBe(code)
        await process.said(openssl)
        const { received } = await visit(port, {}, { send: 'GET / HTTP/1.0\r\n\r\n' })
        expect(received.toString('latin1')).toContain('New, TLSv1.2, Cipher is ')
      })
    }

    test('the names that a certificate has are told as openssl tells them', async () => {
      const { stdout } = await runPeer('openssl', [
        ...['x509', '-in', fixturePath('server.pem'), '-noout', '-ext', 'subjectAltName'],
      ])
      const names = [...stdout.matchAll(/(?:DNS|IP Address):([^,\s]+)/g)].map(([, name]) => name)
      expect(names).toHaveLength(4)
      const { port } = await start()
      const socket = connect({
        host: '127.0.0.1',
        port,
        servername: 'elsewhere.example',
        ca: fixture('ca.pem'),
      })
      const [error] = await once(socket, 'error')
      expect(error.cause.message).toContain(`but for ${names.map(name => `"${name}"`).join(', ')}`)
    })

    test('neither where rejectUnauthorized is off: the connection says that it is not authorized', async () => {
      const { port } = await start()
      const options = { ca: fixture('x509/root.pem'), rejectUnauthorized: false }
      const request = { send: 'GET / HTTP/1.0\r\n\r\n' }
      const { socket } = await visit(port, options, request)
      expect(socket.authorized).toBe(false)
      expect(socket.authorizationFault?.code).toBe('UNKNOWN_CA')
      // A session that was not verified is not offered where verification is wanted.
      const session = socket.getSession()!
      const again = await visit(port, { ...options, session }, request)
      expect(again.socket.isSessionReused()).toBe(true)
      expect(again.socket.authorized).toBe(false)
      const verifying = await visit(port, { session }, request)
      expect(verifying.socket.isSessionReused()).toBe(false)
      expect(verifying.socket.authorized).toBe(true)
    })
  })

  needs('gnutls-serv', () => {
    for (const { title, options, code, gnutls } of refusals) {
      test(`${title}: gnutls-serv is told the alert`, async () => {
        const priority = ['--priority', gnutlsPriority(oneGcmOneCbc[0]!.name)]
        const { process, port } = await startGnutlsServer([
          ...gnutlsIdentity,
          ...priority,
          '--echo',
          '-a',
          '--debug',
          '5',
        ])
        expect(await refuse(port, options)).toBe(code)
        await process.said(gnutls)
      })
    }
  })
})

describe('a foreign client refuses our certificate: our server reports its alert, and survives', () => {
  /** The client's arguments for an authority's file. */
  const clients: readonly {
    peer: Peer
    code: string
    args: (port: number, ca: string) => readonly string[]
  }[] = [
    {
      peer: 'openssl',
      code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
      args: (port, ca) => {
        const to = ['-connect', `localhost:${port}`, '-tls1_2', '-no_ticket', '-cipher', 'AES128-SHA256']
        return ['s_client', ...to, '-CAfile', ca, '-verify_return_error']
      },
    },
    {
      peer: 'curl',
      code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
      args: (port, ca) => {
        const tls = ['--tlsv1.2', '--tls-max', '1.2', '--ciphers', 'AES128-SHA256', '--cacert', ca]
        return ['--silent', '--show-error', '--http0.9', ...tls, `https://localhost:${port}/`]
      },
    },
    {
      peer: 'gnutls-cli',
      code: 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE',
      args: (port, ca) => [
        '--port',
        String(port),
        '--x509cafile',
        ca,
        '--priority',
        'NORMAL:+RSA',
        'localhost',
      ],
    },
  ]

  for (const { peer, code, args } of clients) {
    needs(peer, () => {
      test(peer, async () => {
        const { server, port } = await startOwnServer(socket => {
          socket.resume()
          socket.end('hello\n')
        })
        const failed = once(server, 'tlsClientError')
        const refused = await runPeer(peer, args(port, otherAuthority), { input: '' })
        const [error] = await failed
        expect(error).toMatchObject({ code, cause: { level: 'fatal' } })
        expect(refused.exitCode).not.toBe(0)

        const { exitCode, stdout } = await runPeer(peer, args(port, fixturePath('ca.pem')))
        expect({ exitCode, hello: stdout.includes('hello\n') }).toEqual({ exitCode: 0, hello: true })
      })
    })
  }
})
