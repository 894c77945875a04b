import { TlsError } from '../errors.ts'

/**
 * One thing that was read: a leaf (bytes that are nothing but this value) or a group of leaves. The leaves of
 * a message partition its bytes, length fields included, so a page can explain each byte exactly once.
 */
export interface Span {
  /** Names and indices from the message down, joined by dots: `ClientHello.cipherSuites.3`. */
  readonly path: string
  /** Of the first byte, from the start of the decoded bytes. */
  readonly offset: number
  /** In bytes. */
  readonly length: number
  readonly value: unknown
  readonly leaf: boolean
}
export type TraceSink = (span: Span) => void

/** What a decoder may find wrong: bytes that the language does not allow, or a value after which nothing can be read. */
export type DecodeFault = 'DECODE_ERROR' | 'DUPLICATE_EXTENSION' | 'WRONG_CURVE'

/** Bytes that the presentation language does not allow; says where, what was needed and what was there. */
export class DecodeError extends TlsError {
  readonly path: string
  /** Where reading stopped, from the start of the decoded bytes; never past their end. */
  readonly offset: number

  constructor(path: string, offset: number, problem: string, code: DecodeFault) {
    super(code, `${path}: ${problem}`)
    this.path = path
    this.offset = offset
  }
}

/** Reads a byte string front to back (RFC 5246 §4). It never reads past its end and throws only DecodeError. */
export class Reader {
  readonly bytes: Uint8Array
  offset = 0
  #end: number
  readonly #path: (string | number)[]
  readonly #trace: TraceSink | undefined

  constructor(bytes: Uint8Array, name: string, trace?: TraceSink) {
    // Node's Buffer is a Uint8Array whose slice() is no copy: who wiped a copy would wipe the caller's bytes.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#end = bytes.length
    this.#path = [name]
    this.#trace = trace
  }

  /** Bytes left in the innermost vector. */
  get remaining(): number {
    return this.#end - this.offset
  }

  get path(): string {
    return this.#path.join('.')
  }

  fail(problem: string, code: DecodeFault = 'DECODE_ERROR'): never {
    throw new DecodeError(this.path, this.offset, problem, code)
  }

  /** A view of the next `length` bytes, not a copy. */
  take(length: number): Uint8Array {
    this.#need(length)
    const start = this.offset
    this.offset += length
    return this.bytes.subarray(start, this.offset)
  }

  /** A big-endian unsigned integer of 1 to 6 bytes (RFC 5246 §4.4). */
  uint(length: number): number {
    this.#need(length)
    let value = 0
    for (let i = 0; i < length; i++) value = value * 256 + this.bytes[this.offset++]!
    return value
  }

  /** Reads one named part, so that an error or a span inside it knows where it is. */
  part<T>(name: string | number, read: (reader: Reader) => T): T {
    this.#path.push(name)
    const value = read(this)
    this.#path.pop()
    return value
  }

  /** Reads exactly `length` bytes with `read`: what it leaves over is an error. */
  within<T>(length: number, read: (reader: Reader) => T): T {
    this.#need(length)
    const outerEnd = this.#end
    this.#end = this.offset + length
    const value = read(this)
    this.finish()
    this.#end = outerEnd
    return value
  }

  /** Nothing may be left. */
  finish(): void {
    if (this.remaining > 0) this.fail(`${count(this.remaining)} left over`)
  }

  /** Tells the trace, if there is one, what stood between `start` and here. Free when tracing is off. */
  traced<T>(start: number, value: T, leaf: boolean): T {
    if (this.#trace) {
      this.#trace({ path: this.path, offset: start, length: this.offset - start, value, leaf })
    }
    return value
  }

  #need(length: number): void {
    if (length > this.remaining) this.fail(`need ${count(length)}, have ${this.remaining}`)
  }
}

function count(bytes: number): string {
  return bytes === 1 ? '1 byte' : `${bytes} bytes`
}
