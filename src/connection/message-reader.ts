import { type AlertDescription, TlsError } from '../errors.ts'
import { alert } from '../messages/alert.ts'
import {
  type ChangeCipherSpec,
  changeCipherSpec,
  changeCipherSpecType,
} from '../messages/change-cipher-spec.ts'
import { type HandshakeFrame, HandshakeType, type ReceivedMessage } from '../messages/handshake.ts'
import { clientHelloOfV2 } from '../messages/v2-client-hello.ts'
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
  /** Nothing has come yet, and it may be a hello of SSL 2.0. */
  #mayBeV2: boolean

  /** @param acceptsV2Hello whether the first message may be in the form of SSL 2.0 (RFC 5246 §E.2) */
  constructor(records: RecordLayer, maxHandshakeMessageBytes: number, acceptsV2Hello = false) {
    this.#records = records
    this.#joiner = new HandshakeJoiner(maxHandshakeMessageBytes)
    this.#mayBeV2 = acceptsV2Hello
  }

  /** Whether no handshake message is half received. */
  get isAligned(): boolean {
    return this.#joiner.isAligned
  }

  /** The next message, `undefined` when not all of one has come. Takes no more records than it needs. */
  next(): Incoming | undefined {
    if (this.#mayBeV2 && this.#records.startsAsV2) return this.#nextV2Hello()
    for (;;) {
      const whole = this.#nextAlert() ?? this.#joiner.next()
      if (whole) return whole
      const record = this.#records.next()
      if (!record) return undefined
      this.#mayBeV2 = false
      if (this.#alerts.length > 0 && record.type !== 'alert') throw between(record.type, 'an alert')
      switch (record.type) {
        case 'handshake':
          this.#joiner.add(record.fragment)
          break
        case 'alert':
          this.#alerts.append(record.fragment)
          break
        case 'change_cipher_spec':
          // Whether it was due, and came at a boundary, is the gate's to check.
          return { kind: 'change_cipher_spec', value: readChangeCipherSpec(record.fragment) }
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

  /** The transcript has it as it came, without its length (RFC 5246 §E.2). */
  #nextV2Hello(): HandshakeFrame | undefined {
    const raw = this.#records.takeV2()
    if (!raw) return undefined
    this.#mayBeV2 = false
    return { kind: 'handshake', type: HandshakeType.client_hello, body: clientHelloOfV2(raw), raw }
  }

  #nextAlert(): IncomingAlert | undefined {
    if (this.#alerts.length < alertBytes) return undefined
    const { level, description } = decode(alert, this.#alerts.take(alertBytes), 'Alert')
    if (typeof level === 'number')
      throw new TlsError('UNKNOWN_ALERT_LEVEL', `Alert.level is ${level}, wanted 1 or 2`)
    return { kind: 'alert', level, description }
  }
}

/** One byte of value 1 (RFC 5246 §7.1). Whatever else came is no ChangeCipherSpec, as other implementations see it too. */
function readChangeCipherSpec(fragment: Uint8Array): ChangeCipherSpec {
  if (fragment.length !== 1 || fragment[0] !== changeCipherSpecType) {
    throw new TlsError(
      'BAD_CHANGE_CIPHER_SPEC',
      `a ChangeCipherSpec of ${fragment.length} bytes that is not a single 1`,
    )
  }
  return decode(changeCipherSpec, fragment, 'ChangeCipherSpec')
}

function between(came: string, what: string): TlsError {
  return new TlsError('UNEXPECTED_MESSAGE', `${came} came between two halves of ${what}`)
}
