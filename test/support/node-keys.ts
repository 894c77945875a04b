/** Keys of node:crypto in our shape, by its JWK export and not by our parsers. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  type RSAPSSKeyPairKeyObjectOptions,
} from 'node:crypto'
import { concatBytes } from '../../src/bytes.ts'
import { bytesOf } from '../../src/crypto/finite-fields.ts'
import type { EcCurve, HashAlgorithm, PublicKey } from '../../src/crypto/provider.ts'
import { Secret } from '../../src/secret.ts'
import type { EcKeyComponents, Ed25519KeyComponents } from '../../src/x509/private-key.ts'
import type { RsaKeyComponents } from '../../src/x509/rsa-private-key.ts'

const curves: Readonly<Record<string, EcCurve>> = {
  'P-256': 'secp256r1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
}

const bytes = (base64url: string | undefined) => Uint8Array.from(Buffer.from(base64url ?? '', 'base64url'))
const big = (base64url: string | undefined) => BigInt(`0x${Buffer.from(bytes(base64url)).toString('hex')}`)

/** A key pair for RSASSA-PSS with one hash, and a salt as long as it. */
export function pssPairFor(hash: 'sha1' | 'sha256' | 'sha384', modulusLength = 2048) {
  const saltLength = { sha1: 20, sha256: 32, sha384: 48 }[hash]
  // Node's types have the salt's length as a string, Node itself as a number.
  const options = { modulusLength, hashAlgorithm: hash, mgf1HashAlgorithm: hash, saltLength } as object
  return generateKeyPairSync('rsa-pss', options as RSAPSSKeyPairKeyObjectOptions)
}

/** The public half of a key, private or public. */
export function publicKeyOf(key: KeyObject): PublicKey {
  const jwk = jwkOf(key)
  if (jwk.kty === 'OKP') return { type: 'ed25519', bytes: bytes(jwk.x) }
  if (jwk.kty === 'EC') {
    const point = concatBytes(Uint8Array.of(4), bytes(jwk.x), bytes(jwk.y))
    return { type: 'ec', curve: curves[jwk.crv ?? '']!, point }
  }
  const modulusLength = bytes(jwk.n).length
  return { ...rsaKind(key), modulus: big(jwk.n), publicExponent: big(jwk.e), modulusLength }
}

/** One of our public keys as node:crypto has it; one for PSS alone as one for RSA. */
export function nodePublicKey(key: PublicKey): KeyObject {
  const text = (part: Uint8Array) => Buffer.from(part).toString('base64url')
  if (key.type === 'ed25519')
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: text(key.bytes) }, format: 'jwk' })
  if (key.type === 'ec') {
    const crv = Object.keys(curves).find(name => curves[name] === key.curve)
    const half = (key.point.length + 1) / 2
    const [x, y] = [text(key.point.subarray(1, half)), text(key.point.subarray(half))]
    return createPublicKey({ key: { kty: 'EC', crv, x, y }, format: 'jwk' })
  }
  const [n, e] = [text(bytesOf(key.modulus)), text(bytesOf(key.publicExponent))]
  return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' })
}

/** The numbers of an RSA key: RFC 7518 §6.3 names them otherwise. */
export function rsaComponentsOf(key: KeyObject): RsaKeyComponents {
  const jwk = jwkOf(key)
  return {
    ...rsaKind(key),
    modulus: big(jwk.n),
    publicExponent: big(jwk.e),
    privateExponent: big(jwk.d),
    prime1: big(jwk.p),
    prime2: big(jwk.q),
    exponent1: big(jwk.dp),
    exponent2: big(jwk.dq),
    coefficient: big(jwk.qi),
  }
}

/** The secret of an EC or Ed25519 key. */
export function curveComponentsOf(key: KeyObject): EcKeyComponents | Ed25519KeyComponents {
  const { crv, d } = jwkOf(key)
  const privateKey = new Secret(bytes(d))
  const curve = curves[crv ?? '']
  return curve ? { type: 'ec', curve, privateKey } : { type: 'ed25519', privateKey }
}

function rsaKind(key: KeyObject): Pick<RsaKeyComponents, 'type' | 'pssHash'> {
  if (key.asymmetricKeyType === 'rsa') return { type: 'rsa' }
  const pssHash = key.asymmetricKeyDetails?.hashAlgorithm as HashAlgorithm | undefined
  return { type: 'rsa-pss', ...(pssHash && { pssHash }) }
}

/** JWK has no RSA-PSS: such a key is made one for RSA from the PKCS #1 that is inside its DER. */
function jwkOf(key: KeyObject) {
  if (key.asymmetricKeyType !== 'rsa-pss') return key.export({ format: 'jwk' })
  const isPrivate = key.type === 'private'
  const der = isPrivate
    ? key.export({ type: 'pkcs8', format: 'der' })
    : key.export({ type: 'spki', format: 'der' })
  const start = der.toString('hex').search(isPrivate ? /3082....0201000282/ : /3082....0282/)
  const pkcs1 = { key: der.subarray(start / 2), type: 'pkcs1', format: 'der' } as const
  return (isPrivate ? createPrivateKey(pkcs1) : createPublicKey(pkcs1)).export({ format: 'jwk' })
}
