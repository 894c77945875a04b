/** tls.createServer and tls.Server: every way to call them, methods, options and events. */
import { once } from 'node:events'
import { connect as connectTcp, Server as NetServer } from 'node:net'
import type { SecureContext, SecureContextOptions, TLSSocket, TlsOptions } from 'node:tls'
import { beforeAll, describe } from 'vitest'
import { makeCertificateAuthority, makeNodeCertificate } from '../../../src/pki/make-certificates.ts'
import { fixture } from '../../support/fixtures.ts'
import { codeOf, identity, next, parity, quiet } from './harness.ts'

describe('ways to create a server', () => {
  parity('createServer(options, listener)', async ({ client, server, listen, open }) => {
    const listener = (socket: TLSSocket) => {
      server.log('listener', socket, socket.encrypted, socket.authorized)
      socket.end('hello')
    }
    const created = server.tls.createServer({ ...identity('server'), ...server.options }, listener)
    server.log('is a', created instanceof NetServer, created instanceof server.tls.Server)
    const socket = open(await listen(created))
    const [data] = await once(socket, 'data')
    client.log('data', String(data))
  })

  parity('createServer(listener), then setSecureContext', async ({ client, server, listen, open }) => {
    const created = server.tls.createServer(socket => void socket.end('hello'))
    created.setSecureContext({ ...identity('server'), ...server.options })
    const [data] = await once(open(await listen(created)), 'data')
    client.log('data', String(data))
  })

  parity(
    'createServer(), which has no certificate: no client gets in',
    async ({ client, server, listen, open }) => {
      const created = server.tls.createServer()
      const refused = next(created, 'tlsClientError')
      server.watch(created, 'secureConnection')
      const socket = open(await listen(created))
      client.watch(socket, 'secureConnect')
      await next(socket, 'close')
      const [error, from] = await refused
      server.log('refused', error, from)
    },
  )

  parity('new Server(options, listener), new Server()', async ({ client, server, listen, open }) => {
    const created = new server.tls.Server(
      { ...identity('server'), ...server.options },
      socket => void socket.end('hello'),
    )
    const [data] = await once(open(await listen(created)), 'data')
    client.log('data', String(data))
    server.log('bare', new server.tls.Server())
  })

  parity('options of net.Server: allowHalfOpen, noDelay, keepAlive', async ({ server, serve, open }) => {
    const net = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 1000 }
    const { port, socket } = await serve(net)
    await once(open(port), 'secureConnect')
    server.log('half-open', (await socket()).allowHalfOpen)
  })

  parity('pauseOnConnect: the transport waits', async ({ client, server, serve, open }) => {
    const { server: created, port } = await serve({ pauseOnConnect: true })
    created.on('connection', transport => server.log('paused', transport.isPaused()))
    const connected = next(created, 'connection')
    const socket = open(port)
    client.watch(socket, 'connect')
    await Promise.all([connected, next(socket, 'connect')])
  })

  parity('what is no option: its code', async ({ server }) => {
    const create = (options: unknown) => () => void server.tls.createServer(options as TlsOptions)
    server.attempt('a string', create('options'))
    server.attempt('a number', create(7))
    server.attempt('null', create(null))
    server.attempt('handshakeTimeout', create({ handshakeTimeout: '100' }))
    server.attempt('sessionTimeout', create({ sessionTimeout: 'long' }))
    server.attempt('ticketKeys, short', create({ ticketKeys: Buffer.alloc(47) }))
    server.attempt('ticketKeys, a string', create({ ticketKeys: 'x'.repeat(48) }))
    server.attempt('SNICallback', create({ SNICallback: 'localhost' }))
    server.attempt(
      'ALPNCallback and ALPNProtocols',
      create({ ALPNCallback: () => 'h2', ALPNProtocols: ['h2'] }),
    )
    server.attempt('ALPNProtocols, too long', create({ ALPNProtocols: ['x'.repeat(256)] }))
    server.attempt('minVersion', create({ minVersion: 'TLSv9' }))
    server.attempt('maxVersion', create({ maxVersion: 12 }))
    server.attempt('secureProtocol', create({ secureProtocol: 'TLSv9_method' }))
    server.attempt(
      'secureProtocol and minVersion',
      create({ secureProtocol: 'TLSv1_2_method', minVersion: 'TLSv1.2' }),
    )
    server.attempt('ciphers, a number', create({ ciphers: 1 }))
    server.attempt('ciphers, unknown', create({ ciphers: 'NO-SUCH-SUITE' }))
    server.attempt('ecdhCurve, unknown', create({ ecdhCurve: 'P-1' }))
    server.attempt('sigalgs, empty', create({ sigalgs: '' }))
    server.attempt('sessionIdContext', create({ sessionIdContext: 1 }))
    server.attempt('passphrase', create({ pfx: Buffer.alloc(4), passphrase: 1 }))
  })
})

describe('a server listens and closes', () => {
  parity('listen, listening, address, close', async ({ server }) => {
    const created = server.tls.createServer({ ...identity('server'), ...server.options })
    server.watch(created, 'listening', 'close', 'error')
    server.log('before', created.listening, created.address())
    await once(created.listen(0, '127.0.0.1'), 'listening')
    const address = created.address()
    server.log('listening', created.listening, typeof address === 'object' && { ...address, port: 'some' })
    created.close(error => server.log('closed', error))
    await once(created, 'close')
    server.log('after', created.listening, created.address())
    created.close(error => server.log('closed again', error))
    await new Promise(setImmediate)
  })

  parity('ref and unref give the server', async ({ server }) => {
    const created = server.tls.createServer(identity('server'))
    server.log('same', created.ref() === created, created.unref() === created)
  })

  parity('a port that is taken', async ({ server, serve }) => {
    const { port } = await serve()
    const second = server.tls.createServer(identity('server'))
    server.watch(second, 'error', 'listening')
    const failed = next(second, 'error')
    second.listen(port, '127.0.0.1')
    await failed
  })

  parity('getConnections, and close waits for them', async ({ client, server, serve, open }) => {
    const { server: created, port, socket } = await serve()
    const opened = open(port)
    await once(opened, 'secureConnect')
    await socket()
    const count = () =>
      new Promise<unknown>(resolve => created.getConnections((error, number) => resolve(error ?? number)))
    server.log('connections', await count())
    server.watch(created, 'close')
    created.close()
    opened.end()
    client.watch(opened, 'close')
    await Promise.all([next(created, 'close'), next(opened, 'close')])
    server.log('connections', await count())
  })

  parity('maxConnections: one more is dropped', async ({ client, server, serve, open }) => {
    const { server: created, port } = await serve()
    created.maxConnections = 1
    const dropped = next(created, 'drop')
    await once(open(port), 'secureConnect')
    const second = open(port)
    client.watch(second, 'secureConnect')
    const [data] = await dropped
    server.log('drop', Object.keys(data as object).sort())
    await next(second, 'close')
    client.log('closed')
  })

  parity('connection comes before secureConnection, with a net.Socket', async ({ server, serve, open }) => {
    const { server: created, port, socket } = await serve()
    server.watch(created, 'connection', 'secureConnection')
    await once(open(port), 'secureConnect')
    await socket()
  })

  parity(
    'emit("connection", socket): a transport of one’s own',
    async ({ client, server, serve, listen, open }) => {
      const { server: created } = await serve({}, socket => void socket.end('hello'))
      const plain = await listen(new NetServer(transport => void created.emit('connection', transport)))
      const [data] = await once(open(plain), 'data')
      client.log('data', String(data))
      server.log('done')
    },
  )
})

describe('clients that do not get in', () => {
  parity('one that speaks no TLS: tlsClientError', async ({ server, serve, keep }) => {
    const { server: created, port } = await serve()
    server.watch(created, 'secureConnection')
    const refused = next(created, 'tlsClientError')
    keep(connectTcp(port, '127.0.0.1'))
      .on('error', () => {})
      .end('GET / HTTP/1.0\r\n\r\n')
    const [error, socket] = await refused
    server.log('refused', error, socket)
  })

  parity('one that goes away: tlsClientError', async ({ server, serve, keep }) => {
    const { server: created, port } = await serve()
    server.watch(created, 'secureConnection')
    const refused = next(created, 'tlsClientError')
    keep(connectTcp(port, '127.0.0.1'))
      .on('error', () => {})
      .end()
    const [error, socket] = await refused
    server.log('refused', error, socket)
  })

  parity('handshakeTimeout: tlsClientError', async ({ server, serve, keep }) => {
    const { server: created, port } = await serve({ handshakeTimeout: 100 })
    const refused = next(created, 'tlsClientError')
    keep(connectTcp(port, '127.0.0.1')).on('error', () => {})
    const [error, socket] = await refused
    server.log('refused', error, socket)
  })

  parity('one that shares no suite', async ({ client, server, serve, open }) => {
    const { server: created, port } = await serve({ ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' })
    const refused = next(created, 'tlsClientError')
    const socket = open(port, { ciphers: 'ECDHE-RSA-AES256-GCM-SHA384' })
    client.watch(socket, 'secureConnect', 'close')
    await next(socket, 'close')
    const [error] = await refused
    server.log('refused', error)
  })

  parity('one that has nothing newer than TLS 1.1', async ({ server, serve, keep }) => {
    const { server: created, port } = await serve()
    const refused = next(created, 'tlsClientError')
    const hello = Buffer.from(
      '160301002d0100002903020000000000000000000000000000000000000000000000000000000000000000000002c0140100',
      'hex',
    )
    keep(connectTcp(port, '127.0.0.1'))
      .on('error', () => {})
      .write(hello)
    const [error] = await refused
    server.log('refused', error)
  })
})

describe('client certificates', () => {
  let namesakes: Awaited<ReturnType<typeof makeNamesakes>>
  beforeAll(async () => {
    namesakes = await makeNamesakes()
  }, 60_000)
  const clientCa = fixture('client-ca.pem')

  parity('requestCert: one that verifies', async ({ server, serve, open }) => {
    const { port, socket } = await serve({ requestCert: true, ca: clientCa })
    await once(open(port, identity('client-rsa')), 'secureConnect')
    const accepted = await socket()
    server.log(
      'client',
      accepted.authorized,
      accepted.authorizationError,
      accepted.getPeerCertificate().subject,
    )
    server.log('X509', accepted.getPeerX509Certificate())
  })

  parity('requestCert: none, and it is refused', async ({ client, server, serve, open }) => {
    const { server: created, port } = await serve({ requestCert: true, ca: clientCa })
    const refused = next(created, 'tlsClientError')
    server.watch(created, 'secureConnection')
    const socket = open(port)
    await next(socket, 'close')
    client.log('closed')
    const [error] = await refused
    server.log('refused', error)
  })

  parity('requestCert, rejectUnauthorized: false: none', async ({ server, serve, open }) => {
    const { port, socket } = await serve({ requestCert: true, rejectUnauthorized: false, ca: clientCa })
    await once(open(port), 'secureConnect')
    const accepted = await socket()
    server.log('client', accepted.authorized, typeof accepted.authorizationError, accepted.authorizationError)
    server.log('certificate', accepted.getPeerCertificate())
  })

  parity('requestCert, rejectUnauthorized: false: one that does not verify', async stage => {
    const { server, serve, open } = stage
    const { authority, stranger } = namesakes
    const { port, socket } = await serve({ requestCert: true, rejectUnauthorized: false, ca: authority })
    await once(open(port, stranger), 'secureConnect')
    const accepted = await socket()
    server.log(
      'client',
      accepted.authorized,
      typeof accepted.authorizationError,
      accepted.getPeerCertificate().subject,
    )
  })

  parity('without requestCert nobody is authorized', async ({ server, serve, open }) => {
    const { port, socket } = await serve({ ca: clientCa })
    await once(open(port, identity('client-rsa')), 'secureConnect')
    const accepted = await socket()
    server.log('client', accepted.authorized, accepted.authorizationError, accepted.getPeerCertificate())
  })
})

/** An authority, and a certificate from another one of the same name: a client that is asked for the name's shows it. */
async function makeNamesakes() {
  const terms = { nowMs: Date.now(), validDays: 2 }
  const [trusted, other] = await Promise.all(
    [1, 2].map(() => makeCertificateAuthority({ commonName: 'ringtls namesake', ...terms })),
  )
  const stranger = await makeNodeCertificate({ ca: other!, hosts: ['a.test'], ...terms })
  return {
    authority: trusted!.certificatePem,
    stranger: { cert: stranger.certificatePem, key: stranger.keyPem },
  }
}

describe('contexts by name', () => {
  const certificateOf = (socket: TLSSocket) => socket.getPeerCertificate().fingerprint256

  parity(
    'addContext: options, a context, a wildcard, the last one counts',
    async ({ client, server, serve, open }) => {
      const { server: created, port } = await serve()
      created.addContext('*.example.test', { ...identity('other'), ...server.options })
      created.addContext(
        'b.example.test',
        server.tls.createSecureContext({ ...identity('client-rsa'), ...server.options }),
      )
      created.addContext('c.example.test', { ...identity('client-rsa'), ...server.options })
      created.addContext('c.example.test', { ...identity('other'), ...server.options })
      for (const servername of [
        'localhost',
        'a.example.test',
        'b.example.test',
        'c.example.test',
        'x.a.example.test',
      ]) {
        const socket = open(port, { servername, rejectUnauthorized: false })
        await once(socket, 'secureConnect')
        client.log(servername, certificateOf(socket))
      }
      server.attempt('no name', () => created.addContext(undefined as unknown as string, {}))
      server.attempt('an empty name', () => created.addContext('', {}))
    },
  )

  parity(
    'SNICallback: asked once for the name; gives a context, or none',
    async ({ client, server, serve, open }) => {
      const context = server.tls.createSecureContext({ ...identity('other'), ...server.options })
      const { port, socket: accepted } = await serve({
        SNICallback: (name, done) => {
          server.log('asked', name)
          if (name === 'other.example.test') setTimeout(done, 1, null, context)
          else done(null)
        },
      })
      for (const servername of ['other.example.test', 'localhost', '']) {
        const socket = open(port, { servername, rejectUnauthorized: false })
        await once(socket, 'secureConnect')
        client.log(servername, certificateOf(socket))
      }
      await accepted(2)
    },
  )

  parity(
    'SNICallback: an error, or no context, ends the connection',
    async ({ client, server, serve, open }) => {
      const answers = [new Error('no'), {}] as const
      for (const answer of answers) {
        const { server: created, port } = await serve({
          SNICallback: (_name, done) =>
            answer instanceof Error ? done(answer) : done(null, answer as SecureContext),
        })
        const refused = next(created, 'tlsClientError')
        const socket = quiet(open(port))
        client.watch(socket, 'secureConnect', 'close')
        const [error] = await refused
        server.log('refused', error instanceof Error)
        await next(socket, 'close')
      }
    },
  )

  parity('setSecureContext: who comes from now on gets it', async ({ client, server, serve, open }) => {
    const { server: created, port } = await serve()
    const before = open(port)
    await once(before, 'secureConnect')
    created.setSecureContext({ ...identity('ec'), ...server.options })
    const after = open(port)
    await once(after, 'secureConnect')
    client.log('certificates', certificateOf(before), certificateOf(after))
    server.attempt('no options', () => created.setSecureContext(undefined as unknown as SecureContextOptions))
    server.attempt('a string', () => created.setSecureContext('x' as unknown as SecureContextOptions))
  })
})

describe('ALPN', () => {
  const list = ['h2', 'http/1.1']

  parity('ALPNProtocols: the server’s order decides', async ({ client, server, serve, open }) => {
    const { port, socket: accepted } = await serve({ ALPNProtocols: list })
    for (const ALPNProtocols of [['http/1.1', 'h2'], ['http/1.1']]) {
      const socket = open(port, { ALPNProtocols })
      client.log('before', socket.alpnProtocol)
      await once(socket, 'secureConnect')
      client.log('chosen', socket.alpnProtocol)
    }
    const none = open(port)
    await once(none, 'secureConnect')
    client.log('without', none.alpnProtocol)
    for (const index of [0, 1, 2]) server.log('chosen', (await accepted(index)).alpnProtocol)
  })

  parity('ALPNProtocols: none in common is an alert', async ({ client, server, serve, open }) => {
    const { server: created, port } = await serve({ ALPNProtocols: list })
    const refused = next(created, 'tlsClientError')
    const socket = open(port, { ALPNProtocols: ['spdy/1'] })
    client.watch(socket, 'secureConnect')
    await next(socket, 'close')
    const [error] = await refused
    server.log('refused', error)
  })

  parity('ALPNProtocols: bytes in wire format, views', async ({ client, server, serve, open }) => {
    const wire = Buffer.from('\x02h2\x08http/1.1', 'latin1')
    const { port, socket: accepted } = await serve({ ALPNProtocols: wire } as TlsOptions)
    for (const ALPNProtocols of [wire, new Uint8Array(wire), new DataView(new Uint8Array(wire).buffer)]) {
      const socket = open(port, { ALPNProtocols })
      await once(socket, 'secureConnect')
      client.log('chosen', socket.alpnProtocol)
    }
    server.log('chosen', (await accepted()).alpnProtocol)
  })

  parity('ALPNCallback: asked with name and protocols', async ({ client, server, serve, open }) => {
    const { server: created, port } = await serve({
      ALPNCallback: question => {
        server.log('asked', question)
        return question.protocols.includes('h2') ? 'h2' : undefined
      },
    })
    const socket = open(port, { ALPNProtocols: ['http/1.1', 'h2'] })
    await once(socket, 'secureConnect')
    client.log('chosen', socket.alpnProtocol)
    const refused = next(created, 'tlsClientError')
    const other = open(port, { ALPNProtocols: ['http/1.1'] })
    await next(other, 'close')
    const [error] = await refused
    server.log('refused', error)
    const without = open(port)
    await once(without, 'secureConnect')
    client.log('without', without.alpnProtocol)
  })

  parity(
    'ALPNCallback: an answer that was not offered ends the connection',
    async ({ client, server, serve, open }) => {
      const { server: created, port } = await serve({ ALPNCallback: () => 'h3' })
      const refused = next(created, 'tlsClientError')
      const socket = quiet(open(port, { ALPNProtocols: ['h2'] }))
      client.watch(socket, 'secureConnect', 'close')
      await next(socket, 'close')
      const [error] = await refused
      server.log('refused', codeOf(error))
    },
  )
})

describe('what a server tells of keys and sessions', () => {
  parity('keylog: lines of each connection, with its socket', async ({ client, server, serve, open }) => {
    const { server: created, port, socket: accepted } = await serve()
    const lines: Record<'client' | 'server', string[]> = { client: [], server: [] }
    created.on('keylog', (line, socket) => {
      server.log('keylog', line, socket)
      lines.server.push(String(line))
    })
    const socket = open(port)
    socket.on('keylog', line => lines.client.push(String(line)))
    client.watch(socket, 'keylog', 'secureConnect')
    await once(socket, 'secureConnect')
    await accepted()
    server.log('lines', lines.server.length, lines.server[0]?.split(' ')[0], lines.server[0]?.endsWith('\n'))
    client.log('lines', lines.client.length, lines.client[0] === lines.server[0])
  })

  parity('getTicketKeys, setTicketKeys', async ({ server, serve }) => {
    const { server: created } = await serve()
    const keys = created.getTicketKeys()
    server.log('keys', Buffer.isBuffer(keys), keys.length, keys.equals(created.getTicketKeys()))
    const own = Buffer.from(Array.from({ length: 48 }, (_, i) => i))
    server.attempt('set', () => created.setTicketKeys(own))
    server.log('own', created.getTicketKeys().equals(own))
    server.attempt('a string', () => created.setTicketKeys('x'.repeat(48) as unknown as Buffer))
    const given = server.tls.createServer({ ticketKeys: own })
    server.log('given', given.getTicketKeys().equals(own))
  })

  parity('newSession and resumeSession: a store of one’s own', async ({ client, server, serve, open }) => {
    const { server: created, port, socket: accepted } = await serve()
    const kept = new Map<string, Buffer>()
    created.on('newSession', (id, data, done) => {
      server.log('newSession', id.length, data, done)
      kept.set(id.toString('hex'), data)
      done()
    })
    created.on('resumeSession', (id, done) => {
      server.log('resumeSession', id.length, kept.has(id.toString('hex')))
      done(null, kept.get(id.toString('hex')) ?? null)
    })
    const first = open(port)
    const [session] = await once(first, 'session')
    const second = open(port, { session })
    await once(second, 'secureConnect')
    client.log('reused', first.isSessionReused(), second.isSessionReused())
    server.log('reused', (await accepted(0)).isSessionReused(), (await accepted(1)).isSessionReused())
  })

  parity('resumeSession: nothing found is a full handshake', async ({ client, server, serve, open }) => {
    const { server: created, port } = await serve()
    created.on('newSession', (_id, _data, done) => done())
    created.on('resumeSession', (_id, done) => setTimeout(done, 1, null, null))
    const first = open(port)
    const [session] = await once(first, 'session')
    const second = open(port, { session })
    await once(second, 'secureConnect')
    client.log('reused', second.isSessionReused())
    server.log('done')
  })

  parity(
    'OCSPRequest and OCSPResponse: what the server answers is stapled',
    async ({ client, server, serve, open }) => {
      const response = Buffer.from('3003020101', 'hex')
      const { server: created, port } = await serve()
      const answers = [response, null]
      created.on('OCSPRequest', (certificate, issuer, done) => {
        server.log('OCSPRequest', certificate, issuer)
        setTimeout(done, 1, null, answers.shift() ?? null)
      })
      for (let times = 0; times < 2; times++) {
        const socket = open(port, { requestOCSP: true })
        socket.on('OCSPResponse', given => client.log('OCSPResponse', given?.toString('hex')))
        client.watch(socket, 'secureConnect')
        await once(socket, 'secureConnect')
      }
    },
  )

  parity('OCSPRequest: a chain of its own has an issuer', async ({ client, server, serve, open }) => {
    const { server: created, port } = await serve({ cert: `${fixture('server.pem')}${fixture('ca.pem')}` })
    created.on('OCSPRequest', (certificate, issuer, done) => {
      server.log('OCSPRequest', certificate, issuer)
      done(null, Buffer.from('3003020101', 'hex'))
    })
    const socket = open(port, { requestOCSP: true })
    client.watch(socket, 'OCSPResponse', 'secureConnect')
    await once(socket, 'secureConnect')
    const plain = open(port)
    client.watch(plain, 'OCSPResponse', 'secureConnect')
    await once(plain, 'secureConnect')
  })

  parity('OCSPRequest: an error ends the connection', async ({ client, server, serve, open }) => {
    const { server: created, port } = await serve()
    created.on('OCSPRequest', (_certificate, _issuer, done) => done(new Error('no'), null))
    const refused = next(created, 'tlsClientError')
    const socket = quiet(open(port, { requestOCSP: true }))
    client.watch(socket, 'secureConnect', 'close')
    await next(socket, 'close')
    const [error] = await refused
    server.log('refused', error instanceof Error)
  })
})
