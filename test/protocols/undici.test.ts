/** undici, and so fetch, on our sockets; and as it is, with Node's TLS, against our server. */
import { once } from 'node:events'
import nodeHttps from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { Agent, fetch, Pool, request } from 'undici'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createSecureServer } from '../../src/node/http2.ts'
import { type ConnectorOptions, undiciConnector } from '../../src/node/https.ts'
import { fixture } from '../support/pair.ts'
import { ca, type Https, identity, listen, own, readText, startHttps } from './http-support.ts'

/** An Agent of undici whose connections are ours. */
function ownAgent({ allowH2 = false, ...options }: ConnectorOptions = {}, more: Agent.Options = {}): Agent {
  const agent = new Agent({ allowH2, connect: undiciConnector({ ca, allowH2, ...options }), ...more })
  onTestFinished(() => agent.destroy())
  return agent
}

const servers: readonly (readonly [string, Https])[] = [
  ['our server', own],
  ["node's server", nodeHttps],
]

describe.each(servers)('undici on our TLS, and %s', (_, server) => {
  test('fetches, over one connection', async () => {
    const { port, secured } = await startHttps(server, async (incoming, response) => {
      response.end(`${incoming.method} ${await readText(incoming)}`)
    })
    const dispatcher = ownAgent({}, { connections: 1 })
    const url = `https://localhost:${port}/`
    const posted = await fetch(url, { dispatcher, method: 'POST', body: 'body' })
    expect(await posted.text()).toBe('POST body')
    const gotten = await fetch(url, { dispatcher })
    expect(await gotten.text()).toBe('GET ')
    expect(secured.length).toBe(1)
  })

  test('resumes when it connects again', async () => {
    const { port, secured } = await startHttps(server, ({ socket }, response) => {
      response.end(String((socket as TLSSocket).isSessionReused()))
    })
    const dispatcher = ownAgent({}, { pipelining: 0 })
    const seen: string[] = []
    for (let i = 0; i < 3; i++) {
      const { body } = await request(`https://localhost:${port}/`, { dispatcher })
      seen.push(await body.text())
      await vi.waitFor(() => expect(secured[i]!.destroyed).toBe(true))
    }
    expect(seen).toEqual(['false', 'true', 'true'])
  })

  test('is refused by a certificate for somebody else', async () => {
    const { port } = await startHttps(server)
    const dispatcher = ownAgent({ servername: 'wrong.example' })
    await expect(request(`https://localhost:${port}/`, { dispatcher })).rejects.toThrow(/wrong\.example/)
  })

  test('shows its certificate', async () => {
    const options = { ca: fixture('client-ca.pem'), requestCert: true }
    const { port } = await startHttps(
      server,
      ({ socket }, response) => response.end((socket as TLSSocket).getPeerCertificate().subject.CN),
      options,
    )
    const client = { cert: fixture('client-ec.pem'), key: fixture('client-ec.key') }
    const { body } = await request(`https://localhost:${port}/`, { dispatcher: ownAgent(client) })
    expect(await body.text()).toMatch(/client/)
  })
})

test('undici speaks HTTP/2 over our TLS where its agent allows it, and HTTP/1.1 where not', async () => {
  const server = createSecureServer({ ...identity, allowHTTP1: true }, ({ httpVersion }, response) =>
    response.end(httpVersion),
  )
  const port = await listen(server)
  for (const [allowH2, version] of [
    [true, '2.0'],
    [false, '1.1'],
  ] as const) {
    const dispatcher = ownAgent({ allowH2 })
    const answers = Array.from({ length: 5 }, async () => {
      const response = await fetch(`https://localhost:${port}/`, { dispatcher })
      return response.text()
    })
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 5 }, () => version))
    await dispatcher.close()
  }
})

test('a request that is aborted ends at the server, and its pool goes on', async () => {
  const { server, port } = await startHttps(own, ({ url }, response) => {
    if (url === '/late') response.write('a part')
    else response.end('hello')
  })
  const pool = new Pool(`https://localhost:${port}`, { connect: undiciConnector({ ca }), connections: 1 })
  onTestFinished(() => pool.destroy())
  const abort = new AbortController()
  const [first] = await Promise.all([
    once(server, 'request'),
    pool
      .request({ path: '/late', method: 'GET', signal: abort.signal })
      .then(({ body }) => body.on('error', () => {})),
  ])
  const closed = once(first[1], 'close')
  abort.abort()
  await closed
  const { body } = await pool.request({ path: '/', method: 'GET' })
  expect(await body.text()).toBe('hello')
})

test('a server that does not answer the handshake is given up', async () => {
  const { createServer } = await import('node:net')
  const silent = createServer()
  const port = await listen(silent)
  const dispatcher = ownAgent({ handshakeTimeout: 50 })
  const failure = request(`https://localhost:${port}/`, { dispatcher })
  await expect(failure).rejects.toMatchObject({ code: 'ERR_TLS_HANDSHAKE_TIMEOUT' })
})

test('a URL that is not https is told where to go', async () => {
  const plain = await import('node:http')
  const server = plain.createServer()
  await listen(server)
  const { port } = server.address() as AddressInfo
  const dispatcher = ownAgent()
  await expect(request(`http://localhost:${port}/`, { dispatcher })).rejects.toThrow(/TLS alone/)
})

test("undici with node's TLS, and Node's own fetch, get along with our server", async () => {
  const { port, secured } = await startHttps(own)
  const dispatcher = new Agent({ connect: { ca }, pipelining: 0 })
  onTestFinished(() => dispatcher.destroy())
  for (let i = 0; i < 2; i++) {
    const { body } = await request(`https://localhost:${port}/`, { dispatcher })
    expect(await body.text()).toBe('hello')
    await vi.waitFor(() => expect(secured[i]!.destroyed).toBe(true))
  }
  const response = await globalThis.fetch(`https://localhost:${port}/`, { dispatcher } as object)
  expect(await response.text()).toBe('hello')
})
