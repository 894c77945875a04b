import { type AlertDescription, TlsError } from '../errors.ts'
import { alert } from '../messages/alert.ts'
import { changeCipherSpec } from '../messages/change-cipher-spec.ts'
import type { ReceivedMessage } from '../messages/handshake.ts'
import { ByteQueue } from '../record/byte-queue.ts'
import { HandshakeJoiner } from '../record/handshake-joiner.ts'
import type { RecordLayer } from '../record/record-layer.ts'
import { decode } from '../wire/codec.ts'

const alertBytes = 2

export interface IncomingAlert {
  readonly kind: 'alert'
  readonly level: 'warning' | 'fatal'
  readonly description: AlertDescription | number
}

/** One thing a peer said, of any content type. */
export type Incoming =
  | ReceivedMessage
  | IncomingAlert
  | { readonly kind: 'application_data'; readonly bytes: Uint8Array }

/**
 * Records to messages. Handshake messages and alerts may be cut over records and joined in one (RFC 5246
 * §6.2.1); a record of another type between two halves of a message is refused.
 */
export class MessageReader {
  readonly #records: RecordLayer
  readonly #joiner: HandshakeJoiner
  readonly #alerts = new ByteQueue()

  constructor(records: RecordLayer, maxHandshakeMessageBytes: number) {
    this.#records = records
    this.#joiner = new HandshakeJoiner(maxHandshakeMessageBytes)
  }

  /** Whether no handshake message is half received. */
  get isAligned(): boolean {
    return this.#joiner.isAligned
  }

  /** The next message, `undefined` when not all of one has come. Takes no more records than it needs. */
  next(): Incoming | undefined {
    for (;;) {
      const whole = this.#nextAlert() ?? this.#joiner.next()
      if (whole) return whole
      const record = this.#records.next()
      if (!record) return undefined
      if (this.#alerts.length > 0 && record.type !== 'alert') throw between(record.type, 'an alert')
      switch (record.type) {
        case 'handshake':
          this.#joiner.add(record.fragment)
          break
        case 'alert':
          this.#alerts.append(record.fragment)
          break
        case 'change_cipher_spec':
          // Alignment is the gate's to check: it knows whether this one was due at all.
          return {
            kind: 'change_cipher_spec',
            value: decode(changeCipherSpec, record.fragment, 'ChangeCipherSpec'),
          }
        case 'application_data':
          if (!this.#joiner.isAligned) throw between(record.type, 'a handshake message')
          return { kind: 'application_data', bytes: record.fragment }
      }
    }
  }

  clear(): void {
    this.#joiner.clear()
    this.#alerts.clear()
  }

  #nextAlert(): IncomingAlert | undefined {
    if (this.#alerts.length < alertBytes) return undefined
    const { level, description } = decode(alert, this.#alerts.take(alertBytes), 'Alert')
    if (typeof level === 'number')
      throw new TlsError('UNKNOWN_ALERT_LEVEL', `Alert.level is ${level}, wanted 1 or 2`)
    return { kind: 'alert', level, description }
  }
}

function between(came: string, what: string): TlsError {
  return new TlsError('UNEXPECTED_MESSAGE', `${came} came between two halves of ${what}`)
}
