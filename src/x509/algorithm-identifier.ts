import type { EcCurve, HashAlgorithm } from '../crypto/provider.ts'
import { hashLength } from '../crypto/signature-schemes.ts'
import {
  constructedTag,
  type DerReader,
  type DerValue,
  readContents,
  readNull,
  readObjectIdentifier,
  readSmallNumber,
  refuse,
  Tag,
} from './der.ts'
import { namedCurves, Oid, pssHash } from './object-identifiers.ts'

/** A key or signature of an algorithm that we do not do: its object identifier, dotted, or that of its curve. */
export interface Unsupported {
  readonly type: 'unsupported'
  readonly algorithm: string
}

export interface AlgorithmIdentifier {
  readonly algorithm: string
  readonly parameters: DerValue | undefined
}

/** AlgorithmIdentifier ::= SEQUENCE { algorithm, parameters OPTIONAL } (RFC 5280 §4.1.1.2). */
export function readAlgorithmIdentifier(value: DerValue): AlgorithmIdentifier {
  return readContents(value, fields => ({
    algorithm: readObjectIdentifier(fields.take(Tag.objectIdentifier, 'algorithm')),
    parameters: fields.atEnd ? undefined : fields.next('parameters'),
  }))
}

/** Refuses parameters where an algorithm has none (RFC 5758 §3.2, RFC 8410 §3). */
export function refuseParameters({ parameters }: AlgorithmIdentifier): void {
  if (parameters) refuse(parameters.path, 'parameters of an algorithm that has none')
}

/** The curve's name in the parameters (RFC 5480 §2.1.1 allows no other form); `curve` is `undefined` for one that we do not do. */
export function readNamedCurve(
  parameters: DerValue | undefined,
  path: string,
): { oid: string; curve: EcCurve | undefined } {
  if (parameters?.tag !== Tag.objectIdentifier) refuse(path, 'no named curve')
  const oid = readObjectIdentifier(parameters)
  return { oid, curve: namedCurves[oid] }
}

/**
 * RSASSA-PSS-params (RFC 4055 §3.1) in the form that TLS signs in: MGF1 over the hash itself, and a salt as long as it (RFC 8446 §4.2.3).
 * Returns the hash, `undefined` for every other choice, the defaults among them: those are SHA-1.
 */
export function readPssHash(value: DerValue): HashAlgorithm | undefined {
  if (value.tag !== Tag.sequence) refuse(value.path, 'not RSASSA-PSS-params')
  return readContents(value, fields => {
    const hash = readOptional(fields, 0, 'hashAlgorithm', readHash)
    const maskHash = readOptional(fields, 1, 'maskGenAlgorithm', readMaskHash)
    const saltLength = readOptional(fields, 2, 'saltLength', readLength)
    const trailer = readOptional(fields, 3, 'trailerField', readLength)
    if (trailer === 1) refuse(value.path, 'a trailerField of 1 written out, although it is the default')
    const isOurs = hash !== undefined && maskHash === hash && saltLength === hashLength[hash]
    return isOurs && trailer === undefined ? hash : undefined
  })
}

/** `[number] EXPLICIT`, which may be left out. */
function readOptional<T>(
  fields: DerReader,
  number: number,
  name: string,
  read: (inner: DerReader) => T,
): T | undefined {
  const wrapped = fields.takeOptional(constructedTag(number), name)
  return wrapped && readContents(wrapped, read)
}

/** A hash, whose parameters are NULL or left out (RFC 4055 §2.1); `undefined` for one that TLS does not sign with. */
function readHash(inner: DerReader): HashAlgorithm | undefined {
  const { algorithm, parameters } = readAlgorithmIdentifier(inner.take(Tag.sequence, 'hash'))
  const hash = pssHash[algorithm]
  if (hash && parameters) readNull(parameters)
  return hash
}

function readMaskHash(inner: DerReader): HashAlgorithm | undefined {
  return inner.inside(Tag.sequence, 'maskGenFunction', fields => {
    const algorithm = readObjectIdentifier(fields.take(Tag.objectIdentifier, 'algorithm'))
    if (algorithm === Oid.mgf1) return readHash(fields)
    if (!fields.atEnd) fields.next('parameters')
    return undefined
  })
}

const readLength = (inner: DerReader) => readSmallNumber(inner.take(Tag.integer, 'number'), 1024)
