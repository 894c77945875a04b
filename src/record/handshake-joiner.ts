import { TlsError } from '../errors.ts'
import type { HandshakeFrame } from '../messages/handshake.ts'
import { ByteQueue } from './byte-queue.ts'

const headerBytes = 4

/**
 * Joins handshake messages out of record fragments: one message may fill many records, one record may hold
 * many messages (RFC 5246 §6.2.1).
 */
export class HandshakeJoiner {
  readonly #queue = new ByteQueue()
  readonly #maxMessageBytes: number

  /** @param maxMessageBytes longest body that is waited for; a longer one is refused by its header alone */
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes
  }

  /** Whether no message is half received: a key change must fall on such a boundary (RFC 5246 §7.1). */
  get isAligned(): boolean {
    return this.#queue.length === 0
  }

  add(fragment: Uint8Array): void {
    this.#queue.append(fragment)
  }

  /** The next whole message. Throws EXCESSIVE_MESSAGE_SIZE before the body of one that is too long has come. */
  next(): HandshakeFrame | undefined {
    if (this.#queue.length < headerBytes) return undefined
    const type = this.#queue.at(0)
    const length = this.#queue.uintAt(1, 3)
    if (length > this.#maxMessageBytes) {
      throw new TlsError(
        'EXCESSIVE_MESSAGE_SIZE',
        `handshake message of type ${type} announces ${length} bytes, at most ${this.#maxMessageBytes} are accepted`,
      )
    }
    if (this.#queue.length < headerBytes + length) return undefined
    const raw = this.#queue.take(headerBytes + length)
    return { kind: 'handshake', type, body: raw.subarray(headerBytes), raw }
  }

  /** Drops what is half received. */
  clear(): void {
    this.#queue.clear()
  }
}
