import { TlsError } from '../errors.ts'

/** The 64-bit record counter (RFC 5246 §6.1). It never wraps: at its end the connection does. */
export class SequenceNumber {
  readonly #bytes = new Uint8Array(8)
  #exhausted = false

  constructor(start: bigint) {
    new DataView(this.#bytes.buffer).setBigUint64(0, start)
  }

  /** The number of this record, 8 bytes big-endian, as a copy; counts on. Throws SEQUENCE_NUMBER_EXHAUSTED. */
  next(): Uint8Array {
    if (this.#exhausted)
      throw new TlsError('SEQUENCE_NUMBER_EXHAUSTED', 'all 2^64 sequence numbers are used up')
    const current = this.#bytes.slice()
    let i = 7
    while (i >= 0 && this.#bytes[i] === 0xff) this.#bytes[i--] = 0
    if (i < 0) this.#exhausted = true
    else this.#bytes[i]!++
    return current
  }
}

/** `seq_num + type + version + length`, which every MAC and AEAD covers (RFC 5246 §6.2.3.1, §6.2.3.3). */
export function additionalData(sequenceNumber: Uint8Array, contentType: number, length: number): Uint8Array {
  const data = new Uint8Array(13)
  data.set(sequenceNumber)
  data[8] = contentType
  data[9] = 3
  data[10] = 3
  data[11] = length >> 8
  data[12] = length & 0xff
  return data
}
