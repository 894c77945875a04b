/** ECDSA (FIPS 186-5 §6.4) and Ed25519 (RFC 8032 §5.1) by OpenSSL, and which signature is whose. */
import { constants, createPublicKey, type KeyObject, sign, verify as verifyWith } from 'node:crypto'
import { coordinateLength, isCurvePoint } from '../../crypto/elliptic-curves.ts'
import { numberOf } from '../../crypto/finite-fields.ts'
import type {
  EcCurve,
  EcPublicKey,
  Ed25519PublicKey,
  HashAlgorithm,
  PrivateKey,
  PublicKey,
} from '../../crypto/provider.ts'
import { canSign, type SignatureScheme, signatureScheme } from '../../crypto/signature-schemes.ts'
import { ApiMisuse, TlsError } from '../../errors.ts'
import { plainBytes } from './hash.ts'
import { verifyRsa } from './rsa.ts'

/** Whether `signature` is one of `scheme` over `message` by `key`; false for every misfit, it does not throw. */
export function verify(
  scheme: SignatureScheme,
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (!canSign(key, scheme)) return false
  const row = signatureScheme(scheme)
  if (key.type === 'ec') return row.hash !== undefined && verifyEcdsa(row.hash, key, message, signature)
  if (key.type === 'ed25519') return verifyEd25519(key, message, signature)
  return verifyRsa(row, key, message, signature)
}

const curveNames: Readonly<Record<EcCurve, string>> = {
  secp256r1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
}

/** OpenSSL takes the DER of a signature in its one form only: it encodes what it has read again, and compares. */
function verifyEcdsa(
  hash: HashAlgorithm,
  { curve, point }: EcPublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (!isCurvePoint(curve, point)) return false
  const y = 1 + coordinateLength(curve)
  const jwk = { kty: 'EC', crv: curveNames[curve], x: text(point.subarray(1, y)), y: text(point.subarray(y)) }
  return verifyWith(
    hash,
    message,
    { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'der' },
    signature,
  )
}

function verifyEd25519({ bytes }: Ed25519PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  if (!isProperPoint(bytes)) return false
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: text(bytes) }, format: 'jwk' })
  return verifyWith(null, message, key, signature)
}

const fieldPrime = 2n ** 255n - 19n

/** One of the two y coordinates of the points of order 8; the other is its negative. */
const order8Y = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n

/** Those of the points of order 1, 2, 4 and 8, by which signatures verify that nobody made with a key. */
const smallOrderYs: readonly bigint[] = [1n, fieldPrime - 1n, 0n, order8Y, fieldPrime - order8Y]

/** Whether bytes are a point in the one form of RFC 8032 §5.1.3, and of large order: OpenSSL looks at neither, noble at both. */
function isProperPoint(bytes: Uint8Array): boolean {
  const y = numberOf(Uint8Array.from(bytes).reverse()) & (2n ** 255n - 1n) // Without the sign of x.
  return bytes.length === 32 && y < fieldPrime && !smallOrderYs.includes(y)
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')

/**
 * A key that signs here and now as OpenSSL does: nonces of ECDSA, and salts of an `rsa-pss` key, are OpenSSL's own. The key stays
 * in its KeyObject, which is not exported.
 */
export class NodeSigningKey<Key extends PublicKey = PublicKey> implements PrivateKey {
  readonly publicKey: Key
  readonly #key: KeyObject

  constructor(key: KeyObject, publicKey: Key) {
    this.publicKey = publicKey
    this.#key = key
  }

  /** Verified by the public half: a fault in one of two signatures of a message may give the key away. */
  sign(scheme: SignatureScheme, message: Uint8Array): Uint8Array {
    const { algorithm, hash } = signatureScheme(scheme)
    const { type } = this.publicKey
    if (!canSign(this.publicKey, scheme))
      throw new ApiMisuse(`a key of type ${type} makes no signature of scheme ${scheme}`)
    const options = { key: this.#key, ...(algorithm === 'pss' ? pss : { dsaEncoding: 'der' as const }) }
    const signature = plainBytes(sign(hash, message, options))
    if (!verify(scheme, this.publicKey, message, signature))
      throw new TlsError('INTERNAL_ERROR', `${type}: a signature of our own does not verify, and is withheld`)
    return signature
  }
}

const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
