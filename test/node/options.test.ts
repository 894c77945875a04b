/** ALPN, tickets, OCSP staples, lengths of records, channel bindings, and options that will not do. */
import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect as connectNodeTls } from 'node:tls'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { ApiMisuse } from '../../src/errors.ts'
import {
  connect,
  createSecureContext,
  createServer,
  MemorySessionCache,
  type SecureContextOptions,
  type ServerOptions,
  type TLSSocket,
  tlsServerEndPoint,
} from '../../src/node/index.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { decodeClientSession } from '../../src/session/client-session.ts'
import { sessionTickets } from '../../src/session/session-ticket.ts'
import { fixture } from '../support/pair.ts'
import { needs, runPeer } from '../support/peers.ts'
import { openWithNode, startNodeServer } from './foreign.ts'
import { codeOf, connected, ending, open, pattern, readAll, serve, startServer, tap } from './support.ts'

const identity = (name: string) => ({ cert: fixture(`${name}.pem`), key: fixture(`${name}.key`) })

const nodeClient = {
  ...{ host: '127.0.0.1', servername: 'localhost', ca: fixture('ca.pem') },
  maxVersion: 'TLSv1.2',
} as const

describe('ALPN', () => {
  it('no protocol in common: refused, as by node:tls', async () => {
    const options = { ALPNProtocols: ['h2'] }
    const { server, port } = await serve(options)
    const node = await startNodeServer(options)
    const failed = once(server, 'tlsClientError')
    for (const each of [port, node.port])
      expect(await ending(open(each, { ALPNProtocols: ['http/1.1'] }))).toEqual([
        ...['error ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', 'close'],
      ])
    expect(codeOf((await failed)[0])).toBe('ERR_SSL_NO_APPLICATION_PROTOCOL')
  })

  it('a server without protocols, or a client without, settles on none', async () => {
    const { port, sockets } = await serve()
    expect((await openWithNode(port, { ALPNProtocols: ['h2'] })).alpnProtocol).toBe(false)
    const other = await serve({ ALPNProtocols: ['h2'] })
    expect((await connected(other.port)).alpnProtocol).toBe(false)
    expect([sockets[0]!.alpnProtocol, sockets[0]!.handshake?.alpnProtocol]).toEqual([false, undefined])
  })

  it('names are bytes: of a Buffer, and of a string in UTF-8, as in node:tls', async () => {
    for (const name of [Buffer.of(0xff, 0), 'né']) {
      const ALPNProtocols = [name]
      // Node takes other bytes than UTF-8 only as they are on the wire.
      const bytes = Buffer.from(name)
      const onTheWire = { ALPNProtocols: Buffer.concat([Buffer.of(bytes.length), bytes]) }
      const node = await startNodeServer(onTheWire)
      const theirs = await openWithNode(node.port, onTheWire)
      const { port, sockets } = await serve({ ALPNProtocols })
      const ours = await connected(port, { ALPNProtocols })
      expect(ours.alpnProtocol).toBe(theirs.alpnProtocol)
      expect(sockets[0]!.alpnProtocol).toBe(theirs.alpnProtocol)
    }
  })

  it('ALPNCallback picks by name and host', async () => {
    const ALPNCallback = vi.fn(({ servername, protocols }) =>
      servername === 'localhost' ? protocols.at(-1) : undefined,
    )
    const { server, port } = await serve({ ALPNCallback })
    const ALPNProtocols = ['h2', 'http/1.1']
    expect((await openWithNode(port, { ALPNProtocols })).alpnProtocol).toBe('http/1.1')
    expect(ALPNCallback).toHaveBeenCalledExactlyOnceWith({
      servername: 'localhost',
      protocols: ALPNProtocols,
    })
    const failed = once(server, 'tlsClientError')
    await expect(openWithNode(port, { ALPNProtocols, servername: 'a.example.test' })).rejects.toMatchObject({
      code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
    })
    expect(codeOf((await failed)[0])).toBe('ERR_SSL_NO_APPLICATION_PROTOCOL')
  })

  it.each([
    ['answers what was not offered', () => 'h3', 'ERR_TLS_ALPN_CALLBACK_INVALID_RESULT'],
    [
      'throws',
      () => {
        throw new Error('no')
      },
      'no',
    ],
    ['misuses something else', () => createServer({ key: 'none' }) && 'h2', 'ERR_OSSL_UNSUPPORTED'],
  ])('one that %s ends that connection, and no more', async (_what, ALPNCallback, told) => {
    const { server, port } = await serve({ ALPNCallback })
    const failed = once(server, 'tlsClientError')
    expect(await ending(open(port, { ALPNProtocols: ['h2'] }))).toEqual([
      ...['error ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', 'close'],
    ])
    expect(codeOf((await failed)[0])).toBe(told)
    await connected(port)
  })
})

describe('a server with an option that only a handshake shows to be wrong', () => {
  it('fails that handshake, and does not crash', async () => {
    const cache = new MemorySessionCache({ now: Date.now })
    const sessionCache = Object.assign(cache, { drawId: () => new Uint8Array(33).fill(1) })
    const { server, port } = await serve({ sessionCache })
    const failed = once(server, 'tlsClientError')
    expect(await ending(open(port))).toEqual(['error ECONNRESET', 'close'])
    expect((await failed)[0]).toMatchObject({
      ...{ code: 'ERR_SSL_INTERNAL_ERROR', cause: { code: 'INTERNAL_ERROR', cause: expect.any(ApiMisuse) } },
    })
  })
})

describe('tickets', () => {
  it('resume a client of node:tls, in a ticket, and one of ours', async () => {
    const { port, sockets } = await serve({ tickets: true })
    const first = await openWithNode(port)
    expect(first.getTLSTicket()?.length).toBeGreaterThan(100)
    const second = await openWithNode(port, { session: first.getSession()! })
    expect(second.isSessionReused()).toBe(true)
    const ours = await connected(port, { tickets: true })
    expect((await connected(port, { session: ours.getSession()! })).isSessionReused()).toBe(true)
    await vi.waitFor(() => expect(sockets).toHaveLength(4))
    expect(sockets.map(socket => socket.handshake?.reason)).toEqual(['no_id', 'hit', 'no_id', 'hit'])
  })

  it('are off by default: a client that asks gets a session ID', async () => {
    const { port } = await serve()
    const first = await openWithNode(port)
    expect(first.getTLSTicket()).toBeUndefined()
    const { ticket, sessionId } = decodeClientSession(
      (await connected(port, { tickets: true })).getSession()!,
    )
    expect([ticket, sessionId.length]).toEqual([undefined, 32])
  })

  it('a client that does not ask gets a session ID of a server that gives tickets', async () => {
    const { port } = await serve({ tickets: true })
    const first = await connected(port, { tickets: false })
    expect(decodeClientSession(first.getSession()!).ticket).toBeUndefined()
    const again = { session: first.getSession()!, tickets: false }
    expect((await connected(port, again)).isSessionReused()).toBe(true)
  })

  it('need no session cache', async () => {
    const { port } = await serve({ tickets: true, sessionCache: false })
    const first = await connected(port, { tickets: true })
    expect((await connected(port, { session: first.getSession()! })).isSessionReused()).toBe(true)
    expect((await connected(port, { tickets: false })).getSession()).toBeUndefined()
  })

  it('of another server are a full handshake, with a ticket of its own', async () => {
    const first = await connected((await serve({ tickets: true })).port, { tickets: true })
    const { port, sockets } = await serve({ tickets: true })
    const second = await connected(port, { session: first.getSession()! })
    expect(second.isSessionReused()).toBe(false)
    expect(sockets[0]!.handshake?.reason).toBe('miss')
    expect(decodeClientSession(second.getSession()!).ticket).toBeDefined()
  })

  it('are offered where the session has one, unless tickets are off', async () => {
    const { port, sockets } = await serve({ tickets: true })
    const session = (await connected(port, { tickets: true })).getSession()!
    expect((await connected(port, { session, tickets: false })).isSessionReused()).toBe(false)
    expect(sockets[1]!.handshake?.reason).toBe('no_id')
  })

  it('expire with their session', async () => {
    let nowMs = Date.now()
    const { port, sockets } = await serve({ tickets: true, sessionTimeout: 10, now: () => nowMs })
    const session = (await connected(port, { tickets: true })).getSession()!
    nowMs += 10_000
    expect((await connected(port, { session })).isSessionReused()).toBe(false)
    expect(sockets[1]!.handshake?.reason).toBe('expired')
  })

  it('hold what a server of node:tls gave, too', async () => {
    const { port, sockets } = await startNodeServer()
    const first = await connected(port, { tickets: true })
    await connected(port, { session: first.getSession()! })
    await vi.waitFor(() => expect(sockets).toHaveLength(2))
    expect(sockets[1]!.isSessionReused()).toBe(true)
  })

  it("of a key on its way out are renewed: the event 'session' comes again, with one that outlives the key", async () => {
    const keys = [1, 2].map(epoch => ({
      ...{ epoch, name: new Uint8Array(16).fill(epoch) },
      sealing: nobleProvider.aesGcm(new Uint8Array(32).fill(epoch)),
    }))
    let current = keys[0]!
    let opening = keys
    const cache = new MemorySessionCache({ now: Date.now })
    const tickets = sessionTickets({ current: () => current, opening: () => opening })
    const { port } = await serve({ tickets: true, sessionCache: Object.assign(cache, { tickets }) })
    const visit = async (session?: Buffer) => {
      const seen: Buffer[] = []
      const client = open(port, session ? { session } : { tickets: true })
      client.on('session', bytes => seen.push(bytes))
      await once(client, 'secureConnect')
      expect(client.isSessionReused()).toBe(session !== undefined)
      return { seen, session: client.getSession()! }
    }
    const first = await visit()
    expect(first.seen).toEqual([first.session])
    expect((await visit(first.session)).seen).toEqual([])
    current = keys[1]!
    const renewed = await visit(first.session)
    expect(renewed.seen).toEqual([renewed.session])
    expect(renewed.session).not.toEqual(first.session)
    opening = [keys[1]!]
    expect((await visit(renewed.session)).seen).toEqual([])
  })
})

describe('certificate timestamps', () => {
  // Nobody here judges them: any bytes will do.
  const timestamps = [Buffer.from('0011', 'hex'), Buffer.from('aabbcc', 'hex')]
  const options = { signedCertificateTimestamps: [timestamps] }

  it('come to a client that asks, and to no other', async () => {
    const { port } = await serve(options)
    expect((await connected(port, { requestSCT: true })).signedCertificateTimestamps).toEqual(timestamps)
    expect((await connected(port)).signedCertificateTimestamps).toEqual([])
    expect((await connected((await serve()).port, { requestSCT: true })).signedCertificateTimestamps).toEqual(
      [],
    )
  })

  it('need one list for each certificate at most, and no empty timestamp', () => {
    const wrong: SecureContextOptions['signedCertificateTimestamps'][] = [
      [timestamps, timestamps],
      [[Buffer.alloc(0)]],
    ]
    for (const signedCertificateTimestamps of wrong)
      expect(() => createSecureContext({ ...identity('server'), signedCertificateTimestamps })).toThrow(
        ApiMisuse,
      )
  })

  needs('openssl', () => {
    // `-serverinfo 18` sends the extension empty, and prints the one of ServerHello as it came: type, length, and RFC 6962 §3.3's list.
    it('are read by openssl s_client', async () => {
      const { port } = await serve(options)
      const args = ['s_client', '-tls1_2', '-serverinfo', '18', '-connect', `127.0.0.1:${port}`]
      const { stdout } = await runPeer('openssl', args, { input: '' })
      const [, base64 = ''] = /BEGIN SERVERINFO FOR EXTENSION 18-----\n([^-]*)-----END/.exec(stdout) ?? []
      const list = ['0012', '000b', '0009', '00020011', '0003aabbcc'].join('')
      expect(Buffer.from(base64, 'base64').toString('hex')).toBe(list)
    })
  })
})

describe('OCSP staples', () => {
  // Neither client judges them: any bytes will do.
  const response = Buffer.from('30030a0106', 'hex')

  it('come to a client that asks, ours and one of node:tls', async () => {
    const { port } = await serve({ ocspResponse: response })
    const client = open(port, { requestOCSP: true })
    const order: string[] = []
    client.on('secureConnect', () => order.push('secureConnect'))
    client.on('OCSPResponse', () => order.push('OCSPResponse'))
    expect(await once(client, 'OCSPResponse')).toEqual([response])
    expect(order).toEqual(['OCSPResponse', 'secureConnect'])
    // @types/node does not know the option.
    const theirs = connectNodeTls({ ...nodeClient, port, ...({ requestOCSP: true } as object) })
    onTestFinished(() => void theirs.destroy())
    theirs.on('error', () => {})
    expect(await once(theirs, 'OCSPResponse')).toEqual([response])
  })

  it('come to our client from a server of node:tls; null says there is none', async () => {
    const node = await startNodeServer()
    const answers = [response, null]
    node.server.on('OCSPRequest', (_certificate, _issuer, callback) => callback(null, answers.shift()!))
    for (const wanted of [response, null]) {
      expect(await once(open(node.port, { requestOCSP: true }), 'OCSPResponse')).toEqual([wanted])
    }
  })

  it('go with their certificate, in the order of cert', async () => {
    const { port } = await serve({
      cert: [fixture('server.pem'), fixture('ec.pem')],
      key: [fixture('server.key'), fixture('ec.key')],
      ocspResponse: [undefined, response],
    })
    const ask = async (ciphers: string) => {
      const client = open(port, { requestOCSP: true, ciphers, rejectUnauthorized: false })
      const [[bytes]] = await Promise.all([once(client, 'OCSPResponse'), once(client, 'secureConnect')])
      return bytes
    }
    expect(await ask('ECDHE-ECDSA-AES128-GCM-SHA256')).toEqual(response)
    expect(await ask('ECDHE-RSA-AES128-GCM-SHA256')).toBeNull()
  })

  it('are not sent to a client that does not ask', async () => {
    const { port } = await serve({ ocspResponse: response })
    const client = open(port)
    client.on('OCSPResponse', () => expect.unreachable())
    await once(client, 'secureConnect')
  })
})

describe('lengths of records', () => {
  /** Lengths of the application data records that a server sent to a client of ours. */
  async function recordsOf(port: number, options: Parameters<typeof open>[1] = {}): Promise<number[]> {
    const transport = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: true })
    const chunks: Buffer[] = []
    const client = open(port, { socket: transport, ciphers: 'ECDHE-RSA-AES128-GCM-SHA256', ...options })
    tap(transport, chunk => chunks.push(chunk))
    await readAll(client)
    const bytes = Buffer.concat(chunks)
    const lengths: number[] = []
    for (let at = 0; at < bytes.length; at += 5 + bytes.readUInt16BE(at + 3))
      if (bytes[at] === 23) lengths.push(bytes.readUInt16BE(at + 3) - 24)
    return lengths
  }
  const talk = (prepare: (socket: TLSSocket) => unknown = () => {}, options: Partial<ServerOptions> = {}) =>
    startServer(socket => {
      prepare(socket)
      socket.end(pattern(2000))
    }, options)

  it('setMaxSendFragment cuts what is written, within the bounds of node:tls', async () => {
    const told: boolean[] = []
    const { port } = await talk(socket => {
      for (const size of [511, 16_385, 600.5, 16_384, 600]) told.push(socket.setMaxSendFragment(size))
    })
    expect(await recordsOf(port)).toEqual([600, 600, 600, 200])
    expect(told).toEqual([false, false, false, true, true])
    const node = await openWithNode(port)
    expect([511, 16_385, 600].map(size => node.setMaxSendFragment(size))).toEqual([false, false, true])
  })

  it('recordSizeLimit and maxFragmentLength bind the server', async () => {
    const { port } = await talk()
    expect(await recordsOf(port)).toEqual([2000])
    expect(await recordsOf(port, { recordSizeLimit: 700 })).toEqual([700, 700, 600])
    expect(await recordsOf(port, { maxFragmentLength: 1024 })).toEqual([1024, 976])
  })

  it('recordSizeLimit of a server binds our client', async () => {
    const records: Buffer[] = []
    const { server, port } = await startServer(socket => void socket.resume(), { recordSizeLimit: 500 })
    server.on('connection', transport => tap(transport, chunk => records.push(chunk)))
    const client = await connected(port, { recordSizeLimit: 16_384, ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' })
    client.end(pattern(1200))
    await once(client, 'close')
    const bytes = Buffer.concat(records)
    const lengths: number[] = []
    for (let at = 0; at < bytes.length; at += 5 + bytes.readUInt16BE(at + 3))
      if (bytes[at] === 23) lengths.push(bytes.readUInt16BE(at + 3) - 24)
    expect(lengths).toEqual([500, 500, 200])
  })
})

describe('channel bindings', () => {
  it('tls-server-end-point is the hash of the certificate by the hash of its signature (RFC 5929 §4.1)', () => {
    for (const name of ['server', 'ec', 'rsa-pss']) {
      const { raw } = new X509Certificate(fixture(`${name}.pem`))
      const wanted = createHash('sha256').update(raw).digest()
      expect(tlsServerEndPoint(fixture(`${name}.pem`))).toEqual(wanted)
      expect(tlsServerEndPoint(Buffer.from(fixture(`${name}.pem`)))).toEqual(wanted)
      expect(tlsServerEndPoint(raw)).toEqual(wanted)
    }
    const sha512 = fixture('x509/by-ec-sha512.pem')
    expect(tlsServerEndPoint(sha512)).toEqual(
      createHash('sha512').update(new X509Certificate(sha512).raw).digest(),
    )
    expect(tlsServerEndPoint(fixture('x509/by-ed25519.pem'))).toBeUndefined()
  })

  it('both ends have the same, and tls-unique is the first Finished', async () => {
    const { port, sockets } = await serve()
    const client = await connected(port)
    expect(client.tlsServerEndPoint).toEqual(tlsServerEndPoint(fixture('server.pem')))
    expect(sockets[0]!.tlsServerEndPoint).toEqual(client.tlsServerEndPoint)
    expect(client.tlsUnique).toEqual(client.getFinished())
    const again = await connected(port, { session: client.getSession()! })
    await vi.waitFor(() => expect(sockets).toHaveLength(2))
    expect(again.tlsUnique).toEqual(again.getPeerFinished())
    expect(sockets[1]!.tlsUnique).toEqual(again.tlsUnique)
    expect(sockets[1]!.tlsServerEndPoint).toBeUndefined()
  })
})

describe('what is no TLS 1.2', () => {
  it.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'), 'ERR_SSL_HTTP_REQUEST'],
    [
      'an SSLv2 hello',
      Buffer.from('802e0100020015000000100100800700c0030080', 'hex'),
      'ERR_SSL_WRONG_VERSION_NUMBER',
    ],
  ])('%s: an alert, the end of the connection, tlsClientError', async (_what, bytes, code) => {
    const { server, port } = await serve()
    const failed = once(server, 'tlsClientError')
    const client = connectTcp({ host: '127.0.0.1', port })
    client.write(bytes)
    const answer = await readAll(client)
    expect([answer[0], answer.length]).toEqual([21, 7])
    expect(codeOf((await failed)[0])).toBe(code)
  })
})

describe('options that will not do', () => {
  const misuses: readonly (readonly [string, Partial<ServerOptions>])[] = [
    ['no group is called "P-999": choose from x25519, secp256r1', { ecdhCurve: 'X25519:P-999' }],
    ['no signature scheme is called "RSA+MD5": choose from', { sigalgs: 'RSA+MD5' }],
    [
      'policy "modern" leaves TLS_RSA_WITH_AES_128_GCM_SHA256 out',
      { policy: 'modern', ciphers: 'AES128-GCM-SHA256' },
    ],
    [
      'policy "modern" leaves TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA out',
      { policy: 'modern', ciphers: 'ECDHE-RSA-AES128-SHA' },
    ],
    [
      'none of the cipher suites has a group among ffdhe2048',
      { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256', ecdhCurve: 'ffdhe2048' },
    ],
    ['policy "modern" leaves rsa_pkcs1_sha1 out', { policy: 'modern', sigalgs: 'RSA+SHA256:RSA+SHA1' }],
    ['policy "modern" leaves ecdsa_sha224 out', { policy: 'modern', sigalgs: 'RSA+SHA256:ECDSA+SHA224' }],
    ['ALPNProtocols: a name has 0 bytes', { ALPNProtocols: ['h2', ''] }],
    ['ALPNProtocols: a name has 256 bytes', { ALPNProtocols: ['é'.repeat(128)] }],
    [
      'ALPNProtocols and ALPNCallback exclude each other',
      { ALPNProtocols: ['h2'], ALPNCallback: () => 'h2' },
    ],
    ['1 certificates and 2 OCSP responses', { ocspResponse: [Buffer.of(0x30), Buffer.of(0x30)] }],
    ['wanted an OCSPResponse in DER', { ocspResponse: Buffer.from('-----BEGIN') }],
    ['recordSizeLimit is 63, wanted a whole number from 64 to 16384', { recordSizeLimit: 63 }],
    ['recordSizeLimit is 16385', { recordSizeLimit: 16_385 }],
    // What the types rule out and JavaScript lets through: passed over, it would be a server with less than was asked for.
    ["policy: came \"modren\", wanted 'default' or 'modern'", { policy: 'modren' as 'modern' }],
    ['policy: came an object', { policy: {} as 'modern' }],
    ['cluster: came a string, wanted what joinCluster or joinEngine gave', { cluster: 'n1' as never }],
    ['cluster: came an object of Object, wanted what joinCluster', { cluster: {} as never }],
    ['sessionStore: came an object of Map, wanted get, put and delete', { sessionStore: new Map() as never }],
    ['sessionCache: came a boolean, wanted drawId, load, save', { sessionCache: true as never }],
    ['trace: came a string, wanted a function', { trace: 'yes' as never }],
  ]
  it.each(misuses)('%s', (message, options) => {
    const create = () => createServer({ ...identity('server'), ...options })
    expect(create).toThrow(ApiMisuse)
    expect(create).toThrow(message)
  })

  it('of a client, before it connects', () => {
    const wrong = { maxFragmentLength: 1000 as 1024, port: 1 }
    expect(() => connect(wrong)).toThrow('maxFragmentLength is 1000, wanted 512, 1024, 2048 or 4096')
    expect(() => connect({ recordSizeLimit: 1, port: 1 })).toThrow(ApiMisuse)
    expect(() => connect({ trace: 'yes' as never, port: 1 })).toThrow(
      'trace: came a string, wanted a function',
    )
    expect(() => connect({ policy: 'strict' as never, port: 1 })).toThrow('policy: came "strict"')
  })

  it.each([
    ['X25519:P-256', ['x25519', 'secp256r1']],
    ['prime256v1:secp384r1:P-521:ffdhe2048', ['secp256r1', 'secp384r1', 'secp521r1', 'ffdhe2048']],
  ])('ecdhCurve %s is read by OpenSSL’s names and the RFC’s', (ecdhCurve, groups) => {
    expect(createSecureContext({ ecdhCurve }).groups).toEqual(groups)
  })

  it('sigalgs are read by OpenSSL’s names and the RFC’s', () => {
    const options: SecureContextOptions = {
      sigalgs:
        'RSA+SHA256:ECDSA+SHA384:RSA-PSS+SHA512:PSS+SHA256:ed25519:rsa_pss_pss_sha256:ECDSA+SHA1:RSA+SHA256',
    }
    expect(createSecureContext(options).signatureSchemes).toEqual([
      ...['rsa_pkcs1_sha256', 'ecdsa_secp384r1_sha384', 'rsa_pss_rsae_sha512', 'rsa_pss_rsae_sha256'],
      ...['ed25519', 'rsa_pss_pss_sha256', 'ecdsa_sha1'],
    ])
  })
})

// RFC 9325 §4.5 wants 2048 bits of RSA keys. The pair is openssl's (test/fixtures/make.sh).
it('an RSA key of our own is 2048 bits long, or refused at the start', () => {
  expect(() => createSecureContext(identity('short-rsa'))).toThrow(/RSA key of 1024 bits, wanted 2048/)
  expect(createSecureContext(identity('server')).certifiedKeys).toHaveLength(1)
})
