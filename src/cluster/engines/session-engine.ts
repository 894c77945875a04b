/**
 * What the session store asks of an engine that an operator has already, Redis or memcached. Each promise may
 * take as long as it likes and reject with anything: `GuardedStore` bounds it, and `EngineSessionStore` makes a
 * StoreFailure of what it rejects with.
 */
export interface SessionEngine {
  /** What errors call it, such as `redis 127.0.0.1:6379`; never with a password in it. */
  readonly name: string
  get(key: string): Promise<Uint8Array | undefined>
  /** Stores `value` where nothing is, for `lifetimeMs`; false where something is. */
  add(key: string, value: Uint8Array, lifetimeMs: number): Promise<boolean>
  /** Puts `value` in the place of what is there, for the time that that had left; false where nothing is. */
  replace(key: string, value: Uint8Array): Promise<boolean>
  /** Which of its servers has this key, where it knows: each is guarded by itself. */
  serverOf?(key: string): string
  /** Opens connections to all of its servers. Rejects when one cannot be had. */
  connect?(): Promise<void>
  close?(): Promise<void>
}

/** The key of a record in an engine: a prefix, for a database that others use too, and the storage key in base64url. */
export const keyPrefix = 'ringtls:'
