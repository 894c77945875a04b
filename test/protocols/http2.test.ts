/** HTTP/2 by ALPN on our TLS, with Node's own client and server, with curl, and with each other. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import * as nodeHttp2 from 'node:http2'
import {
  type ClientHttp2Session,
  constants,
  connect as nodeConnect,
  createSecureServer as nodeCreateSecureServer,
} from 'node:http2'
import type { TLSSocket as NodeTLSSocket } from 'node:tls'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import * as ourHttp2 from '../../src/node/http2.ts'
import { connect, createSecureServer } from '../../src/node/http2.ts'
import { TLSSocket } from '../../src/node/index.ts'
import { startBrowser } from '../interop/browser.ts'
import { fixture } from '../support/pair.ts'
import { needs, runPeer, temporaryDirectory } from '../support/peers.ts'
import { ca, identity, listen, openRaw, readText, talk, untilStill } from './http-support.ts'

/** Either library under the names of node:http2. */
interface Http2 {
  readonly createSecureServer: typeof nodeCreateSecureServer
  readonly connect: typeof nodeConnect
}

const own = { createSecureServer, connect } as unknown as Http2
const node: Http2 = {
  createSecureServer: nodeCreateSecureServer,
  connect: nodeConnect,
}

type SecureServerOptions = import('node:http2').SecureServerOptions
type OnRequest = Parameters<typeof nodeCreateSecureServer>[1]

async function start(http2: Http2, onRequest?: OnRequest, options: SecureServerOptions = {}) {
  const server = http2.createSecureServer({ ...identity, maxVersion: 'TLSv1.2', ...options }, onRequest)
  return { server, port: await listen(server) }
}

function open(http2: Http2, port: number, options: object = {}): ClientHttp2Session {
  const session = http2.connect(`https://localhost:${port}`, { ca, maxVersion: 'TLSv1.2', ...options })
  onTestFinished(() => session.destroy())
  return session
}

/** A request over a session; its body goes with it where it has one. */
async function ask(session: ClientHttp2Session, path: string, body?: string) {
  const stream = session.request({ ':path': path, ':method': body === undefined ? 'GET' : 'POST' })
  stream.end(body)
  const [headers] = await once(stream, 'response')
  return { status: headers[':status'], text: await readText(stream.setEncoding('utf8')) }
}

const pairs: readonly (readonly [string, Http2, Http2])[] = [
  ["node's client, our server", node, own],
  ["our client, node's server", own, node],
  ['both ours', own, own],
]

describe('the module', () => {
  test("has all that node:http2 has, under the default export too, and it is Node's own but for what speaks TLS", () => {
    const names = Object.keys(nodeHttp2).filter(name => name !== 'default')
    expect(names.length).toBeGreaterThan(8)
    expect(Object.keys(ourHttp2)).toEqual(expect.arrayContaining(names))
    expect(ourHttp2.default).toBe(ourHttp2)
    const ofOurOwn = names.filter(name => Reflect.get(ourHttp2, name) !== Reflect.get(nodeHttp2, name))
    expect(ofOurOwn.sort()).toEqual(['connect', 'createSecureServer'])
  })
})

describe.each([['node', node] as const, ['ours', own] as const])('connect of %s', (_, http2) => {
  test('takes its listener in the place of options', async () => {
    const server = nodeHttp2.createServer((_request, response) => response.end('plain'))
    const port = await listen(server)
    const connected = vi.fn()
    const session = http2.connect(`http://localhost:${port}`, connected)
    onTestFinished(() => session.destroy())
    expect(await ask(session, '/')).toEqual({ status: 200, text: 'plain' })
    expect(connected).toHaveBeenCalledOnce()
  })

  test('speaks no TLS to an http URL', async () => {
    const server = nodeHttp2.createServer((_request, response) => response.end('plain'))
    const authority = new URL(`http://localhost:${await listen(server)}`)
    const session = http2.connect(authority, { ca })
    onTestFinished(() => session.destroy())
    expect(await ask(session, '/')).toEqual({ status: 200, text: 'plain' })
    expect([session.encrypted, session.alpnProtocol]).toEqual([false, 'h2c'])
  })
})

describe.each(pairs)('%s', (_, client, server) => {
  test('carry 100 requests at once', async () => {
    const { port } = await start(server, async (request, response) => {
      response.end(`${request.url} ${await readText(request)}`)
    })
    const session = open(client, port)
    const answers = Array.from({ length: 100 }, (_, i) => ask(session, `/${i}`, 'x'.repeat(i * 100)))
    const wanted = Array.from({ length: 100 }, (_, i) => ({
      status: 200,
      text: `/${i} ${'x'.repeat(i * 100)}`,
    }))
    expect(await Promise.all(answers)).toEqual(wanted)
  })

  test('carry a large body, and wait for a slow reader', async () => {
    const { port } = await start(server, (request, response) => void request.pipe(response))
    const session = open(client, port)
    const stream = session.request({ ':method': 'POST' })
    const sent = Buffer.alloc(4 * 1024 * 1024, 'body ')
    stream.end(sent)
    await once(stream, 'response')
    // Flow control: nothing is read, so the window stays shut, and the writer keeps what he has.
    expect(await untilStill(() => sent.length - stream.writableLength)).toBeLessThan(sent.length)
    expect(stream.writableFinished).toBe(false)
    const received: Buffer[] = []
    for await (const chunk of stream) received.push(chunk)
    expect(Buffer.concat(received).equals(sent)).toBe(true)
  })

  test('tell each other what is wrong with a stream, and go on', async () => {
    const { port } = await start(server, (request, response) => {
      if (request.url === '/refused') request.stream.close(constants.NGHTTP2_REFUSED_STREAM)
      else response.end('hello')
    })
    const session = open(client, port)
    const refused = session.request({ ':path': '/refused' })
    refused.on('error', () => {})
    await new Promise(resolve => refused.once('close', resolve))
    expect(refused.rstCode).toBe(constants.NGHTTP2_REFUSED_STREAM)
    expect(await ask(session, '/')).toEqual({ status: 200, text: 'hello' })
  })

  test('a cancelled request ends at the server', async () => {
    const { server: running, port } = await start(
      server,
      (_request, response) => void response.write('a part'),
    )
    const session = open(client, port)
    const stream = session.request({ ':path': '/' })
    stream.on('error', () => {})
    const [, response] = await once(running, 'request')
    const closed = once(response, 'close')
    stream.close(constants.NGHTTP2_CANCEL)
    await closed
  })

  test('the server says goodbye: what is under way ends, the session closes', async () => {
    let answer = () => {}
    const { server: running, port } = await start(server, (_request, response) => {
      answer = () => void response.end('late')
    })
    const session = open(client, port)
    const [serverSession] = await Promise.all([
      once(running, 'session').then(([it]) => it),
      once(session, 'connect'),
    ])
    const late = ask(session, '/')
    await once(running, 'request')
    const goodbye = once(session, 'goaway')
    const closed = once(session, 'close')
    serverSession.close()
    expect((await goodbye)[0]).toBe(constants.NGHTTP2_NO_ERROR)
    answer()
    expect(await late).toEqual({ status: 200, text: 'late' })
    await closed
    await new Promise(resolve => running.close(resolve))
  })

  test('the client closes, and the server has nobody left', async () => {
    const { server: running, port } = await start(server, (_request, response) => response.end('hello'))
    const session = open(client, port)
    await ask(session, '/')
    await new Promise<void>(resolve => session.close(resolve))
    await new Promise(resolve => running.close(resolve))
  })

  test('answer a ping', async () => {
    const { port } = await start(server)
    const session = open(client, port)
    await once(session, 'connect')
    const payload = await new Promise<Buffer>((resolve, reject) => {
      session.ping(Buffer.from('12345678'), (error, _ms, echoed) => (error ? reject(error) : resolve(echoed)))
    })
    expect(String(payload)).toBe('12345678')
  })

  test('a client that trusts another authority is an error of its session', async () => {
    const { port } = await start(server)
    const session = open(client, port, { ca: fixture('ec-ca.pem') })
    const [error] = await once(session, 'error')
    expect(error).toBeInstanceOf(Error)
  })

  test('show what TLS settled on, and the certificates', async () => {
    const options = { ca: fixture('client-ca.pem'), requestCert: true }
    const { port } = await start(
      server,
      ({ socket, stream }, response) => {
        const { encrypted, authorized, alpnProtocol, remoteAddress } = socket as NodeTLSSocket
        const { CN } = (socket as NodeTLSSocket).getPeerCertificate().subject
        const protocol = (socket as NodeTLSSocket).getProtocol()
        const session = [stream.session?.encrypted, stream.session?.alpnProtocol]
        response.end(
          JSON.stringify({ encrypted, authorized, alpnProtocol, remoteAddress, CN, protocol, session }),
        )
      },
      options,
    )
    const session = open(client, port, { cert: fixture('client-ec.pem'), key: fixture('client-ec.key') })
    expect(JSON.parse((await ask(session, '/')).text)).toEqual({
      ...{ encrypted: true, authorized: true, alpnProtocol: 'h2', protocol: 'TLSv1.2' },
      ...{ remoteAddress: expect.stringMatching(/127\.0\.0\.1$/), CN: expect.stringMatching(/client/) },
      session: [true, 'h2'],
    })
    expect([session.encrypted, session.alpnProtocol]).toEqual([true, 'h2'])
    const socket = session.socket as NodeTLSSocket
    expect([socket.authorized, socket.getPeerCertificate().subject.CN]).toEqual([true, 'localhost'])
  })
})

describe('clients that know no HTTP/2', () => {
  for (const [whose, http2] of [
    ['our', own],
    ["node's", node],
  ] as const) {
    test(`are served by HTTP/1.1 where ${whose} server allows it`, async () => {
      const onRequest: OnRequest = ({ httpVersion, socket }, response) => {
        response.end(`${httpVersion} ${(socket as NodeTLSSocket).encrypted}`)
      }
      const { port } = await start(http2, onRequest, { allowHTTP1: true })
      const get = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
      expect(await talk(port, get)).toMatch(/1\.1 true/)
      expect(await talk(port, get, { ALPNProtocols: ['http/1.1'] })).toMatch(/1\.1 true/)
    })

    test(`are told by ${whose} server where it does not`, async () => {
      const { port } = await start(http2)
      const get = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
      expect(await talk(port, get)).toMatch(/^HTTP\/1\.0 403 /)
    })
  }

  test('are an event for who takes them himself', async () => {
    const { server, port } = await start(own)
    server.on('unknownProtocol', socket => socket.end('something else'))
    expect(await talk(port, '')).toBe('something else')
  })

  test('fail their handshake where they offer others alone', async () => {
    const { port } = await start(own)
    await expect(openRaw(port, { ALPNProtocols: ['http/1.1'] })).rejects.toThrow(/no application protocol/)
  })
})

test('a session is told from one in the clear by its socket, which nobody may write to', async () => {
  const { server, port } = await start(own)
  const session = open(node, port)
  const [serverSession] = await once(server, 'session')
  expect((serverSession.socket as { stream: unknown }).stream).toBeInstanceOf(TLSSocket)
  expect(() => serverSession.socket.write('x')).toThrow(/should not be directly manipulated/)
  session.destroy()
  await vi.waitFor(() => expect(serverSession.destroyed).toBe(true))
})

test('a server has a certificate for each name, and new ones when it is told', async () => {
  const server = createSecureServer({ ...identity, allowHTTP1: true })
  const port = await listen(server)
  const other = { cert: fixture('other.pem'), key: fixture('other.key') }
  server.addContext('other.example', other)
  const nameOf = async (servername: string) => {
    const socket = await openRaw(port, { servername, rejectUnauthorized: false })
    return socket.getPeerCertificate().subjectaltname
  }
  expect(await nameOf('localhost')).toMatch(/localhost/)
  expect(await nameOf('other.example')).toBe('DNS:other.example')
  server.setSecureContext(other)
  expect(await nameOf('localhost')).toBe('DNS:other.example')
  const keys = server.getTicketKeys()
  server.setTicketKeys(keys.reverse())
  expect(server.getTicketKeys()).toEqual(keys)
})

needs('curl', () => {
  test('curl speaks HTTP/2 with our server, several requests over one connection', async () => {
    const { server, port } = await start(own, ({ url, httpVersion }, response) =>
      response.end(`${url} ${httpVersion}\n`),
    )
    let connections = 0
    server.on('secureConnection', () => connections++)
    const urls = ['a', 'b', 'c'].map(path => `https://localhost:${port}/${path}`)
    const cacert = ['--cacert', `${temporaryDirectory()}/ca.pem`]
    writeFileSync(cacert[1]!, ca)
    const { stdout, stderr } = await runPeer('curl', ['-sS', '--http2', ...cacert, ...urls])
    expect([stdout, stderr]).toEqual(['/a 2.0\n/b 2.0\n/c 2.0\n', ''])
    expect(connections).toBe(1)
  })
})

needs('chromium', () => {
  needs('certutil', () => {
    test('chromium speaks HTTP/2 with our server, and HTTP/1.1 where that is all there is', async () => {
      const show: OnRequest = ({ httpVersion, url }, response) => response.end(`${url} ${httpVersion}`)
      const { port } = await start(own, show)
      const older = await start(own, show, { allowHTTP1: true, ALPNProtocols: ['http/1.1'] })
      const browser = await startBrowser('chromium')
      onTestFinished(() => browser.close())
      expect(await browser.visit(`https://localhost:${port}/a`)).toBe('/a 2.0')
      expect(await browser.visit(`https://localhost:${older.port}/b`)).toBe('/b 1.1')
    }, 120_000)
  })
})
