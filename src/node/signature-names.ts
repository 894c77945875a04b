import { type SignatureScheme, signatureScheme } from '../crypto/signature-schemes.ts'

/** Those of the peer's signatures that we know too, in its order, as OpenSSL names them: `RSA-PSS+SHA256`. */
export function sharedSignatureAlgorithms(
  offered: readonly (SignatureScheme | number)[],
  ours: readonly SignatureScheme[],
): string[] {
  return offered
    .filter((scheme): scheme is SignatureScheme => (ours as readonly unknown[]).includes(scheme))
    .map(opensslName)
}

function opensslName(scheme: SignatureScheme): string {
  const { algorithm, hash } = signatureScheme(scheme)
  const signature = { pkcs1: 'RSA', pss: 'RSA-PSS', ecdsa: 'ECDSA', eddsa: 'Ed25519' }[algorithm]
  return `${signature}+${hash?.toUpperCase() ?? 'UNDEF'}`
}
