import type { Duplex } from 'node:stream'

/** Who has a transport to itself. */
export interface TransportOwner {
  receive(bytes: Uint8Array): void
  /** No more will come. */
  receiveEnd(): void
  /** All that was written has left. */
  drained(): void
  /** It is destroyed; with an error, where it failed. */
  closed(error: Error | undefined): void
}

/** How long a connection that failed goes on reading, so that its alert is not lost to a TCP reset. */
const lingerMs = 1000

/**
 * A stream taken over, in whatever state its last owner leaves it. It is read and watched below its events, as node:tls does it with
 * a handle: who had it before may keep listeners there, remove all of them, or emit there what we decrypted, and hears no ciphertext.
 */
export class Transport {
  readonly stream: Duplex
  #owner: TransportOwner
  /** What came and was not handed over yet. */
  readonly #queue: Uint8Array[] = []
  #queuedBytes = 0
  #isPaused = true
  #hasBegun = false
  /** It was asked for more and has not answered; the last read() before we took over has done that. */
  #isAsked = true
  #hasEnded: boolean
  #hasToldEnd = false
  #writes = 0
  #holds = 0

  constructor(stream: Duplex, owner: TransportOwner) {
    this.stream = stream
    this.#owner = owner
    stream.pause()
    stream.unpipe()
    while (stream.writableCorked > 0) stream.uncork()
    // The end of one direction is not that of the other: an alert, or an answer to close_notify, may have to go yet.
    stream.allowHalfOpen = true
    for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) this.#queueUp(chunk)
    this.#hasEnded = stream.readableEnded
    // It may have ended already, and be about to say so.
    stream.once('end', () => this.#receive(null))
    // Not every stream destroys itself for an error that it tells of.
    stream.on('error', error => stream.destroy(error))
    stream.push = (chunk, encoding) => this.#receive(chunk, encoding)
    const destroy = stream._destroy.bind(stream)
    stream._destroy = (error, done) =>
      destroy(error, failure => {
        process.nextTick(() => this.#owner.closed(failure ?? undefined))
        // The error is its owner's now: where nobody else listens, nobody has to.
        done(stream.listenerCount('error') > 0 ? failure : null)
      })
  }

  pause(): void {
    this.#isPaused = true
  }

  /** Its owner hears nothing before, but that it was destroyed. */
  resume(): void {
    if (!this.#isPaused) return
    this.#hasBegun = true
    this.#isPaused = false
    process.nextTick(() => this.#flush())
  }

  /**
   * What comes while its owner tells somebody of what came before has to wait: over a transport in memory an answer to that is here
   * at once, and would overtake what is still to be told.
   */
  hold(): void {
    this.#holds++
  }

  release(): void {
    this.#holds--
    const hasMissed = this.#queue.length > 0 || (this.#hasEnded && !this.#hasToldEnd)
    if (this.#holds === 0 && hasMissed) process.nextTick(() => this.#flush())
  }

  write(chunks: readonly Uint8Array[]): void {
    const { stream } = this
    const last = chunks.at(-1)
    if (!stream.writable || last === undefined) return
    this.#writes++
    stream.cork()
    for (const chunk of chunks.slice(0, -1)) stream.write(chunk)
    stream.write(last, () => {
      this.#writes--
      if (this.#writes === 0) this.#owner.drained()
    })
    stream.uncork()
  }

  end(done: () => void): void {
    this.stream.end(() => {
      done()
      this.#destroyWhenOver()
    })
  }

  /** Ends it but goes on reading for a while: unread bytes would turn the end into a reset, and the alert would be lost. */
  linger(): void {
    if (this.stream.destroyed) return
    const timer = setTimeout(() => this.stream.destroy(), lingerMs)
    this.#owner = { receive() {}, receiveEnd() {}, drained() {}, closed: () => clearTimeout(timer) }
    this.end(() => {})
    this.resume()
  }

  #queueUp(chunk: Uint8Array | string, encoding: BufferEncoding | null = this.stream.readableEncoding): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding ?? 'utf8') : chunk
    this.#queue.push(bytes)
    this.#queuedBytes += bytes.length
  }

  /** In the place of the stream's push(): whether it may go on. */
  #receive(chunk: Uint8Array | string | null, encoding?: BufferEncoding): boolean {
    this.#isAsked = false
    if (chunk === null) this.#hasEnded = true
    else this.#queueUp(chunk, encoding)
    this.#flush()
    return this.#wantsMore
  }

  #flush(): void {
    if (this.#holds > 0) return
    while (!this.#isPaused && this.#queue.length > 0) {
      const bytes = this.#queue.shift()!
      this.#queuedBytes -= bytes.length
      this.#owner.receive(bytes)
    }
    if (this.#hasBegun && this.#hasEnded && this.#queue.length === 0 && !this.#hasToldEnd) {
      this.#hasToldEnd = true
      this.#owner.receiveEnd()
      this.#destroyWhenOver()
    }
    process.nextTick(() => this.#ask())
  }

  /** As any stream it reads ahead a little: that the peer has gone is seen although nobody reads. */
  get #wantsMore(): boolean {
    return !this.#isPaused || this.#queuedBytes < this.stream.readableHighWaterMark
  }

  #ask(): void {
    if (!this.#wantsMore || this.#isAsked || this.#hasEnded || this.stream.destroyed) return
    this.#isAsked = true
    this.stream._read(this.stream.readableHighWaterMark)
  }

  #destroyWhenOver(): void {
    if (this.#hasToldEnd && this.stream.writableFinished) this.stream.destroy()
  }
}

/** Whether it is a net.Socket on its way to its peer, or still to be sent on it. */
export function isConnecting(transport: Duplex): boolean {
  return !transport.destroyed && 'pending' in transport && transport.pending === true
}

/** What a net.Socket can say of where it is; another stream has none of it. */
export const addressNames = [
  'remoteAddress',
  'remotePort',
  'remoteFamily',
  'localAddress',
  'localPort',
  'localFamily',
  'autoSelectFamilyAttemptedAddresses',
] as const

/** Events of a net.Socket on its way to its peer, which its TLSSocket has too. */
export const connectingEvents = [
  'lookup',
  'connectionAttempt',
  'connectionAttemptFailed',
  'connectionAttemptTimeout',
] as const
