/** What libraries do to the socket below when they upgrade it in mid-stream; node:tls, which does not mind, is the oracle. */
import { once } from 'node:events'
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer, Socket } from 'node:net'
import { connect as connectNode, TLSSocket as NodeSocket, createSecureContext as nodeContext } from 'node:tls'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { connect, createSecureContext, TLSSocket } from '../../src/node/index.ts'
import { fixture } from '../support/fixtures.ts'

const identity = { cert: fixture('server.pem'), key: fixture('server.key') }
const trust = { servername: 'localhost', ca: fixture('ca.pem'), maxVersion: 'TLSv1.2' } as const

type Upgrade = (plain: Socket) => TLSSocket | NodeSocket

/** How each upgrades a socket: a client's, and a server's. */
const clients: Readonly<Record<string, Upgrade>> = {
  node: socket => connectNode({ socket, ...trust }),
  ours: socket => connect({ socket, ...trust }),
}
const servers: Readonly<Record<string, Upgrade>> = {
  node: plain => new NodeSocket(plain, { isServer: true, secureContext: nodeContext(identity) }),
  ours: plain => new TLSSocket(plain, { isServer: true, secureContext: createSecureContext(identity) }),
}
const cells = Object.keys(clients).flatMap(client => Object.keys(servers).map(server => [client, server]))

/** Two plain sockets that have spoken already; both sides say "begin" last. */
async function spoken(): Promise<{ client: Socket; server: Socket }> {
  const listener = createTcpServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const client = connectTcp((listener.address() as AddressInfo).port, '127.0.0.1')
  const [server] = (await once(listener, 'connection')) as [Socket]
  onTestFinished(() => {
    listener.close()
    for (const socket of [client, server]) socket.destroy()
  })
  client.write('begin\n')
  await once(server, 'data')
  server.write('begin\n')
  await once(client, 'data')
  return { client, server }
}

/** Upgrades both with what is done to either socket before and after, and has the client's words come back. */
async function converse(
  [client, server]: readonly string[],
  { before = () => {}, after = () => {} }: { before?: Treatment; after?: Treatment },
): Promise<string> {
  const plain = await spoken()
  for (const socket of [plain.server, plain.client]) before(socket)
  const theirs = servers[server!]!(plain.server)
  const ours = clients[client!]!(plain.client)
  after(plain.server, theirs)
  after(plain.client, ours)
  theirs.on('data', bytes => theirs.write(bytes))
  theirs.on('end', () => theirs.end())
  await once(ours, 'secureConnect')
  after(plain.server, theirs)
  after(plain.client, ours)
  ours.write('one ')
  const [first] = await once(ours, 'data')
  ours.end('two')
  const rest = await ours.toArray()
  return Buffer.concat([first, ...rest]).toString()
}
type Treatment = (plain: Socket, upgraded?: TLSSocket | NodeSocket) => void

describe.each(cells)('client on %s, server on %s', (...cell) => {
  test('a socket that is paused, and that nobody resumes, as imapflow leaves it', async () => {
    expect(await converse(cell, { before: plain => plain.pause() })).toBe('one two')
  })

  test('all listeners of the socket removed, before and after, as smtp-server and basic-ftp do it', async () => {
    const remove: Treatment = plain => void plain.removeAllListeners()
    expect(await converse(cell, { before: remove, after: remove })).toBe('one two')
  })

  test('a socket that decodes UTF-8, as that of basic-ftp', async () => {
    expect(await converse(cell, { before: plain => plain.setEncoding('utf8') })).toBe('one two')
  })

  test('who listened before hears no ciphertext, and what is emitted there is not TLS’s, as in ftp-srv', async () => {
    const heard: string[] = []
    const forwarded = new Set<unknown>()
    const said = await converse(cell, {
      before: plain => plain.on('data', bytes => heard.push(String(bytes))),
      after: (plain, upgraded) => {
        if (forwarded.has(plain)) return
        forwarded.add(plain)
        upgraded!.on('data', bytes => plain.emit('data', bytes))
      },
    })
    expect(said).toBe('one two')
    expect(heard.join('')).toBe('one one twotwo')
  })
})

test.each(Object.keys(servers))(
  '%s: a reset below, where nobody listens, is its error and nobody else’s',
  async name => {
    const plain = await spoken()
    const theirs = servers[name]!(plain.server)
    const ours = clients.ours!(plain.client)
    await once(ours, 'secureConnect')
    plain.server.removeAllListeners()
    theirs.resume()
    const failed = once(theirs, 'error')
    ours.on('error', () => {})
    plain.client.resetAndDestroy()
    expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' })
  },
)

test.each(Object.keys(clients))('%s: a socket that is connected later, as node-pop3 does it', async name => {
  const listener = createTcpServer(plain => servers.node!(plain).end('hello')).listen(0, '127.0.0.1')
  onTestFinished(() => void listener.close())
  await once(listener, 'listening')
  const plain = new Socket()
  const upgraded = clients[name]!(plain)
  await new Promise(resolve => setImmediate(resolve))
  plain.connect((listener.address() as AddressInfo).port, '127.0.0.1')
  expect(Buffer.concat(await upgraded.toArray()).toString()).toBe('hello')
})

test.each(Object.keys(servers))(
  '%s: a hello that came before the upgrade is its own, though its last owner lets it flow, as nodemailer does',
  async name => {
    const plain = await spoken()
    plain.server.pause()
    const client = clients.node!(plain.client)
    await vi.waitFor(() => expect(plain.server.readableLength).toBeGreaterThan(0))
    const upgraded = servers[name]!(plain.server)
    plain.server.resume()
    upgraded.end('hello')
    expect(Buffer.concat(await client.toArray()).toString()).toBe('hello')
  },
)
