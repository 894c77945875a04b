import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectNodeTls } from 'node:tls'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  createSecureContext,
  type ServerOptions,
  type SessionCache,
  type TLSSocket,
} from '../../src/node/index.ts'
import { fixture } from '../support/pair.ts'
import { needs } from '../support/peers.ts'
import { passphrase, pkcs12File } from './key-files.ts'
import { codeOf, ending, endingWithoutListener, open, readAll, startServer, tap } from './support.ts'

async function openTcp(port: number): Promise<Socket> {
  const socket = connectTcp({ host: '127.0.0.1', port, noDelay: true })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** What one exchange with a server that says a word and closes comes to. */
const visit = async (port: number) => String(await readAll(open(port)))

/** Node sends its FIN before a reset, so either may be seen first. */
const breakOff = /ECONNRESET|UNEXPECTED_EOF/

describe('a client that breaks off', () => {
  it('by a reset in the middle of the handshake: tlsClientError, and the next one is served', async () => {
    const { server, port } = await startServer(socket => void socket.end('served'))
    const failed = once(server, 'tlsClientError')
    const client = await openTcp(port)
    client.write(Uint8Array.of(22, 3, 1))
    client.resetAndDestroy()
    const [error, socket] = await failed
    expect(codeOf(error)).toMatch(breakOff)
    expect(socket.destroyed).toBe(true)
    expect(await visit(port)).toBe('served')
  })

  it('while our flight is being written: tlsClientError', async () => {
    const { server, port, transports } = await startServer()
    server.on('connection', () => tap(transports[0]!, () => transports[0]!.destroy()))
    const failed = once(server, 'tlsClientError')
    const end = ending(open(port))
    expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET', cause: { code: 'TRUNCATED' } })
    expect(await end).toEqual([expect.stringMatching(breakOff), 'close'])
  })

  it('by saying nothing: it is given up', async () => {
    const { server, port } = await startServer(() => {}, { handshakeTimeout: 30 })
    const failed = once(server, 'tlsClientError')
    const client = await openTcp(port)
    await once(client.resume(), 'end')
    expect(codeOf((await failed)[0])).toBe('ERR_TLS_HANDSHAKE_TIMEOUT')
  })

  it('by saying one byte now and then: it is given up all the same', async () => {
    const { server, port } = await startServer(() => {}, { handshakeTimeout: 50 })
    const failed = once(server, 'tlsClientError')
    let client: Socket | undefined
    // Each byte that arrives is answered with the next, of a ClientHello that has 16 kB to come.
    server.on('connection', transport => tap(transport, () => client?.write(Uint8Array.of(0))))
    client = await openTcp(port)
    client.on('error', () => {})
    client.write(Uint8Array.of(22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc))
    expect(codeOf((await failed)[0])).toBe('ERR_TLS_HANDSHAKE_TIMEOUT')
  })

  it('by speaking HTTP: it reads an alert, and the failure is told', async () => {
    const { server, port } = await startServer()
    const failed = once(server, 'tlsClientError')
    const client = await openTcp(port)
    client.write('GET / HTTP/1.1\r\n\r\n')
    expect(await readAll(client)).toEqual(Buffer.of(21, 3, 3, 0, 2, 2, 10))
    expect(codeOf((await failed)[0])).toBe('ERR_SSL_HTTP_REQUEST')
  })

  it('after the handshake: its socket has the error, tlsClientError is not for it', async () => {
    const sockets: TLSSocket[] = []
    const { server, port, transports } = await startServer(socket => sockets.push(socket))
    const onFailure = vi.fn()
    server.on('tlsClientError', onFailure)
    const transport = await openTcp(port)
    const client = open(port, { socket: transport })
    client.on('error', () => {})
    await Promise.all([once(client, 'secureConnect'), once(server, 'secureConnection')])
    const end = ending(sockets[0]!)
    transport.resetAndDestroy()
    expect(await end).toEqual([expect.stringMatching(breakOff), 'close'])
    expect(onFailure).not.toHaveBeenCalled()
    expect(transports[0]!.destroyed).toBe(true)
  })

  it('after the handshake, where the application has no error listener: no crash, and the next one is served', async () => {
    const sockets: TLSSocket[] = []
    const { server, port } = await startServer(socket => {
      sockets.push(socket)
      if (sockets.length > 1) socket.end('served')
    })
    const transport = await openTcp(port)
    const client = open(port, { socket: transport })
    client.on('error', () => {})
    await Promise.all([once(client, 'secureConnect'), once(server, 'secureConnection')])
    // Not once(), which would listen for the error that nobody is to listen for.
    const closed = new Promise<void>(resolve => sockets[0]!.on('close', () => resolve()))
    transport.resetAndDestroy()
    await closed
    expect(await visit(port)).toBe('served')
  })
})

describe('a session cache that breaks', () => {
  const broken = (): never => {
    throw new Error('broken')
  }
  const whole: SessionCache = {
    drawId: random => random(32),
    load: () => ({ miss: 'miss' }),
    save: () => {},
    forget: () => {},
  }
  const rejecting = async () => broken()

  it.each([
    ['in drawId', { drawId: broken }],
    ['in load', { load: broken }],
    ['in load, by a promise', { load: rejecting }],
    ['in save', { save: broken }],
    ['in save, by a promise', { save: rejecting }],
    ['in ownerOf', { ownerOf: broken }],
  ])('%s: the client notices nothing', async (_where, methods: Partial<SessionCache>) => {
    const { port } = await startServer(socket => void socket.end('served'), {
      sessionCache: { ...whole, ...methods },
    })
    const first = open(port)
    expect(String(await readAll(first))).toBe('served')
    const session = first.getSession()
    const second = open(port, session ? { session } : {})
    expect(String(await readAll(second))).toBe('served')
    expect(second.isSessionReused()).toBe(false)
  })

  it.each([
    ['in forget', broken],
    ['in forget, by a promise', rejecting],
  ])('%s: a fatal alert ends its connection and nothing else', async (_where, forget) => {
    const sockets: TLSSocket[] = []
    const sessionCache = { ...whole, forget: vi.fn(forget) }
    const { server, port } = await startServer(socket => sockets.push(socket), { sessionCache })
    const transport = await openTcp(port)
    const client = open(port, { socket: transport })
    client.on('error', () => {})
    await Promise.all([once(client, 'secureConnect'), once(server, 'secureConnection')])
    const end = ending(sockets[0]!)
    transport.write('no TLS record')
    expect(await end).toEqual(['error ERR_SSL_UNEXPECTED_RECORD', 'close'])
    expect(sessionCache.forget).toHaveBeenCalledOnce()
  })
})

describe('close(), as in net.Server', () => {
  it('takes no new connections, lets those that are open go on, and calls back after the last', async () => {
    const { server, port, transports } = await startServer(socket => void socket.pipe(socket))
    const client = open(port)
    await once(client, 'secureConnect')
    const onClosed = vi.fn()
    server.close(onClosed)
    expect(server.listening).toBe(false)
    expect(await endingWithoutListener(port)).toEqual(['error ECONNREFUSED', 'close'])
    client.write('still there')
    expect(String((await once(client, 'data'))[0])).toBe('still there')
    expect(onClosed).not.toHaveBeenCalled()
    client.end()
    await once(server, 'close')
    expect(onClosed).toHaveBeenCalledExactlyOnceWith()
    expect(transports.map(transport => transport.destroyed)).toEqual([true])
  })

  it('a second time calls back with ERR_SERVER_NOT_RUNNING', async () => {
    const { server } = await startServer()
    await new Promise(resolve => server.close(resolve))
    const error = await new Promise<Error | undefined>(resolve => server.close(resolve))
    expect(codeOf(error!)).toBe('ERR_SERVER_NOT_RUNNING')
  })

  it('waits for a handshake that is under way', async () => {
    const { server, port } = await startServer(socket => void socket.end('served'))
    const client = open(port)
    await once(server, 'connection')
    const closed = new Promise<Error | undefined>(resolve => server.close(resolve))
    expect(String(await readAll(client))).toBe('served')
    expect(await closed).toBeUndefined()
  })
})

describe('many clients', () => {
  it('50 at once, each with its own words, twice: full and resumed', async () => {
    const { server, port } = await startServer(socket => void socket.pipe(socket))
    const talk = async (word: string, session?: Buffer) => {
      const client = open(port, session ? { session } : {})
      client.end(word)
      expect(String(await readAll(client))).toBe(word)
      return client
    }
    const words = Array.from({ length: 50 }, (_, i) => `client ${i} `.repeat(i + 1))
    const full = await Promise.all(words.map(word => talk(word)))
    expect(full.filter(client => client.isSessionReused())).toHaveLength(0)
    const resumed = await Promise.all(words.map((word, i) => talk(word, full[i]!.getSession())))
    expect(resumed.filter(client => client.isSessionReused())).toHaveLength(50)
    await vi.waitFor(async () => expect(await connectionsOf(server)).toBe(0), { interval: 5 })
  })
})

const connectionsOf = (server: {
  getConnections(done: (error: Error | null, count: number) => void): void
}) => new Promise<number>(resolve => server.getConnections((_, count) => resolve(count)))

describe('events', () => {
  const names = ['keylog', 'secureConnect', 'session', 'data', 'end', 'close'] as const

  /** The names of events in their order, several of one kind in a row as one. */
  function orderOf(socket: NodeJS.EventEmitter): Promise<string[]> {
    const seen: string[] = []
    for (const name of names) socket.on(name, () => seen.at(-1) !== name && seen.push(name))
    return new Promise((resolve, reject) => {
      socket.once('error', reject)
      socket.once('close', () => resolve(seen))
    })
  }

  it('come in the order of node:tls, full and resumed', async () => {
    const { port } = await startServer(socket => void socket.end('served'))
    const options = { host: '127.0.0.1', port, servername: 'localhost', ca: fixture('ca.pem') }
    const ours = (session?: Buffer) => open(port, { keylog: true, ...(session ? { session } : {}) })
    const theirs = (session?: Buffer) =>
      connectNodeTls({ ...options, maxVersion: 'TLSv1.2', ciphers, session })
    for (const connectWith of [theirs, ours]) {
      const first = connectWith()
      let session: Buffer | undefined
      first.once('session', (bytes: Buffer) => {
        session = bytes
      })
      expect(await orderOf(first)).toEqual(['keylog', 'secureConnect', 'session', 'data', 'end', 'close'])
      expect(await orderOf(connectWith(session))).toEqual(['keylog', 'secureConnect', 'data', 'end', 'close'])
    }
  })
  const ciphers = 'AES128-GCM-SHA256'

  it("the server's keylog comes before secureConnection, and says what the client's says", async () => {
    const seen: string[] = []
    const { server, port } = await startServer(socket => {
      seen.push('secureConnection')
      socket.end()
    })
    const lines: string[] = []
    server.on('keylog', (line: Buffer) => {
      seen.push('keylog')
      lines.push(String(line))
    })
    const client = open(port, { keylog: true })
    client.on('keylog', line => lines.push(String(line)))
    await readAll(client)
    expect(seen).toEqual(['keylog', 'secureConnection'])
    expect(lines[0]).toMatch(/^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}\n$/)
    expect(lines).toEqual([lines[0], lines[0]])
  })
})

it('a client whom one event makes destroy its socket hears of no other', async () => {
  const { port } = await startServer()
  const orders = { OCSPResponse: [], secure: ['secure'], secureConnect: ['secure', 'secureConnect'] }
  for (const [event, order] of Object.entries(orders)) {
    const client = open(port, { requestOCSP: true })
    const seen: string[] = []
    for (const told of ['secure', 'secureConnect', 'session'])
      client.on(told as 'secureConnect', () => void seen.push(told))
    client.once(event as 'secureConnect', () => void client.destroy())
    await once(client, 'close')
    expect(seen).toEqual(order)
  }
})

it.each([
  ['throws', ['mine'], () => throwMine()],
  [
    'gives text',
    ['ERR_INVALID_ARG_TYPE'],
    (_leaf: Buffer, _issuer: Buffer, answer: StapleAnswer) => answer(null, '0'),
  ],
  [
    'gives no bytes',
    [],
    (_leaf: Buffer, _issuer: Buffer, answer: StapleAnswer) => answer(null, Buffer.alloc(0)),
  ],
])("an 'OCSPRequest' listener that %s", async (_what, faults, listener) => {
  const { server, port } = await startServer(socket => void socket.end())
  const seen: string[] = []
  server.on('OCSPRequest', listener)
  server.on('tlsClientError', error => seen.push(codeOf(error)))
  const client = open(port, { requestOCSP: true })
  client.on('OCSPResponse', response => void expect(response).toBeNull())
  const refused = ['error ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', 'close']
  expect(await ending(client.resume())).toEqual(faults.length > 0 ? refused : ['end', 'close'])
  expect(seen).toEqual(faults)
})

it('what checkServerIdentity throws is the error of the socket', async () => {
  const { port } = await startServer()
  expect(await ending(open(port, { checkServerIdentity: throwMine }))).toEqual(['error mine', 'close'])
})

type StapleAnswer = (error: null, response: unknown) => void

function throwMine(): never {
  throw new Error('mine')
}

it('makes no line of a key log where nobody listens', async () => {
  const heard = vi.fn()
  const { port } = await startServer(socket => {
    heard(socket.listenerCount('keylog'))
    socket.end()
  })
  await readAll(open(port))
  expect(heard).toHaveBeenCalledExactlyOnceWith(0)
})

describe('what a server is given anew', () => {
  const identity = { cert: fixture('server.pem'), key: fixture('server.key') }
  const keys = Buffer.alloc(48, 7)
  const start = (options: Partial<ServerOptions> = {}) =>
    startServer(socket => void socket.end('served'), options)

  /** The session that a visit makes, and whether it was resumed. */
  async function visitWith(port: number, session?: Buffer, tickets = true) {
    const client = open(port, { tickets, session })
    await readAll(client)
    return { session: client.getSession(), isReused: client.isSessionReused() }
  }

  it('the ticket keys of another server, whoever drew or gave them: each opens the tickets of the other', async () => {
    const context = createSecureContext({ ...identity, ticketKeys: keys })
    for (const options of [{ tickets: true }, { ticketKeys: keys }, { secureContext: context }]) {
      const one = await start(options)
      for (const own of [{ tickets: true }, { secureContext: createSecureContext(identity) }]) {
        const other = await start(own)
        other.server.setTicketKeys(one.server.getTicketKeys())
        expect(other.server.getTicketKeys()).toEqual(one.server.getTicketKeys())
        const { session } = await visitWith(one.port)
        expect(await visitWith(other.port, session)).toMatchObject({ isReused: true })
      }
    }
  })

  it('ticket keys: the sessions that it keeps by itself stay', async () => {
    const { server, port } = await start()
    const { session } = await visitWith(port, undefined, false)
    server.setTicketKeys(keys)
    expect(await visitWith(port, session, false)).toMatchObject({ isReused: true })
  })

  it('a context: the keys that it had drawn stay, those of the context count', async () => {
    const { server, port } = await start({ tickets: true })
    const { session } = await visitWith(port)
    server.setSecureContext(identity)
    expect(await visitWith(port, session)).toMatchObject({ isReused: true })
    server.setSecureContext({ ...identity, ticketKeys: keys })
    expect(server.getTicketKeys()).toEqual(keys)
    expect(await visitWith(port, session)).toMatchObject({ isReused: false })
  })

  needs('openssl', () => {
    it('a context: of a pfx, its passphrase and a staple nothing is left', async () => {
      const staple = Uint8Array.of(0x30, 0)
      const pfx = pkcs12File('ec')
      const { server, port } = await start({
        key: undefined,
        cert: undefined,
        pfx,
        passphrase,
        ocspResponse: staple,
      })
      server.setSecureContext(identity)
      const client = open(port, { ca: [fixture('ca.pem'), fixture('ec-ca.pem')], requestOCSP: true })
      const stapled = once(client, 'OCSPResponse')
      await readAll(client)
      expect(client.getPeerX509Certificate()?.toString()).toBe(new X509Certificate(identity.cert).toString())
      expect(await stapled).toEqual([null])
    })
  })
})
