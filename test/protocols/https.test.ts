/** Our https server is node:https's in what its clients and its listeners see: each scene is played with both. */
import { constants } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import nodeHttps from 'node:https'
import { connect as connectTcp, createServer, type Server as NetServer } from 'node:net'
import { Server as NodeTlsServer, type TLSSocket } from 'node:tls'
import { describe, expect, test, vi } from 'vitest'
import * as ownHttps from '../../src/node/https.ts'
import { overTls } from '../../src/node/over-tls.ts'
import { fixture } from '../support/pair.ts'
import {
  closing,
  fetchWith,
  type Https,
  identity,
  likeNode,
  listen,
  openRaw,
  own,
  readText,
  said,
  startHttps,
  talk,
} from './http-support.ts'

const get = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
const lastGet = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'

describe('connections', () => {
  likeNode('stay open for the next request', async https => {
    const { port, secured } = await startHttps(https, (request, response) => response.end(request.url))
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 })
    const first = await fetchWith(https, port, { agent, path: '/1' })
    const second = await fetchWith(https, port, { agent, path: '/2' })
    agent.destroy()
    return [first.body, second.body, first.reusedSocket, second.reusedSocket, secured.length]
  })

  likeNode('carry pipelined requests, whose answers come in their order', async https => {
    const { port } = await startHttps(https, ({ url }, response) => {
      // The first is the last that is ready.
      if (url === '/slow') setTimeout(() => response.end('slow'), 50)
      else response.end(url)
    })
    const [slow, quick] = [get.replace('/', '/slow'), get.replace('/', '/quick')]
    return [await talk(port, slow + quick + lastGet)]
  })

  likeNode('are closed when idle for long', async https => {
    const { port } = await startHttps(https, undefined, { keepAliveTimeout: 20 })
    return [await talk(port, get)]
  })

  likeNode('are told to a listener of timeouts, and are his to end', async https => {
    const { server, port } = await startHttps(https, () => {})
    server.setTimeout(200, socket => void (socket as TLSSocket).end('too slow'))
    return [server.timeout, await talk(port, get)]
  })

  likeNode('are destroyed at a timeout that nobody listens to', async https => {
    const { server, port } = await startHttps(https, () => {})
    server.setTimeout(200)
    const socket = await openRaw(port)
    socket.write(get)
    await closing(socket)
    return ['closed']
  })

  likeNode('end after as many requests as they may carry', async https => {
    const { server, port } = await startHttps(https, undefined, { keepAliveTimeout: 20 })
    server.maxRequestsPerSocket = 2
    return [await talk(port, get + get + get)]
  })
})

describe('requests', () => {
  likeNode('have their socket, and its TLS', async https => {
    const { port } = await startHttps(https, ({ socket }, response) => {
      const { encrypted, authorized, remoteAddress, remoteFamily, localAddress } = socket as TLSSocket
      const { servername, alpnProtocol } = socket as TLSSocket & { servername: unknown }
      response.end(
        JSON.stringify({
          ...{ encrypted, authorized, remoteAddress, remoteFamily, localAddress, servername, alpnProtocol },
          protocol: (socket as TLSSocket).getProtocol(),
          peer: (socket as TLSSocket).getPeerCertificate(),
          reused: (socket as TLSSocket).isSessionReused(),
          ports: [socket.localPort === port, typeof socket.remotePort],
        }),
      )
    })
    const options = { agent: new https.Agent({ ALPNProtocols: ['http/1.1'] }) }
    return [(await fetchWith(https, port, options)).body]
  })

  likeNode('show the certificate of their client', async https => {
    const { port } = await startHttps(
      https,
      ({ socket }, response) => {
        const { authorized, authorizationError } = socket as TLSSocket
        const { subject } = (socket as TLSSocket).getPeerCertificate()
        response.end(JSON.stringify({ authorized, refused: Boolean(authorizationError), subject }))
      },
      { ca: fixture('client-ca.pem'), requestCert: true, rejectUnauthorized: false },
    )
    const client = { cert: fixture('client-ec.pem'), key: fixture('client-ec.key') }
    const known = await fetchWith(https, port, { ...client, agent: new https.Agent() })
    const unknown = await fetchWith(https, port, { agent: new https.Agent() })
    return [known.body, unknown.body]
  })

  likeNode('and answers come in chunks with trailers', async https => {
    const { port } = await startHttps(https, async (request, response) => {
      const body = await readText(request)
      response.writeHead(200, { trailer: 'x-end' })
      response.write(`${body} ${request.trailers['x-sum']}`)
      response.addTrailers({ 'x-end': 'yes' })
      response.end()
    })
    const head =
      'POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n'
    return [await talk(port, `${head}3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n`)]
  })

  likeNode('are told to go on where they expect it', async https => {
    const { server, port } = await startHttps(https, async (request, response) => {
      response.end(await readText(request))
    })
    const expecting = lastGet
      .replace('GET', 'POST')
      .replace('\r\n\r\n', '\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
    const ask = async () => {
      const socket = await openRaw(port)
      socket.write(expecting)
      const told = await said(socket, /\r\n\r\n/)
      if (told.includes('100 Continue')) socket.write('body')
      return told + (await readText(socket))
    }
    const byItself = await ask()
    server.once('checkContinue', (_: IncomingMessage, response: ServerResponse) => {
      response.writeHead(417, { connection: 'close' }).end()
    })
    return [byItself, await ask()]
  })

  likeNode('that are cut off are aborted, and nobody is harmed', async https => {
    const seen: string[] = []
    const { port } = await startHttps(https, (request, response) => {
      request.on('aborted', () => seen.push('request aborted'))
      request.on('error', error => seen.push(`request error ${(error as NodeJS.ErrnoException).code}`))
      request.on('close', () => seen.push(`request close ${request.complete}`))
      response.on('close', () => seen.push(`response close ${response.writableFinished}`))
      response.write('a part')
      request.resume()
    })
    const request = https.request({ host: '127.0.0.1', port, ca: fixture('ca.pem'), method: 'POST' })
    request.on('error', error => seen.push(`client error ${(error as NodeJS.ErrnoException).code}`))
    request.write('a part')
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.on('error', error => seen.push(`client response error ${(error as NodeJS.ErrnoException).code}`))
    request.destroy()
    await vi.waitFor(() => expect(seen).toContain('response close false'))
    await vi.waitFor(() => expect(seen).toContain('request close false'))
    await vi.waitFor(() => expect(seen).toContain('client response error ECONNRESET'))
    return seen.sort()
  })

  likeNode('that do not come are answered with 408', async https => {
    const limits = { headersTimeout: 40, requestTimeout: 40, connectionsCheckingInterval: 20 }
    const { port } = await startHttps(https, undefined, limits)
    return [await talk(port, 'GET / HTTP/1.1\r\n')]
  })

  likeNode('have no more headers than they may', async https => {
    const { server, port } = await startHttps(https, ({ rawHeaders }, response) => {
      response.end(String(rawHeaders.length))
    })
    server.maxHeadersCount = 2
    return [await talk(port, lastGet.replace('\r\n\r\n', '\r\nA: 1\r\nB: 2\r\n\r\n'))]
  })

  likeNode('that are none are a clientError, answered with 400 where nobody listens', async https => {
    const { server, port } = await startHttps(https)
    const byItself = await talk(port, 'no HTTP\r\n\r\n')
    server.once('clientError', (error: NodeJS.ErrnoException, socket) => {
      socket.end(`HTTP/1.1 400 ${error.code}\r\n\r\n`)
    })
    return [byItself, await talk(port, 'no HTTP\r\n\r\n')]
  })
})

describe('upgrades', () => {
  likeNode('hand over the socket, with what came of the new protocol', async https => {
    const { server, port } = await startHttps(https)
    server.on('upgrade', (request, socket, head) => {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n\r\n${request.headers.upgrade} ${head} `)
      socket.pipe(socket)
    })
    const socket = await openRaw(port)
    socket.write(get.replace('\r\n\r\n', '\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhead'))
    const before = await said(socket, /head/)
    socket.end('tail')
    return [before, await readText(socket)]
  })

  likeNode('are refused where nobody listens to CONNECT', async https => {
    const { server, port } = await startHttps(https)
    const connect = 'CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n'
    const refused = await openRaw(port)
    refused.write(connect)
    const byItself = await readText(refused)
    server.on('connect', (request, socket) => {
      socket.end(`HTTP/1.1 200 ${request.url}\r\n\r\n`)
    })
    return [byItself, await talk(port, connect)]
  })
})

describe('clients without a handshake', () => {
  likeNode('are a tlsClientError, and a clientError with a socket that takes no answer', async https => {
    const { server, port } = await startHttps(https)
    const seen: unknown[] = []
    server.on('tlsClientError', (error, socket) =>
      seen.push('tlsClientError', error instanceof Error, socket.encrypted),
    )
    server.on('clientError', (error, socket) =>
      seen.push('clientError', error instanceof Error, socket.writable),
    )
    const socket = connectTcp(port, '127.0.0.1')
    socket.end('no TLS, and long enough for a record\r\n\r\n')
    await closing(socket)
    await vi.waitFor(() => expect(seen).toContain('clientError'))
    return seen
  })
})

describe('the end of a server', () => {
  likeNode('closes idle connections and waits for busy ones', async https => {
    const seen: string[] = []
    let answer = () => {}
    const { server, port } = await startHttps(https, ({ url }, response) => {
      if (url === '/busy') answer = () => response.end('late')
      else response.end('idle')
    })
    const idle = await openRaw(port)
    idle.write(get)
    await said(idle, /idle/)
    const busy = await openRaw(port)
    busy.write(lastGet.replace('/', '/busy'))
    await once(server, 'request')
    const closed = once(server.close(), 'close').then(() => seen.push('closed'))
    await closing(idle)
    seen.push('idle is closed', String(server.listening))
    answer()
    const text = await readText(busy)
    await closed
    return [...seen, text]
  })

  likeNode('does not wait for anybody where all connections are closed', async https => {
    const { server, port } = await startHttps(https, () => {})
    const busy = await openRaw(port)
    busy.write(get)
    await once(server, 'request')
    const closed = once(server.close(), 'close')
    server.closeAllConnections()
    await closing(busy)
    await closed
    return ['closed']
  })
})

describe('TLS', () => {
  likeNode('has a certificate for each name', async https => {
    const { server, port } = await startHttps(https)
    const added = server as unknown as { addContext(name: string, options: object): void }
    added.addContext('other.*', { cert: fixture('other.pem'), key: fixture('other.key') })
    const names = ['localhost', 'other.example'].map(async servername => {
      const socket = await openRaw(port, { servername, rejectUnauthorized: false })
      return socket.getPeerCertificate().serialNumber
    })
    return await Promise.all(names)
  })

  likeNode('speaks http/1.1 by ALPN, or what it is told to', async https => {
    const byItself = await startHttps(https)
    const told = await startHttps(https, undefined, { ALPNProtocols: ['x', 'http/1.1'] })
    const ask = async (port: number, ALPNProtocols: string[]) =>
      (await openRaw(port, { ALPNProtocols })).alpnProtocol
    return [await ask(byItself.port, ['x', 'http/1.1']), await ask(told.port, ['http/1.1', 'x'])]
  })

  likeNode('tells its keys where somebody listens, and no longer than he does', async https => {
    const { server, port } = await startHttps(https)
    const labels: string[] = []
    const listener = (line: Buffer) => labels.push(String(line).split(' ')[0]!)
    server.on('keylog', listener)
    await openRaw(port)
    server.off('keylog', listener)
    await openRaw(port)
    return labels
  })

  likeNode('asks who keeps sessions', async https => {
    const { server, port } = await startHttps(https)
    const stop = keepSessions(server)
    const seen = await resumptions(port)
    return [...seen, stop().length]
  })

  test('asks nobody who has stopped keeping sessions, and keeps them itself again', async () => {
    const { server, port } = await startHttps(own)
    const kept = keepSessions(server)()
    expect(await resumptions(port)).toEqual([false, true])
    expect(kept).toEqual([])
  })
})

/** Keeps sessions by events until it is told to stop; gives what it has then. */
function keepSessions(server: NetServer): () => Buffer[] {
  const kept = new Map<string, Buffer>()
  const keep = (id: Buffer, data: Buffer, done: () => void) => {
    kept.set(id.toString('hex'), data)
    done()
  }
  const find = (id: Buffer, found: (error: null, data: Buffer | null) => void) =>
    found(null, kept.get(id.toString('hex')) ?? null)
  server.on('newSession', keep).on('resumeSession', find)
  return () => {
    server.off('newSession', keep).off('resumeSession', find)
    return [...kept.values()]
  }
}

/** Whether a first connection is resumed, and one with its session; without tickets. */
async function resumptions(port: number): Promise<boolean[]> {
  const options = { secureOptions: constants.SSL_OP_NO_TICKET }
  const first = await openRaw(port, options)
  const second = await openRaw(port, { ...options, session: first.getSession() })
  return [first, second].map(socket => socket.isSessionReused())
}

test('a client that goes without close_notify is a clientError here, and none in node:https', async () => {
  const seen = async (https: Https) => {
    const { server, port } = await startHttps(https)
    const codes: unknown[] = []
    server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
      codes.push(error.code, socket.writable),
    )
    const gone = new Promise(resolve => {
      server.once('secureConnection', socket => socket.once('close', resolve))
    })
    const socket = await openRaw(port)
    socket.write(get)
    await said(socket, /hello/)
    socket.destroy()
    await gone
    return codes
  }
  expect(await seen(own)).toEqual(['ERR_SSL_UNEXPECTED_EOF_WHILE_READING', false])
  expect(await seen(nodeHttps)).toEqual([])
})

test('every name of node:https is here, and every method of its classes', () => {
  const methodsOf = (prototype: object) =>
    Object.getOwnPropertyNames(prototype).filter(name => !name.startsWith('_') && name !== 'constructor')
  expect(Object.keys(ownHttps)).toEqual(expect.arrayContaining(Object.keys(nodeHttps)))
  const { Server, Agent } = ownHttps
  const server = [nodeHttps.Server.prototype, NodeTlsServer.prototype].flatMap(methodsOf)
  expect(server.filter(name => !(name in Server.prototype))).toEqual(['setOptions'])
  expect(methodsOf(nodeHttps.Agent.prototype).filter(name => !(name in Agent.prototype))).toEqual([])
})

test('what TLS holds is let go when the server closes', async () => {
  const server = createServer()
  const tls = overTls(server, identity)
  const closed = once(tls, 'close')
  await listen(server)
  server.close()
  await closed
})

test('an https server is an http.Server', async () => {
  const { Server } = await import('node:http')
  const { server } = await startHttps(own)
  expect(server).toBeInstanceOf(Server)
})
