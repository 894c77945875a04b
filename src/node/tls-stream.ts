import { type AddressInfo, Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { addAbortSignal, type Duplex } from 'node:stream'
import { Connection, type ConnectionEvent } from '../connection/connection.ts'
import { Driver, type Timers } from '../driver/driver.ts'
import { ApiMisuse } from '../errors.ts'
import { apiMisuse } from './api-misuse.ts'
import { IdleTimer } from './idle-timer.ts'
import { readFunction, wrongType } from './option-types.ts'
import type { SocketTerms } from './socket-terms.ts'
import { addressNames, connectingEvents, isConnecting, Transport } from './transport.ts'

export interface TlsStreamOptions {
  readonly allowHalfOpen: boolean
  readonly highWaterMark?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * A connection as a stream over another stream: plaintext is written and read here, records there. It is a net.Socket without a
 * handle of its own, so that whoever knows those knows this; what a transport can say or do, it is asked. The handshake begins by
 * itself, once the transport is connected and not before the next tick, so that its owner can listen first.
 */
export abstract class TlsStream extends Socket {
  readonly #transport: Transport
  /** The same, for what a net.Socket can and another stream cannot. */
  readonly #socket: Partial<Socket>
  readonly #idle = new IdleTimer(() => this.emit('timeout'))
  #link: { readonly connection: Connection; readonly driver: Driver } | undefined
  #handshakeTimer: NodeJS.Timeout | undefined
  #startedMs: number | undefined
  #isWaiting = false
  #isFull = false
  #hasPeerEnded = false
  #bytesRead = 0
  #bytesWritten = 0
  /** What waits for the handshake's end, and what waits for the transport to drain; called with an error when that will not come. */
  #whenOpen: Waiting[] = []
  #whenDrained: Waiting[] = []

  constructor(transport: Duplex, { allowHalfOpen, highWaterMark, signal }: TlsStreamOptions) {
    super({ allowHalfOpen, ...(highWaterMark === undefined ? {} : { highWaterMark }) })
    this.#socket = transport as Partial<Socket>
    setOf<{ connecting: boolean }>(this).connecting = isConnecting(transport)
    this.#transport = this.#takeOver(transport)
    if (signal) addAbortSignal(signal, this)
    process.nextTick(() => this.#prepare())
  }

  static {
    const getters: Record<string, (stream: TlsStream) => unknown> = {
      pending: stream => stream.connecting || stream.destroyed,
      bufferSize: stream => stream.writableLength,
      bytesRead: stream => stream.#bytesRead,
      bytesWritten: stream => stream.#bytesWritten + stream.writableLength,
    }
    for (const name of addressNames) getters[name] = stream => stream.#socket[name]
    // Properties of net.Socket in its types, and accessors of its prototype in truth: a class cannot say that.
    for (const [name, read] of Object.entries(getters)) {
      const get = function (this: TlsStream) {
        return read(this)
      }
      Object.defineProperty(TlsStream.prototype, name, { configurable: true, enumerable: true, get })
    }
  }

  /** What the connection runs over. */
  get transport(): Duplex {
    return this.#transport.stream
  }

  /** How the connection begins; asked when it does. */
  protected abstract beginningTerms(): SocketTerms
  /** Everything but data, which is the stream's. */
  protected abstract receiveEvent(event: ConnectionEvent): void

  /** Ends the stream for an error; for `undefined`: the transport was gone before the handshake. */
  protected abstract failTls(error: Error | undefined): void

  /** `undefined` before the handshake begins. */
  protected get tlsConnection(): Connection | undefined {
    return this.#link?.connection
  }

  /** Of the handshake so far. */
  protected get handshakeMeasures() {
    return {
      lookupMs: this.#link?.driver.lookupMs,
      bytesOut: this.#socket.bytesWritten ?? 0,
      ms: performance.now() - (this.#startedMs ?? performance.now()),
    }
  }

  /** The handshake has ended well: what was written meanwhile may go. */
  protected endHandshakeTimer(): void {
    clearTimeout(this.#handshakeTimer)
  }

  protected releaseWaiting(): void {
    for (const waiting of this.#whenOpen.splice(0)) waiting()
  }

  /** No data will come any more. Where none is left either, nobody has to read for the end to be seen, as in net.Socket. */
  protected endReading(): void {
    this.#hasPeerEnded = true
    this.push(null)
    this.read(0)
  }

  override _read(): void {
    this.#isFull = false
    this.#regulate()
  }

  override _write(
    chunk: Uint8Array | string,
    encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    this.#write(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk, done)
  }

  override _writev(chunks: readonly StreamChunk[], done: (error?: Error | null) => void): void {
    const pieces = joined(chunks)
    const writeNext = (error?: Error | null): void => {
      const piece = pieces.shift()
      if (error || !piece) return done(error)
      this.#write(piece, writeNext)
    }
    writeNext()
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#afterHandshake(error => {
      if (error) return done(error)
      this.#link?.driver.close()
      if (this.transport.writable) this.#transport.end(done)
      else done()
    })
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    setOf<{ connecting: boolean }>(this).connecting = false
    clearTimeout(this.#handshakeTimer)
    this.#idle.set(0)
    this.#link?.driver.abort()
    if (this.tlsConnection?.state === 'failed' && error) this.#transport.linger()
    else this.transport.destroy()
    this.#refuseWaiting(error ?? closedError('before all was written'))
    done(error)
    // A net.Socket says so itself, and whether it was for an error.
    process.nextTick(() => this.emit('close', error !== null))
  }

  override setTimeout(timeoutMs: number, callback?: () => void): this {
    if (this.destroyed) return this
    if (typeof timeoutMs !== 'number') throw wrongType('msecs', 'a number', timeoutMs)
    if (!(timeoutMs >= 0 && timeoutMs < Number.POSITIVE_INFINITY))
      throw apiMisuse('ERR_OUT_OF_RANGE', `msecs: came ${timeoutMs}, wanted 0 or more`)
    readFunction('callback', callback)
    setOf<{ timeout?: number }>(this).timeout = timeoutMs
    this.#idle.set(timeoutMs)
    if (callback && timeoutMs === 0) this.removeListener('timeout', callback)
    else if (callback) this.once('timeout', callback)
    return this
  }

  override setNoDelay(noDelay?: boolean): this {
    this.#socket.setNoDelay?.(noDelay)
    return this
  }

  override setKeepAlive(enable?: boolean, initialDelayMs?: number): this {
    this.#socket.setKeepAlive?.(enable, initialDelayMs)
    return this
  }

  override ref(): this {
    this.#socket.ref?.()
    return this
  }

  override unref(): this {
    this.#socket.unref?.()
    return this
  }

  override address(): AddressInfo | Record<string, never> {
    return (this.#socket.address?.() as AddressInfo | undefined) ?? {}
  }

  override resetAndDestroy(): this {
    this.#socket.resetAndDestroy?.()
    return this.destroy()
  }

  /** It is connected, or on its way, from the beginning. */
  override connect(): this {
    throw new ApiMisuse(
      'a TLSSocket has its transport already: open a connection with connect() of this module',
    )
  }

  #prepare(): void {
    if (this.destroyed) return
    const { handshakeTimeoutMs } = this.beginningTerms()
    this.#handshakeTimer = setTimeout(() => this.#giveUp(handshakeTimeoutMs), handshakeTimeoutMs).unref()
    if (!isConnecting(this.transport)) return this.#begin()
    this.transport.once('connect', () => {
      setOf<{ connecting: boolean }>(this).connecting = false
      this.emit('connect')
      this.emit('ready')
      this.#begin()
    })
  }

  #begin(): void {
    const { transport } = this
    if (this.destroyed) return
    if (transport.destroyed || !transport.writable) {
      this.failTls(transport.errored ?? undefined)
      return
    }
    const { config, answers, lookupTimeoutMs } = this.beginningTerms()
    const connection = new Connection(config)
    const host = {
      send: (chunks: readonly Uint8Array[]) => this.#send(chunks),
      event: (event: ConnectionEvent) => this.#receiveEvent(event),
      waiting: (isWaiting: boolean) => {
        this.#isWaiting = isWaiting
        this.#regulate()
      },
    }
    const lookup = lookupTimeoutMs === undefined ? {} : { lookupTimeoutMs }
    const driver = new Driver({ connection, answers, host, timers: nodeTimers, ...lookup })
    this.#link = { connection, driver }
    if (config.role === 'client') this.#startedMs = performance.now()
    driver.start()
    this.#regulate()
  }

  #takeOver(transport: Duplex): Transport {
    if (this.connecting)
      for (const name of connectingEvents)
        transport.on(name, (...told: unknown[]) => this.emit(name as string, ...told))
    return new Transport(transport, {
      receive: bytes => this.#receive(bytes),
      receiveEnd: () => this.#receiveEnd(),
      drained: () => {
        this.#idle.refresh()
        for (const waiting of this.#whenDrained.splice(0)) waiting()
      },
      closed: error => {
        if (error) this.destroy(error)
        this.#receiveClose()
      },
    })
  }

  #receive(bytes: Uint8Array): void {
    this.#startedMs ??= performance.now()
    this.#idle.refresh()
    this.#link?.driver.receive(bytes)
  }

  #write(bytes: Uint8Array, done: (error?: Error | null) => void): void {
    this.#afterHandshake(error => {
      if (error) return done(error)
      // Bytes for a transport that takes none would be lost, and their writer told that all is well.
      if (!this.tlsConnection?.isWritable || !this.transport.writable)
        return done(closedError('before a write'))
      this.#bytesWritten += bytes.length
      this.#link?.driver.write(bytes)
      if (this.transport.writableNeedDrain) this.#whenDrained.push(done)
      else done()
    })
  }

  #send(chunks: readonly Uint8Array[]): void {
    this.#idle.refresh()
    this.#transport.write(chunks)
  }

  #receiveEvent(event: ConnectionEvent): void {
    this.#transport.hold()
    try {
      if (event.type === 'data') this.#receiveData(event.bytes)
      else this.receiveEvent(event)
    } finally {
      this.#transport.release()
    }
  }

  #receiveData(bytes: Uint8Array): void {
    this.#bytesRead += bytes.length
    // Whoever has read enough may have destroyed the stream in the middle of a Step.
    this.#isFull = !this.push(bytes)
    this.#regulate()
  }

  /** Reads on only while somebody wants the data and no answer is awaited. */
  #regulate(): void {
    // After the end it is `linger` that reads, and an answer that comes late must not stop it.
    if (this.destroyed || !this.#link) return
    if (this.#isFull || this.#isWaiting) this.#transport.pause()
    else this.#transport.resume()
  }

  #receiveEnd(): void {
    // The peer has said so before, and may still be written to.
    if (this.destroyed || this.#hasPeerEnded) return
    if (this.#link) this.#link.driver.end()
    else this.failTls(undefined)
    if (!this.destroyed) this.endReading()
  }

  #receiveClose(): void {
    this.#receiveEnd()
    if (this.destroyed) return
    this.#link?.driver.end()
    // What came and was not read yet is still the reader's, and the stream ends after it; a half-open one does not by itself.
    this.#refuseWaiting(closedError('before all was written'))
    if (!this.allowHalfOpen) return
    if (this.readableEnded) this.destroy()
    else this.once('end', () => this.destroy())
  }

  #afterHandshake(action: Waiting): void {
    if ((this.tlsConnection?.state ?? 'handshaking') === 'handshaking') this.#whenOpen.push(action)
    else action()
  }

  #refuseWaiting(error: Error): void {
    for (const waiting of [...this.#whenOpen.splice(0), ...this.#whenDrained.splice(0)]) waiting(error)
  }

  #giveUp(timeoutMs: number): void {
    const error = new Error(`the TLS handshake did not end within ${timeoutMs} ms`)
    this.destroy(Object.assign(error, { code: 'ERR_TLS_HANDSHAKE_TIMEOUT' }))
  }
}

type Waiting = (error?: Error) => void
interface StreamChunk {
  readonly chunk: Uint8Array | string
  readonly encoding: BufferEncoding
}

/** A record's worth: more would be encrypted ahead of a transport that does not take it. */
const joinedBytes = 16_384

/** What was written piece by piece, in pieces that fill a record: a header and its body leave as one. */
function joined(chunks: readonly StreamChunk[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let small: Uint8Array[] = []
  let length = 0
  const flush = () => {
    if (small.length > 0) pieces.push(Buffer.concat(small))
    small = []
    length = 0
  }
  for (const { chunk, encoding } of chunks) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
    if (length + bytes.length > joinedBytes) flush()
    small.push(bytes)
    length += bytes.length
  }
  flush()
  return pieces
}

/** Node's own fields, which are read-only to others. */
function setOf<T>(stream: TlsStream): T {
  return stream as unknown as T
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
