/** What the interop tests have in common: our client's visits, and what the peers call our suites. */
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { type CipherSuiteName, cipherSuite, cipherSuiteNames } from '../../src/crypto/cipher-suites.ts'
import {
  type ConnectionOptions,
  connect,
  createServer,
  type Server,
  type TLSSocket,
} from '../../src/node/index.ts'
import { fixture } from '../support/pair.ts'

export const fixturePath = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))

/** The fixtures' certificate and key, as `openssl s_server` wants them. */
export const opensslIdentity = ['-cert', fixturePath('server.pem'), '-key', fixturePath('server.key')]
/** The same for gnutls-serv. */
export const gnutlsIdentity = [
  '--x509certfile',
  fixturePath('server.pem'),
  '--x509keyfile',
  fixturePath('server.key'),
]

/** Every suite we do, with OpenSSL's name for it. */
export const suites = cipherSuiteNames.map(name => {
  const { opensslName, cipher } = cipherSuite(name)
  return { name, opensslName, isCbc: cipher.mode === 'cbc' }
})
export type Suite = (typeof suites)[number]

/** Suites by the way a record is protected: one of each, for what need not be shown on all. */
export const oneGcmOneCbc: readonly Suite[] = [false, true].map(
  isCbc => suites.find(suite => suite.isCbc === isCbc)!,
)

const gnutlsCiphers: Readonly<Record<CipherSuiteName, readonly [cipher: string, mac: string]>> = {
  TLS_RSA_WITH_AES_128_GCM_SHA256: ['AES-128-GCM', 'AEAD'],
  TLS_RSA_WITH_AES_256_GCM_SHA384: ['AES-256-GCM', 'AEAD'],
  TLS_RSA_WITH_AES_128_CBC_SHA256: ['AES-128-CBC', 'SHA256'],
  TLS_RSA_WITH_AES_256_CBC_SHA256: ['AES-256-CBC', 'SHA256'],
  TLS_RSA_WITH_AES_128_CBC_SHA: ['AES-128-CBC', 'SHA1'],
  TLS_RSA_WITH_AES_256_CBC_SHA: ['AES-256-CBC', 'SHA1'],
}

/** GnuTLS's priority string for one suite and TLS 1.2; `flags` such as `%NO_ETM`. */
export function gnutlsPriority(suite: CipherSuiteName, ...flags: readonly string[]): string {
  const [cipher, mac] = gnutlsCiphers[suite]
  const protocol = 'NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA'
  return [protocol, `-CIPHER-ALL:+${cipher}`, `-MAC-ALL:+${mac}`, ...flags].join(':')
}

/** How GnuTLS describes a connection under a suite. */
export function gnutlsDescription(suite: CipherSuiteName): string {
  const [cipher, mac] = gnutlsCiphers[suite]
  return `(TLS1.2-X.509)-(RSA)-(${cipher})${mac === 'AEAD' ? '' : `-(${mac})`}`
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
    ca: fixture('ca.pem'),
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

/** Starts one with the fixtures' certificate; it ends with the test. */
export async function startOwnServer(
  onSecureConnection: (socket: TLSSocket) => void = () => {},
): Promise<OwnServer> {
  const sockets = new Set<TLSSocket>()
  const server = createServer({ cert: fixture('server.pem'), key: fixture('server.key') }, socket => {
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
