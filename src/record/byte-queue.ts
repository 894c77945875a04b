/** Bytes that came and were not taken yet, in one buffer that grows by doubling and is reused. */
export class ByteQueue {
  #buffer = new Uint8Array(0)
  #start = 0
  #end = 0

  get length(): number {
    return this.#end - this.#start
  }

  append(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#buffer.length) this.#makeRoom(bytes.length)
    this.#buffer.set(bytes, this.#end)
    this.#end += bytes.length
  }

  /** The byte at `index` from the front; the caller has checked `length`. */
  at(index: number): number {
    return this.#buffer[this.#start + index]!
  }

  /** A big-endian integer of `length` bytes at `index` from the front. */
  uintAt(index: number, length: number): number {
    let value = 0
    for (let i = 0; i < length; i++) value = value * 256 + this.at(index + i)
    return value
  }

  /** Takes `length` bytes off the front, as a copy of their own. */
  take(length: number): Uint8Array {
    const taken = this.#buffer.slice(this.#start, this.#start + length)
    this.#start += length
    if (this.#start === this.#end) this.clear()
    return taken
  }

  /** Drops everything, the buffer too: an idle connection holds no memory here. */
  clear(): void {
    this.#buffer = new Uint8Array(0)
    this.#start = 0
    this.#end = 0
  }

  #makeRoom(extra: number): void {
    const needed = this.length + extra
    const target =
      needed <= this.#buffer.length / 2 ? this.#buffer : new Uint8Array(Math.max(2 * needed, 512))
    target.set(this.#buffer.subarray(this.#start, this.#end))
    this.#end = this.length
    this.#start = 0
    this.#buffer = target
  }
}
