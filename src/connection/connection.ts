/**
 * A TLS connection without I/O: bytes in, a Step out. Nothing here waits, reads a clock or draws randomness
 * that was not handed in, so a recorded flow replays byte for byte.
 */
import { cipherSuite } from '../crypto/cipher-suites.ts'
import { exportKeyingMaterial } from '../crypto/key-schedule.ts'
import { type AlertDescription, ApiMisuse, PeerAlert, TlsError } from '../errors.ts'
import { clientHandshake } from '../handshake/client.ts'
import { type ClientConfig, defaultLimits, type Limits, type ServerConfig } from '../handshake/config.ts'
import type { Answer, Effect, Handshake, QuestionKind, Request } from '../handshake/effects.ts'
import { type Established, Flow, type RecordChannel, type VerifyDataPair } from '../handshake/flow.ts'
import { serverHandshake } from '../handshake/server.ts'
import { alert } from '../messages/alert.ts'
import { changeCipherSpec } from '../messages/change-cipher-spec.ts'
import {
  decodeHandshakeBody,
  type HandshakeFrame,
  handshakeTypeOf,
  type ReceivedMessage,
  type ReceivedType,
} from '../messages/handshake.ts'
import { clientHelloRecordVersion, tls12 } from '../messages/protocol-version.ts'
import type { ContentType } from '../record/content-type.ts'
import { RecordLayer } from '../record/record-layer.ts'
import type { Session } from '../session/session.ts'
import { encode } from '../wire/codec.ts'
import { type IncomingAlert, MessageReader } from './message-reader.ts'

export type ConnectionState = 'handshaking' | 'open' | 'closing' | 'closed' | 'failed'

/** One message of a handshake, in the order in which this side sent and read them (RFC 5246 §7.3). */
export interface HandshakeMessage {
  readonly sender: 'client' | 'server'
  readonly type: ReceivedType
}

export type ConnectionEvent =
  | {
      readonly type: 'established'
      readonly established: Established
      readonly messages: readonly HandshakeMessage[]
    }
  /** Data may be written already, though nothing is established (RFC 7918); only where `falseStart` asks for it. */
  | { readonly type: 'falseStart'; readonly alpnProtocol: string | undefined }
  /** A full handshake made a session; on a server it may be stored now. The connection wipes its master secret at its end: copy what you keep. */
  | { readonly type: 'sessionEstablished'; readonly id: Uint8Array; readonly session: Session }
  /** A fatal alert made the session unusable (RFC 5246 §7.2.2). */
  | { readonly type: 'sessionForgotten'; readonly id: Uint8Array }
  | { readonly type: 'data'; readonly bytes: Uint8Array }
  | { readonly type: 'keylog'; readonly line: string }
  | { readonly type: 'warning'; readonly description: AlertDescription | number }
  /** The peer wanted to renegotiate; it was told no, or nothing where that is configured or nothing more can be said. */
  | { readonly type: 'renegotiationRefused' }
  /** The peer's close_notify: no more data will come. Answer it with close() when all is written. */
  | { readonly type: 'peerClosed' }
  /** The connection is over: TlsError for a fault that was found here, PeerAlert for one the peer found. */
  | { readonly type: 'failed'; readonly error: TlsError | PeerAlert }

/** What one input led to: bytes to send in this order, what happened, and the question that is open now. */
export interface Step {
  readonly outgoing: readonly Uint8Array[]
  readonly events: readonly ConnectionEvent[]
  readonly effect: Effect | undefined
}

/** One side of a TLS 1.2 connection. */
export class Connection {
  readonly #records: RecordLayer
  readonly #messages: MessageReader
  readonly #limits: Limits
  readonly #role: 'client' | 'server'
  readonly #config: ClientConfig | ServerConfig
  readonly #flow: Flow
  readonly #handshake: Handshake<Established>
  #state: ConnectionState = 'handshaking'
  #request: Request | undefined
  #isStarted = false
  /** An input is being worked off, so that the handshake may be running. */
  #isStepping = false
  #isAborted = false
  #isPeerClosed = false
  #hasFalseStarted = false
  /** Whether the peer went on talking after our own close_notify. */
  #hasReadSinceClose = false
  #tolerated = 0
  readonly #handshakeMessages: HandshakeMessage[] = []
  #handshakeBytes = 0
  #handshakeBytesRead = 0
  #peerMessages = 0
  #boundSessionId: Uint8Array | undefined
  #established: Established | undefined
  #outgoing: Uint8Array[] = []
  #events: ConnectionEvent[] = []

  constructor(config: ClientConfig | ServerConfig) {
    this.#role = config.role
    this.#limits = { ...defaultLimits, ...config.limits }
    this.#records = new RecordLayer(
      this.#limits.maxEmptyFragments,
      config.role === 'client' ? clientHelloRecordVersion : tls12,
    )
    const acceptsV2Hello = config.role === 'server' && config.acceptV2Hello === true
    this.#messages = new MessageReader(this.#records, this.#limits.maxHandshakeMessageBytes, acceptsV2Hello)
    this.#config = config
    const channel = this.#channel(config)
    if (config.role === 'server') {
      const flow = new Flow(config, channel)
      this.#flow = flow
      this.#handshake = serverHandshake(flow)
    } else {
      const flow = new Flow(config, channel)
      this.#flow = flow
      this.#handshake = clientHandshake(flow)
    }
  }

  get state(): ConnectionState {
    return this.#state
  }

  /** Whether data may be written: the peer's Finished is verified, or need not be yet, and neither close nor failure has come. */
  get isWritable(): boolean {
    return this.#state === 'open' || (this.#state === 'handshaking' && this.#hasFalseStarted)
  }

  /** Bytes of the peer's records up to the handshake's last, headers included; 0 before its end. Data may have come with them. */
  get handshakeBytesRead(): number {
    return this.#handshakeBytesRead
  }

  /**
   * The verify_data of both Finished messages, 12 bytes each, once they are there (RFC 5246 §7.4.9). The one that was sent first, by
   * the client unless the session was resumed, is the channel binding `tls-unique` (RFC 5929 §3).
   */
  get verifyData(): Readonly<VerifyDataPair> {
    return this.#flow.verifyData
  }

  /**
   * RFC 5929 §3; `undefined` before the handshake ended, and of a session resumed without extended master secret: there somebody in
   * the middle may have made it the same on two connections (RFC 7627 §1).
   */
  get tlsUnique(): Uint8Array | undefined {
    if (!this.#established) return undefined
    const { resumed, session } = this.#established
    if (!resumed) return this.verifyData.client
    return session.extendedMasterSecret ? this.verifyData.server : undefined
  }

  /**
   * `length` bytes that only the two ends of this connection know (RFC 5705 §4), by a `label` of ASCII and perhaps a `context`. Throws
   * ApiMisuse before the handshake's end and after the connection's, when the master secret is gone.
   */
  exportKeyingMaterial(length: number, label: string, context?: Uint8Array): Uint8Array {
    const { session, suite, randoms } = this.#established ?? {}
    if (!session || !suite || !randoms || this.#isOver)
      throw new ApiMisuse(
        `exportKeyingMaterial() in state ${this.#state}: there is a master secret only while open`,
      )
    const { provider } = this.#config
    const wanted = { label, randoms, context, length }
    return exportKeyingMaterial(provider, cipherSuite(suite), session.masterSecret, wanted)
  }

  /**
   * The longest plaintext we send in a record from now on, in bytes; what was agreed with the peer stays a bound (RFC 6066 §4,
   * RFC 8449 §4). Throws ApiMisuse for what is no positive whole number.
   */
  limitWrite(bytes: number): void {
    if (!Number.isInteger(bytes) || bytes < 1)
      throw new ApiMisuse(`limitWrite(${bytes}): wanted a whole number of bytes, at least 1`)
    this.#records.limitWrite(bytes)
  }

  /** Begins: a client says hello, a server waits for one. Once, before any other input. */
  start(): Step {
    if (this.#isStarted) throw new ApiMisuse('start() was called before')
    this.#isStarted = true
    return this.#step(() => {
      if (!this.#isOver) this.#resume(undefined)
    })
  }

  /** Bytes from the transport, in any portions. While an effect is open they are only kept. */
  receive(bytes: Uint8Array): Step {
    this.#requireStarted()
    return this.#step(() => {
      if (this.#isOver || this.#isPeerClosed) return
      this.#records.append(bytes)
      if (this.#effect && this.#records.bufferedBytes > this.#limits.maxBufferedBytes) {
        throw new TlsError(
          'EXCESSIVE_MESSAGE_SIZE',
          `more than ${this.#limits.maxBufferedBytes} bytes came while ${this.#effect.kind} was open`,
        )
      }
    })
  }

  /** Answers the open effect. An answer that comes after the connection's end is dropped, its secrets wiped. */
  answer<K extends Effect['kind']>(effect: Effect & { kind: K }, value: Answer<K>): Step {
    if (this.#isOver) return this.#step(() => wipeAnswer(value))
    this.#requireOpen(effect)
    return this.#step(() => this.#resume(value))
  }

  /**
   * The open effect cannot be answered. A look-up that failed is a miss, a decryption that failed a bad
   * padding; anything else ends the connection, with the reason's alert if it is a TlsError.
   */
  refuse(effect: Effect, reason: unknown): Step {
    if (this.#isOver) return this.#step(() => {})
    this.#requireOpen(effect)
    return this.#step(() => {
      if (effect.kind === 'lookupSession') this.#resume({ miss: 'error' } satisfies Answer<'lookupSession'>)
      else if (effect.kind === 'decryptPreMaster')
        this.#resume(undefined satisfies Answer<'decryptPreMaster'>)
      else this.#throwInto(asTlsError(reason, `${effect.kind} failed`))
    })
  }

  /** Sends application data; only while `isWritable`. */
  write(data: Uint8Array): Step {
    if (!this.isWritable)
      throw new ApiMisuse(`write() in state ${this.#state}: data can be sent only while open`)
    return this.#step(() => {
      if (data.length > 0) this.#send('application_data', data)
    })
  }

  /** Ends our side with close_notify (RFC 5246 §7.2.1); data of the peer is still read until its own. */
  close(): Step {
    this.#requireStarted()
    return this.#step(() => {
      if (this.#isOver || this.#state === 'closing') return
      this.#sendAlert('warning', 'close_notify')
      if (this.#state === 'handshaking')
        return this.#abandon(new TlsError('ABORTED', 'closed before the handshake ended'))
      this.#state = this.#isPeerClosed ? 'closed' : 'closing'
      if (this.#state === 'closed') this.#wipe()
    })
  }

  /**
   * The transport ended. Without the peer's close_notify that is a truncation, and never a clean end. Who closed
   * first need not wait for the answer (RFC 5246 §7.2.1); but when the peer went on talking, its end counts.
   */
  end(): Step {
    this.#requireStarted()
    return this.#step(() => {
      if (this.#isOver) return
      const isAnswer =
        this.#state === 'closing' && !this.#hasReadSinceClose && this.#records.bufferedBytes === 0
      if (this.#isPeerClosed || isAnswer) {
        this.#state = 'closed'
        this.#wipe()
        return
      }
      const when =
        this.#state === 'handshaking'
          ? 'during the handshake'
          : 'without close_notify: the data may be cut short'
      this.#abandon(new TlsError('TRUNCATED', `the transport ended ${when}`))
    })
  }

  /** The application has had enough: the reason's alert leaves, and all ends. It may be one of its own, `REFUSED`. */
  fail(reason: TlsError): Step {
    this.#requireStarted()
    return this.#step(() => {
      if (!this.#isOver) throw reason
    })
  }

  /** Drops everything at once and wipes the secrets. Says nothing to the peer. */
  abort(): void {
    if (!this.#isOver) {
      this.#state = 'failed'
      this.#isAborted = true
      // From a function of the application's that the handshake has called (`trace`, `selectProtocol`): it has to come back first.
      if (!this.#isStepping) this.#drop()
    }
    this.#established?.session.masterSecret.wipe()
  }

  get #isOver(): boolean {
    return this.#state === 'closed' || this.#state === 'failed'
  }

  get #effect(): Effect | undefined {
    return this.#request && this.#request.kind !== 'receive' ? this.#request : undefined
  }

  /** Runs one input, then whatever the records allow; a fault on the way becomes an alert and the end. */
  #step(input: () => void): Step {
    // Who heard of a session in the last step has taken what he keeps.
    if (this.#isOver) this.#established?.session.masterSecret.wipe()
    this.#isStepping = true
    try {
      input()
      this.#pump()
    } catch (error) {
      if (error instanceof ApiMisuse) {
        // A wrong option showed itself only now: nothing is left to go on with.
        this.abort()
        throw error
      }
      this.#fail(asTlsError(error, 'a fault of our own'))
    } finally {
      this.#isStepping = false
      if (this.#isAborted) this.#drop()
    }
    const step = {
      outgoing: this.#outgoing,
      events: this.#events,
      effect: this.#isOver ? undefined : this.#effect,
    }
    this.#outgoing = []
    this.#events = []
    return step
  }

  /** Takes messages off the records for as long as somebody wants one and there is one. */
  #pump(): void {
    while (this.#isStarted && !this.#isOver && !this.#isPeerClosed && !this.#effect) {
      const incoming = this.#messages.next()
      if (!incoming) return
      if (incoming.kind === 'alert') this.#receiveAlert(incoming)
      else if (incoming.kind === 'application_data') this.#receiveData(incoming.bytes)
      else if (this.#request) this.#receiveHandshakeMessage(incoming)
      else this.#receiveAfterHandshake(incoming)
    }
  }

  #receiveHandshakeMessage(message: ReceivedMessage): void {
    const type = message.kind === 'handshake' ? (handshakeTypeOf(message.type) ?? message.type) : message.kind
    const bytes = message.kind === 'handshake' ? message.raw : encode(changeCipherSpec, message.value)
    this.#note(this.#role === 'client' ? 'server' : 'client', type, bytes)
    if (message.kind === 'handshake') this.#countMessage(message)
    this.#resume(message)
  }

  /** However long or many the messages are, their sum is bounded. */
  #countMessage({ raw }: HandshakeFrame): void {
    this.#handshakeBytes += raw.length
    this.#peerMessages++
    const { maxHandshakeBytes, maxHandshakeMessages } = this.#limits
    if (this.#handshakeBytes > maxHandshakeBytes || this.#peerMessages > maxHandshakeMessages) {
      throw new TlsError(
        'EXCESSIVE_MESSAGE_SIZE',
        `the handshake has ${this.#peerMessages} messages of ${this.#handshakeBytes} bytes, at most ${maxHandshakeMessages} of ${maxHandshakeBytes} are accepted`,
      )
    }
  }

  #sendHandshakeMessage(contentType: 'handshake' | 'change_cipher_spec', bytes: Uint8Array): void {
    const type = contentType === 'handshake' ? (handshakeTypeOf(bytes[0]!) ?? bytes[0]!) : contentType
    this.#note(this.#role, type, bytes)
    this.#send(contentType, bytes)
  }

  #note(sender: 'client' | 'server', type: ReceivedType | number, bytes: Uint8Array): void {
    if (typeof type === 'string') this.#handshakeMessages.push({ sender, type })
    this.#config.trace?.({ sender, type, bytes: bytes.slice() })
  }

  /** Lets the handshake run to its next question, or to its end. */
  #resume(answer: Answer<QuestionKind> | undefined): void {
    this.#request = undefined
    this.#settle(this.#handshake.next(answer))
  }

  #throwInto(error: TlsError): void {
    this.#request = undefined
    this.#settle(this.#handshake.throw(error))
  }

  #settle(result: IteratorResult<Request, Established>): void {
    if (!result.done) {
      this.#request = result.value
      return
    }
    const established = result.value
    this.#established = established
    if (this.#isOver) return
    this.#state = 'open'
    this.#flow.transcript.clear()
    this.#handshakeBytesRead = this.#records.bytesRead
    this.#events.push({ type: 'established', established, messages: this.#handshakeMessages })
    const { sessionId, ticket } = established
    if (sessionId.length > 0 || ticket) this.#boundSessionId = sessionId
    if (sessionId.length > 0 && !established.resumed) {
      this.#events.push({
        type: 'sessionEstablished',
        id: sessionId,
        session: established.session,
      })
    }
  }

  #receiveData(bytes: Uint8Array): void {
    if (this.#state === 'handshaking') {
      throw new TlsError('UNEXPECTED_MESSAGE', 'application data came before the handshake ended')
    }
    if (bytes.length === 0) return
    this.#hasReadSinceClose = this.#state === 'closing'
    this.#events.push({ type: 'data', bytes })
  }

  /** RFC 5246 §7.2.2: a fatal alert ends the connection and its session; of warnings a few are borne. */
  #receiveAlert({ level, description }: IncomingAlert): void {
    if (level === 'fatal') {
      this.#state = 'failed'
      this.#end(new PeerAlert(level, description))
    } else if (description === 'close_notify') {
      this.#receiveCloseNotify()
    } else {
      this.#tolerate(`warning alert ${description}`)
      this.#events.push({ type: 'warning', description })
    }
  }

  #receiveCloseNotify(): void {
    this.#isPeerClosed = true
    if (this.#state === 'handshaking') {
      // "The other party MUST respond with a close_notify alert of its own" (RFC 5246 §7.2.1).
      this.#sendAlert('warning', 'close_notify')
      this.#abandon(new TlsError('TRUNCATED', 'the peer closed during the handshake'))
      return
    }
    this.#events.push({ type: 'peerClosed' })
    if (this.#state !== 'closing') return
    this.#state = 'closed'
    this.#wipe()
  }

  /** We do not renegotiate: who asks is told so, and the connection goes on (RFC 5246 §7.4.1.1, §7.2.2). */
  #receiveAfterHandshake(message: ReceivedMessage): void {
    const wanted = this.#role === 'server' ? 'client_hello' : 'hello_request'
    const type = message.kind === 'handshake' ? handshakeTypeOf(message.type) : message.kind
    if (type !== wanted)
      throw new TlsError('UNEXPECTED_MESSAGE', `${type ?? 'an unknown message'} came after the handshake`)
    decodeHandshakeBody(wanted, (message as HandshakeFrame).body)
    this.#tolerate(wanted)
    const isIgnored = this.#config.role === 'client' && this.#config.ignoreHelloRequests
    if (this.#state === 'open' && !isIgnored) this.#sendAlert('warning', 'no_renegotiation')
    this.#events.push({ type: 'renegotiationRefused' })
  }

  #tolerate(what: string): void {
    this.#tolerated++
    if (this.#tolerated > this.#limits.maxTolerated) {
      throw new TlsError(
        'TOO_MANY_WARNING_ALERTS',
        `${what} is number ${this.#tolerated} of what is borne ${this.#limits.maxTolerated} times`,
      )
    }
  }

  /** A fault found here: the alert leaves, under whatever protection is in force, and all ends. */
  #fail(error: TlsError): void {
    if (this.#isOver) return
    const hasClosed = this.#state === 'closing'
    this.#state = 'failed'
    try {
      // Our close_notify said that nothing more would come (RFC 5246 §7.2.1); and without a fatal alert the session lives on.
      if (hasClosed) this.#boundSessionId = undefined
      else this.#sendAlert('fatal', error.alert)
    } catch {
      // The write state is exhausted or gone; the end is the same without the alert.
    }
    this.#end(error)
  }

  /** An end that is no fatal alert and so leaves the session usable (RFC 5246 §7.2.1). */
  #abandon(error: TlsError): void {
    this.#state = 'failed'
    this.#boundSessionId = undefined
    this.#end(error)
  }

  #end(error: TlsError | PeerAlert): void {
    if (this.#boundSessionId) this.#events.push({ type: 'sessionForgotten', id: this.#boundSessionId })
    this.#events.push({ type: 'failed', error })
    this.#wipe()
  }

  #drop(): void {
    this.#outgoing = []
    this.#events = []
    this.#wipe()
  }

  #wipe(): void {
    this.#request = undefined
    this.#records.clear()
    this.#messages.clear()
    // Runs the handshake's finally blocks, which wipe what they hold.
    this.#handshake.return(undefined as never)
    // The event that hands the session out may be in this very step: nobody shall keep a key of zeros for it.
    const isHandedOut = this.#events.some(event => event.type === 'established')
    if (!isHandedOut) this.#established?.session.masterSecret.wipe()
  }

  #send(type: ContentType, bytes: Uint8Array): void {
    // One by one: in records of 64 bytes one write may be more of them than a call takes arguments (RFC 8449 §4).
    for (const record of this.#records.protect(type, bytes)) this.#outgoing.push(record)
  }

  #sendAlert(level: 'warning' | 'fatal', description: AlertDescription): void {
    this.#send('alert', encode(alert, { level, description }))
  }

  #channel(config: ClientConfig | ServerConfig): RecordChannel {
    const records = this.#records
    const messages = this.#messages
    return {
      send: (type, bytes) => this.#sendHandshakeMessage(type, bytes),
      fixVersion: () => records.fixVersion(),
      changeReadState: state => records.changeReadState(state),
      changeWriteState: state => records.changeWriteState(state),
      limitRead: bytes => records.limitRead(bytes),
      limitWrite: bytes => records.limitWrite(bytes),
      get isAligned() {
        return messages.isAligned
      },
      tolerate: what => this.#tolerate(what),
      startWriting: alpnProtocol => {
        this.#hasFalseStarted = true
        this.#events.push({ type: 'falseStart', alpnProtocol })
      },
      bindSession: id => {
        this.#boundSessionId = id
      },
      keylog: line => {
        if (config.keylog) this.#events.push({ type: 'keylog', line })
      },
    }
  }

  #requireStarted(): void {
    if (!this.#isStarted) throw new ApiMisuse('start() comes first')
  }

  #requireOpen(effect: Effect): void {
    if (this.#effect !== effect)
      throw new ApiMisuse(`no ${effect.kind} is open: each effect is answered once, and in turn`)
  }
}

/** Of an answer that nobody takes: the master secret of a session, or a decrypted block. */
function wipeAnswer(value: Answer<Effect['kind']>): void {
  if (value instanceof Uint8Array) value.fill(0)
  else if (value && 'session' in value) value.session.masterSecret.wipe()
}

function asTlsError(error: unknown, what: string): TlsError {
  return error instanceof TlsError ? error : new TlsError('INTERNAL_ERROR', what, { cause: error })
}
