/**
 * A byte string that must not be printed. The bytes are in a private field, so that `util.inspect`,
 * `JSON.stringify` and an error's cause show the length alone; who needs them says so with `reveal()`.
 */
export class Secret {
  #bytes: Uint8Array

  /** Takes the bytes over, without copying: the caller keeps no use for them. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get length(): number {
    return this.#bytes.length
  }

  /** The bytes themselves, not a copy. Do not keep them. */
  reveal(): Uint8Array {
    return this.#bytes
  }

  /** A secret of its own with the same bytes, for a holder that wipes on another day. */
  copy(): Secret {
    return new Secret(new Uint8Array(this.#bytes))
  }

  /** Overwrites the bytes with zeros. What the runtime copied before is out of reach: see SECURITY.md. */
  wipe(): void {
    this.#bytes.fill(0)
  }

  toString(): string {
    return `[secret, ${this.#bytes.length} bytes]`
  }

  toJSON(): string {
    return this.toString()
  }

  /** What Node's util.inspect and console.log show. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}
