/** `digitally-signed` (RFC 5246 §4.7): what a signature must be of, whichever of the two messages holds it. */
import type { PrivateKey, PublicKey } from '../crypto/provider.ts'
import { canSign, type SignatureScheme } from '../crypto/signature-schemes.ts'
import { TlsError } from '../errors.ts'
import type { digitallySigned } from '../messages/signature-algorithm.ts'
import type { Infer } from '../wire/codec.ts'
import { ask, type Handshake } from './effects.ts'
import type { Flow } from './flow.ts'

type DigitallySigned = Infer<typeof digitallySigned>

/** Signs `content`, wherever the key is. */
export function* sign(
  key: PrivateKey,
  scheme: SignatureScheme,
  content: Uint8Array,
): Handshake<DigitallySigned> {
  const signature = yield* ask({ kind: 'sign', key, scheme, content })
  return { algorithm: scheme, signature }
}

/**
 * Verifies the peer's signature and returns its scheme, which must be one that we offered and one of the key's type
 * (RFC 5246 §7.4.3, §7.4.8). Throws illegal_parameter for another, decrypt_error for a signature that does not fit.
 */
export function verifySignature(
  hs: Flow,
  key: PublicKey,
  { algorithm, signature }: DigitallySigned,
  content: Uint8Array,
): SignatureScheme {
  const scheme = hs.signatureSchemes.find(offered => offered === algorithm)
  if (!scheme)
    throw new TlsError(
      'WRONG_SIGNATURE_TYPE',
      `a signature of ${schemeText(algorithm)}, which was not offered`,
    )
  if (!canSign(key, scheme))
    throw new TlsError('WRONG_SIGNATURE_TYPE', `a signature of ${scheme} by a key of type ${key.type}`)
  if (!hs.config.provider.verify(scheme, key, content, signature))
    throw new TlsError('BAD_SIGNATURE', `a signature of ${scheme} that the certificate's key did not make`)
  return scheme
}

function schemeText(scheme: string | number): string {
  return typeof scheme === 'string' ? scheme : `0x${scheme.toString(16).padStart(4, '0')}`
}
