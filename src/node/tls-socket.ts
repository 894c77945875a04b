import type { X509Certificate } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { CipherNameAndProtocol, DetailedPeerCertificate, PeerCertificate } from 'node:tls'
import { emptyBytes, equalBytes, toHex } from '../bytes.ts'
import type { ConnectionEvent } from '../connection/connection.ts'
import { type CipherSuite, cipherSuite } from '../crypto/cipher-suites.ts'
import { opensslSchemeName, type SignatureScheme } from '../crypto/signature-schemes.ts'
import { type FaultCode, type PeerAlert, TlsError } from '../errors.ts'
import type { ClientConfig, ServerConfig, TracedMessage } from '../handshake/config.ts'
import type { Established } from '../handshake/flow.ts'
import { type ClientSession, encodeClientSession } from '../session/client-session.ts'
import { maxPeerCertificateBytes } from '../session/session-record.ts'
import { apiMisuse } from './api-misuse.ts'
import { tlsServerEndPoint } from './channel-binding.ts'
import { type ClientSocketOptions, clientTermsOf, namesOf, readSession } from './client-terms.ts'
import { type EphemeralKeyInfo, ephemeralKeyInfo, type NoKey } from './ephemeral-key.ts'
import {
  authorizationErrorOf,
  type ConnectionTarget,
  connectionReset,
  nodeError,
  type Situation,
} from './error-codes.ts'
import { isSendFragmentLength } from './fragment-limits.ts'
import { type HandshakeReport, handshakeReport } from './handshake-report.ts'
import { readBytes, readCount, readFunction, readObject, wrongType } from './option-types.ts'
import { type NoCertificate, peerCertificateOf, withAnchors, x509CertificateOf } from './peer-certificate.ts'
import { type ServerSocketOptions, serverSocketTerms, serverTermsOf, termsOfServer } from './server-terms.ts'
import type { SocketHooks, SocketTerms } from './socket-terms.ts'
import { TlsStream, type TlsStreamOptions } from './tls-stream.ts'

/** Of both roles: `isServer` says which of the options count. */
export interface TLSSocketOptions
  extends Omit<ClientSocketOptions, 'ALPNProtocols'>,
    ServerSocketOptions,
    Partial<TlsStreamOptions> {
  readonly isServer?: boolean | undefined
  /** A Server of this module, whose terms count in the place of all other options. */
  readonly server?: object | undefined
}

/**
 * TLS over any Duplex, in either role and from any point of the stream on: write plaintext, read plaintext. A transport that ends
 * without the peer's close_notify is an 'error'; only who has sent his own before, with end(), and has read nothing since takes it
 * for the answer (RFC 5246 §7.2.1).
 */
export class TLSSocket extends TlsStream {
  readonly encrypted = true
  /** Until the handshake has ended. */
  secureConnecting = true
  /** Whether the peer's certificate was verified, now or when the session was made. */
  authorized = false
  /** Why not, where one was asked for: the code of it, as in every node:tls, whose types say Error; `null` for none. */
  authorizationError: string | null = null
  /** What ALPN settled on; `false` for nothing, `null` before the handshake's end. A name is shown one byte a character. */
  alpnProtocol: string | false | null = null
  /** The name that the client asked for; `false` for none, `null` before the handshake's end. */
  servername: string | false | null = null
  /** Whose connection it is; others put theirs here. */
  server: object | undefined
  readonly #terms: SocketTerms
  readonly #host: string
  readonly #target: ConnectionTarget
  readonly #peerName: string
  readonly #minDhBits: number
  /** A server's socket without a Server that would listen to its errors. */
  readonly #isOnItsOwn: boolean
  readonly #refusals: readonly TlsError[]
  #askedName: string | undefined
  #authorizationFault: TlsError | undefined
  #offeredSession: ClientSession | undefined
  #sendFragmentBytes: number | undefined
  #tracesToStderr = false
  #report: HandshakeReport | undefined
  #established: Established | undefined
  #session: Buffer | undefined

  /** Throws ApiMisuse or TlsError for options that cannot be read; the transport is left alone then. */
  constructor(transport: Duplex, options: TLSSocketOptions = {}) {
    const refusals: TlsError[] = []
    const terms = termsOf(options, { onRefusal: reason => refusals.push(reason) })
    const { allowHalfOpen = transport.allowHalfOpen, highWaterMark, signal } = options
    super(transport, { allowHalfOpen, highWaterMark, signal })
    this.server = options.server
    this.#terms = terms
    this.#host = options.host ?? ''
    this.#peerName = options.servername || this.#host
    this.#target = targetOf(options)
    this.#minDhBits = options.minDHSize ?? 0
    this.#isOnItsOwn = options.isServer === true && !termsOfServer.has(options.server ?? {})
    this.#refusals = refusals
  }

  /** How the handshake went; `undefined` until it has ended. */
  get handshake(): HandshakeReport | undefined {
    return this.#report
  }

  /** What `authorizationError` says, in our own words. */
  get authorizationFault(): TlsError | undefined {
    return this.#authorizationFault
  }

  getProtocol(): 'TLSv1.2' | null {
    return this.#report ? 'TLSv1.2' : null
  }

  /** The suite, in OpenSSL's and in the RFC's name; `version` is the first that has it, as in node:tls. Undefined before the handshake's end, which Node's types do not say. */
  getCipher(): CipherNameAndProtocol
  getCipher(): CipherNameAndProtocol | undefined {
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

  /** Client: the ticket that the server gave (RFC 5077 §3.3). */
  getTLSTicket(): Buffer | undefined {
    return asBuffer(this.#established?.ticket)
  }

  /** Client: what the server's certificate logs signed, where `requestSCT` asked for it; not judged here (RFC 6962 §3.3). */
  get signedCertificateTimestamps(): readonly Buffer[] {
    return this.#established?.signedCertificateTimestamps.map(timestamp => Buffer.from(timestamp)) ?? []
  }

  /** The peer's certificate as node:tls shows it, with its chain where `isDetailed`; `{}` for none. A resumed connection has the leaf. */
  getPeerCertificate(isDetailed: true): DetailedPeerCertificate
  getPeerCertificate(isDetailed?: false): PeerCertificate
  getPeerCertificate(isDetailed?: boolean): PeerCertificate | DetailedPeerCertificate
  getPeerCertificate(isDetailed = false): PeerCertificate | NoCertificate {
    const chain = this.#established?.peerCertificates ?? []
    return peerCertificateOf(isDetailed ? withAnchors(chain, this.#terms.anchors()) : chain, isDetailed)
  }

  getPeerX509Certificate(): X509Certificate | undefined {
    return x509CertificateOf(this.#established?.peerCertificates[0])
  }

  /** The certificate that we showed; `{}` for none, and of a resumed connection, where none is shown. */
  getCertificate(): PeerCertificate | NoCertificate {
    const certificate = this.#established?.localCertificate
    return certificate ? peerCertificateOf([certificate], false) : {}
  }

  getX509Certificate(): X509Certificate | undefined {
    return x509CertificateOf(this.#established?.localCertificate)
  }

  /** Client: the group of (EC)DHE; `{}` without one. `null` on a server, as in node:tls. */
  getEphemeralKeyInfo(): EphemeralKeyInfo | NoKey | null {
    if (this.#role === 'server') return null
    return this.#established ? ephemeralKeyInfo(this.#established) : {}
  }

  /** Server: the signatures that both sides know, in the client's order and OpenSSL's names: `RSA-PSS+SHA256`. */
  getSharedSigalgs(): string[] {
    const { signatureSchemes, provider } = this.#terms.config
    const ours: readonly (SignatureScheme | number)[] = signatureSchemes ?? provider.signatureSchemes
    const offered = this.#established?.peerSignatureSchemes ?? []
    const isKnown = (scheme: SignatureScheme | number): scheme is SignatureScheme => ours.includes(scheme)
    return offered.filter(isKnown).map(opensslSchemeName)
  }

  /** The verify_data that we sent, 12 bytes (RFC 5246 §7.4.9). */
  getFinished(): Buffer | undefined {
    return asBuffer(this.tlsConnection?.verifyData[this.#role])
  }

  getPeerFinished(): Buffer | undefined {
    return asBuffer(this.tlsConnection?.verifyData[this.#role === 'client' ? 'server' : 'client'])
  }

  /** RFC 5705; throws ApiMisuse before the handshake's end and after the connection's. */
  exportKeyingMaterial(length: number, label: string, context?: Uint8Array): Buffer {
    const bytes = readCount('length', length)
    if (bytes === undefined) throw wrongType('length', 'a number', length)
    if (bytes === 0) throw apiMisuse('ERR_OUT_OF_RANGE', 'length: came 0, wanted 1 or more')
    if (typeof label !== 'string') throw wrongType('label', 'a string', label)
    if (context !== undefined) readBytes('context', context)
    if (!this.#established || !this.tlsConnection || this.destroyed)
      throw apiMisuse('ERR_TLS_INVALID_STATE', 'exportKeyingMaterial(): the handshake has not ended')
    return Buffer.from(this.tlsConnection.exportKeyingMaterial(length, label, context))
  }

  /** Channel binding tls-unique (RFC 5929 §3): the first Finished. Bound to the certificate only with extended master secret (RFC 7627 §6.1). */
  get tlsUnique(): Buffer | undefined {
    return asBuffer(this.tlsConnection?.tlsUnique)
  }

  /**
   * Channel binding tls-server-end-point (RFC 5929 §4). A server that resumes shows no certificate and has none here: it knows its
   * own, and the function of this name.
   */
  get tlsServerEndPoint(): Buffer | undefined {
    const { peerCertificates, localCertificate } = this.#established ?? {}
    const certificate = this.#role === 'client' ? peerCertificates?.[0] : localCertificate
    return certificate && tlsServerEndPoint(certificate)
  }

  /** Cuts what is written into records of at most `size` bytes, 512 to 16,384, from now on; never longer than it was before. False for another size. */
  setMaxSendFragment(size: number): boolean {
    if (typeof size !== 'number') throw wrongType('size', 'a number', size)
    if (this.destroyed || !isSendFragmentLength(size)) return false
    this.#sendFragmentBytes = size
    this.tlsConnection?.limitWrite(size)
    return true
  }

  /** Client: the name to ask for and to verify, while the handshake has not begun. */
  setServername(name: string): void {
    if (typeof name !== 'string') throw wrongType('name', 'a string', name)
    if (this.#role === 'server')
      throw apiMisuse('ERR_TLS_SNI_FROM_SERVER', 'setServername(): a server names nobody, its client does')
    namesOf(name, this.#host)
    this.#askedName = name
  }

  /** Client: a session to offer, what `getSession()` gave, while the handshake has not begun. */
  setSession(session: Uint8Array): void {
    this.#offeredSession?.session.masterSecret.wipe()
    this.#offeredSession = readSession(session)
  }

  /** Nothing here renegotiates: it is refused as by a node:tls where that is disabled (docs/decisions/0030-no-renegotiation.md). */
  renegotiate(options: object, callback?: (error: Error | null) => void): boolean | undefined {
    readObject('options', options)
    readFunction('callback', callback)
    if (this.destroyed) return undefined
    const error = new Error('TLS session renegotiation disabled for this socket')
    if (callback) process.nextTick(callback, Object.assign(error, { code: 'ERR_TLS_RENEGOTIATION_DISABLED' }))
    return false
  }

  /** It is. */
  disableRenegotiation(): void {}

  /** Prints every message of the handshake on standard error; before it begins. */
  enableTrace(): void {
    this.#tracesToStderr = true
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    super._destroy(error, done)
    this.#terms.wipe?.()
    this.#offeredSession?.session.masterSecret.wipe()
  }

  protected override beginningTerms(): SocketTerms {
    const { config, ...others } = this.#terms
    const keylog = config.keylog === true || this.listenerCount('keylog') > 0
    const trace = this.#tracesToStderr ? printTraced : config.trace
    const named = this.#askedName === undefined ? {} : namesOf(this.#askedName, this.#host)
    const offered = this.#offeredSession && { session: this.#offeredSession }
    return { ...others, config: { ...config, ...named, ...offered, keylog, ...(trace && { trace }) } }
  }

  protected override receiveEvent(event: ConnectionEvent): void {
    switch (event.type) {
      case 'established':
        return this.#receiveEstablished(event)
      case 'peerClosed':
        return this.endReading()
      case 'keylog':
        this.emit('keylog', Buffer.from(`${event.line}\n`))
        return
      case 'failed':
        this.authorizationError = this.#verdictOf(event.error)
        this.failTls(nodeError(event.error, this.#situation))
        return
      case 'sessionForgotten':
        // A fatal alert: this session is not offered again (RFC 5246 §7.2.2).
        this.#session = undefined
        return
      default:
        return
    }
  }

  /**
   * Who upgrades a stream in place may not listen for errors before the handshake has ended; node:tls tells him by this other event,
   * and crashes nothing.
   */
  protected override failTls(error: Error = connectionReset(this.#situation)): void {
    const isEarly = this.#isOnItsOwn && !this.#established
    if (isEarly) this.emit('_tlsError', error)
    this.destroy(isEarly && this.listenerCount('error') === 0 ? undefined : error)
  }

  #receiveEstablished(event: EstablishedEvent): void {
    const { established } = event
    this.endHandshakeTimer()
    if (this.#sendFragmentBytes !== undefined) this.tlsConnection?.limitWrite(this.#sendFragmentBytes)
    const { config } = this.#terms
    this.#established = established
    this.#report = this.#reportOf(event)
    this.secureConnecting = false
    this.alpnProtocol = established.alpnProtocol ?? false
    this.servername = established.serverName ?? false
    this.authorized = established.verified
    this.#authorizationFault = this.authorized
      ? undefined
      : (this.#refusals[0] ?? whyUnverified(config, established))
    if (this.#authorizationFault) this.authorizationError = this.#verdictOf(this.#authorizationFault)
    this.#keepSession(established)
    if (config.role === 'client' && config.requestOcspResponse && !established.resumed)
      this.emit('OCSPResponse', asBuffer(established.ocspResponse) ?? null)
    const weakness = this.#weakField()
    if (weakness) {
      this.destroy(weakness)
      return
    }
    // Whoever hears of one of these may destroy the socket, and hears no more then.
    if (!this.destroyed) this.emit('secure')
    if (config.role === 'client') {
      if (!this.destroyed) this.emit('secureConnect')
      // Who resumes has it already, if his ticket was not renewed: node:tls is silent then too.
      const isNew = this.#session && isNewSession(config, established)
      if (isNew && !this.destroyed) this.emit('session', this.#session)
    }
    this.releaseWaiting()
  }

  #weakField(): Error | undefined {
    const { type, size = 0 } = this.getEphemeralKeyInfo() ?? {}
    if (type !== 'DH' || size >= this.#minDhBits) return undefined
    const error = new Error(`DH parameter size ${size} is less than ${this.#minDhBits}`)
    return Object.assign(error, { code: 'ERR_TLS_DH_PARAM_SIZE' })
  }

  get #role(): 'client' | 'server' {
    return this.#terms.config.role
  }

  get #situation(): Situation {
    const peerName = this.#askedName || this.#peerName
    return { role: this.#role, isOpen: this.#established !== undefined, target: this.#target, peerName }
  }

  /** The code of a fault in the peer's certificate; of any other, what there was. */
  #verdictOf(fault: TlsError | PeerAlert): string | null {
    if (!(fault instanceof TlsError) || !certificateFaults.has(fault.code)) return this.authorizationError
    return authorizationErrorOf(fault, this.#askedName || this.#peerName)
  }

  #keepSession({ sessionId, ticket, session, verified }: Established): void {
    const isKept = this.#role === 'client' && (ticket !== undefined || sessionId.length > 0)
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
      // Not what the transport has read: data may come in one piece with the handshake's last record.
      bytesIn: this.tlsConnection?.handshakeBytesRead ?? 0,
      ...this.handshakeMeasures,
      messages,
    })
  }

  /** A store can only help: one that cannot name the owner leaves the report without it. */
  #ownerOf(sessionId: Uint8Array): string | undefined {
    try {
      return this.#terms.answers.sessionCache?.ownerOf?.(sessionId)
    } catch {
      return undefined
    }
  }
}

type EstablishedEvent = Extract<ConnectionEvent, { type: 'established' }>

function termsOf(options: TLSSocketOptions, hooks: SocketHooks): SocketTerms {
  if (!options.isServer) return clientTermsOf(options, hooks)
  const ofServer = options.server && termsOfServer.get(options.server)
  return serverSocketTerms(ofServer ? ofServer() : serverTermsOf(options), hooks)
}

/** Suites with SHA-1 are older than TLS 1.2; OpenSSL counts those on curves from TLS 1.0 on (RFC 8422 §6). */
function firstVersionOf({ keyExchange, cipher }: CipherSuite): string {
  const isOld = cipher.mode === 'cbc' && cipher.mac === 'sha1'
  if (!isOld) return 'TLSv1.2'
  return keyExchange === 'ecdhe' ? 'TLSv1.0' : 'SSLv3'
}

function asBuffer(bytes: Uint8Array | undefined): Buffer | undefined {
  return bytes && Buffer.from(bytes)
}

function printTraced({ sender, type, bytes }: TracedMessage): void {
  process.stderr.write(`${sender} ${type} ${bytes.length} bytes ${toHex(bytes)}\n`)
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

const certificateFaults: ReadonlySet<FaultCode> = new Set<FaultCode>([
  'BAD_CERTIFICATE',
  'PEER_DID_NOT_RETURN_A_CERTIFICATE',
  'UNSUPPORTED_CERTIFICATE',
  'CERTIFICATE_EXPIRED',
  'CERTIFICATE_UNKNOWN',
  'CERTIFICATE_REFUSED',
  'UNKNOWN_CA',
  'HOSTNAME_MISMATCH',
])

/** Whom a client's options name, for its errors: not the options themselves, which hold keys. */
function targetOf(options: ConnectionTarget): ConnectionTarget {
  const { path, host, port, localAddress } = options
  return { path, host, port, localAddress }
}
