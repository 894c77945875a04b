import { asciiBytes, emptyBytes } from '../bytes.ts'
import type { Aead, CryptoProvider, Hash } from '../crypto/provider.ts'
import type { Secret } from '../secret.ts'

/** When a cluster key may be used, ms since 1970. */
export interface KeyPeriod {
  /** A whole number below 2^32; rotation counts it up. */
  readonly epoch: number
  /** From here on servers draw IDs and seal with it. */
  readonly notBeforeMs: number
  /** Up to here servers still open with it; Infinity while it has no successor. */
  readonly notAfterMs: number
}

/**
 * What one epoch of the cluster key can do. The 32 bytes of the file are used for nothing but HKDF-SHA256
 * (RFC 5869, empty salt), which gives a key of its own to each purpose; none of them can be read from here,
 * and util.inspect shows the period alone.
 */
export class EpochKeys implements KeyPeriod {
  readonly epoch: number
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** 16 bytes, in the clear at the head of each ticket: they say which epoch sealed it, and nothing of its keys. */
  readonly ticketKeyName: Uint8Array
  readonly #id: Hash
  readonly #lookup: Hash
  readonly #request: Hash
  readonly #seal: Aead
  readonly #ticket: Aead

  /** Takes `key`, 32 bytes, over and wipes it once the epoch's keys are derived. */
  constructor(period: KeyPeriod, key: Secret, provider: CryptoProvider) {
    this.epoch = period.epoch
    this.notBeforeMs = period.notBeforeMs
    this.notAfterMs = period.notAfterMs
    const derive = <K>(label: string, use: (derived: Uint8Array) => K): K => {
      const info = asciiBytes(`ringtls cluster v1 ${label}`)
      const derived = provider.hkdfSha256(key.reveal(), emptyBytes, info, 32)
      const made = use(derived)
      // A provider takes its keys in, or keeps a copy of its own.
      derived.fill(0)
      return made
    }
    this.#id = derive('id', bytes => provider.hmac('sha256', bytes))
    this.#lookup = derive('lookup', bytes => provider.hmac('sha256', bytes))
    this.#request = derive('request', bytes => provider.hmac('sha256', bytes))
    this.#seal = derive('seal', bytes => provider.aesGcm(bytes))
    this.#ticket = derive('ticket', bytes => provider.aesGcm(bytes))
    this.ticketKeyName = derive('ticket name', bytes => bytes.slice(0, 16))
    key.wipe()
  }

  /** HMAC-SHA256 under the id key, 32 bytes: what makes a session ID ours. */
  idMac(bytes: Uint8Array): Uint8Array {
    return this.#id.clone().update(bytes).digest()
  }

  /**
   * HMAC-SHA256 under the look-up key, 32 bytes. It stands for a session ID everywhere outside this server:
   * who sees paths, logs or a storing node's memory cannot offer the ID, nor choose where one will land.
   */
  storageKey(sessionId: Uint8Array): Uint8Array {
    return this.#lookup.clone().update(sessionId).digest()
  }

  /** HMAC-SHA256 under the request key, 32 bytes: what a session node believes. */
  requestMac(bytes: Uint8Array): Uint8Array {
    return this.#request.clone().update(bytes).digest()
  }

  /** AES-256-GCM under the seal key. */
  get sealing(): Aead {
    return this.#seal
  }

  /** AES-256-GCM under the ticket key. */
  get ticketSealing(): Aead {
    return this.#ticket
  }
}
