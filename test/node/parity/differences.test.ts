/** Where ours is meant to be another than node:tls: what each of them does, and why. */
import { constants } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net'
import { getDefaultHighWaterMark } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { describe } from 'vitest'
import { fixture } from '../../support/fixtures.ts'
import { difference, type End, identity, next, quiet, type Stage } from './harness.ts'

const delay = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))

/** What is written to standard error meanwhile. */
async function printedOnStandardError(act: () => Promise<void>): Promise<string> {
  const { write } = process.stderr
  let printed = ''
  process.stderr.write = ((text: string | Uint8Array) => {
    printed += Buffer.from(text as Uint8Array).toString('latin1')
    return true
  }) as typeof write
  try {
    await act()
  } finally {
    process.stderr.write = write
  }
  return printed
}

/** Of `openssl dhparam -out FILE 2048`: a safe prime that has no name. */
const dhParameters = `-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA6Yph3Wp8hvSQDANM9b9k2ukj73gf1qn4F0btMnmjf8Di6CUEzYJJ
rcyewtuP8XZvah38ywgQH1k3SdhTe4wV2vajpOQSfCr5rg+3ZdCPaWFMi0nIbzOm
e9oWD2smKDJdIglujBX9HcybWrcez46ofuKqEd/7ZC90UVec6WBPRaTHAi3vgIZz
0/QOfIrDka6GZ2yHomCWNXDUeSg8lEYFGM1Y+IReU3hQdBIC4An6fs/wBh7pSho0
c6GPNnfiodmg/2vpYrXLYVCEKdc1WA3NcqATQq6wSjte8uJS/YB7HgTimFrbw5vd
ZCTKDI3Icf8c3yq1T2Q9+i9Tmxj731ALRwIBAg==
-----END DH PARAMETERS-----
`

/** Whether it comes to pass: what ours does has all the time it needs, and of what node:tls never does only so much can be seen. */
const comes = (event: Promise<unknown>, { isOurs }: End) =>
  Promise.race([event.then(() => true), delay(isOurs ? 10_000 : 500).then(() => false)])

describe('versions and algorithms', () => {
  difference(
    'TLS 1.2 is all there is',
    async ({ client, serve, open }) => {
      const { port } = await serve({ maxVersion: undefined })
      const socket = open(port, { maxVersion: undefined })
      await once(socket, 'secureConnect')
      client.log('protocol', socket.getProtocol(), client.tls.DEFAULT_MAX_VERSION)
      client.attempt('TLSv1.3', () => typeof client.tls.createSecureContext({ minVersion: 'TLSv1.3' }))
    },
    {
      why: 'the method is about sessions of TLS 1.2: an ID that any server of a cluster resumes',
      node: {
        client: [
          ['protocol', 'TLSv1.3', 'TLSv1.3'],
          ['TLSv1.3', 'object'],
        ],
        server: [],
      },
      ours: {
        client: [
          ['protocol', 'TLSv1.2', 'TLSv1.2'],
          ['TLSv1.3', { throws: 'ERR_TLS_INVALID_PROTOCOL_VERSION' }],
        ],
        server: [],
      },
    },
  )

  difference(
    'an option that ours does not do is refused, and not passed over',
    async ({ client, server }) => {
      const make = (options: object) => () => void server.tls.createSecureContext(options)
      server.attempt('crl', make({ crl: [] }))
      server.attempt('dhparam of one’s own', make({ dhparam: dhParameters }))
      server.attempt('SSL_OP_NO_TLSv1_2', make({ secureOptions: constants.SSL_OP_NO_TLSv1_2 }))
      server.attempt('pskCallback', () => void server.tls.createServer({ pskCallback: () => null }))
      client.attempt(
        'clientCertEngine',
        () => void client.tls.createSecureContext({ clientCertEngine: 'none' }),
      )
      const engine = { privateKeyEngine: 'none', privateKeyIdentifier: 'key' }
      client.attempt('privateKeyEngine', () => void client.tls.createSecureContext(engine))
    },
    {
      why: 'whoever gives them relies on them: a certificate that is revoked would pass, say',
      node: {
        client: [
          ['clientCertEngine', { throws: 'without a code' }],
          ['privateKeyEngine', { throws: 'without a code' }],
        ],
        server: [
          ['crl', undefined],
          ['dhparam of one’s own', undefined],
          ['SSL_OP_NO_TLSv1_2', undefined],
          ['pskCallback', undefined],
        ],
      },
      ours: {
        client: [
          ['clientCertEngine', { throws: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM' }],
          ['privateKeyEngine', { throws: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM' }],
        ],
        server: [
          ['crl', { throws: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM' }],
          ['dhparam of one’s own', { throws: 'ERR_INVALID_ARG_VALUE' }],
          ['SSL_OP_NO_TLSv1_2', { throws: 'ERR_TLS_INVALID_PROTOCOL_VERSION' }],
          ['pskCallback', { throws: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM' }],
        ],
      },
    },
  )

  difference(
    'getProtocol before the handshake’s end is null',
    async ({ client, serve, open }) => {
      const { port } = await serve()
      const socket = open(port)
      client.log('protocol', socket.getProtocol())
      await once(socket, 'secureConnect')
    },
    {
      why: 'node:tls tells the newest version that may be agreed on, as if it were',
      node: { client: [['protocol', 'TLSv1.3']], server: [] },
      ours: { client: [['protocol', null]], server: [] },
    },
  )
})

describe('sessions', () => {
  const resumes = async ({ client, serve, open }: Stage) => {
    const { port } = await serve()
    const first = open(port)
    const [session] = await once(first, 'session')
    const second = open(port, { session })
    await once(second, 'secureConnect')
    client.log('reused', second.isSessionReused())
  }

  difference('sessions by ID are kept without anybody’s help', resumes, {
    why: 'a server without newSession and resumeSession resumes all the same: sessions are what ours is for',
    node: { client: [['reused', false]], server: [] },
    ours: { client: [['reused', true]], server: [] },
  })

  difference(
    'a server gives no tickets unless it is asked to',
    async ({ client, serve, open }) => {
      const { port } = await serve({ secureOptions: 0 })
      const socket = open(port, { secureOptions: 0 })
      await once(socket, 'session')
      client.log('ticket', socket.getTLSTicket())
    },
    {
      why: 'a session that lives in the cluster can be forgotten there; a ticket cannot: tickets, or ticketKeys, ask for them',
      node: { client: [['ticket', 'bytes']], server: [] },
      ours: { client: [['ticket', undefined]], server: [] },
    },
  )

  difference(
    'newSession’s callback is not waited for',
    async ({ client, server, serve, open }) => {
      const { server: created, port } = await serve()
      created.on('newSession', () => server.log('newSession'))
      const socket = open(port)
      client.log('connected', await comes(next(socket, 'secureConnect'), client))
    },
    {
      why: 'the first byte waits for no store (docs/beside-node-tls.md)',
      node: { client: [['connected', false]], server: [['newSession']] },
      ours: { client: [['connected', true]], server: [['newSession']] },
    },
  )

  difference(
    'resumeSession’s callback has a budget',
    async ({ client, server, serve, open }) => {
      const { server: created, port } = await serve()
      created.on('newSession', (_id, _data, done) => done())
      created.on('resumeSession', () => server.log('resumeSession'))
      const [session] = await once(open(port), 'session')
      const second = open(port, { session })
      client.log('connected', await comes(next(second, 'secureConnect'), client), second.isSessionReused())
    },
    {
      why: 'a store can only help: after lookupTimeout, 50 ms by default, there is a full handshake',
      node: { client: [['connected', false, false]], server: [['resumeSession']] },
      ours: { client: [['connected', true, false]], server: [['resumeSession']] },
    },
  )

  difference(
    'resumeSession’s error is a full handshake',
    async ({ client, serve, open }) => {
      const { server: created, port } = await serve()
      created.on('newSession', (_id, _data, done) => done())
      created.on('resumeSession', (_id, done) => done(new Error('no'), null))
      const [session] = await once(open(port), 'session')
      const second = open(port, { session })
      const how = await Promise.race([
        next(second, 'secureConnect').then(() => 'full'),
        next(second, 'close').then(() => 'closed'),
      ])
      client.log('second', how)
    },
    {
      why: 'a store can only help: its faults are no client’s',
      node: {
        client: [
          ['error', { error: 'ECONNRESET' }],
          ['second', 'closed'],
        ],
        server: [],
      },
      ours: { client: [['second', 'full']], server: [] },
    },
  )
})

describe('names and certificates', () => {
  difference(
    'an authority need not be self-signed by default',
    async ({ client, serve, open }) => {
      const { port } = await serve()
      const socket = quiet(open(port, { ca: fixture('server.pem') }))
      await Promise.race([next(socket, 'secureConnect'), next(socket, 'close')])
      client.log('authorized', socket.authorized)
    },
    {
      why: 'whom ca names is trusted (RFC 5280 §6.1.1 d), unless allowPartialTrustChain is false',
      node: { client: [['authorized', false]], server: [] },
      ours: { client: [['authorized', true]], server: [] },
    },
  )

  difference(
    'connect asks for the name of its host',
    async ({ client, server, serve, keep }) => {
      const { port, socket } = await serve()
      const options = { ...client.options, ca: fixture('ca.pem') }
      const opened = keep(client.tls.connect(port, 'localhost', options))
      await once(opened, 'secureConnect')
      client.log('servername', opened.servername)
      server.log('servername', (await socket()).servername)
    },
    {
      why: 'a server that has several certificates shows the right one, as it does to https and to every browser',
      node: { client: [['servername', false]], server: [['servername', false]] },
      ours: { client: [['servername', 'localhost']], server: [['servername', 'localhost']] },
    },
  )

  difference(
    'a client that refuses a certificate says so with an alert',
    async ({ client, server, serve, open }) => {
      const { server: created, port } = await serve()
      const seen = Promise.race([
        next(created, 'secureConnection').then(() => server.log('secureConnection')),
        next(created, 'tlsClientError').then(([error]) => server.log('tlsClientError', error)),
      ])
      const socket = open(port, { ca: fixture('client-ca.pem') })
      await next(socket, 'close')
      client.log('closed')
      await seen
    },
    {
      why: 'ours verifies when the certificate comes (RFC 5246 §7.4.2), node:tls after the handshake: its server believes that all is well',
      node: {
        client: [['error', { error: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }], ['closed']],
        server: [['secureConnection']],
      },
      ours: {
        client: [['error', { error: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }], ['closed']],
        server: [['tlsClientError', { error: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' }]],
      },
    },
  )

  difference(
    'new TLSSocket verifies as connect does',
    async ({ client, serve, keep }) => {
      const { port } = await serve()
      const transport = keep(connectTcp(port, '127.0.0.1'))
      await once(transport, 'connect')
      const socket = keep(new client.tls.TLSSocket(transport, { ...client.options, ca: fixture('ca.pem') }))
      client.watch(socket, 'secure', 'secureConnect', 'session')
      socket.write('begin')
      await once(socket, 'secure')
      await delay(100)
      client.log('authorized', socket.authorized)
    },
    {
      why: 'whoever forgets verifyError after secure, as node:tls wants it, is connected to anybody',
      node: { client: [['secure'], ['authorized', false]], server: [] },
      ours: {
        client: [['secure'], ['secureConnect'], ['session', 'bytes'], ['authorized', true]],
        server: [],
      },
    },
  )

  difference(
    'a context of a name has its certificates alone',
    async ({ client, server, serve, open }) => {
      const { server: created, port } = await serve()
      created.addContext('a.example.test', { ...identity('ec'), ...server.options })
      const socket = open(port, { servername: 'a.example.test', rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      client.log('key', socket.getPeerX509Certificate()?.publicKey.asymmetricKeyType)
    },
    {
      why: 'node:tls adds them to those of the server, whose RSA certificate is then chosen by the suite (docs/decisions/0020)',
      until: 23,
      node: { client: [['key', 'rsa']], server: [] },
      ours: { client: [['key', 'ec']], server: [] },
    },
  )

  difference(
    'a client shows a certificate only to who can use it',
    async ({ server, serve, open }) => {
      const { port, socket } = await serve({
        ...{ requestCert: true, rejectUnauthorized: false, ca: fixture('ec-ca.pem') },
      })
      await once(open(port, identity('client-rsa')), 'secureConnect')
      server.log('shown', (await socket()).getPeerCertificate().subject)
    },
    {
      why: 'the server names the authorities that it takes (RFC 5246 §7.4.4): another’s certificate tells who one is, for nothing',
      node: { client: [], server: [['shown', { CN: 'client-rsa' }]] },
      ours: { client: [], server: [['shown', undefined]] },
    },
  )
})

describe('faults', () => {
  difference(
    'a handshake that is cut off is an error and no end',
    async ({ client, keep, listen }) => {
      const port = await listen(createTcpServer(socket => void socket.once('data', () => socket.end())))
      const socket = keep(client.tls.connect({ port, host: '127.0.0.1', ...client.options }))
      client.watch(socket, 'end', 'error', 'close')
      await next(socket, 'close')
    },
    {
      why: 'whoever reads up to the end would take a connection that never was for one without data',
      node: { client: [['end'], ['error', { error: 'ECONNRESET' }], ['close', true]], server: [] },
      ours: {
        client: [
          ['error', { error: 'ECONNRESET' }],
          ['close', true],
        ],
        server: [],
      },
    },
  )

  difference(
    'an end without close_notify is an error',
    async stage => {
      const { client, serve, open } = stage
      const { server: created, port, socket: accepted } = await serve()
      const transports: Socket[] = []
      created.on('connection', transport => transports.push(transport))
      const socket = open(port)
      await once(socket, 'secureConnect')
      await accepted()
      client.watch(socket, 'end', 'close')
      socket.resume()
      transports[0]?.end()
      await next(socket, 'close')
    },
    {
      why: 'whoever cuts the connection must not pass for the end of the data (RFC 5246 §7.2.1)',
      node: { client: [['end'], ['close', false]], server: [] },
      ours: {
        client: [
          ['error', { error: 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING' }],
          ['close', true],
        ],
        server: [],
      },
    },
  )

  const refusing =
    (options: (end: End) => object, listen?: (server: Stage['server'] & object, created: object) => void) =>
    async ({ client, server, serve, open }: Stage) => {
      const { server: created, port } = await serve(options(server))
      listen?.(server, created)
      const refused = next(created, 'tlsClientError')
      const socket = open(port, { ALPNProtocols: ['h2'], requestOCSP: true })
      await next(socket, 'close')
      await refused
      client.log('closed')
    }
  const asReset = [['error', { error: 'ECONNRESET' }], ['closed']] as const
  const asAlert = [['error', { error: 'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR' }], ['closed']] as const
  const why = 'who is refused is told so, by internal_error, where node:tls cuts the connection'

  difference(
    'SNICallback’s error is an alert',
    refusing(() => ({ SNICallback: (_name: string, done: (error: Error) => void) => done(new Error('no')) })),
    {
      ...{ why, node: { client: asReset, server: [] }, ours: { client: asAlert, server: [] } },
    },
  )

  difference(
    'an ALPNCallback’s answer that was not offered is an alert',
    refusing(() => ({ ALPNCallback: () => 'h3' })),
    {
      ...{ why, node: { client: asReset, server: [] }, ours: { client: asAlert, server: [] } },
    },
  )

  difference(
    'OCSPRequest’s error is an alert',
    refusing(
      () => ({}),
      (_end, created) =>
        void (created as NodeJS.EventEmitter).on('OCSPRequest', (_certificate, _issuer, done) =>
          done(new Error('no')),
        ),
    ),
    { why, node: { client: asReset, server: [] }, ours: { client: asAlert, server: [] } },
  )
})

describe('what a socket does', () => {
  const opened = async (
    { serve, open }: Stage,
    options: object = {},
  ): Promise<{ socket: TLSSocket; accepted: TLSSocket }> => {
    const { port, socket: next } = await serve(options)
    const socket = open(port)
    await once(socket, 'secureConnect')
    return { socket, accepted: await next() }
  }

  difference(
    'ready comes with connect over a socket that was given, too',
    async ({ client, serve, keep }) => {
      const { port } = await serve()
      const transport = keep(connectTcp(port, '127.0.0.1'))
      const socket = keep(client.tls.connect({ socket: transport, ...client.options, ca: fixture('ca.pem') }))
      client.watch(socket, 'connect', 'ready')
      await once(socket, 'secureConnect')
    },
    {
      why: 'net.Socket’s documentation has it so: ready is triggered immediately after connect',
      node: { client: [['connect']], server: [] },
      ours: { client: [['connect'], ['ready']], server: [] },
    },
  )

  difference(
    'enableTrace prints our own lines',
    async ({ client, serve, open }) => {
      const { port } = await serve()
      const socket = open(port)
      const printed = await printedOnStandardError(async () => {
        client.attempt('gives', () => socket.enableTrace())
        await once(socket, 'secureConnect')
      })
      client.log('printed', /client_hello/.test(printed), printed.includes('\n'))
    },
    {
      why: 'OpenSSL prints its own, past the process’s streams; ours are one for each message',
      node: {
        client: [
          ['gives', undefined],
          ['printed', false, false],
        ],
        server: [],
      },
      ours: {
        client: [
          ['gives', undefined],
          ['printed', true, true],
        ],
        server: [],
      },
    },
  )

  difference(
    'renegotiate is refused',
    async stage => {
      const { socket } = await opened(stage)
      await new Promise<void>(resolve => {
        stage.client.attempt('gives', () =>
          socket.renegotiate({}, error => {
            stage.client.log('callback', error)
            resolve()
          }),
        )
      })
    },
    {
      why: 'nothing here renegotiates (docs/decisions/0030-no-renegotiation.md); TLS 1.3 does not either',
      node: {
        client: [
          ['gives', true],
          ['callback', null],
        ],
        server: [],
      },
      ours: {
        client: [
          ['gives', false],
          ['callback', { error: 'ERR_TLS_RENEGOTIATION_DISABLED' }],
        ],
        server: [],
      },
    },
  )

  difference(
    'highWaterMark of createServer is that of its sockets',
    async stage => {
      const { accepted } = await opened(stage, { highWaterMark: 4096 })
      stage.server.log('marks', accepted.readableHighWaterMark, accepted.writableHighWaterMark)
    },
    {
      why: 'node:tls applies it to the sockets beneath alone, where nobody reads it',
      node: {
        client: [],
        server: [['marks', getDefaultHighWaterMark(false), getDefaultHighWaterMark(false)]],
      },
      ours: { client: [], server: [['marks', 4096, 4096]] },
    },
  )

  difference(
    'resetAndDestroy resets the transport',
    async stage => {
      const { socket, accepted } = await opened(stage)
      stage.server.watch(accepted, 'error')
      const failed = comes(next(accepted, 'error'), stage.server)
      stage.client.attempt('resets', () => socket.resetAndDestroy() === socket)
      await failed
    },
    {
      why: 'a TLSSocket of node:tls is no TCP handle, and refuses',
      node: { client: [['resets', { throws: 'ERR_INVALID_HANDLE_TYPE' }]], server: [] },
      ours: { client: [['resets', true]], server: [['error', { error: 'ECONNRESET' }]] },
    },
  )

  difference(
    'a socket that is gone still says what it was',
    async stage => {
      const { client } = stage
      const { socket } = await opened(stage)
      socket.destroy()
      await next(socket, 'close')
      client.log(
        'protocol',
        socket.getProtocol(),
        socket.getCipher()?.name === undefined,
        socket.isSessionReused(),
      )
      client.log(
        'certificate',
        socket.getPeerCertificate()?.subject,
        socket.getFinished()?.length,
        socket.getSession(),
      )
      client.attempt('ephemeral key', () => socket.getEphemeralKeyInfo())
      client.attempt('X509', () => socket.getPeerX509Certificate())
      client.attempt('exporter', () => socket.exportKeyingMaterial(20, 'EXPERIMENTAL x', Buffer.alloc(0)))
      client.attempt('setMaxSendFragment', () => socket.setMaxSendFragment(1024))
    },
    {
      why: 'a log line that is written at close can say it',
      node: {
        client: [
          ['protocol', null, true, null],
          ['certificate', undefined, undefined, null],
          ['ephemeral key', null],
          ['X509', undefined],
          ['exporter', { throws: 'without a code' }],
          ['setMaxSendFragment', { throws: 'without a code' }],
        ],
        server: [],
      },
      ours: {
        client: [
          ['protocol', 'TLSv1.2', false, false],
          ['certificate', { CN: 'localhost' }, 12, 'bytes'],
          ['ephemeral key', { type: 'ECDH', name: 'X25519', size: 253 }],
          ['X509', { X509Certificate: 'CN=localhost' }],
          ['exporter', { throws: 'ERR_TLS_INVALID_STATE' }],
          ['setMaxSendFragment', false],
        ],
        server: [],
      },
    },
  )

  difference(
    'Server and TLSSocket are classes',
    async ({ client, server }) => {
      const called = (end: End, name: 'Server' | 'TLSSocket' | 'SecureContext') =>
        Reflect.apply(end.tls[name as 'Server'] as unknown as () => object, undefined, [])
      server.attempt('Server()', () => called(server, 'Server'))
      client.attempt('SecureContext()', () => typeof called(client, 'SecureContext'))
    },
    {
      why: 'they are made with new, or by createServer, connect and createSecureContext; the rest is older than classes',
      node: { client: [['SecureContext()', 'object']], server: [['Server()', 'a Server']] },
      ours: {
        client: [['SecureContext()', { throws: 'without a code' }]],
        server: [['Server()', { throws: 'without a code' }]],
      },
    },
  )

  difference(
    'a misuse that node:tls has no code for has one',
    async ({ server }) => {
      const create = (options: object) => () => void server.tls.createServer(options)
      server.attempt('sigalgs', create({ sigalgs: 'RSA+MD1' }))
      server.attempt('ALPNCallback', create({ ALPNCallback: 'h2' }))
      server.attempt('pfx', create({ pfx: Buffer.from('none') }))
      server.attempt('ticket keys', () => server.tls.createServer().setTicketKeys(Buffer.alloc(47)))
    },
    {
      why: 'node:tls gives OpenSSL’s text alone, says nothing until a client comes, or asserts',
      node: {
        client: [],
        server: [
          ['sigalgs', { throws: 'without a code' }],
          ['ALPNCallback', undefined],
          ['pfx', { throws: 'without a code' }],
          ['ticket keys', { throws: 'ERR_INTERNAL_ASSERTION' }],
        ],
      },
      ours: {
        client: [],
        server: [
          ['sigalgs', { throws: 'ERR_INVALID_ARG_VALUE' }],
          ['ALPNCallback', { throws: 'ERR_INVALID_ARG_TYPE' }],
          ['pfx', { throws: 'ERR_CRYPTO_OPERATION_FAILED' }],
          ['ticket keys', { throws: 'ERR_INVALID_ARG_VALUE' }],
        ],
      },
    },
  )
})
