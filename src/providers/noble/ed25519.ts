import { ed25519 } from '@noble/curves/ed25519.js'
import type { Ed25519PublicKey, PrivateKey } from '../../crypto/provider.ts'
import type { SignatureScheme } from '../../crypto/signature-schemes.ts'
import { ApiMisuse, TlsError } from '../../errors.ts'
import type { Secret } from '../../secret.ts'
import type { Ed25519KeyComponents } from '../../x509/private-key.ts'

/** Ed25519 (RFC 8032 §5.1.7), every encoding in its one form. False for bytes of any form. */
export function verifyEd25519(
  { bytes }: Ed25519PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  // noble throws for other lengths, which are the caller's mistake there and the peer's here.
  if (bytes.length !== 32 || signature.length !== 64) return false
  return ed25519.verify(signature, message, bytes, { zip215: false })
}

/** An Ed25519 key that signs here and now; nothing about a signature is random. */
export class NobleEd25519PrivateKey implements PrivateKey {
  readonly publicKey: Ed25519PublicKey
  readonly #seed: Secret

  constructor({ privateKey }: Ed25519KeyComponents) {
    this.publicKey = Object.freeze({ type: 'ed25519', bytes: ed25519.getPublicKey(privateKey.reveal()) })
    this.#seed = privateKey
  }

  /** RFC 8032 §5.1.6. Without the check a fault in one of two signatures of a message gives the key away. */
  sign(scheme: SignatureScheme, message: Uint8Array): Uint8Array {
    if (scheme !== 'ed25519') throw new ApiMisuse(`an Ed25519 key makes no signature of scheme ${scheme}`)
    const signature = ed25519.sign(message, this.#seed.reveal())
    if (!verifyEd25519(this.publicKey, message, signature))
      throw new TlsError('INTERNAL_ERROR', 'Ed25519: a signature of our own does not verify, and is withheld')
    return signature
  }
}
