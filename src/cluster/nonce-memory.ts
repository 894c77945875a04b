/** Remembers nonces for a time, so that no request counts twice. Bounded: when full it admits nothing new. */
export class NonceMemory {
  readonly #expiryOf = new Map<string, number>()
  readonly #memoryMs: number
  readonly #maxNonces: number
  #sweptMs = 0

  constructor({ memoryMs, maxNonces }: { memoryMs: number; maxNonces: number }) {
    this.#memoryMs = memoryMs
    this.#maxNonces = maxNonces
  }

  /** Whether the nonce is new, and room to remember it. Forgetting one early would let a replay in. */
  admit(nonce: string, nowMs: number): 'new' | 'replayed' | 'full' {
    this.#forgetOld(nowMs)
    if (this.#expiryOf.has(nonce)) return 'replayed'
    if (this.#expiryOf.size >= this.#maxNonces && !this.#makeRoom(nowMs)) return 'full'
    this.#expiryOf.set(nonce, nowMs + this.#memoryMs)
    return 'new'
  }

  get size(): number {
    return this.#expiryOf.size
  }

  /** After the clock was set back the oldest entries are not the first to expire: all are looked at, once a second. */
  #makeRoom(nowMs: number): boolean {
    if (Math.abs(nowMs - this.#sweptMs) < 1000) return false
    this.#sweptMs = nowMs
    for (const [nonce, expiresMs] of this.#expiryOf) {
      if (expiresMs < nowMs) this.#expiryOf.delete(nonce)
    }
    return this.#expiryOf.size < this.#maxNonces
  }

  /** A Map keeps the order of insertion, which is that of expiry as long as the clock runs forwards. */
  #forgetOld(nowMs: number): void {
    for (const [nonce, expiresMs] of this.#expiryOf) {
      // In its last millisecond the request is still in time, so its nonce must still be known.
      if (expiresMs >= nowMs) return
      this.#expiryOf.delete(nonce)
    }
  }
}
