/** A program written for node:tls that uses every name of it that docs/node-api.md calls supported: it is compiled, and not run. */
import type { X509Certificate } from 'node:crypto'
import * as net from 'node:net'
import { Duplex } from 'node:stream'
import byDefault, * as tls from 'node:tls'

export const certificate = 'PEM'
export const bytes: Buffer = Buffer.alloc(48)

const pem: tls.KeyObject = { pem: certificate, passphrase: 'secret' }
const pfx: tls.PxfObject = { buf: bytes, passphrase: 'secret' }
const version: tls.SecureVersion = 'TLSv1.2'

export const contextOptions: tls.SecureContextOptions = {
  key: [pem, certificate, bytes],
  cert: [certificate, bytes],
  pfx: [pfx, bytes],
  passphrase: 'secret',
  ca: [certificate, bytes],
  ciphers: tls.DEFAULT_CIPHERS,
  honorCipherOrder: true,
  ecdhCurve: tls.DEFAULT_ECDH_CURVE,
  dhparam: 'auto',
  sigalgs: 'RSA-PSS+SHA256',
  minVersion: tls.DEFAULT_MIN_VERSION,
  maxVersion: version,
  secureOptions: 0,
  sessionIdContext: 'application',
  sessionTimeout: 300,
  ticketKeys: bytes,
  allowPartialTrustChain: true,
}
export const older: tls.SecureContextOptions = { secureProtocol: 'TLSv1_2_method' }

export const serverOptions: tls.TlsOptions = {
  ...contextOptions,
  ALPNCallback: ({ servername, protocols }) => protocols.find(name => name.endsWith(servername)),
  ALPNProtocols: ['h2', 'http/1.1'],
  SNICallback: (servername, done) => {
    const context: tls.SecureContext = tls.createSecureContext(contextOptions)
    done(servername === '' ? new Error('no name') : null, context)
  },
  requestCert: true,
  rejectUnauthorized: false,
  handshakeTimeout: 1000,
  allowHalfOpen: true,
  pauseOnConnect: false,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 1000,
  highWaterMark: 16_384,
}

/** A server with all its methods, properties and events. */
export function serve(options: tls.TlsOptions): tls.Server {
  const bare = tls.createServer()
  const listening = tls.createServer(socket => socket.end('hello'))
  const server: tls.Server = tls.createServer(options, (socket: tls.TLSSocket) => socket.pipe(socket))
  const made = new tls.Server(options, socket => socket.destroy())
  server.on('secureConnection', (socket: tls.TLSSocket) => socket.write(bytes))
  server.on('tlsClientError', (error: Error, socket: tls.TLSSocket) =>
    console.error(error.message, socket.servername),
  )
  server.on('newSession', (id: Buffer, data: Buffer, done: () => void) => done.call({ id, data }))
  server.on('resumeSession', (id: Buffer, done: (error: Error | null, data: Buffer | null) => void) =>
    done(null, id),
  )
  server.on(
    'OCSPRequest',
    (leaf: Buffer, _issuer: Buffer, done: (error: Error | null, response: Buffer | null) => void) =>
      done(null, leaf),
  )
  server.on('keylog', (line: Buffer, socket: tls.TLSSocket) => console.log(String(line), socket.remotePort))
  server.once('connection', (socket: net.Socket) => socket.setNoDelay())
  server.once('listening', () => server.address())
  server.once('close', () => server.unref())
  server.once('error', (error: Error) => console.error(error))
  server.once('drop', data => console.error(data?.remoteAddress))
  server.addContext('*.example.test', contextOptions)
  server.addContext('example.test', tls.createSecureContext())
  server.setSecureContext(contextOptions)
  server.setTicketKeys(server.getTicketKeys())
  server.maxConnections = 10
  server.listen(0, '127.0.0.1', () => console.log(server.listening)).ref()
  server.getConnections((error: Error | null, count: number) => console.log(error, count))
  for (const other of [bare, listening, made]) other.close(error => console.error(error))
  return server
}

const lookup: net.LookupFunction = (_host, _options, done) => done(null, '127.0.0.1', 4)

export const clientOptions: tls.ConnectionOptions & net.TcpSocketConnectOpts = {
  ...contextOptions,
  host: 'localhost',
  port: 443,
  servername: 'localhost',
  checkServerIdentity: (hostname: string, peer: tls.PeerCertificate) =>
    tls.checkServerIdentity(hostname, peer) ?? (peer.fingerprint256 ? undefined : new Error('none')),
  session: bytes,
  minDHSize: 2048,
  secureContext: tls.createSecureContext(),
  rejectUnauthorized: true,
  ALPNProtocols: bytes,
  lookup,
  timeout: 1000,
  family: 4,
  hints: 0,
  localAddress: '127.0.0.1',
  localPort: 1024,
  autoSelectFamily: true,
  autoSelectFamilyAttemptTimeout: 250,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 1000,
}

/** Every way to call connect. */
export function open(signal: AbortSignal): tls.TLSSocket[] {
  const listener = () => console.log('secure')
  const transport = new Duplex()
  return [
    tls.connect(443),
    tls.connect(443, 'localhost'),
    tls.connect(443, 'localhost', clientOptions, listener),
    tls.connect(443, clientOptions),
    tls.connect(443, clientOptions, listener),
    tls.connect(clientOptions),
    tls.connect(clientOptions, listener),
    tls.connect({ path: '/run/socket' }),
    tls.connect({ socket: transport, servername: 'localhost' }),
    new tls.TLSSocket(new net.Socket({ signal })),
  ]
}

export const socketOptions: tls.TLSSocketOptions = {
  isServer: true,
  server: new net.Server(),
  session: bytes,
  requestOCSP: true,
  requestCert: true,
  rejectUnauthorized: false,
  secureContext: tls.createSecureContext(contextOptions),
  SNICallback: (_name, done) => done(null),
  ALPNProtocols: ['h2'],
}

/** All that a socket tells. */
export function told(socket: tls.TLSSocket): unknown[] {
  const encrypted: true = socket.encrypted
  const authorized: boolean = socket.authorized
  const alpn: string | false | null = socket.alpnProtocol
  const cipher: tls.CipherNameAndProtocol = socket.getCipher()
  const key: tls.EphemeralKeyInfo | object | null = socket.getEphemeralKeyInfo()
  const short: tls.PeerCertificate = socket.getPeerCertificate()
  const long: tls.DetailedPeerCertificate = socket.getPeerCertificate(true)
  const subject: tls.Certificate = short.subject
  const own: tls.PeerCertificate | object | null = socket.getCertificate()
  const x509: (X509Certificate | undefined)[] = [socket.getPeerX509Certificate(), socket.getX509Certificate()]
  const protocol: string | null = socket.getProtocol()
  const buffers: (Buffer | undefined)[] = [
    ...[socket.getFinished(), socket.getPeerFinished(), socket.getSession(), socket.getTLSTicket()],
    socket.exportKeyingMaterial(32, 'EXPERIMENTAL label', bytes),
  ]
  const algorithms: string[] = socket.getSharedSigalgs()
  const address: net.AddressInfo | object = socket.address()
  const texts: (string | undefined)[] = [
    ...[socket.remoteAddress, socket.remoteFamily, socket.localAddress, socket.localFamily],
    ...[socket.readyState, cipher.name, subject.CN?.toString(), long.issuerCertificate.fingerprint],
  ]
  const numbers: (number | undefined)[] = [
    ...[socket.remotePort, socket.localPort, socket.bytesRead, socket.bytesWritten, socket.bufferSize],
    socket.timeout,
  ]
  const flags: boolean[] = [
    socket.isSessionReused(),
    socket.connecting,
    socket.pending,
    socket.setMaxSendFragment(1024),
  ]
  return [
    encrypted,
    authorized,
    socket.authorizationError,
    alpn,
    key,
    own,
    x509,
    protocol,
    buffers,
    algorithms,
  ].concat(...[address, texts, numbers, flags, socket.autoSelectFamilyAttemptedAddresses])
}

/** All that a socket does, and all its events. */
export function driven(socket: tls.TLSSocket): net.Socket {
  socket.on('secureConnect', () => socket.disableRenegotiation())
  socket.on('session', (session: Buffer) => tls.connect({ session }))
  socket.on('OCSPResponse', (response: Buffer) => response.length)
  socket.on('keylog', (line: Buffer) => line.length)
  socket.on('connect', () => {})
  socket.on('ready', () => {})
  socket.on('lookup', (error: Error, address: string, family: string | number, host: string) =>
    console.log(error, address, family, host),
  )
  socket.on('connectionAttempt', (ip: string, port: number, family: number) => console.log(ip, port, family))
  socket.on('connectionAttemptFailed', (ip: string, port: number, family: number, error: Error) =>
    console.log(ip, port, family, error),
  )
  socket.on('connectionAttemptTimeout', (ip: string, port: number, family: number) =>
    console.log(ip, port, family),
  )
  socket.on('timeout', () => socket.destroySoon())
  socket.on('data', (data: Buffer) => data.length)
  socket.on('drain', () => {})
  socket.on('end', () => {})
  socket.on('error', (error: Error) => console.error(error))
  socket.on('close', (hadError: boolean) => console.log(hadError))
  socket.renegotiate({ rejectUnauthorized: false }, (error: Error | null) => console.log(error))
  socket.enableTrace()
  socket.resetAndDestroy()
  return socket
    .setTimeout(1000, () => {})
    .setNoDelay(true)
    .setKeepAlive(true, 1000)
    .unref()
    .ref()
}

export const lists: readonly string[][] = [[...tls.rootCertificates], tls.getCiphers()]
export const numbers: number[] = [tls.CLIENT_RENEG_LIMIT, tls.CLIENT_RENEG_WINDOW]
export const newest: tls.SecureVersion = tls.DEFAULT_MAX_VERSION

/** With the default export, which Node's own examples use. */
export function openByDefault(options: byDefault.ConnectionOptions): byDefault.TLSSocket {
  return byDefault.connect(options, () => console.log('default'))
}

/** Options are written to after they were made: many programs do. */
export function fillIn(
  client: tls.ConnectionOptions,
  server: tls.TlsOptions,
  context: tls.SecureContextOptions,
  socket: tls.TLSSocketOptions,
): void {
  client.host ??= 'localhost'
  client.servername = client.host
  client.ca = tls.rootCertificates as string[]
  client.minVersion = 'TLSv1.2'
  client.ALPNProtocols = ['h2']
  server.requestCert = true
  server.SNICallback = (_name, done) => done(null, tls.createSecureContext(context))
  context.key = server.key ?? 'key'
  socket.isServer = true
  delete client.session
}
