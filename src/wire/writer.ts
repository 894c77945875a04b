import { ApiMisuse } from '../errors.ts'

/** Writes a byte string front to back; grows as needed. */
export class Writer {
  #bytes = new Uint8Array(256)
  #length = 0

  /** A big-endian unsigned integer of 1 to 6 bytes. */
  uint(value: number, length: number): void {
    if (!Number.isInteger(value) || value < 0 || value >= 256 ** length) {
      throw new ApiMisuse(`${value} does not fit an unsigned integer of ${length} bytes`)
    }
    this.#grow(length)
    this.#put(value, length, this.#length)
    this.#length += length
  }

  append(bytes: Uint8Array): void {
    this.#grow(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** Writes a length field of `prefixBytes` bytes, then what `write` writes; returns the length it wrote. */
  withLength(prefixBytes: number, write: () => void): number {
    const at = this.#length
    this.uint(0, prefixBytes)
    write()
    const length = this.#length - at - prefixBytes
    if (length >= 256 ** prefixBytes) {
      throw new ApiMisuse(`a vector of ${length} bytes does not fit a length field of ${prefixBytes} bytes`)
    }
    this.#put(length, prefixBytes, at)
    return length
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  /** Overwrites the working buffer with zeros: for what held a secret. */
  wipe(): void {
    this.#bytes.fill(0)
  }

  #put(value: number, length: number, at: number): void {
    let rest = value
    for (let i = length - 1; i >= 0; i--) {
      this.#bytes[at + i] = rest % 256
      rest = Math.floor(rest / 256)
    }
  }

  #grow(extra: number): void {
    const needed = this.#length + extra
    if (needed <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length))
    larger.set(this.#bytes)
    this.#bytes.fill(0)
    this.#bytes = larger
  }
}
