/**
 * The bytes-level store under a cluster's session cache: sealed records by storage key. It never sees a
 * master secret, and it never sees a session ID.
 */
export interface SessionStore {
  /** The sealed record, or `undefined` when nobody has it. Rejects on a failure; `signal` ends it. */
  get(storageKey: Uint8Array, signal: AbortSignal): Promise<Uint8Array | undefined>
  /** Stores a sealed record for `lifetimeMs`. Rejects on a failure. */
  put(storageKey: Uint8Array, sealed: Uint8Array, lifetimeMs: number): Promise<void>
  /** Removes a record; nothing to remove is no failure. */
  delete(storageKey: Uint8Array): Promise<void>
  close?(): Promise<void>
}

/**
 * Why a store did not do what it was asked: `timeout` its time was over; `conflict` there are other bytes
 * under this key; `gone` the key was deleted; `breaker` it was not asked, since it did not answer lately or has
 * too much to do; `error` anything else.
 */
export type StoreFailureReason = 'timeout' | 'conflict' | 'gone' | 'breaker' | 'error'

/** What a store's promises reject with. A store may reject with other errors too: they count as `error`. */
export class StoreFailure extends Error {
  override readonly name = 'StoreFailure'
  readonly reason: StoreFailureReason
  /** Whether somebody was there and answered: that speaks for a node, whatever it said. */
  readonly isAnswer: boolean

  /** @param message who, what came, what was wanted: never a record, a key or a session ID */
  constructor(reason: StoreFailureReason, message: string, options?: ErrorOptions & { isAnswer?: boolean }) {
    super(message, options)
    this.reason = reason
    this.isAnswer = options?.isAnswer ?? (reason === 'conflict' || reason === 'gone')
  }
}
