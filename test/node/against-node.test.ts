/** What a socket tells of a connection is what node:tls tells of it at the other end, or in our place. */
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { TLSSocket } from '../../src/node/index.ts'
import { fixture } from '../support/pair.ts'
import { openWithNode, startNodeServer } from './foreign.ts'
import { open, serve } from './support.ts'

const authorities = [fixture('ca.pem'), fixture('ec-ca.pem')]
const identity = (name: string) => ({ cert: fixture(`${name}.pem`), key: fixture(`${name}.key`) })

/** One of our clients, connected. */
async function connected(port: number, options: Parameters<typeof open>[1] = {}): Promise<TLSSocket> {
  const socket = open(port, { ca: authorities, ...options })
  await once(socket, 'secureConnect')
  socket.resume()
  return socket
}

/** What both ends can tell of a connection, and what each tells of the other. */
const told = (socket: {
  getCipher(): object | undefined
  getProtocol(): string | null
  alpnProtocol: string | false | null
  exportKeyingMaterial(length: number, label: string, context: Buffer): Buffer
}) => ({
  ...{ cipher: socket.getCipher(), protocol: socket.getProtocol(), alpn: socket.alpnProtocol },
  exported: [undefined, Buffer.alloc(0), Buffer.from('context')].map(context =>
    socket.exportKeyingMaterial(40, 'EXPERIMENTAL ringtls', context!).toString('hex'),
  ),
})

const kinds = [
  ['server', 'ECDHE-RSA-AES128-GCM-SHA256', 'X25519'],
  ['server', 'ECDHE-RSA-CHACHA20-POLY1305', 'P-256'],
  ['server', 'ECDHE-RSA-AES256-SHA384', 'P-384'],
  ['server', 'AES256-GCM-SHA384', 'auto'],
  ['server', 'AES128-SHA', 'auto'],
  ['server', 'ECDHE-RSA-AES256-SHA', 'X25519'],
  ['ec', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'P-521'],
  ['ec384', 'ECDHE-ECDSA-AES128-SHA256', 'X25519:P-384'],
  ['ec521', 'ECDHE-ECDSA-CHACHA20-POLY1305', 'P-256:P-521'],
  ['ed25519', 'ECDHE-ECDSA-AES128-GCM-SHA256', 'X25519'],
  ['rsa-pss', 'ECDHE-RSA-AES128-GCM-SHA256', 'X25519'],
] as const

describe.each(kinds)('%s, %s, %s', (name, ciphers, ecdhCurve) => {
  const algorithms = { ciphers, ...(ecdhCurve === 'auto' ? {} : { ecdhCurve }) }
  const ALPNProtocols = ['http/1.1', 'h2']

  it('our client at a server of node:tls', async () => {
    const { port, sockets } = await startNodeServer({ ...identity(name), ...algorithms, ALPNProtocols })
    const theirs = await openWithNode(port, { ciphers, ALPNProtocols })
    const ours = await connected(port, { ciphers, ALPNProtocols })
    const peer = sockets[1]!
    expect(told(ours)).toEqual(told(peer))
    expect(ours.alpnProtocol).toBe('http/1.1')
    expect(ours.getFinished()).toEqual(peer.getPeerFinished())
    expect(ours.getPeerFinished()).toEqual(peer.getFinished())
    expect(ours.getEphemeralKeyInfo()).toEqual(theirs.getEphemeralKeyInfo())
    expect(ours.getPeerCertificate()).toEqual(theirs.getPeerCertificate())
    expect(ours.getPeerX509Certificate()?.raw).toEqual(theirs.getPeerX509Certificate()?.raw)
    expect([ours.authorized, ours.authorizationError]).toEqual([true, null])
  })

  it('a client of node:tls at our server', async () => {
    const { port, sockets } = await serve({ ...identity(name), ...algorithms, ALPNProtocols })
    const theirs = await openWithNode(port, { ciphers, ALPNProtocols: ['h3', 'h2', 'http/1.1'] })
    const ours = sockets[0]!
    expect(told(ours)).toEqual(told(theirs))
    expect(ours.alpnProtocol).toBe('http/1.1')
    expect(ours.getFinished()).toEqual(theirs.getPeerFinished())
    expect(ours.getPeerFinished()).toEqual(theirs.getFinished())
    expect(ours.getCertificate()).toEqual(theirs.getPeerCertificate())
    expect(ours.getX509Certificate()?.raw).toEqual(theirs.getPeerX509Certificate()?.raw)
    expect(ours.getEphemeralKeyInfo()).toBeNull()
    expect([ours.authorized, ours.getPeerCertificate()]).toEqual([false, {}])
  })
})

describe('what a socket tells', () => {
  it('before the handshake, as far as node:tls has it', async () => {
    const { port } = await serve()
    const ours = open(port)
    expect([ours.alpnProtocol, ours.getFinished(), ours.tlsUnique, ours.tlsServerEndPoint]).toEqual([
      ...[null, undefined, undefined, undefined],
    ])
    expect([ours.getEphemeralKeyInfo(), ours.getPeerCertificate(), ours.getCertificate()]).toEqual([
      ...[{}, {}, {}],
    ])
    expect(() => ours.exportKeyingMaterial(20, 'EXPERIMENTAL ringtls')).toThrow('has not ended')
    await once(ours, 'secureConnect')
    expect(ours.alpnProtocol).toBe(false)
  })

  it('of DHE: its size, the same at a client of node:tls', async () => {
    const { port } = await serve({ ciphers: 'DHE-RSA-AES128-GCM-SHA256', ecdhCurve: 'ffdhe3072' })
    const options = { ciphers: 'DHE-RSA-AES128-GCM-SHA256' }
    const theirs = await openWithNode(port, options)
    expect(theirs.getEphemeralKeyInfo()).toMatchObject({ type: 'DH', size: 3072 })
    expect((await connected(port, options)).getEphemeralKeyInfo()).toEqual({ type: 'DH', size: 3072 })
  })

  it('of a resumed connection is the same certificate, and no ephemeral key', async () => {
    const { port, sockets } = await startNodeServer({ ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' })
    // Node's servers keep no sessions: they give them away in tickets.
    const first = await connected(port, { tickets: true })
    const ours = await connected(port, { session: first.getSession()! })
    const theirs = await openWithNode(port, { session: (await openWithNode(port)).getSession()! })
    expect([ours.isSessionReused(), theirs.isSessionReused()]).toEqual([true, true])
    expect(told(ours)).toEqual(told(sockets[1]!))
    expect(ours.getFinished()).toEqual(sockets[1]!.getPeerFinished())
    // Node's own client forgets it, its servers do not.
    expect(ours.getPeerCertificate()).toEqual(first.getPeerCertificate())
    expect(ours.getPeerCertificate()).toMatchObject({ subject: { CN: 'localhost' } })
    expect(ours.getEphemeralKeyInfo()).toEqual(theirs.getEphemeralKeyInfo())
    expect(ours.tlsServerEndPoint).toEqual(first.tlsServerEndPoint)
  })

  it('with a chain of several certificates: each has its issuer', async () => {
    const cert = `${fixture('server.pem')}${fixture('ca.pem')}`
    const { port } = await startNodeServer({ cert })
    const ours = (await connected(port)).getPeerCertificate(true)
    const theirs = (await openWithNode(port)).getPeerCertificate(true)
    expect(ours.issuerCertificate.issuerCertificate).toBe(ours.issuerCertificate)
    const withoutIssuer = ({ issuerCertificate: _, ...shown }: { issuerCertificate?: object }) => shown
    expect(withoutIssuer(ours)).toEqual(withoutIssuer(theirs))
    expect(withoutIssuer(ours.issuerCertificate)).toEqual(withoutIssuer(theirs.issuerCertificate))
  })
})

describe('algorithms by name', () => {
  it('sigalgs: what a client names is what the server signs with', async () => {
    const sigalgs = 'RSA-PSS+SHA384:RSA+SHA512'
    const { port, sockets } = await startNodeServer()
    await connected(port, { sigalgs })
    await openWithNode(port, { sigalgs })
    const [ours, theirs] = sockets.map(socket => socket.getSharedSigalgs())
    expect(ours).toEqual(theirs)
  })

  it('sigalgs: a server signs with nothing else', async () => {
    const { port } = await serve({ sigalgs: 'rsa_pkcs1_sha384', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' })
    await openWithNode(port, { sigalgs: 'RSA+SHA256:RSA+SHA384' })
    await expect(openWithNode(port, { sigalgs: 'RSA+SHA256' })).rejects.toMatchObject({
      code: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
    })
  })

  it('honorCipherOrder: ours by default, the client’s when it is false', async () => {
    const ciphers = 'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384'
    const reversed = ciphers.split(':').reverse().join(':')
    const names = ciphers.split(':')
    for (const [honorCipherOrder, name] of [
      [undefined, names[0]],
      [true, names[0]],
      [false, names[1]],
    ] as const) {
      const { port } = await serve({
        ciphers,
        ...(honorCipherOrder === undefined ? {} : { honorCipherOrder }),
      })
      expect((await openWithNode(port, { ciphers: reversed })).getCipher().name).toBe(name)
    }
  })

  it.each([
    ['RSA key exchange', { ciphers: 'AES128-GCM-SHA256' }],
    ['CBC', { ciphers: 'ECDHE-RSA-AES128-SHA256' }],
  ])('policy modern: no %s', async (_what, options) => {
    await openWithNode((await serve()).port, options)
    const { port } = await serve({ policy: 'modern' })
    await expect(openWithNode(port, options)).rejects.toMatchObject({
      code: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
    })
    await openWithNode(port, { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' })
  })
})
