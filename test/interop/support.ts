/** What the interop tests have in common: our client's visits, and what the peers call our suites. */
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { type CipherSuiteName, cipherSuite, cipherSuiteNames } from '../../src/crypto/cipher-suites.ts'
import {
  type ConnectionOptions,
  connect,
  createServer,
  type Server,
  type ServerOptions,
  type TLSSocket,
} from '../../src/node/index.ts'
import { fixture } from '../support/pair.ts'
import { temporaryDirectory } from '../support/peers.ts'

export const fixturePath = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))

/** The fixtures' RSA certificate and its key, as `openssl s_server` wants them. */
export const opensslIdentity = ['-cert', fixturePath('server.pem'), '-key', fixturePath('server.key')]
/** The same for gnutls-serv. */
export const gnutlsIdentity = [
  '--x509certfile',
  fixturePath('server.pem'),
  '--x509keyfile',
  fixturePath('server.key'),
]
/** And with one for ECDSA beside it, so that there is a key for every suite. */
export const opensslIdentities = [
  ...opensslIdentity,
  ...['-dcert', fixturePath('ec.pem'), '-dkey', fixturePath('ec.key')],
]
export const gnutlsIdentities = [
  ...gnutlsIdentity,
  ...['--x509certfile', fixturePath('ec.pem'), '--x509keyfile', fixturePath('ec.key')],
]
/** For node:tls and our own. */
export const nodeIdentities = {
  cert: [fixture('server.pem'), fixture('ec.pem')],
  key: [fixture('server.key'), fixture('ec.key')],
}
/** Who signed them. */
export const authorities = [fixture('ca.pem'), fixture('ec-ca.pem')]

/** The same in a file, which goes with the test. */
export function authoritiesFile(): string {
  const file = join(temporaryDirectory(), 'authorities.pem')
  writeFileSync(file, authorities.join(''))
  return file
}

/** Every suite we do, with OpenSSL's name for it. */
export const suites = cipherSuiteNames.map(name => {
  const { opensslName, cipher, keyExchange } = cipherSuite(name)
  return { name, opensslName, isCbc: cipher.mode === 'cbc', keyExchange }
})
export type Suite = (typeof suites)[number]

/** All suites of RSA key exchange, and one of each other key exchange and way to protect a record: for peers beside OpenSSL. */
export const mostSuites: readonly Suite[] = suites.filter(
  ({ name, keyExchange }, i) =>
    keyExchange === 'rsa' || i === suites.findIndex(one => kindOf(one.name) === kindOf(name)),
)

function kindOf(name: CipherSuiteName): string {
  const { keyExchange, authentication, cipher } = cipherSuite(name)
  return [keyExchange, authentication, cipher.mode].join()
}

/** Suites of RSA key exchange by the way a record is protected: one of each, for what need not be shown on all. */
export const oneGcmOneCbc: readonly Suite[] = [false, true].map(
  isCbc => suites.find(suite => suite.keyExchange === 'rsa' && suite.isCbc === isCbc)!,
)

/** Those two, and one of each other key exchange, for what depends on how the master secret comes about. */
export const oneOfEachExchange: readonly Suite[] = [
  ...oneGcmOneCbc,
  suites.find(({ name }) => name === 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256')!,
  suites.find(({ name }) => name === 'TLS_DHE_RSA_WITH_AES_256_GCM_SHA384')!,
]

/** What GnuTLS calls the parts of a suite. */
function gnutlsParts(suite: CipherSuiteName) {
  const { keyExchange, authentication, cipher } = cipherSuite(suite)
  const [mode, mac] = cipher.mode === 'cbc' ? ['CBC', cipher.mac.toUpperCase()] : ['GCM', 'AEAD']
  return {
    exchange: keyExchange === 'rsa' ? 'RSA' : `${keyExchange}-${authentication}`.toUpperCase(),
    cipher: cipher.mode === 'chacha20-poly1305' ? 'CHACHA20-POLY1305' : `AES-${8 * cipher.keyLength}-${mode}`,
    mac: mac!,
  }
}

/** GnuTLS's priority string for one suite and TLS 1.2; `flags` such as `%NO_ETM`. */
export function gnutlsPriority(suite: CipherSuiteName, ...flags: readonly string[]): string {
  const { exchange, cipher, mac } = gnutlsParts(suite)
  const protocol = `NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+${exchange}`
  return [protocol, `-CIPHER-ALL:+${cipher}`, `-MAC-ALL:+${mac}`, ...flags].join(':')
}

/** How GnuTLS describes a connection under a suite, group and signature left open. */
export function gnutlsDescription(suite: CipherSuiteName): RegExp {
  const { exchange, cipher, mac } = gnutlsParts(suite)
  const [start, authentication] = exchange.split('-')
  // A signature there is none where the session is resumed.
  const signed = authentication ? `${start}-[A-Z0-9]+(\\)-\\(${authentication}-[A-Z0-9-]+)?` : start
  const end = mac === 'AEAD' ? '' : `-\\(${mac}\\)`
  return new RegExp(`^- Description: \\(TLS1\\.2-X\\.509\\)-\\(${signed}\\)-\\(${cipher}\\)${end}$`, 'm')
}

/** One connection of our client. */
export interface Visit {
  readonly socket: TLSSocket
  readonly received: Buffer
}

export interface Talk {
  readonly send?: string | Uint8Array
  /** Close once this much has come; left out: when the server closes. */
  readonly closeAfterBytes?: number
}

/** Connects our client as one that trusts the fixtures' authority, talks, and sees the connection to its clean end. */
export function visit(
  port: number,
  options: ConnectionOptions,
  talk: Talk = {},
  onSocket: (socket: TLSSocket) => void = () => {},
): Promise<Visit> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca: authorities,
    ...options,
  })
  onSocket(socket)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    let hasEnded = false
    socket.on('error', reject)
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.length
      if (length === talk.closeAfterBytes) socket.end()
    })
    socket.on('end', () => {
      hasEnded = true
    })
    socket.on('close', () => {
      if (hasEnded) resolve({ socket, received: Buffer.concat(chunks) })
      else reject(new Error('the connection closed without an end'))
    })
    if (talk.send !== undefined) socket.write(talk.send)
  })
}

/** Our server in this process, for what only its events tell; a memory of sessions of its own. */
export interface OwnServer {
  readonly server: Server
  readonly port: number
}

/** Starts one with the fixtures' RSA certificate, if not others; it ends with the test. */
export async function startOwnServer(
  onSecureConnection: (socket: TLSSocket) => void = () => {},
  identity: ServerOptions = { cert: fixture('server.pem'), key: fixture('server.key') },
): Promise<OwnServer> {
  const sockets = new Set<TLSSocket>()
  const server = createServer(identity, socket => {
    sockets.add(socket)
    onSecureConnection(socket)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { server, port: (server.address() as AddressInfo).port }
}

/** How a connection ended, as its user sees it: 'end', or the code of the error. */
export function endOf(socket: TLSSocket): Promise<string> {
  socket.resume()
  return new Promise(resolve => {
    socket.once('end', () => resolve('end'))
    socket.once('error', error => resolve('code' in error ? String(error.code) : error.message))
  })
}
