/** tls.connect: every way to call it, every option, and what happens on the way to 'secureConnect'. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectTcp, createServer as createTcpServer, type LookupFunction } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { describe, onTestFinished } from 'vitest'
import { fixture } from '../../support/fixtures.ts'
import { freePort } from '../../support/free-ports.ts'
import { identity, next, parity, type Stage } from './harness.ts'

const trusted = { ca: fixture('ca.pem') }
const uptoSecure = ['lookup', 'connect', 'ready', 'secureConnect', 'error', 'end', 'close']

/** A socket that somebody opened in his own way, up to the end of its handshake. */
async function secured({ client, keep }: Stage, socket: TLSSocket): Promise<TLSSocket> {
  keep(socket)
  client.watch(socket, ...uptoSecure)
  await once(socket, 'secureConnect')
  client.log('then', {
    ...{ authorized: socket.authorized, encrypted: socket.encrypted },
    ...{ remoteAddress: socket.remoteAddress, connecting: socket.connecting, pending: socket.pending },
  })
  return socket
}

/** A transport that is no net.Socket and has no handle. */
function duplexOver(transport: Duplex): Duplex {
  const duplex = new Duplex({
    read: () => void transport.resume(),
    write: (chunk, _encoding, done) => void transport.write(chunk, done),
    final: done => void transport.end(done),
  })
  transport.on('data', chunk => {
    if (!duplex.push(chunk)) transport.pause()
  })
  transport.on('end', () => duplex.push(null))
  return duplex
}

describe('ways to call connect', () => {
  const withCallback = (client: Stage['client']) => () => client.log('the callback')

  parity('connect(port, host, options, callback)', async stage => {
    const { client, serve } = stage
    const { port } = await serve()
    const options = { ...client.options, ...trusted }
    await secured(stage, client.tls.connect(port, 'localhost', options, withCallback(client)))
  })

  parity('connect(port, host, options)', async stage => {
    const { port } = await stage.serve()
    const options = { ...stage.client.options, ...trusted }
    await secured(stage, stage.client.tls.connect(port, '127.0.0.1', options))
  })

  parity('connect(port, options, callback): host is localhost', async stage => {
    const { client, serve } = stage
    const { port } = await serve()
    const options = { ...client.options, ...trusted, family: 4 }
    await secured(stage, client.tls.connect(port, options, withCallback(client)))
  })

  parity('connect(options, callback)', async stage => {
    const { client, serve } = stage
    const { port } = await serve()
    const options = { port, host: 'localhost', ...client.options, ...trusted }
    await secured(stage, client.tls.connect(options, withCallback(client)))
  })

  parity(
    'connect(port, callback), connect(port, host, callback): roots of the system, which do not know it',
    async stage => {
      const { client, serve, keep } = stage
      const { port } = await serve()
      const ways = [
        (callback: () => void) => Reflect.apply(client.tls.connect, undefined, [port, callback]),
        (callback: () => void) => Reflect.apply(client.tls.connect, undefined, [port, 'localhost', callback]),
        () => client.tls.connect(port, '127.0.0.1'),
        () => client.tls.connect(port),
        () => client.tls.connect({ port }),
      ] as ((callback: () => void) => TLSSocket)[]
      for (const way of ways) {
        const socket = keep(way(withCallback(client)))
        const [error] = await next(socket, 'error')
        client.log('refused', error, socket.authorized, socket.destroyed)
      }
    },
  )

  parity('options come after the arguments and win', async stage => {
    const { client, serve } = stage
    const { port } = await serve()
    const options = { ...client.options, ...trusted, port: 1, host: '256.1.1.1' }
    client.log('begin')
    // The options come last in node's merge: what they say of host and port counts.
    const socket = stage.keep(client.tls.connect(port, '127.0.0.1', options))
    const [error] = await next(socket, 'error')
    client.log('which', error)
  })

  parity('a port that is none, an option object that is none', async ({ client }) => {
    client.attempt('port 65536', () => client.tls.connect({ port: 65_536 }))
    client.attempt('port -1', () => client.tls.connect(-1))
    client.attempt('port abc', () => client.tls.connect({ port: 'abc' as unknown as number }))
    client.attempt('no port', () => client.tls.connect({}))
  })
})

describe('where connect goes', () => {
  parity('path: a unix socket', async stage => {
    const { client, server } = stage
    const directory = mkdtempSync(join(tmpdir(), 'ringtls-parity-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const path = join(directory, 'server')
    const listening = server.tls.createServer({ ...identity('server'), ...server.options })
    onTestFinished(() => void listening.close())
    await once(listening.listen(path), 'listening')
    const socket = client.tls.connect({
      path,
      host: 'ignored',
      ...client.options,
      ...trusted,
      servername: 'localhost',
    })
    await secured(stage, socket)
    client.log('addresses', socket.remoteAddress, socket.remotePort, socket.address())
    server.log('address', listening.address() === path)
    socket.destroy()
  })

  parity('path without a servername: the certificate is for localhost', async stage => {
    const { client, server } = stage
    const directory = mkdtempSync(join(tmpdir(), 'ringtls-parity-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const path = join(directory, 'server')
    const listening = server.tls.createServer({ ...identity('server'), ...server.options })
    onTestFinished(() => void listening.close())
    await once(listening.listen(path), 'listening')
    const socket = client.tls.connect({ path, ...client.options, ...trusted })
    await secured(stage, socket)
    socket.destroy()
  })

  parity('socket: one that is connected', async stage => {
    const { client, serve, keep } = stage
    const { port } = await serve()
    const transport = keep(connectTcp(port, '127.0.0.1'))
    await once(transport, 'connect')
    const socket = client.tls.connect({ socket: transport, ...client.options, ...trusted })
    client.log('at once', socket.connecting, socket.pending, socket.readyState)
    await secured(stage, socket)
  })

  parity('socket: one that is still connecting', async stage => {
    const { client, serve, keep } = stage
    const { port } = await serve()
    const transport = keep(connectTcp(port, '127.0.0.1'))
    const socket = keep(client.tls.connect({ socket: transport, ...client.options, ...trusted }))
    client.log('at once', socket.connecting, socket.pending)
    client.watch(socket, 'connect', 'secureConnect', 'error', 'close')
    await once(socket, 'secureConnect')
    client.log('then', socket.connecting, socket.pending, socket.remoteAddress)
  })

  parity('socket: any Duplex', async stage => {
    const { client, serve, keep } = stage
    const { port } = await serve()
    const transport = keep(connectTcp(port, '127.0.0.1'))
    await once(transport, 'connect')
    const duplex = keep(duplexOver(transport))
    const socket = client.tls.connect({
      socket: duplex,
      ...client.options,
      ...trusted,
      servername: 'localhost',
    })
    keep(socket)
    client.watch(socket, ...uptoSecure)
    await once(socket, 'secureConnect')
    client.log('then', socket.authorized, socket.remoteAddress, socket.remotePort, socket.localPort)
  })

  parity('a port where nobody listens', async ({ client, keep }) => {
    const port = await freePort()
    const socket = keep(client.tls.connect({ port, host: '127.0.0.1' }))
    client.log('at once', socket.connecting, socket.pending, socket.readyState)
    const closed = next(socket, 'close')
    client.watch(socket, ...uptoSecure)
    await closed
    client.log('then', socket.connecting, socket.pending, socket.destroyed, socket.readyState)
  })

  parity('a host that nobody knows: error of lookup', async ({ client, keep }) => {
    const lookup: LookupFunction = (_host, _options, done) => {
      done(Object.assign(new Error('nobody knows'), { code: 'ENOTFOUND' }), '', 4)
    }
    const socket = keep(client.tls.connect({ port: 1, host: 'nobody.test', lookup }))
    client.watch(socket, ...uptoSecure)
    await next(socket, 'close')
  })

  parity('lookup: asked for the host, and its answer is where the socket goes', async stage => {
    const { client, serve } = stage
    const { port } = await serve()
    const lookup: LookupFunction = (host, options, done) => {
      client.log('asked', host, options)
      if (options.all)
        (done as (error: null, list: object[]) => void)(null, [{ address: '127.0.0.1', family: 4 }])
      else done(null, '127.0.0.1', 4)
    }
    await secured(
      stage,
      client.tls.connect({ port, host: 'localhost', lookup, ...client.options, ...trusted }),
    )
  })

  parity('family, localAddress, noDelay, keepAlive: taken', async stage => {
    const { client, serve } = stage
    const { port } = await serve()
    const options = { family: 4, localAddress: '127.0.0.1', noDelay: true, keepAlive: true }
    const socket = await secured(
      stage,
      client.tls.connect({
        port,
        ...options,
        keepAliveInitialDelay: 1000,
        ...client.options,
        ...trusted,
      } as ConnectionOptions),
    )
    client.log('local', socket.localAddress, socket.localFamily)
  })
})

describe('more of what net.connect takes', () => {
  parity('hints, localPort, autoSelectFamily: taken', async stage => {
    const { client, serve } = stage
    const { port } = await serve()
    const localPort = await freePort()
    const options = { localAddress: '127.0.0.1', localPort, hints: 0, autoSelectFamily: false }
    const given = { port, host: 'localhost', family: 4, ...options, ...client.options, ...trusted }
    const socket = await secured(stage, client.tls.connect(given as ConnectionOptions))
    client.log('local port', socket.localPort === localPort, socket.autoSelectFamilyAttemptedAddresses)
  })

  parity('autoSelectFamily: each attempt is told', async stage => {
    const { client, serve, keep } = stage
    const { port } = await serve()
    const lookup = ((_host: string, _options: object, done: (error: null, list: object[]) => void) =>
      setImmediate(done, null, [
        { address: '127.0.0.1', family: 4 },
        { address: '::1', family: 6 },
      ])) as unknown as LookupFunction
    const options = { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 2000, lookup }
    const given = { port, host: 'localhost', ...options, ...client.options, ...trusted }
    const socket = keep(client.tls.connect(given as ConnectionOptions))
    socket.on('connectionAttempt', (address, to, family) =>
      client.log('connectionAttempt', address, to === port, family),
    )
    client.watch(socket, 'connect', 'secureConnect', 'error')
    await next(socket, 'secureConnect')
    client.log('attempted', socket.autoSelectFamilyAttemptedAddresses?.length)
  })
})

describe('attempts', () => {
  parity('autoSelectFamily: an attempt that fails is told', async stage => {
    const { client, serve, keep } = stage
    const { port } = await serve()
    const lookup = ((_host: string, _options: object, done: (error: null, list: object[]) => void) =>
      setImmediate(done, null, [
        { address: '::1', family: 6 },
        { address: '127.0.0.1', family: 4 },
      ])) as unknown as LookupFunction
    const options = { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 2000, lookup }
    const given = { port, host: 'localhost', ...options, ...client.options, ...trusted }
    const socket = keep(client.tls.connect(given as ConnectionOptions))
    socket.on('connectionAttemptFailed', (address, to, family, error) =>
      client.log('connectionAttemptFailed', address, to === port, family, error instanceof Error),
    )
    client.watch(socket, 'connect', 'secureConnect', 'error')
    await next(socket, 'secureConnect')
    client.log('then', socket.remoteAddress)
  })
})

describe('how connect ends early', () => {
  parity('signal: aborted before', async ({ client, serve, keep }) => {
    const { port } = await serve()
    const options = { port, host: '127.0.0.1', ...client.options, signal: AbortSignal.abort() }
    const socket = keep(client.tls.connect(options))
    const [error] = await next(socket, 'error')
    client.log('error', error, (error as Error).name)
  })

  parity('signal: aborted in mid-handshake', async ({ client, keep, listen }) => {
    const port = await listen(createTcpServer(silent => silent.resume()))
    const controller = new AbortController()
    const socket = keep(
      client.tls.connect({ port, host: '127.0.0.1', signal: controller.signal } as ConnectionOptions),
    )
    socket.on('error', error => client.log('name', error.name))
    client.watch(socket, ...uptoSecure)
    const closed = next(socket, 'close')
    await once(socket, 'connect')
    controller.abort()
    await closed
  })

  parity('signal: aborted after the handshake', async ({ client, serve, open }) => {
    const { port } = await serve()
    const controller = new AbortController()
    const socket = open(port, { signal: controller.signal })
    const closed = next(socket, 'close')
    await once(socket, 'secureConnect')
    controller.abort()
    client.watch(socket, 'close')
    await closed
  })

  parity('timeout: an event, and nothing else', async ({ client, keep, listen }) => {
    const port = await listen(createTcpServer(silent => silent.resume()))
    const socket = keep(client.tls.connect({ port, host: '127.0.0.1', timeout: 50 }))
    client.log('timeout is', socket.timeout)
    client.watch(socket, 'timeout', 'error', 'close')
    await once(socket, 'timeout')
    client.log('then', socket.destroyed)
  })

  parity('the server goes away in mid-handshake', async ({ client, keep, listen }) => {
    const port = await listen(createTcpServer(socket => void socket.once('data', () => socket.end())))
    const socket = keep(client.tls.connect({ port, host: '127.0.0.1' }))
    client.watch(socket, 'connect', 'ready', 'secureConnect', 'error', 'close')
    await next(socket, 'close')
  })

  parity('destroyed before it is connected: no error', async ({ client, serve, keep }) => {
    const { port } = await serve()
    const socket = keep(client.tls.connect({ port, host: '127.0.0.1', ...client.options }))
    client.watch(socket, ...uptoSecure)
    socket.destroy()
    client.log('at once', socket.destroyed)
    await next(socket, 'close')
  })

  parity('destroyed with an error in mid-handshake', async ({ client, keep, listen }) => {
    const port = await listen(createTcpServer(silent => silent.resume()))
    const socket = keep(client.tls.connect({ port, host: '127.0.0.1' }))
    client.watch(socket, ...uptoSecure)
    const closed = next(socket, 'close')
    await once(socket, 'connect')
    socket.destroy(Object.assign(new Error('enough'), { code: 'ENOUGH' }))
    await closed
  })
})

describe('whom connect trusts', () => {
  parity('a certificate of an authority that nobody named', async ({ client, serve, open }) => {
    const { port } = await serve()
    const socket = open(port, { ca: fixture('client-ca.pem') })
    client.watch(socket, 'secureConnect', 'close')
    await next(socket, 'close')
    client.log('then', socket.authorized, socket.authorizationError)
  })

  parity('rejectUnauthorized: false tells it', async ({ client, serve, open }) => {
    const { port } = await serve()
    const socket = open(port, { ca: fixture('client-ca.pem'), rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    client.log('then', socket.authorized, typeof socket.authorizationError, socket.authorizationError)
  })

  parity(
    'rejectUnauthorized: false, and a name that is not the certificate’s',
    async ({ client, serve, open }) => {
      const { port } = await serve()
      const socket = open(port, { servername: 'elsewhere.test', rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      client.log('then', socket.authorized, typeof socket.authorizationError, socket.authorizationError)
    },
  )

  parity('a name that is not the certificate’s: the error says it', async ({ client, serve, open }) => {
    const { port } = await serve()
    const socket = open(port, { servername: 'elsewhere.test' })
    socket.on('error', (error: Error & { reason?: string; host?: string; cert?: { subject: object } }) =>
      client.log('details', error.reason, error.host, error.cert?.subject),
    )
    client.watch(socket, 'secureConnect', 'close')
    await next(socket, 'close')
  })

  parity(
    'checkServerIdentity: asked with name and certificate, after the chain',
    async ({ client, serve, open }) => {
      const { port } = await serve()
      const socket = open(port, {
        servername: 'elsewhere.test',
        checkServerIdentity: (name, certificate) => {
          client.log(
            'asked',
            name,
            certificate.subject,
            certificate.subjectaltname,
            Object.keys(certificate).sort(),
          )
          return undefined
        },
      })
      await once(socket, 'secureConnect')
      client.log('then', socket.authorized)
      const unknown = open(port, {
        ca: fixture('client-ca.pem'),
        checkServerIdentity: () => void client.log('asked of an unknown one'),
      })
      await next(unknown, 'close')
    },
  )

  parity('checkServerIdentity: its error is the socket’s', async ({ client, serve, open }) => {
    const { port } = await serve()
    const refuse = () => Object.assign(new Error('not today'), { code: 'NOT_TODAY' })
    const socket = open(port, { checkServerIdentity: refuse })
    client.watch(socket, 'secureConnect', 'close')
    await next(socket, 'close')
    const told = open(port, { checkServerIdentity: refuse, rejectUnauthorized: false })
    await once(told, 'secureConnect')
    client.log('told', told.authorized, told.authorizationError)
  })

  parity('servername: empty asks for none', async ({ client, server, serve, open }) => {
    const { port, socket: accepted } = await serve()
    const socket = open(port, { servername: '' })
    await once(socket, 'secureConnect')
    client.log('servername', socket.servername, socket.authorized)
    server.log('servername', (await accepted()).servername)
  })

  parity('servername: a host that is an address asks for none', async ({ client, server, serve, keep }) => {
    const { port, socket: accepted } = await serve()
    const socket = keep(client.tls.connect({ port, host: '127.0.0.1', ...client.options, ...trusted }))
    await once(socket, 'secureConnect')
    client.log('servername', socket.servername, socket.authorized)
    server.log('servername', (await accepted()).servername)
  })

  parity('minDHSize: a field that is too small is refused', async ({ client, serve, open }) => {
    const ciphers = 'DHE-RSA-AES128-GCM-SHA256'
    const { port } = await serve({ ciphers, dhparam: 'auto' })
    const socket = open(port, { minDHSize: 16_384, ciphers })
    client.watch(socket, 'secureConnect')
    await next(socket, 'close')
  })
})
