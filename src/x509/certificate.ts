import { equalBytes } from '../bytes.ts'
import type { HashAlgorithm, RsaPublicKey } from '../crypto/provider.ts'
import { type CertificateExtensions, noExtensions, readExtensions } from './certificate-extensions.ts'
import {
  constructedTag,
  type DerReader,
  type DerValue,
  implicitTag,
  readBitString,
  readBitStringBytes,
  readContents,
  readIntegerBytes,
  readNull,
  readObjectIdentifier,
  readSmallNumber,
  readTime,
  readUnsigned,
  refuse,
  Tag,
  wholeValue,
} from './der.ts'
import { type DistinguishedName, readDistinguishedName } from './distinguished-name.ts'
import { Oid, rsaSignatureHash } from './object-identifiers.ts'

/** An X.509 certificate, read and not judged: `verifyChain` says whether to trust it (RFC 5280 §4.1). */
export interface Certificate {
  /** The whole DER. */
  readonly raw: Uint8Array
  /** The DER of TBSCertificate, which is what the issuer signed. */
  readonly tbsCertificate: Uint8Array
  readonly version: 1 | 2 | 3
  /** Contents of the INTEGER: big-endian two's complement, up to 20 bytes in an honest one. */
  readonly serialNumber: Uint8Array
  readonly issuer: DistinguishedName
  readonly subject: DistinguishedName
  /** First and last moment of validity, both included, in milliseconds since 1970. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly subjectPublicKey: SubjectPublicKey
  readonly signatureAlgorithm: SignatureAlgorithm
  readonly signature: Uint8Array
  readonly extensions: CertificateExtensions
}

/** A key or signature of an algorithm that we do not do: its object identifier, dotted. */
export interface Unsupported {
  readonly type: 'unsupported'
  readonly algorithm: string
}
export type SubjectPublicKey = RsaPublicKey | Unsupported
/** RSASSA-PKCS1-v1_5 with a hash, or something else. */
export type SignatureAlgorithm = { readonly type: 'rsa'; readonly hash: HashAlgorithm } | Unsupported

/**
 * Reads a certificate from its DER, of which it keeps a copy. Throws TlsError BAD_CERTIFICATE, with the path
 * to the fault, for anything that is not DER or not a certificate (RFC 5280 §4.1); it throws nothing else.
 */
export function parseCertificate(der: Uint8Array): Certificate {
  const whole = wholeValue(Uint8Array.from(der), Tag.sequence, 'Certificate')
  return readContents(whole, fields => {
    const tbs = fields.take(Tag.sequence, 'tbsCertificate')
    const algorithm = fields.take(Tag.sequence, 'signatureAlgorithm')
    const signature = readBitStringBytes(fields.take(Tag.bitString, 'signature'))
    const { innerAlgorithm, ...body } = readContents(tbs, readBody)
    // Else somebody could change the algorithm, which is outside the signature (RFC 5280 §4.1.1.2).
    if (!equalBytes(algorithm.raw, innerAlgorithm)) {
      refuse(algorithm.path, 'not the algorithm in tbsCertificate')
    }
    const signatureAlgorithm = readSignatureAlgorithm(algorithm)
    return { raw: whole.raw, tbsCertificate: tbs.raw, signatureAlgorithm, signature, ...body }
  })
}

/** TBSCertificate, field by field (RFC 5280 §4.1.2). */
function readBody(fields: DerReader) {
  const version = readVersion(fields)
  const serialNumber = readIntegerBytes(fields.take(Tag.integer, 'serialNumber'))
  const innerAlgorithm = fields.take(Tag.sequence, 'signature').raw
  const issuer = readDistinguishedName(fields.take(Tag.sequence, 'issuer'))
  const validity = fields.inside(Tag.sequence, 'validity', times => ({
    notBeforeMs: readTime(times.next('notBefore')),
    notAfterMs: readTime(times.next('notAfter')),
  }))
  const subject = readDistinguishedName(fields.take(Tag.sequence, 'subject'))
  const subjectPublicKey = readSubjectPublicKey(fields.take(Tag.sequence, 'subjectPublicKeyInfo'))
  skipUniqueIds(fields, version)
  const extensions = readOptionalExtensions(fields, version)
  return { version, serialNumber, innerAlgorithm, issuer, subject, ...validity, subjectPublicKey, extensions }
}

/** `version [0] EXPLICIT Version DEFAULT v1`; on the wire v3 is 2, and v1 is left out (RFC 5280 §4.1.2.1). */
function readVersion(fields: DerReader): 1 | 2 | 3 {
  const wrapped = fields.takeOptional(constructedTag(0), 'version')
  if (!wrapped) return 1
  const number = readContents(wrapped, inner => readSmallNumber(inner.take(Tag.integer, 'number'), 2))
  if (number === 0) refuse(wrapped.path, 'v1 written out, although it is the default')
  return number === 1 ? 2 : 3
}

/** issuerUniqueID and subjectUniqueID, which nobody uses (RFC 5280 §4.1.2.8). */
function skipUniqueIds(fields: DerReader, version: 1 | 2 | 3): void {
  for (const [number, name] of [
    [1, 'issuerUniqueID'],
    [2, 'subjectUniqueID'],
  ] as const) {
    const id = fields.takeOptional(implicitTag(number), name)
    if (id && version === 1) refuse(id.path, 'in a v1 certificate, wanted v2 or v3')
    if (id) readBitString(id)
  }
}

/** `extensions [3] EXPLICIT Extensions OPTIONAL`, in v3 only (RFC 5280 §4.1.2.9). */
function readOptionalExtensions(fields: DerReader, version: 1 | 2 | 3): CertificateExtensions {
  const wrapped = fields.takeOptional(constructedTag(3), 'extensions')
  if (!wrapped) return noExtensions
  if (version !== 3) refuse(wrapped.path, `in a v${version} certificate, wanted v3`)
  return readContents(wrapped, inner => readExtensions(inner.take(Tag.sequence, 'list')))
}

function readSignatureAlgorithm(value: DerValue): SignatureAlgorithm {
  const { algorithm, parameters } = readAlgorithmIdentifier(value)
  const hash = rsaSignatureHash[algorithm]
  if (!hash) return { type: 'unsupported', algorithm }
  if (parameters) readNull(parameters) // or left out: a verifier takes both (RFC 4055 §5)
  return { type: 'rsa', hash }
}

/** SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). */
function readSubjectPublicKey(value: DerValue): SubjectPublicKey {
  return readContents(value, fields => {
    const identifier = fields.take(Tag.sequence, 'algorithm')
    const { algorithm, parameters } = readAlgorithmIdentifier(identifier)
    const bits = fields.take(Tag.bitString, 'subjectPublicKey')
    if (algorithm !== Oid.rsaEncryption) {
      readBitString(bits)
      return { type: 'unsupported', algorithm }
    }
    if (!parameters) refuse(identifier.path, 'no parameters, wanted NULL') // RFC 3279 §2.3.1
    readNull(parameters)
    return readRsaPublicKey(readBitStringBytes(bits), bits.path)
  })
}

/** AlgorithmIdentifier ::= SEQUENCE { algorithm, parameters OPTIONAL } (RFC 5280 §4.1.1.2). */
export function readAlgorithmIdentifier(value: DerValue): {
  algorithm: string
  parameters: DerValue | undefined
} {
  return readContents(value, fields => ({
    algorithm: readObjectIdentifier(fields.take(Tag.objectIdentifier, 'algorithm')),
    parameters: fields.atEnd ? undefined : fields.next('parameters'),
  }))
}

/** A peer chooses the key, and beyond these limits one use of it costs us much time. No CA goes near them. */
const maxModulusBytes = 1024
const maxExponent = 2n ** 32n

/** RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER } (RFC 8017 §A.1.1). */
function readRsaPublicKey(der: Uint8Array, path: string): RsaPublicKey {
  const key = wholeValue(der, Tag.sequence, `${path}.RSAPublicKey`)
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
    return { type: 'rsa', modulus, publicExponent, modulusLength }
  })
}

/** Bytes that a positive number takes. */
function byteLength(number: bigint): number {
  return Math.ceil(number.toString(16).length / 2)
}
