/** Record protection as RFC 5246 §6.2.3, RFC 5288 §3, RFC 7366 §3 and RFC 7905 §2 say it, over node:crypto alone. */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { type Bytes, cat, filled, none, u8, u16 } from './by-hand.ts'

/** What a suite's name says about its records, in the words of RFC 5246 §A.5 and §C. */
export interface RecordShape {
  readonly kind: 'gcm' | 'chacha20' | 'cbc'
  readonly keyLength: number
  readonly ivLength: number
  readonly macLength: number
  readonly mac: 'sha1' | 'sha256' | 'sha384'
}

/** Read off the name, so that a wrong row in our own table is found. */
export function recordShapeOf(suite: string): RecordShape {
  const keyLength = suite.includes('AES_128') ? 16 : 32
  if (suite.includes('CHACHA20'))
    return { kind: 'chacha20', keyLength, ivLength: 12, macLength: 0, mac: 'sha256' }
  if (suite.includes('GCM')) return { kind: 'gcm', keyLength, ivLength: 4, macLength: 0, mac: 'sha256' }
  const mac = suite.endsWith('SHA384') ? 'sha384' : suite.endsWith('SHA256') ? 'sha256' : 'sha1'
  return { kind: 'cbc', keyLength, ivLength: 0, macLength: { sha1: 20, sha256: 32, sha384: 48 }[mac], mac }
}

export interface RecordKeys {
  readonly mac: Uint8Array
  readonly key: Uint8Array
  readonly iv: Uint8Array
}

/** One direction under one set of keys; counts its records. */
export class RecordState {
  readonly #shape: RecordShape
  readonly #keys: RecordKeys
  readonly #encryptThenMac: boolean
  #count = 0

  constructor(shape: RecordShape, keys: RecordKeys, encryptThenMac: boolean) {
    this.#shape = shape
    this.#keys = keys
    this.#encryptThenMac = encryptThenMac
  }

  protect(type: number, fragment: Uint8Array): Bytes {
    const number = this.#next()
    if (this.#shape.kind === 'cbc') return this.#protectCbc(number, type, fragment)
    const explicit = this.#shape.kind === 'gcm' ? number : none
    return cat(explicit, this.#seal(this.#nonce(number), headerOf(number, type, fragment.length), fragment))
  }

  /** Throws when the record is not one of these keys. */
  unprotect(type: number, body: Uint8Array): Bytes {
    const number = this.#next()
    if (this.#shape.kind === 'cbc') return this.#unprotectCbc(number, type, body)
    const explicitLength = this.#shape.kind === 'gcm' ? 8 : 0
    const nonce = explicitLength ? cat(this.#keys.iv, body.slice(0, 8)) : this.#nonce(number)
    const sealed = body.slice(explicitLength)
    return this.#open(nonce, headerOf(number, type, sealed.length - 16), sealed)
  }

  #next(): Bytes {
    const number = new Uint8Array(8)
    new DataView(number.buffer).setBigUint64(0, BigInt(this.#count++))
    return number
  }

  /** GCM: salt and counter; ChaCha20: the IV with the counter added in (RFC 7905 §2). */
  #nonce(number: Uint8Array): Bytes {
    const { iv } = this.#keys
    if (this.#shape.kind === 'gcm') return cat(iv, number)
    return cat(cat(filled(4, 0), number).map((byte, at) => byte ^ iv[at]!))
  }

  get #aead() {
    if (this.#shape.kind === 'chacha20') return 'chacha20-poly1305' as const
    return this.#shape.keyLength === 16 ? ('aes-128-gcm' as const) : ('aes-256-gcm' as const)
  }

  #seal(nonce: Uint8Array, header: Uint8Array, plaintext: Uint8Array): Bytes {
    const cipher = createCipheriv(this.#aead as 'aes-128-gcm', this.#keys.key, nonce, { authTagLength: 16 })
    cipher.setAAD(header, { plaintextLength: plaintext.length })
    return cat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag())
  }

  #open(nonce: Uint8Array, header: Uint8Array, sealed: Uint8Array): Bytes {
    const cipher = createDecipheriv(this.#aead as 'aes-128-gcm', this.#keys.key, nonce, { authTagLength: 16 })
    cipher.setAAD(header, { plaintextLength: sealed.length - 16 }).setAuthTag(sealed.subarray(-16))
    return cat(cipher.update(sealed.subarray(0, -16)), cipher.final())
  }

  #mac(number: Uint8Array, type: number, content: Uint8Array): Bytes {
    const hmac = createHmac(this.#shape.mac, this.#keys.mac)
    return cat(
      hmac
        .update(headerOf(number, type, content.length))
        .update(content)
        .digest(),
    )
  }

  #protectCbc(number: Uint8Array, type: number, fragment: Uint8Array): Bytes {
    const iv = randomBytes(16)
    const encrypt = (content: Uint8Array) => {
      const padding = 15 - (content.length % 16)
      const cipher = createCipheriv(this.#cbc, this.#keys.key, iv).setAutoPadding(false)
      return cat(iv, cipher.update(cat(content, filled(padding + 1, padding))), cipher.final())
    }
    if (!this.#encryptThenMac) return encrypt(cat(fragment, this.#mac(number, type, fragment)))
    const encrypted = encrypt(fragment)
    return cat(encrypted, this.#mac(number, type, encrypted))
  }

  #unprotectCbc(number: Uint8Array, type: number, body: Uint8Array): Bytes {
    const { macLength } = this.#shape
    const encrypted = this.#encryptThenMac ? body.slice(0, -macLength) : body
    const cipher = createDecipheriv(this.#cbc, this.#keys.key, encrypted.subarray(0, 16)).setAutoPadding(
      false,
    )
    const padded = cat(cipher.update(encrypted.subarray(16)), cipher.final())
    const padding = padded.at(-1)!
    const plaintext = padded.slice(0, -1 - padding)
    const content = this.#encryptThenMac ? plaintext : plaintext.slice(0, -macLength)
    const mac = this.#encryptThenMac ? body.slice(-macLength) : plaintext.slice(-macLength)
    const expected = this.#mac(number, type, this.#encryptThenMac ? encrypted : content)
    if (!Buffer.from(mac).equals(expected)) throw new Error('the peer sent a record with a wrong MAC')
    if (!padded.slice(-1 - padding).every(byte => byte === padding)) throw new Error('bad padding')
    return content
  }

  get #cbc() {
    return `aes-${this.#shape.keyLength * 8}-cbc`
  }
}

/** seq_num, type, version, length (RFC 5246 §6.2.3.1, §6.2.3.3). */
const headerOf = (number: Uint8Array, type: number, length: number): Bytes =>
  cat(number, u8(type), u16(0x0303), u16(length))
