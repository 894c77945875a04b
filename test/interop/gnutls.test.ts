/** What beside suites is agreed with GnuTLS, in both roles, and with curl: client certificates, tickets, ALPN, record sizes. */
import { describe, expect, test } from 'vitest'
import { fixture } from '../support/pair.ts'
import { needs, startGnutlsServer, startPeer } from '../support/peers.ts'
import {
  authorityFile,
  clientIdentities,
  type Identity,
  identityFiles,
  ownAuthority,
  ownIdentity,
  serverIdentities,
  startOwnEnd,
  startOwnPage,
  visitEchoTwice,
} from './own-ends.ts'
import { visit } from './support.ts'

const request = 'GET / HTTP/1.0\r\n\r\n'
const rsa = serverIdentities.rsa
/** GnuTLS 3.7 has no Ed25519 for client certificates of TLS 1.2 in this priority; the others do. */
const clientKinds = ['rsa', 'rsa-pss', 'P-256'] as const
const tls12 = 'NORMAL:-VERS-ALL:+VERS-TLS1.2'

const gnutlsFiles = (identity: Identity) => {
  const { cert, key } = identityFiles(identity)
  return ['--x509certfile', cert, '--x509keyfile', key]
}

/** The plaintext of each record with application data that GnuTLS read, in bytes: its debug log has it. */
function recordsRead(output: string): number[] {
  const found = output.matchAll(/Decrypted Packet\[\d+\] Application Data\(23\) with length: (\d+)/g)
  return [...found].map(([, length]) => Number(length))
}

needs('gnutls-cli', () => {
  describe('gnutls-cli', () => {
    /** It visits our server twice, the second time with the session of the first. */
    async function askOursTwice(port: number, flags: readonly string[], priority = tls12) {
      const to = ['--port', String(port), '--x509cafile', authorityFile(rsa), '--priority', priority]
      const client = startPeer('gnutls-cli', [...to, '--resume', ...flags, 'localhost'])
      client.write(request)
      const { exitCode, stdout } = await client.ended()
      expect(exitCode).toBe(0)
      const [full, resumed] = stdout.split('Connecting again- trying to resume previous session')
      expect(full).not.toContain('*** This is a resumed session')
      expect(resumed).toContain('*** This is a resumed session')
      expect(resumed).toContain('hello from us')
      return [full!, resumed!]
    }

    for (const kind of clientKinds) {
      const identity = clientIdentities[kind]
      test(`with a key for ${kind}: full, then resumed, by session ID and by ticket`, async () => {
        for (const tickets of [false, true]) {
          const auth = { requestCert: true, ca: ownAuthority(identity), tickets }
          const { port, seen } = await startOwnPage({ ...ownIdentity(rsa), ...auth })
          await askOursTwice(port, gnutlsFiles(identity), tickets ? tls12 : `${tls12}:%NO_TICKETS`)
          expect(seen).toMatchObject([
            { peer: identity.name, resumed: false },
            { peer: identity.name, resumed: true },
          ])
        }
      })
    }

    test('offers two protocols, and takes the one that we have', async () => {
      const { port, seen } = await startOwnPage({ ...ownIdentity(rsa), ALPNProtocols: ['http/1.1'] })
      for (const said of await askOursTwice(port, ['--alpn', 'h2', '--alpn', 'http/1.1']))
        expect(said).toMatch(/^- Application protocol: http\/1\.1$/m)
      expect(seen.map(({ alpn }) => alpn)).toEqual(['http/1.1', 'http/1.1'])
    })

    test('limits the size of records, and reads no longer one from us (RFC 8449)', async () => {
      // Its 3.7 holds unprotected records to the limit too, against RFC 8449 §4: an ECDSA certificate is short enough.
      const identity = serverIdentities['P-256']
      const text = `${'0123456789'.repeat(200)}\n`
      const { port } = await startOwnEnd(ownIdentity(identity), socket =>
        socket.once('data', () => socket.end(text)),
      )
      const to = ['--port', String(port), '--x509cafile', authorityFile(identity), '--priority', tls12]
      const flags = ['--recordsize', '600', '--debug', '9']
      const client = startPeer('gnutls-cli', [...to, ...flags, 'localhost'])
      client.write(request)
      const { stdout, stderr } = await client.ended()
      expect(stdout).toContain(text)
      const lengths = recordsRead(stderr)
      expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(text.length)
      expect(Math.max(...lengths)).toBe(600)
    })
  })
})

needs('gnutls-serv', () => {
  describe('gnutls-serv', () => {
    const start = (flags: readonly string[]) =>
      startGnutlsServer([...gnutlsFiles(rsa), '--priority', tls12, '--echo', ...flags])

    for (const kind of clientKinds) {
      const identity = clientIdentities[kind]
      test(`demands a certificate, and gets ours for ${kind}: full, then resumed, by session ID and by ticket`, async () => {
        for (const tickets of [false, true]) {
          const verify = [
            '--require-client-cert',
            '--verify-client-cert',
            '--x509cafile',
            authorityFile(identity),
          ]
          const { process, port } = await start([...verify, ...(tickets ? ['--nodb'] : ['--noticket'])])
          const visits = await visitEchoTwice(port, { ...ownIdentity(identity), tickets })
          expect(visits.map(({ resumed }) => resumed)).toEqual([false, true])
          await process.said(new RegExp(`Subject: CN=${identity.name}$`, 'm'))
          await process.said(/\*\*\* This is a resumed session/)
        }
      })
    }

    test('takes the second protocol that we offer', async () => {
      const { port } = await start(['--alpn', 'http/1.1', '--disable-client-cert', '--noticket'])
      const visits = await visitEchoTwice(port, { ALPNProtocols: ['h2', 'http/1.1'] })
      expect(visits.map(({ alpn }) => alpn)).toEqual(['http/1.1', 'http/1.1'])
    })

    test('limits the size of records, and gets no longer one from us (RFC 8449)', async () => {
      const flags = ['--recordsize', '600', '--debug', '9', '--disable-client-cert']
      const { process, port } = await start(flags)
      const text = `${'0123456789'.repeat(200)}\n`
      const { received } = await visit(
        port,
        { recordSizeLimit: 700 },
        { send: text, closeAfterBytes: text.length },
      )
      expect(received.toString()).toBe(text)
      const lengths = recordsRead(process.output)
      expect(Math.max(...lengths)).toBe(600)
      expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(text.length)
    })
  })
})

needs('curl', () => {
  describe('curl', () => {
    test('with a client certificate, and HTTP by ALPN: full, then resumed, by session ID and by ticket', async () => {
      const client = clientIdentities['P-256']
      for (const tickets of [false, true]) {
        const auth = { requestCert: true, ca: fixture('client-ca.pem'), ALPNProtocols: ['http/1.1'], tickets }
        const { port, seen } = await startOwnPage({ ...ownIdentity(rsa), ...auth })
        const url = `https://localhost:${port}/`
        const { cert, key } = identityFiles(client)
        const tls = [
          '--tlsv1.2',
          '--tls-max',
          '1.2',
          '--cacert',
          authorityFile(rsa),
          '--cert',
          cert,
          '--key',
          key,
        ]
        const { exitCode, stdout } = await startPeer('curl', ['--silent', '--ipv4', ...tls, url, url]).ended()
        expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'hello from us\nhello from us\n' })
        const common = { peer: client.name, alpn: 'http/1.1' }
        expect(seen).toMatchObject([
          { ...common, resumed: false },
          { ...common, resumed: true },
        ])
      }
    })
  })
})
