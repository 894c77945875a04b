/** Our https.Agent and requests beside node:https's, and what is ours alone: names that tell no key. */
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import nodeHttps from 'node:https'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { inspect, promisify } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { Agent, get, globalAgent, type RequestOptions, request } from '../../src/node/https.ts'
import { fixture } from '../support/pair.ts'
import { temporaryDirectory } from '../support/peers.ts'
import { ca, fetchWith, type Https, likeNode, own, readText, startHttps } from './http-support.ts'

const patienceMs = 60_000

/** Whether each of the requests was resumed, one after the other, each over a connection of its own. */
async function resumptions(https: Https, port: number, options: readonly object[]): Promise<boolean[]> {
  const seen: boolean[] = []
  for (const each of options) {
    const { socket } = await fetchWith(https, port, each)
    seen.push(socket.isSessionReused())
    // The session is kept when the connection is: it may come after the response.
    await vi.waitFor(() => expect(socket.destroyed).toBe(true))
  }
  return seen
}

describe('sessions', () => {
  const servers: readonly (readonly [string, Https])[] = [
    ['our', own],
    ['node', nodeHttps],
  ]
  for (const [whose, server] of servers) {
    likeNode(`of ${whose} server are resumed by the next connection`, async https => {
      const { port } = await startHttps(server)
      const agent = new https.Agent()
      return resumptions(https, port, [{ agent }, { agent }, { agent }])
    })
  }

  likeNode('are not kept where none may be', async https => {
    const { port } = await startHttps(nodeHttps)
    const agent = new https.Agent({ maxCachedSessions: 0 })
    return resumptions(https, port, [{ agent }, { agent }])
  })

  likeNode('are each for one name and one set of options', async https => {
    const { port } = await startHttps(nodeHttps)
    const agent = new https.Agent()
    const other = { agent, servername: 'one.example.test' }
    return resumptions(https, port, [{ agent }, other, { agent, ciphers: 'AES128-SHA256' }, other])
  })

  likeNode('are forgotten when there are more than may be kept', async https => {
    const { port } = await startHttps(nodeHttps)
    const agent = new https.Agent({ maxCachedSessions: 1 })
    const other = { agent, servername: 'one.example.test' }
    return resumptions(https, port, [{ agent }, other, { agent }])
  })

  likeNode('are forgotten when their connection failed', async https => {
    const { port } = await startHttps(nodeHttps)
    const agent = new https.Agent()
    const [, first] = await resumptions(https, port, [{ agent }, { agent }])
    const request = https.get({ host: '127.0.0.1', port, servername: 'localhost', ca, agent })
    request.on('error', () => {})
    const [socket] = (await once(request, 'socket')) as [TLSSocket]
    socket.once('secureConnect', () => socket.destroy(new Error('broken')))
    await new Promise(resolve => socket.once('close', resolve))
    return [first, ...(await resumptions(https, port, [{ agent }]))]
  })
})

describe('connections', () => {
  likeNode('are no more than may be, and requests wait for them', async https => {
    const { port, secured } = await startHttps(https)
    const agent = new https.Agent({ keepAlive: true, maxSockets: 2 })
    const answers = await Promise.all(Array.from({ length: 6 }, () => fetchWith(https, port, { agent })))
    agent.destroy()
    return [answers.map(({ body }) => body), secured.length]
  })

  likeNode('go with the agent', async https => {
    const { port } = await startHttps(https)
    const agent = new https.Agent({ keepAlive: true })
    const { socket } = await fetchWith(https, port, { agent })
    const open = socket.destroyed
    agent.destroy()
    return [open, socket.destroyed]
  })

  likeNode('are not shared with who trusts others', async https => {
    const { server, port } = await startHttps(https)
    let connections = 0
    server.on('connection', () => connections++)
    const agent = new https.Agent({ keepAlive: true })
    await fetchWith(https, port, { agent })
    const options = { agent, ca: fixture('ec-ca.pem') }
    const refused = await fetchWith(https, port, options).then(
      () => 'let in',
      (error: NodeJS.ErrnoException) => error instanceof Error,
    )
    agent.destroy()
    return [refused, connections]
  })

  test(
    'that are idle hold up nobody who wants to go',
    async () => {
      const { port } = await startHttps(nodeHttps, undefined, { keepAliveTimeout: patienceMs })
      // Another process, that it may end: with its connection open, and no timeout that would close it.
      const script = join(temporaryDirectory(), 'visit.mts')
      const library = new URL('../../src/node/https.ts', import.meta.url)
      writeFileSync(
        script,
        `import { Agent, get } from ${JSON.stringify(library.href)}
        const agent = new Agent({ keepAlive: true, rejectUnauthorized: false })
        get({ host: '127.0.0.1', port: ${port}, agent }, response => response.pipe(process.stdout))
        agent.on('free', () => setImmediate(() => console.log('', Object.keys(agent.freeSockets).length)))`,
      )
      const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
        cwd: fileURLToPath(new URL('../..', import.meta.url)),
        timeout: patienceMs / 2,
      })
      expect(stdout).toBe('hello 1\n')
    },
    patienceMs,
  )

  likeNode('of an agent that is none are for one request', async https => {
    const { port } = await startHttps(https)
    const { body, socket } = await fetchWith(https, port, { agent: false })
    await vi.waitFor(() => expect(socket.destroyed).toBe(true))
    return [body]
  })

  likeNode('that wait for an answer too long tell it', async https => {
    const { port } = await startHttps(https, () => {})
    const request = https.get({ host: '127.0.0.1', port, ca, timeout: 50 })
    request.on('error', () => {})
    await once(request, 'timeout')
    request.destroy()
    return ['timeout']
  })
})

describe('requests', () => {
  likeNode('take a URL, options and a listener, in every way that is usual', async https => {
    const { port } = await startHttps(https, ({ url, method }, response) => response.end(`${method} ${url}`))
    const url = `https://127.0.0.1:${port}/url?a=b`
    const ways = [
      () => https.get(url, { ca }),
      () => https.get(new URL(url), { ca, method: 'POST' }),
      () => https.request({ host: '127.0.0.1', port, ca, path: '/options' }).end(),
      () => https.request(url, { ca, path: '/both', method: 'PUT' }).end(),
    ]
    const bodies = ways.map(async way => {
      const [response] = (await once(way(), 'response')) as [IncomingMessage]
      return readText(response)
    })
    const listened = new Promise<string>(resolve => {
      https.get(url, { ca }, response => readText(response).then(resolve))
    })
    return [...(await Promise.all(bodies)), await listened]
  })

  likeNode('with a URL that is not https have no agent for it', async https => {
    const throwing = () => https.get('http://127.0.0.1/')
    try {
      throwing()
    } catch (error) {
      return [(error as NodeJS.ErrnoException).code]
    }
    return []
  })

  likeNode('fail where the server is not who it should be', async https => {
    const { port } = await startHttps(https)
    const failed = async (options: nodeHttps.RequestOptions) =>
      fetchWith(https, port, { agent: new https.Agent(), ...options }).then(
        () => 'let in',
        error => error instanceof Error,
      )
    return [await failed({ servername: 'wrong.example' }), await failed({ ca: [] }), await failed({})]
  })

  test('our listeners get our TLS: by default by the global agent', async () => {
    const { port } = await startHttps(own)
    const sent = get({ host: '127.0.0.1', port, servername: 'localhost', ca: String(ca) })
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    response.resume()
    expect(response.socket).toHaveProperty('handshake.protocol', 'TLSv1.2')
    expect(Object.keys(globalAgent.sockets).length).toBe(1)
    await once(response, 'end')
    globalAgent.destroy()
  })

  test('agent: false is an agent of ours too', async () => {
    const { port } = await startHttps(nodeHttps)
    const sent = request({ host: '127.0.0.1', port, servername: 'localhost', ca: String(ca), agent: false })
    const [response] = (await once(sent.end(), 'response')) as [IncomingMessage]
    response.resume()
    expect(response.socket).toHaveProperty('handshake.protocol', 'TLSv1.2')
  })
})

describe('names', () => {
  const host = { host: 'localhost', port: 443 }
  const nodeAgent = new nodeHttps.Agent()
  const agent = new Agent()
  const nameOf = (options: object) => agent.getName({ ...host, ...options } as RequestOptions)

  const plain = [{}, { servername: 'a' }, { ca: 'pem' }, { ciphers: 'x', rejectUnauthorized: false }]
  test.each(plain)('%o: the one that node:https gives', options => {
    expect(nameOf(options)).toBe(nodeAgent.getName({ ...host, ...options }))
  })

  test('an agent is one of node:https, to whoever asks', () => {
    expect(agent).toBeInstanceOf(nodeHttps.Agent)
    expect(agent).toMatchObject({ protocol: 'https:', defaultPort: 443 })
  })

  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signer = { sign: async () => new Uint8Array() }
  const keys: readonly (readonly [string, object])[] = [
    ['a PEM', { key: fixture('client-ec.key') }],
    ['its bytes', { key: Buffer.from(fixture('client-ec.key')) }],
    ['a list', { key: [fixture('client-ec.key'), fixture('client-rsa.key')] }],
    ['an object', { key: { pem: fixture('client-ec.key'), passphrase: 'secret words' } }],
    ['a KeyObject', { key: privateKey }],
    ['a signer', { key: signer }],
    ['a pfx', { pfx: Buffer.from('a pfx'), passphrase: 'secret words' }],
    ['another passphrase', { pfx: Buffer.from('a pfx'), passphrase: 'other words' }],
    ['a policy', { policy: 'modern' }],
    ['a provider', { provider: 'node' }],
  ]

  test('are the same for the same, and differ in whatever differs', () => {
    const names = keys.map(([, options]) => nameOf(options))
    expect(keys.map(([, options]) => nameOf({ ...options }))).toEqual(names)
    expect(new Set([...names, nameOf({}), nameOf({ key: { ...signer } })]).size).toBe(keys.length + 1)
    expect(nameOf({ key: { sign: async () => new Uint8Array() } })).not.toBe(nameOf({ key: signer }))
  })

  test.each(keys)('hold nothing of %s that is secret', (_, options) => {
    const name = nameOf(options)
    expect(name).not.toMatch(/PRIVATE|secret words|other words|a pfx/)
    expect(name.length).toBeLessThan(120)
  })

  test('an agent prints no session', async () => {
    const { port } = await startHttps(own)
    const shown = new Agent({ keepAlive: false })
    const { socket } = await fetchWith(own, port, { agent: shown })
    const session = (socket as unknown as TLSSocket).getSession()!
    expect(session.length).toBeGreaterThan(50)
    const text = inspect(shown, { depth: 10, showHidden: true })
    expect(text).not.toContain(inspect(session).slice(8, 60))
    expect(text).not.toContain(session.toString('hex').slice(20, 60))
  })
})
