/** One connection to the runner: the handshake, what the flags want said and heard after it, and its end. */
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import {
  Connection,
  type ConnectionEvent,
  type HandshakeMessage,
} from '../../../src/connection/connection.ts'
import { Driver } from '../../../src/driver/driver.ts'
import type { SessionCache } from '../../../src/driver/session-cache.ts'
import { AlertDescription, TlsError } from '../../../src/errors.ts'
import type { Established } from '../../../src/handshake/flow.ts'
import { HandshakeType } from '../../../src/messages/handshake.ts'
import {
  type ClientSession,
  decodeClientSession,
  encodeClientSession,
} from '../../../src/session/client-session.ts'
import { answersOf, refusedCertificate, type Seen, Unexpected } from './answers.ts'
import { checkHandshake } from './checks.ts'
import { type Clock, clientConfig, serverConfig } from './config.ts'
import type { Options } from './flags.ts'

export interface ExchangeSetup {
  readonly options: Options
  readonly clock: Clock
  readonly sessionCache: SessionCache
  /** What the connection before it left to resume; `undefined` for the first one. */
  readonly offered: Uint8Array | undefined
  readonly isResumption: boolean
}

/** Our end may be a while before the runner's. */
const drainMs = 5000

const timers = {
  now: () => performance.now(),
  schedule: (delayMs: number, callback: () => void) => {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}

/** Runs a connection to its end; returns what a client may resume by. Throws TlsError, PeerAlert or Unexpected. */
export async function exchange(setup: ExchangeSetup): Promise<Uint8Array | undefined> {
  const socket = await dial(setup.options)
  try {
    return await new Promise((resolve, reject) => new Exchange(setup, socket, { resolve, reject }).start())
  } finally {
    await hangUp(socket)
  }
}

/** The shim is the TCP client even of a TLS server, and says first which of the runner's shims it is. */
async function dial({ port = 0, ipv6, 'shim-id': id = '0' }: Options): Promise<Socket> {
  const socket = connect({ port, host: ipv6 ? '::1' : '127.0.0.1', allowHalfOpen: true, noDelay: true })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  const greeting = Buffer.alloc(8)
  greeting.writeBigUInt64LE(BigInt(id))
  socket.write(greeting)
  return socket
}

/** Half-closes and drains, so that what the runner still writes does not fail. */
async function hangUp(socket: Socket): Promise<void> {
  const ended = new Promise<void>(resolve => {
    if (socket.readableEnded || socket.destroyed) return resolve()
    socket.once('end', resolve).once('close', resolve)
    setTimeout(resolve, drainMs).unref()
  })
  socket.on('error', () => {}).resume()
  if (socket.writable) socket.end()
  await ended
  socket.destroy()
}

interface Outcome {
  readonly resolve: (session: Uint8Array | undefined) => void
  readonly reject: (error: unknown) => void
}

class Exchange {
  readonly #options: Options
  readonly #isResumption: boolean
  readonly #offered: ClientSession | undefined
  readonly #socket: Socket
  readonly #outcome: Outcome
  readonly #connection: Connection
  readonly #driver: Driver
  readonly #seen: Seen = { selectedCredential: undefined }
  readonly #trace: string[] = []
  #session: Uint8Array | undefined
  #isEstablished = false
  #hasSpoken = false
  /** Whether the runner's hello is in the form of SSL 2.0, for the trace. */
  #isV2: boolean | undefined
  /** We said that we would say no more. */
  #hasClosed = false
  #isOver = false

  constructor(setup: ExchangeSetup, socket: Socket, outcome: Outcome) {
    const { options, clock, sessionCache, offered } = setup
    this.#options = options
    this.#isResumption = setup.isResumption
    this.#offered = offered && decodeClientSession(offered)
    this.#socket = socket
    this.#outcome = outcome
    this.#connection = new Connection(
      options.server ? serverConfig(options, clock) : clientConfig(options, clock, this.#offered),
    )
    this.#driver = new Driver({
      connection: this.#connection,
      answers: answersOf(options, sessionCache, this.#seen),
      host: {
        send: chunks => this.#send(chunks),
        event: event => this.#attempt(() => this.#receiveEvent(event)),
      },
      timers,
    })
  }

  start(): void {
    this.#socket.on('data', chunk => this.#attempt(() => this.#receive(chunk)))
    this.#socket.once('end', () => this.#attempt(() => this.#receiveEnd()))
    this.#socket.once('error', () => this.#attempt(() => this.#receiveEnd()))
    const maxFragment = this.#options['max-send-fragment']
    if (maxFragment) this.#connection.limitWrite(maxFragment)
    this.#attempt(() => this.#driver.start())
  }

  /** Whatever goes wrong ends the exchange, once. */
  #attempt(action: () => void): void {
    if (this.#isOver) return
    try {
      action()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#isOver = true
    this.#outcome.reject(error)
  }

  #succeed(): void {
    if (this.#isOver) return
    const expected = this.#options['expect-msg-callback']
    const trace = this.#trace.join('')
    if (expected && trace !== expected) throw new Unexpected(`the messages were\n${trace}`)
    if (this.#options['expect-total-renegotiations']) throw new Unexpected('there was no renegotiation')
    this.#isOver = true
    this.#outcome.resolve(this.#session)
  }

  #send(chunks: readonly Uint8Array[]): void {
    this.#socket.cork()
    for (const chunk of chunks) this.#socket.write(chunk)
    this.#socket.uncork()
  }

  /** `-async` is I/O in portions of one byte. */
  #receive(chunk: Uint8Array): void {
    this.#isV2 ??= chunk[0]! >= 0x80
    if (!this.#options.async) return this.#driver.receive(chunk)
    for (let i = 0; i < chunk.length && !this.#isOver; i++) this.#driver.receive(chunk.subarray(i, i + 1))
  }

  /** Bare of a close_notify, an end is as good as one for who does not look. */
  #receiveEnd(): void {
    const isTruncated = this.#connection.state === 'closing' && this.#options['check-close-notify']
    this.#driver.end()
    if (isTruncated) throw new TlsError('TRUNCATED', 'the runner ended without close_notify')
    this.#succeed()
  }

  #receiveEvent(event: ConnectionEvent): void {
    switch (event.type) {
      case 'established':
        return this.#receiveEstablished(event.established, event.messages)
      case 'falseStart':
        return this.#receiveFalseStart(event.alpnProtocol)
      case 'data':
        return this.#echo(event.bytes)
      case 'warning':
        this.#trace.push(`read alert 1 ${alertNumber(event.description)}\n`)
        return
      case 'peerClosed':
        this.#trace.push('read alert 1 0\n')
        if (this.#connection.state === 'open') this.#driver.close()
        return this.#succeed()
      case 'renegotiationRefused':
        return this.#receiveRenegotiation()
      case 'failed':
        if (this.#isUncheckedEnd(event.error)) return this.#succeed()
        throw event.error
    }
  }

  /** Unless it was told to bear it, BoringSSL takes it for an error. */
  #receiveRenegotiation(): void {
    const isBorne = this.#options['renegotiate-ignore'] || this.#options['renegotiate-freely']
    if (this.#hasClosed || !isBorne) throw new Unexpected(':NO_RENEGOTIATION: the peer wants to renegotiate')
  }

  #isUncheckedEnd(error: Error): boolean {
    const isTruncated = error instanceof TlsError && error.code === 'TRUNCATED'
    return isTruncated && this.#isEstablished && !this.#options['check-close-notify']
  }

  /** BoringSSL's rules: only with a protocol agreed on, unless told otherwise; who does the handshake twice has waited for its end. */
  #receiveFalseStart(alpnProtocol: string | undefined): void {
    const isTrusted = alpnProtocol !== undefined || this.#options['allow-false-start-without-alpn']
    if (isTrusted && !this.#options['handshake-twice']) this.#speakFirst()
  }

  #receiveEstablished(established: Established, messages: readonly HandshakeMessage[]): void {
    if (this.#options['handshake-never-done']) throw new Unexpected('the handshake ended')
    this.#isEstablished = true
    this.#trace.push(...messages.map(message => this.#lineOf(message)))
    const hasNewSession = this.#keepSession(established)
    checkHandshake(this.#options, {
      established,
      hasNewSession,
      seen: this.#seen,
      isResumption: this.#isResumption,
    })
    if (this.#refuses(established)) return
    this.#speakFirst()
    if (!this.#options['shim-shuts-down']) return
    this.#hasClosed = true
    this.#driver.close()
    if (!this.#options['check-close-notify']) this.#succeed()
  }

  /** What the application may find wrong with a connection that is up: a peer it does not trust any more, or the runner's whim. */
  #refuses({ resumed }: Established): boolean {
    const { 'reverify-on-resume': reverifies, 'verify-fail': fails, 'send-alert': sendsAlert } = this.#options
    if (resumed && reverifies && fails) this.#driver.fail(refusedCertificate(this.#options))
    else if (sendsAlert)
      this.#driver.fail(new TlsError('REFUSED', 'as the runner wants', { alert: 'decompression_failure' }))
    return this.#isOver
  }

  /** Whether there is a session that was not there before: by a new ticket, or an ID of a full handshake. */
  #keepSession({ session, sessionId, ticket, resumed, verified }: Established): boolean {
    const hasTicket = ticket !== undefined && ticket !== this.#offered?.ticket
    const isNew = hasTicket || (!resumed && sessionId.length > 0)
    if (!this.#options.server && (ticket || sessionId.length > 0))
      this.#session = encodeClientSession({ session, sessionId, ticket, verified })
    return isNew
  }

  /** In the order in which the runner reads it, and once. */
  #speakFirst(): void {
    if (this.#hasSpoken) return
    this.#hasSpoken = true
    const { 'export-keying-material': length, 'export-label': label = '' } = this.#options
    if (length) {
      const context = Buffer.from(this.#options['export-context'] ?? '', 'latin1')
      const wanted = this.#options['use-export-context'] ? context : undefined
      this.#driver.write(this.#connection.exportKeyingMaterial(length, label, wanted))
    }
    if (this.#options['tls-unique']) this.#driver.write(tlsUniqueOf(this.#connection))
    if (this.#options['write-different-record-sizes'])
      for (const size of recordSizes) this.#driver.write(new Uint8Array(size).fill(0x42))
    else if (this.#options['shim-writes-first'])
      for (let i = 0; i < (this.#options['repeat-shim-initial-write'] ?? 1); i++)
        this.#driver.write(Buffer.from(this.#options['shim-initial-write'] ?? 'hello', 'latin1'))
  }

  #echo(bytes: Uint8Array): void {
    if (this.#hasClosed)
      throw new Unexpected(':APPLICATION_DATA_ON_SHUTDOWN: data came after our close_notify')
    this.#driver.write(bytes.map(byte => byte ^ 0xff))
  }

  #lineOf({ sender, type }: HandshakeMessage): string {
    const isOurs = (sender === 'server') === this.#options.server
    if (this.#isV2 && type === 'client_hello') return 'read v2clienthello\n'
    return `${isOurs ? 'write' : 'read'} ${type === 'change_cipher_spec' ? 'ccs' : `hs ${HandshakeType[type]}`}\n`
  }
}

function tlsUniqueOf({ tlsUnique }: Connection): Uint8Array {
  if (!tlsUnique) throw new Unexpected(':NO_TLS_UNIQUE: the session has no extended master secret')
  return tlsUnique
}

const recordSizes = [0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769]

function alertNumber(description: AlertDescription | number): number {
  return typeof description === 'number' ? description : AlertDescription[description]
}
