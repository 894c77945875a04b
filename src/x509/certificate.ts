import { equalBytes } from '../bytes.ts'
import { type CertificateExtensions, noExtensions, readExtensions } from './certificate-extensions.ts'
import {
  constructedTag,
  type DerReader,
  implicitTag,
  readBitString,
  readBitStringBytes,
  readContents,
  readIntegerBytes,
  readSmallNumber,
  readTime,
  refuse,
  Tag,
  wholeValue,
} from './der.ts'
import { type DistinguishedName, readDistinguishedName } from './distinguished-name.ts'
import { readSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts'
import { readSubjectPublicKey, type SubjectPublicKey } from './subject-public-key.ts'

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
