/** tls.TLSSocket: its constructor in both roles, and all that a socket tells and does. */
import { once } from 'node:events'
import { connect as connectTcp, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { describe } from 'vitest'
import { fixture } from '../../support/fixtures.ts'
import { type ClientOptions, type End, identity, next, parity, type Stage } from './harness.ts'

/** A connected socket and its peer, both before anybody reads. */
async function connected(
  { serve, open }: Stage,
  options: ClientOptions = {},
  listener?: Parameters<Stage['serve']>[1],
) {
  const { port, socket } = await serve({}, listener)
  const opened = open(port, options)
  await once(opened, 'secureConnect')
  return { opened, accepted: await socket(), port }
}

/** What is not in node's types. */
interface Untyped extends TLSSocket {
  setServername(name: unknown): void
  setSession(session: unknown): void
  getSharedSigalgs(): string[]
  readonly secureConnecting: boolean
}

describe('new TLSSocket', () => {
  parity('client and server, over sockets of one’s own', async ({ client, server, listen, keep }) => {
    const { Server: NetServer } = await import('node:net')
    const port = await listen(
      new NetServer(transport => {
        const accepted = new server.tls.TLSSocket(transport, {
          isServer: true,
          secureContext: server.tls.createSecureContext({ ...identity('server'), ...server.options }),
        })
        server.log('made', accepted instanceof Socket, accepted instanceof Duplex, accepted.encrypted)
        server.watch(accepted, 'secure', 'secureConnect', 'error', 'end', 'close')
        accepted.on('secure', () => server.log('then', accepted.servername, accepted.getProtocol()))
        accepted.on('data', data => accepted.end(`you said ${data}`))
      }),
    )
    const transport = keep(connectTcp(port, '127.0.0.1'))
    await once(transport, 'connect')
    const socket = keep(
      new client.tls.TLSSocket(transport, {
        secureContext: client.tls.createSecureContext({ ca: fixture('ca.pem'), ...client.options }),
      }),
    )
    client.log('made', socket instanceof Socket, socket.connecting, socket.readyState)
    client.watch(socket, 'secure', 'error', 'end', 'close')
    const closed = next(socket, 'close')
    socket.write('hello')
    socket.on('data', data => client.log('data', String(data)))
    await closed
  })

  parity(
    'isServer: options in place of a context, a server beside one',
    async ({ client, server, listen, open }) => {
      const { Server: NetServer } = await import('node:net')
      const created = server.tls.createServer({ ...identity('server'), ...server.options })
      let isPlain = true
      const port = await listen(
        new NetServer(transport => {
          const terms = isPlain
            ? { ...identity('server'), ...server.options }
            : {
                server: created,
                secureContext: server.tls.createSecureContext({ ...identity('server'), ...server.options }),
              }
          isPlain = false
          const accepted = new server.tls.TLSSocket(transport, { isServer: true, ...terms })
          accepted.on('error', () => {})
          accepted.on('secure', () => accepted.end('hello'))
        }),
      )
      for (const way of ['options', 'server']) {
        const [data] = await once(open(port), 'data')
        client.log(way, String(data))
      }
    },
  )

  parity('over a Duplex that is no socket, both roles', async ({ client, server, keep }) => {
    const [left, right] = duplexPair()
    const accepted = keep(
      new server.tls.TLSSocket(right as Socket, { isServer: true, ...identity('server'), ...server.options }),
    )
    accepted.on('secure', () => server.log('secure', accepted.servername, accepted.remoteAddress))
    accepted.on('data', data => accepted.end(`you said ${data}`))
    const socket = client.tls.connect({
      ...{ socket: left, servername: 'localhost', ca: fixture('ca.pem') },
      ...client.options,
    })
    keep(socket)
    client.watch(socket, 'secureConnect', 'error', 'end')
    socket.on('data', data => client.log('data', String(data)))
    socket.write('hello')
    await once(socket, 'end')
  })

  parity('without a transport: the error', async ({ client }) => {
    const make = (transport: unknown, options?: object) => () =>
      void new client.tls.TLSSocket(transport as Socket, options)
    client.attempt('a string', make('socket'))
    client.attempt('ALPNProtocols too long', make(new Socket(), { ALPNProtocols: ['x'.repeat(256)] }))
    client.attempt('an object', make({}))
  })
})

describe('what a socket tells', () => {
  const flags = (end: End, socket: TLSSocket, when: string) =>
    end.log(when, {
      secureConnecting: (socket as Untyped).secureConnecting,
      ...{ encrypted: socket.encrypted, authorized: socket.authorized, alpn: socket.alpnProtocol },
      ...{ servername: socket.servername, connecting: socket.connecting, pending: socket.pending },
      ...{ destroyed: socket.destroyed, readyState: socket.readyState, timeout: socket.timeout ?? 0 },
      ...{ readable: socket.readable, writable: socket.writable, allowHalfOpen: socket.allowHalfOpen },
    })

  const told = (end: End, socket: TLSSocket, when: string) => {
    flags(end, socket, when)
    if (when === 'open') {
      end.attempt('getProtocol', () => socket.getProtocol())
      // Before the handshake Node 24 ends itself with a segmentation fault.
      end.attempt('getEphemeralKeyInfo', () => socket.getEphemeralKeyInfo())
    }
    end.attempt(`${when} getCipher`, () => socket.getCipher())
    end.attempt(`${when} getPeerCertificate`, () => socket.getPeerCertificate()?.subject)
    end.attempt(
      `${when} getCertificate`,
      () => (socket.getCertificate() as { subject?: object } | null)?.subject,
    )
    end.attempt(`${when} getPeerX509Certificate`, () => socket.getPeerX509Certificate())
    end.attempt(`${when} getX509Certificate`, () => socket.getX509Certificate())
    end.attempt(`${when} isSessionReused`, () => socket.isSessionReused())
    end.attempt(`${when} getFinished`, () => socket.getFinished()?.length)
    end.attempt(`${when} getPeerFinished`, () => socket.getPeerFinished()?.length)
    end.attempt(`${when} getTLSTicket`, () => socket.getTLSTicket())
  }

  parity('a client and a server, once the handshake has ended', async stage => {
    const { opened, accepted } = await connected(stage, { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' })
    told(stage.client, opened, 'open')
    told(stage.server, accepted, 'open')
    stage.client.log('same', opened.getFinished()?.equals(accepted.getPeerFinished() ?? Buffer.alloc(0)))
  })

  parity('a client before its handshake', async ({ client, listen, keep }) => {
    const { Server: NetServer } = await import('node:net')
    const port = await listen(new NetServer(silent => void silent.resume()))
    const socket = keep(client.tls.connect({ port, host: '127.0.0.1', ...client.options }))
    socket.on('error', () => {})
    told(client, socket, 'connecting')
    await once(socket, 'connect')
    told(client, socket, 'connected')
  })

  parity('a client that was destroyed', async stage => {
    const { opened } = await connected(stage)
    opened.destroy()
    await next(opened, 'close')
    flags(stage.client, opened, 'destroyed')
    stage.client.attempt('renegotiate', () => opened.renegotiate({}, () => {}))
    stage.client.attempt('disableRenegotiation', () => opened.disableRenegotiation())
  })

  parity('getPeerCertificate(true): the chain', async stage => {
    const { serve, open, client } = stage
    const { port } = await serve({ cert: `${fixture('server.pem')}${fixture('ca.pem')}` })
    const socket = open(port)
    await once(socket, 'secureConnect')
    const { issuerCertificate, ...leaf } = socket.getPeerCertificate(true)
    client.log('leaf', { ...leaf, raw: leaf.raw.toString('hex'), pubkey: leaf.pubkey?.toString('hex') })
    client.log('issuer', issuerCertificate.subject, issuerCertificate.issuerCertificate === issuerCertificate)
    client.log('short', 'issuerCertificate' in socket.getPeerCertificate())
  })

  parity('getCipher, getEphemeralKeyInfo of each kind of suite', async ({ client, server, serve, open }) => {
    for (const [ciphers, name] of [
      ['ECDHE-RSA-AES128-GCM-SHA256', 'server'],
      ['ECDHE-ECDSA-CHACHA20-POLY1305', 'ec'],
      ['ECDHE-RSA-AES256-SHA384', 'server'],
      ['AES128-SHA', 'server'],
    ] as const) {
      const { port, socket } = await serve({ ...identity(name), ciphers })
      const opened = open(port, { ciphers })
      await once(opened, 'secureConnect')
      // Node 24 has undefined for what a key exchange does not have.
      const key = JSON.stringify(opened.getEphemeralKeyInfo())
      client.log(ciphers, opened.getCipher(), key, opened.getProtocol())
      server.log(ciphers, (await socket()).getCipher(), (await socket()).getEphemeralKeyInfo())
    }
  })

  parity('addresses and counts', async stage => {
    const { opened, accepted } = await connected(stage)
    for (const [end, socket, other] of [
      [stage.client, opened, accepted],
      [stage.server, accepted, opened],
    ] as const) {
      end.log('remote', socket.remoteAddress, socket.remoteFamily, socket.remotePort === other.localPort)
      end.log('local', socket.localAddress, socket.localFamily, socket.localPort === other.remotePort)
      const address = socket.address() as { port: number }
      end.log('address', { ...address, port: address.port === socket.localPort })
    }
    opened.write('twelve bytes')
    await once(accepted, 'data')
    stage.client.log('written', opened.bytesWritten, opened.bytesRead)
    stage.server.log('read', accepted.bytesRead, accepted.bytesWritten)
  })

  parity('getSession, isSessionReused, session', async stage => {
    const { client, serve, open } = stage
    const { server: created, port } = await serve()
    const kept = new Map<string, Buffer>()
    created.on('newSession', (id, data, done) => {
      kept.set(id.toString('hex'), data)
      done()
    })
    created.on('resumeSession', (id, done) => done(null, kept.get(id.toString('hex')) ?? null))
    const first = open(port)
    client.watch(first, 'session', 'secureConnect')
    client.attempt('before', () => first.getSession())
    await Promise.all([once(first, 'secureConnect'), once(first, 'session')])
    client.attempt('after', () => first.getSession())
    const second = open(port, { session: first.getSession() })
    client.watch(second, 'session', 'secureConnect')
    await once(second, 'secureConnect')
    client.log('reused', first.isSessionReused(), second.isSessionReused())
    const third = open(port)
    ;(third as Untyped).setSession(first.getSession())
    await once(third, 'secureConnect')
    client.log('by setSession', third.isSessionReused())
    client.attempt('a session that is none', () => open(port, { session: Buffer.from('none') }))
  })

  parity('getSharedSigalgs', async stage => {
    const { server, serve, open } = stage
    const { port, socket } = await serve()
    await once(open(port, { sigalgs: 'rsa_pss_rsae_sha256:RSA+SHA512' }), 'secureConnect')
    server.log('shared', ((await socket()) as Untyped).getSharedSigalgs())
  })
})

describe('what a socket does when it is told to', () => {
  parity('exportKeyingMaterial: the same at both ends', async stage => {
    const { opened, accepted } = await connected(stage)
    const { client } = stage
    const material = (socket: TLSSocket, context?: Buffer) =>
      Reflect.apply(socket.exportKeyingMaterial, socket, [32, 'EXPERIMENTAL ringtls', context]) as Buffer
    for (const context of [undefined, Buffer.alloc(0), Buffer.from('context')])
      client.log('same', material(opened, context).equals(material(accepted, context)))
    client.log('context matters', material(opened).equals(material(opened, Buffer.from('x'))))
  })

  parity('exportKeyingMaterial: what it refuses', async stage => {
    const { opened } = await connected(stage)
    const tried =
      (...given: unknown[]) =>
      () =>
        Reflect.apply(opened.exportKeyingMaterial, opened, given)
    const { client } = stage
    client.attempt('length is text', tried('20', 'EXPERIMENTAL x'))
    client.attempt('length 0', tried(0, 'EXPERIMENTAL x'))
    client.attempt('length -1', tried(-1, 'EXPERIMENTAL x'))
    client.attempt('no label', tried(20))
    client.attempt('label is bytes', tried(20, Buffer.from('x')))
    client.attempt('context is text', tried(20, 'EXPERIMENTAL x', 'context'))
    const early = stage.keep(stage.client.tls.connect({ port: 1, host: '127.0.0.1' }))
    early.on('error', () => {})
    client.attempt('before the handshake', () => early.exportKeyingMaterial(20, 'x', Buffer.alloc(0)))
  })

  parity('setMaxSendFragment', async stage => {
    const { opened, accepted } = await connected(stage, {}, () => {})
    for (const size of [512, 1024, 16_384, 511, 16_385, 0, -1])
      stage.client.attempt(`${size}`, () => opened.setMaxSendFragment(size))
    stage.client.attempt('default', () => Reflect.apply(opened.setMaxSendFragment, opened, []))
    stage.client.attempt('text', () => opened.setMaxSendFragment('512' as unknown as number))
    opened.setMaxSendFragment(512)
    opened.end(Buffer.alloc(3000))
    const sizes: number[] = []
    for await (const chunk of accepted) sizes.push((chunk as Buffer).length)
    stage.server.log(
      'bytes',
      sizes.reduce((sum, size) => sum + size, 0),
    )
  })

  parity('renegotiate, disableRenegotiation: what they take', async stage => {
    const { opened, accepted } = await connected(stage)
    const { client, server } = stage
    client.attempt('no options', () => Reflect.apply(opened.renegotiate, opened, []))
    client.attempt('a string', () => Reflect.apply(opened.renegotiate, opened, ['now', () => {}]))
    client.attempt('callback is text', () => Reflect.apply(opened.renegotiate, opened, [{}, 'then']))
    client.attempt('disable', () => opened.disableRenegotiation())
    server.attempt('disable', () => accepted.disableRenegotiation())
  })

  parity('setServername', async ({ client, server, listen, serve, keep }) => {
    const { Server: NetServer } = await import('node:net')
    const { port, socket: accepted } = await serve()
    const transport = keep(connectTcp(port, '127.0.0.1'))
    await once(transport, 'connect')
    const context = client.tls.createSecureContext({ ca: fixture('ca.pem'), ...client.options })
    const socket = keep(new client.tls.TLSSocket(transport, { secureContext: context })) as Untyped
    client.attempt('a number', () => socket.setServername(1))
    client.attempt('a name', () => socket.setServername('localhost'))
    socket.write('hello')
    await once(socket, 'secure')
    const { servername } = await accepted()
    server.log('asked for', servername)
    server.attempt('on a server', () => (accepted as unknown as Untyped).setServername?.('x'))
    const plain = await listen(new NetServer())
    const other = keep(connectTcp(plain, '127.0.0.1'))
    const serving = new server.tls.TLSSocket(other, { isServer: true }) as Untyped
    serving.on('error', () => {})
    server.attempt('of a server', () => serving.setServername('localhost'))
  })

  parity('setNoDelay, setKeepAlive, ref, unref, setTimeout, pause, resume give the socket', async stage => {
    const { opened, accepted } = await connected(stage)
    for (const [end, socket] of [
      [stage.client, opened],
      [stage.server, accepted],
    ] as const) {
      end.log('same', socket.setNoDelay() === socket, socket.setNoDelay(false) === socket)
      end.log('same', socket.setKeepAlive(true, 1000) === socket, socket.setTimeout(0) === socket)
      end.log('same', socket.unref() === socket, socket.ref() === socket)
      end.log('same', socket.pause() === socket, socket.isPaused(), socket.resume() === socket)
    }
  })
})

/** Two streams, of which each gives what is written to the other. */
function duplexPair(): [Duplex, Duplex] {
  const make = (other: () => Duplex) =>
    new Duplex({
      read: () => {},
      write: (chunk, _encoding, done) => {
        other().push(chunk)
        setImmediate(done)
      },
      final: done => {
        other().push(null)
        done()
      },
    })
  const left: Duplex = make(() => right)
  const right: Duplex = make(() => left)
  return [left, right]
}
