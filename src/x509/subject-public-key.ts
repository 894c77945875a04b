import { isCurvePoint } from '../crypto/elliptic-curves.ts'
import type { EcPublicKey, Ed25519PublicKey, PublicKey, RsaPublicKey } from '../crypto/provider.ts'
import {
  type AlgorithmIdentifier,
  readAlgorithmIdentifier,
  readNamedCurve,
  readPssHash,
  refuseParameters,
  type Unsupported,
} from './algorithm-identifier.ts'
import {
  type DerValue,
  readBitString,
  readBitStringBytes,
  readContents,
  readNull,
  readUnsigned,
  refuse,
  Tag,
  wholeValue,
} from './der.ts'
import { Oid } from './object-identifiers.ts'

export type SubjectPublicKey = PublicKey | Unsupported

/** Reads SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). Throws TlsError BAD_CERTIFICATE. */
export function readSubjectPublicKey(value: DerValue): SubjectPublicKey {
  return readContents(value, fields => {
    const algorithm = fields.take(Tag.sequence, 'algorithm')
    const identifier = readAlgorithmIdentifier(algorithm)
    const bits = fields.take(Tag.bitString, 'subjectPublicKey')
    switch (identifier.algorithm) {
      case Oid.rsaEncryption:
        return readRsa(identifier, algorithm.path, bits)
      case Oid.rsassaPss:
        return readRsaPss(identifier, bits)
      case Oid.ecPublicKey:
        return readEc(identifier, algorithm.path, bits)
      case Oid.ed25519:
        return readEd25519(identifier, bits)
      default:
        readBitString(bits)
        return { type: 'unsupported', algorithm: identifier.algorithm }
    }
  })
}

function readRsa({ parameters }: AlgorithmIdentifier, path: string, bits: DerValue): RsaPublicKey {
  if (!parameters) refuse(path, 'no parameters, wanted NULL') // RFC 3279 §2.3.1
  readNull(parameters)
  return { type: 'rsa', ...readRsaNumbers(bits) }
}

/** A key for PSS alone. Its parameters, where it has any, bind it to one hash (RFC 4055 §3.3). */
function readRsaPss({ algorithm, parameters }: AlgorithmIdentifier, bits: DerValue): SubjectPublicKey {
  const numbers = readRsaNumbers(bits)
  if (!parameters) return { type: 'rsa-pss', ...numbers }
  const pssHash = readPssHash(parameters)
  return pssHash ? { type: 'rsa-pss', ...numbers, pssHash } : { type: 'unsupported', algorithm }
}

/** ECPoint, uncompressed, which every peer must take (RFC 5480 §2.2, RFC 8422 §5.1.2). */
function readEc(identifier: AlgorithmIdentifier, path: string, bits: DerValue): EcPublicKey | Unsupported {
  const { oid, curve } = readNamedCurve(identifier.parameters, path)
  const point = readBitStringBytes(bits)
  if (!curve) return { type: 'unsupported', algorithm: oid }
  if (!isCurvePoint(curve, point)) refuse(bits.path, `not an uncompressed point of ${curve}`)
  return { type: 'ec', curve, point }
}

/** RFC 8410 §3 and RFC 8410 §4. Whether the bytes are a point shows when a signature is verified. */
function readEd25519(identifier: AlgorithmIdentifier, bits: DerValue): Ed25519PublicKey {
  refuseParameters(identifier)
  const bytes = readBitStringBytes(bits)
  if (bytes.length !== 32) refuse(bits.path, `an Ed25519 key of ${bytes.length} bytes, wanted 32`)
  return { type: 'ed25519', bytes }
}

/** A peer chooses the key, and beyond these limits one use of it costs us much time. No CA goes near them. */
const maxModulusBytes = 1024
const maxExponent = 2n ** 32n

/** RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER } (RFC 8017 §A.1.1). */
function readRsaNumbers(bits: DerValue): Pick<RsaPublicKey, 'modulus' | 'publicExponent' | 'modulusLength'> {
  const key = wholeValue(readBitStringBytes(bits), Tag.sequence, `${bits.path}.RSAPublicKey`)
  return readContents(key, fields => {
    const modulus = readUnsigned(fields.take(Tag.integer, 'modulus'))
    const publicExponent = readUnsigned(fields.take(Tag.integer, 'publicExponent'))
    const modulusLength = byteLength(modulus)
    if (modulus % 2n === 0n || publicExponent % 2n === 0n || publicExponent < 3n || modulus < 3n) {
      refuse(key.path, 'not an RSA key: modulus and exponent must be odd and at least 3')
    }
    if (modulusLength > maxModulusBytes || publicExponent > maxExponent) {
      refuse(
        key.path,
        `a modulus of ${modulusLength} bytes, an exponent of ${byteLength(publicExponent)}: too long`,
      )
    }
    return { modulus, publicExponent, modulusLength }
  })
}

/** Bytes that a positive number takes. */
function byteLength(number: bigint): number {
  return Math.ceil(number.toString(16).length / 2)
}
