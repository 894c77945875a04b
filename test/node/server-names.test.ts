/** Several certificates behind one address: by the names in them, by addContext, by SNICallback (RFC 6066 §3). */
import { once } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { createSecureContext, type Server, type ServerOptions, type TLSSocket } from '../../src/node/index.ts'
import { fixture } from '../support/pair.ts'
import { openWithNode, startNodeServer } from './foreign.ts'
import { codeOf, ending, open, startServer } from './support.ts'

const identity = (name: string) => ({ cert: fixture(`${name}.pem`), key: fixture(`${name}.key`) })
const several = (...names: string[]) => ({
  cert: names.map(name => fixture(`${name}.pem`)),
  key: names.map(name => fixture(`${name}.key`)),
})

async function serve(options: Partial<ServerOptions> = {}, prepare: (server: Server) => void = () => {}) {
  const sockets: TLSSocket[] = []
  const { server, port } = await startServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.resume()
  }, options)
  prepare(server)
  return { server, port, sockets }
}

/** The kind of key that a client of node:tls is shown under a name. */
async function keyFor(port: number, servername: string, options: object = {}): Promise<string | undefined> {
  const socket = await openWithNode(port, { servername, checkServerIdentity: () => undefined, ...options })
  return socket.getPeerX509Certificate()?.publicKey.asymmetricKeyType
}

describe('certificates side by side', () => {
  it('are chosen by what the client can do, as by node:tls', async () => {
    const options = several('server', 'ec', 'ed25519')
    const ports = [(await startNodeServer(several('server', 'ec'))).port, (await serve(options)).port]
    for (const port of ports) {
      expect(await keyFor(port, 'localhost', { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })).toBe('ec')
      expect(await keyFor(port, 'localhost', { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' })).toBe('rsa')
      expect(await keyFor(port, 'localhost', { ciphers: 'AES128-GCM-SHA256' })).toBe('rsa')
    }
    expect(await keyFor(ports[1]!, 'localhost', { sigalgs: 'ed25519' })).toBe('ed25519')
  })

  it('and by the name the client asks for', async () => {
    const { port } = await serve(several('server', 'ec'))
    const ciphers = 'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256'
    // a.example.test is a name of both, x.y.example.test of neither.
    expect(await keyFor(port, 'a.example.test', { ciphers })).toBeDefined()
    expect(await keyFor(port, 'x.y.example.test', { ciphers })).toBeDefined()
  })
})

describe('addContext', () => {
  /** The same calls on both. */
  const prepare = (server: { addContext(name: string, context: object): void }) => {
    server.addContext('*.example.test', identity('ec'))
    server.addContext('b.example.test', identity('ed25519'))
    server.addContext('c.*', identity('ec384'))
    server.addContext('odd+name.test', identity('ec521'))
  }

  it.each([
    ['a.example.test', 'ec'],
    ['A.EXAMPLE.test', 'ec'],
    ['b.example.test', 'ed25519'],
    ['a.b.example.test', 'rsa'],
    ['c.example', 'ec'],
    ['c.example.test', 'ec'],
    ['odddname.test', 'rsa'],
    ['axexample.test', 'rsa'],
    ['localhost', 'rsa'],
    ['', 'rsa'],
  ])('%s gets %s', async (name, kind) => {
    const { port } = await serve({}, prepare)
    expect(await keyFor(port, name)).toBe(kind)
  })

  it('chooses what node:tls chooses', async () => {
    // All of them RSA: node:tls leaves its own certificate beside one of another kind.
    const addBoth = (server: { addContext(name: string, context: object): void }) => {
      server.addContext('*.example.test', identity('other'))
      server.addContext('b.*.test', identity('client-rsa'))
    }
    const node = await startNodeServer()
    const ours = await serve({}, addBoth)
    addBoth(node.server)
    const shown = async (port: number, servername: string) =>
      (await openWithNode(port, { servername, rejectUnauthorized: false })).getPeerCertificate().subject.CN
    for (const [name, subject] of [
      ['a.example.test', 'other.example'],
      ['b.example.test', 'client-rsa'],
      ['a.b.example.test', 'localhost'],
      ['', 'localhost'],
    ] as const)
      expect([await shown(ours.port, name), await shown(node.port, name)]).toEqual([subject, subject])
  })
})

describe('SNICallback', () => {
  const context = createSecureContext(identity('ec'))

  it('is asked for the name, and may answer later, or with nothing', async () => {
    const asked: string[] = []
    const { port, sockets } = await serve({
      SNICallback: (name, callback) => {
        asked.push(name)
        setTimeout(() => (name === 'a.example.test' ? callback(null, context) : callback(null)), 5)
      },
    })
    expect(await keyFor(port, 'a.example.test')).toBe('ec')
    expect(await keyFor(port, 'localhost')).toBe('rsa')
    expect(await keyFor(port, '')).toBe('rsa')
    expect(asked).toEqual(['a.example.test', 'localhost'])
    expect(sockets.map(socket => socket.servername)).toEqual(['a.example.test', 'localhost', false])
  })

  it.each([
    ['calls back with an error', (_: string, callback: (error: Error) => void) => callback(new Error('no'))],
    [
      'throws',
      () => {
        throw new Error('no')
      },
    ],
    ['is async and rejects', () => Promise.reject(new Error('no'))],
  ])('one that %s ends that connection, and the next is served', async (_what, SNICallback) => {
    const { server, port } = await serve({ SNICallback })
    const failed = once(server, 'tlsClientError')
    expect(await ending(open(port))).toEqual(['error ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', 'close'])
    expect((await failed)[0]).toEqual(new Error('no'))
    expect(await keyFor(port, '')).toBe('rsa')
  })

  it('one that never answers: the handshake times out', async () => {
    const { server, port } = await serve({ SNICallback: () => {}, handshakeTimeout: 50 })
    const failed = once(server, 'tlsClientError')
    open(port).on('error', () => {})
    expect(codeOf((await failed)[0])).toBe('ERR_TLS_HANDSHAKE_TIMEOUT')
  })

  it('a client that goes away meanwhile: an error and no crash', async () => {
    let answer = () => {}
    const { server, port } = await serve({
      SNICallback: (_, callback) => {
        answer = () => callback(null, context)
      },
    })
    const failed = once(server, 'tlsClientError')
    const client = open(port)
    client.on('error', () => {})
    await vi.waitFor(() => expect(answer.toString()).toContain('callback'))
    client.destroy()
    await failed
    answer()
  })

  it("brings the authorities of its own clients, in the place of the server's", async () => {
    const { port, sockets } = await serve({
      requestCert: true,
      ca: fixture('ec-ca.pem'),
      SNICallback: (name, callback) =>
        callback(
          null,
          name === 'a.example.test'
            ? createSecureContext({ ...identity('ec'), ca: fixture('client-ca.pem') })
            : undefined,
        ),
    })
    const client = identity('client-ec')
    await openWithNode(port, { servername: 'a.example.test', ...client })
    expect(sockets[0]!.authorized).toBe(true)
    await expect(openWithNode(port, client)).rejects.toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' })
  })
})

it('a session of one name does not resume under another', async () => {
  const { port } = await serve()
  const first = await openWithNode(port, { servername: 'a.example.test' })
  const session = first.getSession()!
  const again = await openWithNode(port, { servername: 'a.example.test', session })
  const other = await openWithNode(port, { servername: 'b.example.test', session })
  expect([again.isSessionReused(), other.isSessionReused()]).toEqual([true, false])
})
