import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { Duplex } from 'node:stream'
import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls'
import { emptyBytes, equalBytes } from '../bytes.ts'
import { Connection, type ConnectionEvent } from '../connection/connection.ts'
import { type CipherSuite, cipherSuite } from '../crypto/cipher-suites.ts'
import { type Answers, Driver, type Timers } from '../driver/driver.ts'
import { type AlertDescription, type PeerAlert, TlsError } from '../errors.ts'
import type { ClientConfig, ServerConfig } from '../handshake/config.ts'
import type { Established } from '../handshake/flow.ts'
import { encodeClientSession } from '../session/client-session.ts'
import { maxPeerCertificateBytes } from '../session/session-record.ts'
import { tlsServerEndPoint } from './channel-binding.ts'
import { type EphemeralKeyInfo, ephemeralKeyInfo, type NoKey } from './ephemeral-key.ts'
import { isSendFragmentLength } from './fragment-limits.ts'
import { type HandshakeReport, handshakeReport } from './handshake-report.ts'
import { type NoCertificate, peerCertificateOf, x509CertificateOf } from './peer-certificate.ts'

/** What `createServer` and `connect` make a socket of. */
export interface TLSSocketSetup {
  readonly config: ClientConfig | ServerConfig
  readonly answers: Answers
  readonly lookupTimeoutMs?: number | undefined
  /** Milliseconds until a handshake that does not end is given up. */
  readonly handshakeTimeoutMs: number
}

/** How long a connection that failed goes on reading, so that its alert is not lost to a TCP reset. */
const lingerMs = 1000

/**
 * TLS over a net.Socket, as a Duplex: write plaintext, read plaintext. A transport that ends without the peer's
 * close_notify is an 'error' with code TRUNCATED; only who has sent his own before, with end(), and has read
 * nothing since takes it for the answer (RFC 5246 §7.2.1).
 */
export class TLSSocket extends Duplex {
  readonly encrypted = true
  /** Whether the peer's certificate was verified, now or when the session was made. */
  authorized = false
  /** Why not, where one was asked for and rejectUnauthorized was off. */
  authorizationError: TlsError | undefined
  readonly #transport: Socket
  readonly #connection: Connection
  readonly #driver: Driver
  readonly #setup: TLSSocketSetup
  readonly #handshakeTimer: NodeJS.Timeout
  #startedMs: number | undefined
  #report: HandshakeReport | undefined
  #established: Established | undefined
  #session: Buffer | undefined
  #isStarted = false
  #isWaiting = false
  #isFull = false
  /** What waits for the handshake's end, and what waits for the transport to drain; called with an error when that will not come. */
  #whenOpen: Waiting[] = []
  #whenDrained: Waiting[] = []

  constructor(transport: Socket, setup: TLSSocketSetup) {
    super({ allowHalfOpen: false })
    this.#transport = transport
    this.#setup = setup
    this.#connection = new Connection(setup.config)
    this.#driver = new Driver({
      connection: this.#connection,
      answers: setup.answers,
      host: {
        send: chunks => this.#send(chunks),
        event: event => this.#receiveEvent(event),
        waiting: isWaiting => {
          this.#isWaiting = isWaiting
          this.#regulate()
        },
      },
      timers: nodeTimers,
      ...(setup.lookupTimeoutMs === undefined ? {} : { lookupTimeoutMs: setup.lookupTimeoutMs }),
    })
    this.#handshakeTimer = setTimeout(() => this.#giveUp(), setup.handshakeTimeoutMs)
    this.#attach()
  }

  /** How the handshake went; `undefined` until it has ended. */
  get handshake(): HandshakeReport | undefined {
    return this.#report
  }

  getProtocol(): 'TLSv1.2' | null {
    return this.#report ? 'TLSv1.2' : null
  }

  /** The suite, in OpenSSL's and in the RFC's name; `version` is the first that has it, as in node:tls. */
  getCipher(): { name: string; standardName: string; version: string } | undefined {
    if (!this.#report) return undefined
    const suite = cipherSuite(this.#report.cipher)
    return {
      name: suite.opensslName,
      standardName: this.#report.cipher,
      version: firstVersionOf(suite),
    }
  }

  isSessionReused(): boolean {
    return this.#report?.resumed ?? false
  }

  /** Client: the session as bytes for the next `connect({ session })`, with its ticket if it has one. They hold a master secret. */
  getSession(): Buffer | undefined {
    return this.#session
  }

  /** What ALPN settled on; `false` for nothing, `null` before the handshake's end. A name is shown one byte a character. */
  get alpnProtocol(): string | false | null {
    return this.#established ? (this.#established.alpnProtocol ?? false) : null
  }

  /** Client: what the server's certificate logs signed, where `requestSCT` asked for it; not judged here (RFC 6962 §3.3). */
  get signedCertificateTimestamps(): readonly Buffer[] {
    return this.#established?.signedCertificateTimestamps.map(timestamp => Buffer.from(timestamp)) ?? []
  }

  /** The peer's certificate as node:tls shows it, with its chain where `isDetailed`; `{}` for none. A resumed connection has the leaf. */
  getPeerCertificate(isDetailed: true): DetailedPeerCertificate | NoCertificate
  getPeerCertificate(isDetailed?: boolean): PeerCertificate | NoCertificate
  getPeerCertificate(isDetailed = false): PeerCertificate | NoCertificate {
    return peerCertificateOf(this.#established?.peerCertificates ?? [], isDetailed)
  }

  getPeerX509Certificate(): X509Certificate | undefined {
    return x509CertificateOf(this.#established?.peerCertificates[0])
  }

  /** The certificate that we showed; `{}` for none, and of a resumed connection, where none is shown. */
  getCertificate(): PeerCertificate | NoCertificate {
    const { localCertificate } = this.#established ?? {}
    return peerCertificateOf(localCertificate ? [localCertificate] : [], false)
  }

  getX509Certificate(): X509Certificate | undefined {
    return x509CertificateOf(this.#established?.localCertificate)
  }

  /** Client: the group of (EC)DHE; `{}` without one. `null` on a server, as in node:tls. */
  getEphemeralKeyInfo(): EphemeralKeyInfo | NoKey | null {
    if (this.#setup.config.role === 'server') return null
    return this.#established ? ephemeralKeyInfo(this.#established) : {}
  }

  /** The verify_data that we sent, 12 bytes (RFC 5246 §7.4.9). */
  getFinished(): Buffer | undefined {
    return asBuffer(this.#connection.verifyData[this.#setup.config.role])
  }

  getPeerFinished(): Buffer | undefined {
    const isClient = this.#setup.config.role === 'client'
    return asBuffer(this.#connection.verifyData[isClient ? 'server' : 'client'])
  }

  /** RFC 5705; throws ApiMisuse before the handshake's end and after the connection's. */
  exportKeyingMaterial(length: number, label: string, context?: Uint8Array): Buffer {
    return Buffer.from(this.#connection.exportKeyingMaterial(length, label, context))
  }

  /** Channel binding tls-unique (RFC 5929 §3): the first Finished. Bound to the certificate only with extended master secret (RFC 7627 §6.1). */
  get tlsUnique(): Buffer | undefined {
    return asBuffer(this.#connection.tlsUnique)
  }

  /**
   * Channel binding tls-server-end-point (RFC 5929 §4). A server that resumes shows no certificate and has none here: it knows its
   * own, and the function of this name.
   */
  get tlsServerEndPoint(): Buffer | undefined {
    const { peerCertificates, localCertificate } = this.#established ?? {}
    const certificate = this.#setup.config.role === 'client' ? peerCertificates?.[0] : localCertificate
    return certificate && tlsServerEndPoint(certificate)
  }

  /** Cuts what is written into records of at most `size` bytes, 512 to 16,384, from now on; never longer than it was before. False for another size. */
  setMaxSendFragment(size = 16_384): boolean {
    if (!isSendFragmentLength(size)) return false
    this.#connection.limitWrite(size)
    return true
  }

  get servername(): string | false {
    return this.#report?.serverName ?? false
  }

  get remoteAddress(): string | undefined {
    return this.#transport.remoteAddress
  }

  get remotePort(): number | undefined {
    return this.#transport.remotePort
  }

  /** Bytes that came over the transport so far, the handshake's among them. */
  get bytesRead(): number {
    return this.#transport.bytesRead
  }

  get localPort(): number | undefined {
    return this.#transport.localPort
  }

  /** Begins the handshake. `createServer` and `connect` do it, once the transport is there. */
  start(): void {
    this.#isStarted = true
    if (this.#setup.config.role === 'client') this.#startedMs = performance.now()
    this.#driver.start()
  }

  override _read(): void {
    this.#isFull = false
    this.#regulate()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#afterHandshake(error => {
      if (error) return done(error)
      // Bytes for a transport that takes none would be lost, and their writer told that all is well.
      if (!this.#connection.isWritable || !this.#transport.writable)
        return done(closedError('before a write'))
      this.#driver.write(chunk)
      if (this.#transport.writableNeedDrain) this.#whenDrained.push(done)
      else done()
    })
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#afterHandshake(error => {
      if (error) return done(error)
      this.#driver.close()
      if (this.#transport.writable) this.#transport.end(() => done())
      else done()
    })
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#handshakeTimer)
    this.#driver.abort()
    if (this.#connection.state === 'failed' && error) linger(this.#transport)
    else this.#transport.destroy()
    this.#refuseWaiting(error ?? closedError('before all was written'))
    done(error)
  }

  #attach(): void {
    const transport = this.#transport
    transport.on('data', chunk => {
      this.#startedMs ??= performance.now()
      this.#driver.receive(chunk)
    })
    transport.on('end', () => this.#receiveEnd())
    transport.on('close', () => {
      this.#receiveEnd()
      // No destroy() here: what came and was not read yet is still the reader's, and the stream ends after it.
      this.#refuseWaiting(closedError('before all was written'))
    })
    transport.on('error', error => this.destroy(error))
    transport.on('drain', () => {
      for (const waiting of this.#whenDrained.splice(0)) waiting()
    })
  }

  #send(chunks: readonly Uint8Array[]): void {
    if (!this.#transport.writable) return
    this.#transport.cork()
    for (const chunk of chunks) this.#transport.write(chunk)
    this.#transport.uncork()
  }

  #receiveEvent(event: ConnectionEvent): void {
    switch (event.type) {
      case 'established':
        return this.#receiveEstablished(event)
      case 'data':
        this.#isFull = !this.push(event.bytes)
        return this.#regulate()
      case 'peerClosed':
        return this.#endReading()
      case 'keylog':
        this.emit('keylog', Buffer.from(`${event.line}\n`))
        return
      case 'failed':
        this.destroy(asNodeError(event.error))
        return
      case 'sessionForgotten':
        // A fatal alert: this session is not offered again (RFC 5246 §7.2.2).
        this.#session = undefined
        return
      case 'sessionEstablished':
      case 'warning':
        return
    }
  }

  #receiveEstablished(event: EstablishedEvent): void {
    const { established } = event
    clearTimeout(this.#handshakeTimer)
    const { config } = this.#setup
    this.#established = established
    this.#report = this.#reportOf(event)
    this.authorized = established.verified
    if (!this.authorized) this.authorizationError ??= whyUnverified(config, established)
    this.#keepSession(established)
    if (config.role === 'client' && config.requestOcspResponse && !established.resumed)
      this.emit('OCSPResponse', asBuffer(established.ocspResponse) ?? null)
    this.emit('secure')
    if (config.role === 'client') {
      this.emit('secureConnect')
      // Who resumes has it already, if his ticket was not renewed: node:tls is silent then too.
      if (this.#session && isNewSession(config, established)) this.emit('session', this.#session)
    }
    for (const waiting of this.#whenOpen.splice(0)) waiting()
  }

  #keepSession({ sessionId, ticket, session, verified }: Established): void {
    const isKept = this.#setup.config.role === 'client' && (ticket !== undefined || sessionId.length > 0)
    if (!isKept || session.peerCertificate.length > maxPeerCertificateBytes) return
    // The ID that goes with a ticket names nothing (RFC 5077 §3.4).
    const named = ticket ? { sessionId: emptyBytes, ticket } : { sessionId }
    try {
      this.#session = Buffer.from(encodeClientSession({ ...named, session, verified }))
    } catch {
      // It fits no record: `host` may be any word that the system resolves, and a session has a name in ASCII.
    }
  }

  #reportOf({ established, messages }: EstablishedEvent): HandshakeReport {
    const { sessionId } = established
    return handshakeReport(established, {
      owner: sessionId.length > 0 ? this.#ownerOf(sessionId) : undefined,
      lookupMs: this.#driver.lookupMs,
      // Not what the transport has read: data may come in one piece with the handshake's last record.
      bytesIn: this.#connection.handshakeBytesRead,
      bytesOut: this.#transport.bytesWritten,
      ms: performance.now() - (this.#startedMs ?? performance.now()),
      messages,
    })
  }

  /** A store can only help: one that cannot name the owner leaves the report without it. */
  #ownerOf(sessionId: Uint8Array): string | undefined {
    try {
      return this.#setup.answers.sessionCache?.ownerOf?.(sessionId)
    } catch {
      return undefined
    }
  }

  /** Reads on only while somebody wants the data and no answer is awaited. */
  #regulate(): void {
    // After the end it is `linger` that reads, and an answer that comes late must not stop it.
    if (this.destroyed) return
    if (this.#isFull || this.#isWaiting) this.#transport.pause()
    else this.#transport.resume()
  }

  #receiveEnd(): void {
    if (this.destroyed) return
    if (!this.#isStarted) {
      this.destroy(closedError('before it was connected'))
      return
    }
    this.#driver.end()
    if (!this.destroyed) this.#endReading()
  }

  /** No data will come any more. Where none is left either, nobody has to read for the end to be seen, as in net.Socket. */
  #endReading(): void {
    this.push(null)
    this.read(0)
  }

  #afterHandshake(action: Waiting): void {
    if (this.#connection.state === 'handshaking') this.#whenOpen.push(action)
    else action()
  }

  #refuseWaiting(error: Error): void {
    for (const waiting of [...this.#whenOpen.splice(0), ...this.#whenDrained.splice(0)]) waiting(error)
  }

  #giveUp(): void {
    const error = new Error(`the TLS handshake did not end within ${this.#setup.handshakeTimeoutMs} ms`)
    this.destroy(Object.assign(error, { code: 'ERR_TLS_HANDSHAKE_TIMEOUT' }))
  }
}

type EstablishedEvent = Extract<ConnectionEvent, { type: 'established' }>
type Waiting = (error?: Error) => void

/** Suites with SHA-1 are older than TLS 1.2; OpenSSL counts those on curves from TLS 1.0 on (RFC 8422 §6). */
function firstVersionOf({ keyExchange, cipher }: CipherSuite): string {
  const isOld = cipher.mode === 'cbc' && cipher.mac === 'sha1'
  if (!isOld) return 'TLSv1.2'
  return keyExchange === 'ecdhe' ? 'TLSv1.0' : 'SSLv3'
}

function asBuffer(bytes: Uint8Array | undefined): Buffer | undefined {
  return bytes && Buffer.from(bytes)
}

/** Of a peer whose certificate was asked for and not judged in this handshake. */
function whyUnverified(
  config: ClientConfig | ServerConfig,
  { peerCertificates, resumed }: Established,
): TlsError | undefined {
  if (config.role === 'server' && (config.clientAuth ?? 'none') === 'none') return undefined
  if (peerCertificates.length === 0)
    return new TlsError('PEER_DID_NOT_RETURN_A_CERTIFICATE', 'the peer has no certificate')
  return resumed
    ? new TlsError('CERTIFICATE_UNKNOWN', 'the certificate was not verified when the session was made')
    : undefined
}

function isNewSession({ session }: ClientConfig, { resumed, ticket }: Established): boolean {
  return !resumed || !equalBytes(ticket ?? emptyBytes, session?.ticket ?? emptyBytes)
}

/** Node's word for a stream that is gone, so that a caller's own check of codes knows it. */
function closedError(when: string): Error {
  return Object.assign(new Error(`the transport closed ${when}`), { code: 'ERR_STREAM_DESTROYED' })
}

const nodeTimers: Timers = {
  now: () => performance.now(),
  // Where this process itself was held up, the answer may lie in a socket already: sockets are read between two timers.
  schedule: (delayMs, callback) => {
    let timer = setTimeout(() => {
      timer = setTimeout(callback, 0)
    }, delayMs)
    return () => clearTimeout(timer)
  },
}

/** Ends the transport but goes on reading for a while: unread bytes would turn the end into a reset, and the alert would be lost. */
function linger(transport: Socket): void {
  transport.removeAllListeners('data')
  transport.resume()
  transport.end()
  const timer = setTimeout(() => transport.destroy(), lingerMs)
  transport.once('close', () => clearTimeout(timer))
}

/** Node's people look for `code`: ours for a fault found here, ERR_SSL_ALERT_... for one the peer told us. */
function asNodeError(error: TlsError | PeerAlert): Error {
  if ('code' in error) return error
  const description: AlertDescription | number = error.description
  return Object.assign(error, { code: `ERR_SSL_ALERT_${String(description).toUpperCase()}` })
}
