import { concatBytes } from '../bytes.ts'
import type { CryptoProvider, Hash } from '../crypto/provider.ts'

/**
 * All handshake messages so far, as they were sent and received, headers included (RFC 5246 §7.4.9). The hash
 * is that of the suite, which nobody knows before ServerHello; CertificateVerify signs the messages themselves, under a hash
 * of its own (RFC 5246 §7.4.8). So they are kept.
 */
export class Transcript {
  readonly #provider: CryptoProvider
  #messages: Uint8Array[] = []
  #hash: Hash | undefined

  constructor(provider: CryptoProvider) {
    this.#provider = provider
  }

  add(message: Uint8Array): void {
    this.#messages.push(message)
    this.#hash?.update(message)
  }

  /** Fixes the hash, once the suite is known. */
  start(algorithm: 'sha256' | 'sha384'): void {
    this.#hash = this.#provider.hash(algorithm).update(this.messages())
  }

  /** Hash(handshake_messages) up to here; the transcript goes on. */
  digest(): Uint8Array {
    if (!this.#hash) throw new Error('the transcript has no hash before its suite is known')
    return this.#hash.clone().digest()
  }

  /** Forgets the messages: the handshake has ended, and an open connection has no use for them. */
  clear(): void {
    this.#messages = []
    this.#hash = undefined
  }

  /** The messages up to here, joined. */
  messages(): Uint8Array {
    return concatBytes(...this.#messages)
  }
}
