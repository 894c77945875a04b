import type { EcPublicKey, PrivateKey, RandomBytes } from '../../crypto/provider.ts'
import {
  canSign,
  type SignatureScheme,
  type SignatureSchemeRow,
  signatureScheme,
} from '../../crypto/signature-schemes.ts'
import { ApiMisuse, TlsError } from '../../errors.ts'
import type { Secret } from '../../secret.ts'
import type { EcKeyComponents } from '../../x509/private-key.ts'
import { curves, ecdsaWith } from './curves.ts'

/**
 * ECDSA (FIPS 186-5 §6.4.2) on the key's curve with the scheme's hash. The signature is DER in its one form; both s and n - s
 * are taken, as all of TLS does. False for bytes of any form, and for a key that is not on its curve.
 */
export function verifyEcdsa(
  { hash }: SignatureSchemeRow,
  { curve, point }: EcPublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return hash !== undefined && ecdsaWith(curve, hash).verify(signature, message, point, verifyOptions)
}

const verifyOptions = { format: 'der', lowS: false, prehash: true } as const

/** An EC key that signs here and now. Throws ApiMisuse for a number that is no scalar of the curve. */
export class NobleEcPrivateKey implements PrivateKey {
  readonly publicKey: EcPublicKey
  readonly #secretKey: Secret
  readonly #random: RandomBytes

  constructor({ curve, privateKey }: EcKeyComponents, random: RandomBytes) {
    if (!curves[curve].utils.isValidSecretKey(privateKey.reveal()))
      throw new ApiMisuse(`EC private key: its number is not one for ${curve}`)
    const point = curves[curve].getPublicKey(privateKey.reveal(), false)
    this.publicKey = Object.freeze({ type: 'ec', curve, point })
    this.#secretKey = privateKey
    this.#random = random
  }

  /**
   * The nonce comes from key and message (RFC 6979 §3.2) and from `random` too (RFC 6979 §3.6): a source that repeats itself does not
   * give the key away, and a fault that changes the message under one nonce does not either.
   */
  sign(scheme: SignatureScheme, message: Uint8Array): Uint8Array {
    const { hash } = signatureScheme(scheme)
    if (!canSign(this.publicKey, scheme) || !hash)
      throw new ApiMisuse(`an EC key makes no signature of scheme ${scheme}`)
    const { curve, point } = this.publicKey
    const signer = ecdsaWith(curve, hash)
    const extraEntropy = this.#random(curves[curve].lengths.secretKey!)
    const options = { format: 'der', lowS: false, prehash: true, extraEntropy } as const
    const signature = signer.sign(message, this.#secretKey.reveal(), options)
    if (!signer.verify(signature, message, point, verifyOptions))
      throw new TlsError('INTERNAL_ERROR', 'ECDSA: a signature of our own does not verify, and is withheld')
    return signature
  }
}
