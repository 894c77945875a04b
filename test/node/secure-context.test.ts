/** createSecureContext beside node:tls: whom it trusts, which versions it takes, and what it refuses. */
import { execFile } from 'node:child_process'
import { constants } from 'node:crypto'
import { once } from 'node:events'
import { createSecureContext as createNodeContext, rootCertificates } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { ApiMisuse } from '../../src/errors.ts'
import {
  connect,
  createSecureContext,
  createServer,
  type SecureContextOptions,
  type ServerOptions,
} from '../../src/node/index.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { nodeProvider } from '../../src/providers/node/index.ts'
import { certificatesFromPem } from '../../src/x509/certificate-pem.ts'
import { fixture } from '../support/pair.ts'
import { needs } from '../support/peers.ts'
import { openWithNode, startNodeServer } from './foreign.ts'
import { folderOf, openssl } from './key-files.ts'
import { connected, ending, open, serve } from './support.ts'

/** The code with which a context is refused, `undefined` when it is not. Ours is an ApiMisuse of one line. */
function codeOf(make: (options: object) => unknown, options: object | undefined): string | undefined {
  try {
    make(options as object)
  } catch (error) {
    if (make === createSecureContext) {
      expect(error).toBeInstanceOf(ApiMisuse)
      expect((error as Error).message).toMatch(/^[^\n]+$/)
    }
    return String((error as { code?: string }).code)
  }
  return undefined
}

const make = (options: object) => createSecureContext(options as SecureContextOptions)

describe('options', () => {
  it.each<[string, object]>([
    ['a text in the place of options', 'x' as unknown as object],
    ['null', null as unknown as object],
    [
      'nothing in each',
      { key: null, cert: null, ca: null, pfx: null, ciphers: null, crl: null, ticketKeys: null },
    ],
    ['a version that is none', { minVersion: 'foo' }],
    ['a version that is none', { maxVersion: 'TLSv1.4' }],
    ['a method that is none', { secureProtocol: 'foo' }],
    ['a method of SSL 3', { secureProtocol: 'SSLv3_method' }],
    ['method and version', { secureProtocol: 'TLS_method', minVersion: 'TLSv1.2' }],
    ['method and version', { secureProtocol: 'TLSv1_2_method', maxVersion: 'TLSv1.2' }],
    ['the method of TLS 1.2', { secureProtocol: 'TLSv1_2_method' }],
    ['the method of all versions', { secureProtocol: 'SSLv23_server_method' }],
    ['a range around TLS 1.2', { minVersion: 'TLSv1', maxVersion: 'TLSv1.3' }],
    ['flags that are text', { secureOptions: 'x' }],
    ['flags', { secureOptions: constants.SSL_OP_NO_SSLv3 | constants.SSL_OP_NO_TLSv1_1 }],
    ['a curve that is none', { ecdhCurve: 'foo' }],
    ['a curve that is a number', { ecdhCurve: 5 }],
    ['no curve', { ecdhCurve: '' }],
    ['signatures that are a number', { sigalgs: 5 }],
    ['no signatures', { sigalgs: '' }],
    ['a time that is text', { sessionTimeout: 'x' }],
    ['a negative time', { sessionTimeout: -1 }],
    ['a broken time', { sessionTimeout: 1.5 }],
    ['too long a time', { sessionTimeout: 2 ** 31 }],
    ['a context that is a number', { sessionIdContext: 5 }],
    ['ticket keys of 5 bytes', { ticketKeys: Buffer.alloc(5) }],
    ['ticket keys of text', { ticketKeys: 'x'.repeat(48) }],
    ['ticket keys in a DataView', { ticketKeys: new DataView(new ArrayBuffer(48)) }],
    ['a certificate that is a number', { cert: 5 }],
    ['an authority that is a number', { ca: 5 }],
    ['an authority in a list of lists', { ca: [[fixture('ca.pem')]] }],
    ['authorities in a DataView', { ca: new DataView(new TextEncoder().encode(fixture('ca.pem')).buffer) }],
    ['dhparam: auto', { dhparam: 'auto' }],
  ])('%s: as node:tls', (_what, options) => {
    expect(codeOf(createSecureContext, options)).toBe(codeOf(createNodeContext, options))
  })

  it.each<[string, object, string]>([
    ['TLS 1.3 alone', { minVersion: 'TLSv1.3' }, 'ERR_TLS_INVALID_PROTOCOL_VERSION'],
    ['TLS 1.1 at most', { maxVersion: 'TLSv1.1' }, 'ERR_TLS_INVALID_PROTOCOL_VERSION'],
    ['the method of TLS 1.1', { secureProtocol: 'TLSv1_1_method' }, 'ERR_TLS_INVALID_PROTOCOL_METHOD'],
    [
      'a flag against TLS 1.2',
      { secureOptions: constants.SSL_OP_NO_TLSv1_2 },
      'ERR_TLS_INVALID_PROTOCOL_VERSION',
    ],
    ['own parameters of DHE', { dhparam: 'abc' }, 'ERR_INVALID_ARG_VALUE'],
    ['a revocation list', { crl: 'abc' }, 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM'],
    ['pre-shared keys', { pskCallback: () => null }, 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM'],
    ['an engine', { clientCertEngine: 'x' }, 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM'],
    [
      'a key in an engine',
      { privateKeyIdentifier: 'x', privateKeyEngine: 'y' },
      'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM',
    ],
    ['a provider that is none', { provider: 'openssl' }, 'ERR_INVALID_ARG_TYPE'],
  ])('%s, which is not done here, is refused', (_what, options, code) => {
    expect(codeOf(createSecureContext, options)).toBe(code)
  })

  it('of sessions are kept, the ticket keys as a secret of its own', () => {
    const ticketKeys = Buffer.alloc(48, 7)
    const secureOptions = constants.SSL_OP_NO_TICKET
    const { sessions } = make({ sessionTimeout: 5, sessionIdContext: 'x', ticketKeys, secureOptions })
    ticketKeys.fill(0)
    expect(sessions).toMatchObject({ timeoutSeconds: 5, idContext: 'x', forbidsTickets: true })
    expect(Buffer.from(sessions.ticketKeys!.reveal())).toEqual(Buffer.alloc(48, 7))
    expect(make({}).sessions).toEqual({ idContext: '', forbidsTickets: false })
  })

  it('provider is a name or a provider', () => {
    const wrapped = { ...nodeProvider, name: 'wrapped' }
    const choices = [undefined, 'noble', 'node', wrapped] as const
    const providers = choices.map(provider => createSecureContext({ provider }).provider)
    expect(providers).toEqual([nobleProvider, nobleProvider, nodeProvider, wrapped])
  })

  it('a DataView or a Buffer in the midst of another is read where it is', () => {
    const pem = Buffer.from(`xxxx${fixture('ca.pem')}yyyy`)
    const view = new DataView(pem.buffer, pem.byteOffset + 4, pem.length - 8)
    for (const ca of [view, pem.subarray(4, pem.length - 4)])
      expect(make({ ca }).anchors.map(({ subject }) => subject.text)).toEqual(
        certificatesFromPem(fixture('ca.pem'), 'ca').map(({ subject }) => subject.text),
      )
  })
})

describe('whom a client trusts', () => {
  it('without ca: the roots that Node comes with, every one of which can be read', () => {
    const { anchors, serverAnchors } = createSecureContext()
    expect(anchors).toEqual([])
    const known = new Set(serverAnchors.map(({ raw }) => Buffer.from(raw).toString('base64')))
    const wanted = rootCertificates.map(pem => pem.replace(/-----[^-]+-----|\s/g, ''))
    expect(wanted.filter(root => !known.has(root))).toEqual([])
    expect(createSecureContext().serverAnchors[0]).toBe(serverAnchors[0])
  })

  it('with ca: those alone; an empty list trusts nobody, as in node:tls', async () => {
    const ca = fixture('ca.pem')
    expect(createSecureContext({ ca }).serverAnchors).toHaveLength(1)
    expect(createSecureContext({ ca: [] }).serverAnchors).toEqual([])
    const { port } = await startNodeServer()
    expect((await connected(port, { ca })).authorized).toBe(true)
    expect((await ending(open(port, { ca: [] })))[0]).toMatch(/^error /)
    await expect(openWithNode(port, { ca: [] })).rejects.toThrow()
  })

  it('NODE_EXTRA_CA_CERTS adds to them, as in node:tls', async () => {
    const { port } = await serve()
    const script = fileURLToPath(new URL('trusting-client.ts', import.meta.url))
    const folder = folderOf({ 'ca.pem': fixture('ca.pem') })
    const outcomesWith = async (extra: string) => {
      const env = { ...process.env, NODE_EXTRA_CA_CERTS: extra, NODE_NO_WARNINGS: '1' }
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--import', 'tsx', script, String(port)],
        { env },
      )
      return stdout.trim().split('\n')
    }
    expect(await outcomesWith(folder.path('ca.pem'))).toEqual(['authorized: true', 'authorized: true'])
    expect(await outcomesWith(folder.path('none.pem'))).toEqual(['refused', 'refused'])
  }, 60_000)

  it('a server trusts no root of the web: clients are vouched for by its own ca', () => {
    expect(createSecureContext().anchors).toEqual([])
    const identity = { cert: fixture('server.pem'), key: fixture('server.key') }
    expect(() => createServer({ ...identity, requestCert: true })).toThrow(/requestCert without ca/)
  })
})

describe('an intermediate certificate in ca', () => {
  const [root, intermediate, leaf] = ['root', 'intermediate', 'server'].map(name =>
    fixture(`x509/${name}.pem`),
  )
  const identity = { cert: leaf!, key: fixture('x509/server.key.pem') }

  /** The common names of what a client of node:tls that trusts the root was shown. */
  async function namesSeen(port: number): Promise<string[]> {
    const socket = await openWithNode(port, { ca: root!, servername: 'server.example' })
    const names: string[] = []
    let certificate = socket.getPeerCertificate(true)
    while (certificate && !names.includes(String(certificate.subject.CN))) {
      names.push(String(certificate.subject.CN))
      certificate = certificate.issuerCertificate
    }
    return names
  }

  it('is sent after a certificate that came alone, as by node:tls', async () => {
    for (const ca of [[intermediate!], [root!, intermediate!]]) {
      const node = await startNodeServer({ ...identity, ca })
      const seen = await namesSeen(node.port)
      expect(seen).toHaveLength(3)
      expect(await namesSeen((await serve({ ...identity, ca })).port)).toEqual(seen)
    }
  })

  needs('openssl', () => {
    it('of two with one name, as after a change of keys, is the one that signed', async () => {
      const folder = folderOf()
      const run = (args: string, ...more: readonly string[]) =>
        openssl([
          ...args.split(' ').map(word => (/\.(pem|key|csr)$/.test(word) ? folder.path(word) : word)),
          ...more,
        ])
      const key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout new.key'
      run(`req -x509 ${key} -out root.pem -subj /CN=Another`)
      run('req -new -utf8 -key new.key -out new.csr -subj', '/O=ringtls tests/CN=Zwischenstück')
      const other = run('x509 -req -in new.csr -CA root.pem -CAkey new.key').toString()
      for (const ca of [
        [other, intermediate!],
        [intermediate!, other],
      ]) {
        const node = await startNodeServer({ ...identity, ca })
        const seen = await namesSeen(node.port)
        expect(seen).toHaveLength(3)
        expect(await namesSeen((await serve({ ...identity, ca })).port)).toEqual(seen)
      }
    })
  })

  it('is not, where there is none, or where the certificate brought its own', async () => {
    const chainOf = (options: SecureContextOptions) =>
      createSecureContext(options).certifiedKeys[0]!.certificateList.map(der => der.length)
    expect(chainOf({ ...identity, ca: root! })).toHaveLength(1)
    const cert = leaf! + intermediate!
    expect(chainOf({ ...identity, cert, ca: intermediate! })).toEqual(chainOf({ ...identity, cert }))
  })

  it('is trusted by itself, unless allowPartialTrustChain is false', async () => {
    const { port } = await serve({ ...identity, ca: intermediate! })
    const options = { ca: intermediate!, servername: 'server.example' }
    expect((await connected(port, options)).authorized).toBe(true)
    expect((await ending(open(port, { ...options, allowPartialTrustChain: false })))[0]).toMatch(/^error /)
    await expect(openWithNode(port, options)).rejects.toThrow()
  })
})

describe('a context of node:tls', () => {
  const theirs = createNodeContext({ cert: fixture('server.pem'), key: fixture('server.key') })
  const nodes = theirs as unknown as SecureContextOptions

  it('is refused by addContext, with a word that says what to do', async () => {
    const { server } = await serve()
    const add = () => server.addContext('a.example.test', nodes)
    expect(add).toThrow(
      /a SecureContext of node:tls, wanted one that createSecureContext of ringtls\/node made/,
    )
    expect(codeOf(add, {})).toBe('ERR_TLS_INVALID_CONTEXT')
  })

  it.each<[string, unknown]>([
    ['it', theirs],
    ['options in its place', { cert: 'x' }],
    ['a text', 'x'],
  ])('%s from SNICallback ends that connection, at once or later, and no more', async (_what, context) => {
    for (const isLater of [false, true]) {
      let isWrong = true
      const SNICallback: ServerOptions['SNICallback'] = (_name, done) => {
        const answer = () => done(null, isWrong ? (context as never) : undefined)
        if (isLater) setImmediate(answer)
        else answer()
      }
      const { server, port } = await serve({ SNICallback })
      const failed = once(server, 'tlsClientError')
      await expect(openWithNode(port)).rejects.toThrow()
      expect(String((await failed)[0].message)).not.toBe('')
      isWrong = false
      expect((await openWithNode(port)).authorized).toBe(true)
    }
  })
})

describe('ALPNProtocols in wire format', () => {
  const bytes = Buffer.from('\x02h2\x08http/1.1', 'latin1')
  const views: readonly NodeJS.ArrayBufferView[] = [
    bytes,
    new Uint8Array(bytes),
    new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
  ]

  it('is what the same names in a list are', async () => {
    const ALPNCallback = vi.fn(() => 'http/1.1')
    const { port } = await serve({ ALPNCallback })
    for (const ALPNProtocols of views) {
      expect((await connected(port, { ALPNProtocols })).alpnProtocol).toBe('http/1.1')
      expect((await openWithNode(port, { ALPNProtocols: ALPNProtocols as Uint8Array })).alpnProtocol).toBe(
        'http/1.1',
      )
    }
    const question = { servername: 'localhost', protocols: ['h2', 'http/1.1'] }
    expect(ALPNCallback.mock.calls).toEqual(views.flatMap(() => [[question], [question]]))
  })

  it('nothing is no ALPN', async () => {
    const { port } = await serve({ ALPNProtocols: bytes })
    for (const ALPNProtocols of [Buffer.alloc(0), [], undefined])
      expect((await connected(port, { ALPNProtocols })).alpnProtocol).toBe(false)
  })

  it.each<[string, unknown, string]>([
    ['cut short', Buffer.from([3, 0x68, 0x32]), 'ERR_INVALID_ARG_VALUE'],
    ['with an empty name', Buffer.from([0, 1, 0x68]), 'ERR_INVALID_ARG_VALUE'],
    ['an empty name in a list', [''], 'ERR_INVALID_ARG_VALUE'],
    ['a name of 256 bytes', ['x'.repeat(256)], 'ERR_OUT_OF_RANGE'],
    ['a text', 'h2', 'ERR_INVALID_ARG_TYPE'],
    ['a list of numbers', [5], 'ERR_INVALID_ARG_TYPE'],
  ])('%s: refused at once', (_what, ALPNProtocols, code) => {
    const options = { port: 1, ALPNProtocols: ALPNProtocols as Buffer }
    expect(() => connect(options)).toThrow(expect.objectContaining({ code }))
  })
})
