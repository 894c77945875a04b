import type { CryptoProvider, PrivateKey, PublicKey } from '../crypto/provider.ts'
import { canSign, type SignatureScheme, signatureSchemeNames } from '../crypto/signature-schemes.ts'
import { ApiMisuse, TlsError } from '../errors.ts'

/** A private key that is elsewhere, in a hardware module or behind a service: what it does, and nothing of what it is. */
export interface PrivateKeySigner {
  /**
   * Signs a message, not its hash: DER for ECDSA, a salt as long as the hash for PSS (RFC 8446 §4.2.3). Rejecting ends that handshake
   * with internal_error.
   */
  sign(scheme: SignatureScheme, message: Uint8Array): Uint8Array | Promise<Uint8Array>
  /**
   * Only of an RSA key, for RSA key exchange: the raw operation (RFC 8017 §5.1.2), whose k bytes hold a padding that nobody but us may
   * look at, since an answer that tells good from bad decrypts for an attacker (RFC 5246 §7.4.7.1). Rejecting is as a bad padding.
   */
  decrypt?(ciphertext: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined>
  /** What it signs, the best first: all that the certificate's key can do by default. */
  readonly schemes?: readonly SignatureScheme[]
}

/** Whether somebody gave a signer for a key. Throws ApiMisuse for one of whose parts are none. */
export function isSigner(value: unknown): value is PrivateKeySigner {
  if (typeof value !== 'object' || value === null || !('sign' in value)) return false
  const { sign, decrypt, schemes } = value as Partial<PrivateKeySigner>
  if (typeof sign !== 'function' || (decrypt !== undefined && typeof decrypt !== 'function'))
    throw new ApiMisuse('key: of a signer, sign and decrypt (if any) are to be functions')
  if (schemes !== undefined && !isSchemeList(schemes))
    throw new ApiMisuse(
      `key: of a signer, schemes (if any) are to be a list of names among ${signatureSchemeNames.join(', ')}`,
    )
  return true
}

function isSchemeList(schemes: unknown): boolean {
  return Array.isArray(schemes) && schemes.every(name => signatureSchemeNames.includes(name))
}

/** The key that a signer stands for; its certificate says which. A signature that does not verify is withheld: it may give the key away. */
export function signerKey(
  signer: PrivateKeySigner,
  publicKey: PublicKey,
  { verify }: Pick<CryptoProvider, 'verify'>,
): PrivateKey {
  const sign = async (scheme: SignatureScheme, message: Uint8Array) => {
    if (!canSign(publicKey, scheme))
      throw new ApiMisuse(`a key of type ${publicKey.type} makes no signature of scheme ${scheme}`)
    const signature: unknown = await signer.sign(scheme, message)
    if (!(signature instanceof Uint8Array) || !verify(scheme, publicKey, message, signature))
      throw new TlsError(
        'INTERNAL_ERROR',
        `the signer's ${scheme} does not verify with its certificate, and is withheld`,
      )
    return signature
  }
  if (publicKey.type !== 'rsa' || !signer.decrypt) return { publicKey, sign }
  const decryptRaw = async (ciphertext: Uint8Array) => {
    try {
      const block: unknown = await signer.decrypt?.(ciphertext)
      return block instanceof Uint8Array ? block : undefined
    } catch {
      return undefined
    }
  }
  return { publicKey, sign, decryptRaw }
}
