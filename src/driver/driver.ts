/**
 * Runs a connection: turns its effects into promises, with a deadline where somebody else's machine answers.
 * No sockets, no clock of its own: timers are handed in, so a test may run on virtual time.
 */
import type { Connection, ConnectionEvent, Step } from '../connection/connection.ts'
import { ApiMisuse, TlsError } from '../errors.ts'
import type { Answer, Ask, Effect, Lookup, Policy, VerifiedPeer } from '../handshake/effects.ts'
import { Secret } from '../secret.ts'
import type { Session } from '../session/session.ts'
import type { CertifiedKey } from '../x509/certified-key.ts'
import type { SessionCache } from './session-cache.ts'

/** A monotonic clock in milliseconds, and its timers. */
export interface Timers {
  now(): number
  /** Runs `callback` after `delayMs`, unless the returned function is called before. */
  schedule(delayMs: number, callback: () => void): () => void
}

/** Whose decisions the effects ask for. What throws or rejects is refused. */
export interface Answers {
  selectPolicy?(ask: Ask<'selectPolicy'>): Policy | Promise<Policy>
  selectCertificate?(
    ask: Ask<'selectCertificate'>,
  ): CertifiedKey | undefined | Promise<CertifiedKey | undefined>
  verifyCertificate?(ask: Ask<'verifyCertificate'>): VerifiedPeer | Promise<VerifiedPeer>
  readonly sessionCache?: SessionCache | undefined
  /** Opens a ticket that `sealTicket` made, here or on another server with the same key (RFC 5077 §3.4). Without I/O. */
  openTicket?(ticket: Uint8Array): Lookup
}

/** Where bytes and events go. */
export interface Host {
  /** Bytes for the transport, in order; one call is one flight. */
  send(chunks: readonly Uint8Array[]): void
  event(event: ConnectionEvent): void
  /** An answer is awaited from now on, or no longer: the adapter had better not read meanwhile. */
  waiting?(isWaiting: boolean): void
}

export interface DriverOptions {
  readonly connection: Connection
  readonly answers: Answers
  readonly host: Host
  readonly timers: Timers
  /** The total budget of a session look-up; past it the handshake is a full one. 50 ms by default. */
  readonly lookupTimeoutMs?: number
}

const defaultLookupTimeoutMs = 50

/** One connection under way: what the adapter feeds, and whose answers it awaits. */
export class Driver {
  readonly #connection: Connection
  readonly #answers: Answers
  readonly #host: Host
  readonly #timers: Timers
  readonly #lookupTimeoutMs: number
  #answering: Effect | undefined
  #unsent: Uint8Array[] = []
  #lookupMs: number | undefined

  constructor(options: DriverOptions) {
    this.#connection = options.connection
    this.#answers = options.answers
    this.#host = options.host
    this.#timers = options.timers
    this.#lookupTimeoutMs = options.lookupTimeoutMs ?? defaultLookupTimeoutMs
  }

  /** How long the session look-up took, `undefined` when there was none. */
  get lookupMs(): number | undefined {
    return this.#lookupMs
  }

  start(): void {
    this.#runGuarded(() => this.#connection.start())
  }

  receive(bytes: Uint8Array): void {
    this.#runGuarded(() => this.#connection.receive(bytes))
  }

  write(data: Uint8Array): void {
    this.#run(this.#connection.write(data))
  }

  close(): void {
    this.#run(this.#connection.close())
  }

  end(): void {
    this.#run(this.#connection.end())
  }

  fail(reason: TlsError): void {
    this.#run(this.#connection.fail(reason))
  }

  abort(): void {
    this.#connection.abort()
  }

  #run(step: Step): void {
    for (const record of step.outgoing) this.#unsent.push(record)
    // A flight leaves in one write: what an answer adds at once goes with it.
    const isAnsweredNext = step.effect && step.effect !== this.#answering && step.events.length === 0
    if (!isAnsweredNext) this.#flush()
    // Before the host hears anything: it may abort on any event, which wipes the master secret.
    for (const event of step.events) this.#keepSession(event)
    for (const event of step.events) this.#host.event(event)
    // Wipes what the events of a last step still had to hand out.
    if (this.#connection.state === 'closed' || this.#connection.state === 'failed') this.#connection.abort()
    if (step.effect && step.effect !== this.#answering) this.#answer(step.effect)
  }

  #flush(): void {
    const chunks = this.#unsent
    this.#unsent = []
    if (chunks.length > 0) this.#host.send(chunks)
  }

  /** A session is kept when its handshake ended well, and forgotten on a fatal alert; nobody waits for either. */
  #keepSession(event: ConnectionEvent): void {
    try {
      // Somebody else's cache may be an async one, and TypeScript lets it pass for `void`.
      const kept: unknown =
        event.type === 'sessionEstablished'
          ? this.#answers.sessionCache?.save(event.id, event.session)
          : event.type === 'sessionForgotten' && this.#answers.sessionCache?.forget(event.id)
      if (isThenable(kept)) Promise.resolve(kept).catch(() => {})
    } catch {
      // A store can only help: the connection is none the worse for a session that was not kept.
    }
  }

  #answer(effect: Effect): void {
    this.#answering = effect
    let answer: Answer<Effect['kind']> | PromiseLike<Answer<Effect['kind']>>
    try {
      answer = this.#ask(effect)
    } catch (error) {
      this.#settle(() => this.#connection.refuse(effect, error))
      return
    }
    if (!isThenable(answer)) {
      const value = answer
      this.#settle(() => this.#connection.answer(effect, value))
      return
    }
    this.#flush()
    this.#host.waiting?.(true)
    const resume = (step: () => Step) => {
      this.#host.waiting?.(false)
      this.#settle(step)
    }
    answer.then(
      value => resume(() => this.#connection.answer(effect, value)),
      error => resume(() => this.#connection.refuse(effect, error)),
    )
  }

  #settle(step: () => Step): void {
    this.#answering = undefined
    this.#runGuarded(step)
  }

  /**
   * A wrong option or answer that shows itself only now ends this connection. There is no caller to throw at: what the peer sent, or
   * a promise, has led here, and an exception would end the whole process.
   */
  #runGuarded(input: () => Step): void {
    let step: Step
    try {
      step = input()
    } catch (error) {
      if (!(error instanceof ApiMisuse)) throw error
      this.#connection.abort()
      const failure = new TlsError('INTERNAL_ERROR', `a fault of our own: ${error.message}`, { cause: error })
      step = { outgoing: [], events: [{ type: 'failed', error: failure }], effect: undefined }
    }
    this.#run(step)
  }

  /** The one switch from effect to answer. */
  #ask(effect: Effect): Answer<Effect['kind']> | Promise<Answer<Effect['kind']>> {
    const { selectPolicy, selectCertificate, verifyCertificate, sessionCache } = this.#answers
    switch (effect.kind) {
      case 'selectPolicy':
        return (
          selectPolicy?.(effect) ?? { policyHash: new Uint8Array(16), resumable: sessionCache !== undefined }
        )
      case 'lookupSession':
        if ('ticket' in effect) return asLookup(this.#answers.openTicket?.(effect.ticket) ?? { miss: 'miss' })
        return sessionCache ? this.#lookup(sessionCache, effect.sessionId) : { miss: 'miss' }
      case 'selectCertificate':
        return selectCertificate?.(effect)
      case 'decryptPreMaster':
        return effect.key.decryptRaw?.(effect.ciphertext)
      case 'sign':
        return effect.key.sign(effect.scheme, effect.content)
      case 'verifyCertificate':
        if (!verifyCertificate) throw new Error('nobody is there to verify a certificate')
        return verifyCertificate(effect)
    }
  }

  /** A store can only help: whatever it does, the answer is here within the budget. */
  #lookup(cache: SessionCache, id: Uint8Array): Lookup | Promise<Lookup> {
    const startedMs = this.#timers.now()
    const measured = (lookup: Lookup): Lookup => {
      // An ID that is not ours, or of a key that is unknown, is dismissed for what it is: nothing was looked up.
      const isDismissed = 'miss' in lookup && (lookup.miss === 'foreign_id' || lookup.miss === 'epoch')
      if (!isDismissed) this.#lookupMs = this.#timers.now() - startedMs
      return lookup
    }
    const deadline = new AbortController()
    const loaded: unknown = cache.load(id, deadline.signal)
    if (!isThenable(loaded)) return measured(asLookup(loaded))
    return new Promise(resolve => {
      const cancel = this.#timers.schedule(this.#lookupTimeoutMs, () => {
        deadline.abort()
        resolve(measured({ miss: 'timeout' }))
      })
      const settle = (lookup: Lookup) => {
        // An answer that comes too late is nobody's: its secret goes.
        if (deadline.signal.aborted) return wipeLookup(lookup)
        cancel()
        resolve(measured(lookup))
      }
      Promise.resolve(loaded).then(
        value => settle(asLookup(value)),
        () => settle({ miss: 'error' }),
      )
    })
  }
}

/** A promise of any make: a test runner's or another library's is no `instanceof` ours. */
function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** What somebody else's cache answered, as far as it is an answer: `undefined` for a miss is easily written. */
function asLookup(value: unknown): Lookup {
  const { session, miss } = (value ?? {}) as { session?: Partial<Session>; miss?: unknown }
  const isLookup = typeof miss === 'string' || session?.masterSecret instanceof Secret
  return isLookup ? (value as Lookup) : { miss: 'error' }
}

function wipeLookup(lookup: Lookup): void {
  if ('session' in lookup) lookup.session.masterSecret.wipe()
}
