import { type FaultDetail, TlsError } from '../errors.ts'
import { tls12, versionText } from '../messages/protocol-version.ts'
import { ByteQueue } from './byte-queue.ts'
import { ContentType, contentTypeOf, maxCiphertextBytes, maxPlaintextBytes } from './content-type.ts'
import type { Protection } from './protection.ts'

const headerBytes = 5
const v2HeaderBytes = 2
/** Set in a length of SSL 2.0 that no padding follows. */
const v2LengthFlag = 0x8000
const majorVersion = tls12 >> 8

/** One record after unprotection: TLSPlaintext (RFC 5246 §6.2.1). */
export interface TLSPlaintext {
  readonly type: ContentType
  readonly fragment: Uint8Array
}

/**
 * The record protocol (RFC 5246 §6): bytes to records and back under the current read and write states. It
 * decrypts only when asked for the next record, so a ChangeCipherSpec changes the state before the record
 * after it is looked at, whatever came in one TCP segment.
 */
export class RecordLayer {
  readonly #incoming = new ByteQueue()
  readonly #maxEmptyFragments: number
  #readState: Protection | undefined
  #writeState: Protection | undefined
  /** Where a shorter one than 2^14 was agreed. */
  #readLimit: number | undefined
  #writeLimit = maxPlaintextBytes
  #recordsWritten = 0
  #bytesAppended = 0
  #versionIsFixed = false
  #writeVersion: number
  #emptyFragments = 0

  /**
   * @param maxEmptyFragments longest run of empty application data that is borne
   * @param helloVersion what our own records say until the version is fixed
   */
  constructor(maxEmptyFragments: number, helloVersion: number = tls12) {
    this.#maxEmptyFragments = maxEmptyFragments
    this.#writeVersion = helloVersion
  }

  /** Bytes that came and were not looked at yet. */
  get bufferedBytes(): number {
    return this.#incoming.length
  }

  /** Bytes of all records that were taken so far, headers included. */
  get bytesRead(): number {
    return this.#bytesAppended - this.#incoming.length
  }

  append(bytes: Uint8Array): void {
    this.#bytesAppended += bytes.length
    this.#incoming.append(bytes)
  }

  /** From ServerHello on every record must say TLS 1.2; before, any 3.x is borne (RFC 5246 §E.1). */
  fixVersion(): void {
    this.#versionIsFixed = true
    this.#writeVersion = tls12
  }

  changeReadState(state: Protection): void {
    this.#readState = state
  }

  changeWriteState(state: Protection): void {
    this.#writeState = state
    this.#recordsWritten = 0
  }

  /** The longest plaintext that is accepted from now on, in bytes (RFC 6066 §4, RFC 8449 §4). */
  limitRead(bytes: number): void {
    this.#readLimit = bytes
  }

  /** The longest plaintext that is sent from now on, in bytes: what is longer is cut up. It only ever gets shorter. */
  limitWrite(bytes: number): void {
    this.#writeLimit = Math.min(bytes, this.#writeLimit)
  }

  /** The next record, `undefined` when not all of it has come. Throws TlsError; a header is judged before its body. */
  next(): TLSPlaintext | undefined {
    if (this.#incoming.length < headerBytes) {
      if (this.#incoming.length > 0) this.#readType()
      return undefined
    }
    const type = this.#readType()
    this.#checkVersion(this.#incoming.uintAt(1, 2))
    const length = this.#incoming.uintAt(3, 2)
    const limit = this.#readState ? maxCiphertextBytes : (this.#readLimit ?? maxPlaintextBytes)
    if (length > limit) throw overflow(length, limit)
    if (this.#incoming.length < headerBytes + length) return undefined
    const record = this.#incoming.take(headerBytes + length).subarray(headerBytes)
    const fragment = this.#readState ? this.#readState.unprotect(ContentType[type], record) : record
    // That nothing is longer than 2^14 is for the protection to see, which knows why it is.
    if (this.#readLimit !== undefined && fragment.length > this.#readLimit)
      throw overflow(fragment.length, this.#readLimit)
    this.#checkEmpty(type, fragment)
    return { type, fragment }
  }

  /** Whether what comes next begins as a message of SSL 2.0 does: with the length of one byte string in two bytes (RFC 5246 §E.2). */
  get startsAsV2(): boolean {
    return this.#incoming.length > 0 && this.#incoming.at(0) >= v2LengthFlag >> 8
  }

  /** That message without its length; `undefined` when not all of it has come. */
  takeV2(): Uint8Array | undefined {
    if (this.#incoming.length < v2HeaderBytes) return undefined
    const length = this.#incoming.uintAt(0, v2HeaderBytes) & ~v2LengthFlag
    if (this.#incoming.length < v2HeaderBytes + length) return undefined
    return this.#incoming.take(v2HeaderBytes + length).subarray(v2HeaderBytes)
  }

  /**
   * Cuts bytes into fragments and protects them; each result is a whole record. No bytes give one empty record. Throws
   * SEQUENCE_NUMBER_EXHAUSTED before the first of more records than the key may still protect.
   */
  protect(type: ContentType, bytes: Uint8Array): Uint8Array[] {
    this.#countRecords(type, Math.max(1, Math.ceil(bytes.length / this.#writeLimit)))
    const records: Uint8Array[] = []
    let offset = 0
    do {
      const fragment = bytes.subarray(offset, offset + this.#writeLimit)
      records.push(this.#protectFragment(type, fragment))
      offset += this.#writeLimit
    } while (offset < bytes.length)
    return records
  }

  /** Drops both states and whatever is buffered. */
  clear(): void {
    this.#incoming.clear()
    this.#readState = undefined
    this.#writeState = undefined
  }

  #protectFragment(type: ContentType, fragment: Uint8Array): Uint8Array {
    const body = this.#writeState ? this.#writeState.protect(ContentType[type], fragment) : fragment
    const record = new Uint8Array(headerBytes + body.length)
    record[0] = ContentType[type]
    record[1] = this.#writeVersion >> 8
    record[2] = this.#writeVersion & 0xff
    record[3] = body.length >> 8
    record[4] = body.length & 0xff
    record.set(body, headerBytes)
    return record
  }

  /**
   * A key that has protected all it may protects no more: there is no renegotiation here to change it. Its last record is kept
   * for the alert that says so (RFC 5246 §7.2.2).
   */
  #countRecords(type: ContentType, count: number): void {
    const { maxRecords = Number.POSITIVE_INFINITY } = this.#writeState ?? {}
    const allowed = type === 'alert' ? maxRecords : maxRecords - 1
    if (this.#recordsWritten + count > allowed)
      throw new TlsError(
        'SEQUENCE_NUMBER_EXHAUSTED',
        `${this.#recordsWritten} of the ${maxRecords} records of this key were written, ${count} more are too many`,
      )
    this.#recordsWritten += count
  }

  /** Judged on the first byte, so that a peer that speaks another protocol is told at once. */
  #readType(): ContentType {
    const number = this.#incoming.at(0)
    const type = contentTypeOf(number)
    if (!type)
      throw new TlsError(
        'UNKNOWN_RECORD_TYPE',
        `a record of type ${number}, wanted 20 to 23: ${whatStartsWith(number)}`,
        this.#versionIsFixed ? {} : { detail: this.#protocolThatCame() },
      )
    return type
  }

  /** By the four bytes that begin it, as far as they are there. */
  #protocolThatCame(): FaultDetail {
    const bytes = Array.from({ length: Math.min(4, this.#incoming.length) }, (_, i) => this.#incoming.at(i))
    const text = String.fromCharCode(...bytes)
    if (['GET ', 'POST', 'HEAD', 'PUT '].includes(text)) return 'http_request'
    return text === 'CONN' ? 'proxy_request' : 'not_tls'
  }

  #checkVersion(version: number): void {
    const isFine = this.#versionIsFixed ? version === tls12 : version >> 8 === majorVersion
    if (!isFine) {
      throw new TlsError('WRONG_VERSION_NUMBER', `a record of version ${versionText(version)}, wanted 0x0303`)
    }
  }

  /** Only application data may be empty (RFC 5246 §6.2.1), and not for ever: a warning now and then begins no new run. */
  #checkEmpty(type: ContentType, fragment: Uint8Array): void {
    if (fragment.length > 0) {
      if (type !== 'alert') this.#emptyFragments = 0
      return
    }
    if (type !== 'application_data') throw new TlsError('EMPTY_FRAGMENT', `an empty ${type} record`)
    this.#emptyFragments++
    if (this.#emptyFragments > this.#maxEmptyFragments) {
      throw new TlsError(
        'TOO_MANY_EMPTY_FRAGMENTS',
        `more than ${this.#maxEmptyFragments} empty records in a row`,
      )
    }
  }
}

function overflow(length: number, limit: number): TlsError {
  return new TlsError('RECORD_OVERFLOW', `a record has ${length} bytes, at most ${limit} are allowed`)
}

/** Who speaks something else to a TLS port wants to know what he did wrong. */
function whatStartsWith(byte: number): string {
  if (byte >= 0x41 && byte <= 0x5a) return 'text, perhaps a plain HTTP request; use https'
  if (byte >= 0x80)
    return 'not a TLS record, perhaps a ClientHello of SSLv2 (RFC 6176 forbids clients to send it)'
  return 'not a TLS record'
}
