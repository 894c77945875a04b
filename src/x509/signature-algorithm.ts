import type { HashAlgorithm, PublicKey } from '../crypto/provider.ts'
import { type SignatureScheme, signatureScheme, signatureSchemeNames } from '../crypto/signature-schemes.ts'
import {
  readAlgorithmIdentifier,
  readPssHash,
  refuseParameters,
  type Unsupported,
} from './algorithm-identifier.ts'
import { type DerValue, readNull, refuse } from './der.ts'
import { ecdsaSignatureHash, Oid, rsaSignatureHash } from './object-identifiers.ts'

/** How a certificate is signed. Which scheme that is depends on the issuer's key too: see `schemeOf`. */
export type SignatureAlgorithm =
  | { readonly type: 'pkcs1' | 'pss' | 'ecdsa'; readonly hash: HashAlgorithm }
  | { readonly type: 'eddsa'; readonly hash: undefined }
  | Unsupported

/** Reads signatureAlgorithm (RFC 5280 §4.1.1.2). Throws TlsError BAD_CERTIFICATE. */
export function readSignatureAlgorithm(value: DerValue): SignatureAlgorithm {
  const identifier = readAlgorithmIdentifier(value)
  const { algorithm, parameters } = identifier
  const rsaHash = rsaSignatureHash[algorithm]
  if (rsaHash) {
    if (parameters) readNull(parameters) // or left out: a verifier takes both (RFC 4055 §5)
    return { type: 'pkcs1', hash: rsaHash }
  }
  if (algorithm === Oid.rsassaPss) {
    if (!parameters) refuse(value.path, 'no parameters, wanted RSASSA-PSS-params') // RFC 4055 §3.1
    const hash = readPssHash(parameters)
    return hash ? { type: 'pss', hash } : { type: 'unsupported', algorithm }
  }
  const ecdsaHash = ecdsaSignatureHash[algorithm]
  if (!ecdsaHash && algorithm !== Oid.ed25519) return { type: 'unsupported', algorithm }
  refuseParameters(identifier)
  return ecdsaHash ? { type: 'ecdsa', hash: ecdsaHash } : { type: 'eddsa', hash: undefined }
}

/** The scheme of a signature that a key is said to have made; `undefined` where the key makes none like it. */
export function schemeOf(
  algorithm: Exclude<SignatureAlgorithm, Unsupported>,
  issuerKey: PublicKey,
): SignatureScheme | undefined {
  return signatureSchemeNames.find(name => {
    const row = signatureScheme(name)
    return row.algorithm === algorithm.type && row.hash === algorithm.hash && row.keyType === issuerKey.type
  })
}

/**
 * The hash over the whole certificate that tls-server-end-point is made of (RFC 5929 §4.1): that of its signature, SHA-256 in place
 * of MD5 and SHA-1. `undefined` where the signature has none of its own, or one that we do not know.
 */
export function endPointHash(certificate: {
  readonly signatureAlgorithm: SignatureAlgorithm
}): HashAlgorithm | undefined {
  const { signatureAlgorithm: algorithm } = certificate
  if (algorithm.type === 'unsupported')
    return algorithm.algorithm === Oid.md5WithRSAEncryption ? 'sha256' : undefined
  return algorithm.hash === 'sha1' ? 'sha256' : algorithm.hash
}
