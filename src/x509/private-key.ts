import { coordinateLength } from '../crypto/elliptic-curves.ts'
import type { EcCurve } from '../crypto/provider.ts'
import { ApiMisuse, TlsError } from '../errors.ts'
import { Secret } from '../secret.ts'
import {
  type AlgorithmIdentifier,
  readAlgorithmIdentifier,
  readNamedCurve,
  readPssHash,
  refuseParameters,
} from './algorithm-identifier.ts'
import {
  constructedTag,
  type DerValue,
  implicitTag,
  readBitStringBytes,
  readContents,
  readNull,
  readSmallNumber,
  refuse,
  Tag,
  wholeValue,
} from './der.ts'
import { keyAlgorithmName, Oid } from './object-identifiers.ts'
import { missingBlock, type PemBlock, parsePem } from './pem.ts'
import { type RsaKeyComponents, readRsaPrivateKey } from './rsa-private-key.ts'

/** What a private key is made of; a provider makes one that works of it. Printing it shows nothing secret. */
export type PrivateKeyComponents = RsaKeyComponents | EcKeyComponents | Ed25519KeyComponents

/** A number from 1 to the order of the curve, less 1, big-endian, as long as a coordinate (RFC 5915 §3). */
export interface EcKeyComponents {
  readonly type: 'ec'
  readonly curve: EcCurve
  readonly privateKey: Secret
}

/** The 32 bytes that RFC 8032 §5.1.5 hashes. */
export interface Ed25519KeyComponents {
  readonly type: 'ed25519'
  readonly privateKey: Secret
}

/**
 * The first private key in a PEM text: `RSA PRIVATE KEY` (PKCS #1, RFC 8017 §A.1.2), `EC PRIVATE KEY` (SEC 1, RFC 5915 §4) or
 * `PRIVATE KEY` (PKCS #8, RFC 5958 §2) with a key for RSA, RSASSA-PSS, ECDSA or Ed25519. Throws ApiMisuse that says what
 * came and what to do.
 */
export function parsePrivateKey(pem: string): PrivateKeyComponents {
  const block = privateKeyBlock(pem)
  if (isEncrypted(block)) {
    const advice = 'decrypt it first: openssl pkey -in encrypted.pem -out key.pem'
    throw new ApiMisuse(`private key: it is encrypted, wanted a plain one; ${advice}`)
  }
  return undamaged(`the PEM block "${block.label}"`, () => readPrivateKey(block))
}

/** Whether the first private key in a PEM text is encrypted, by PKCS #8 (RFC 5958 §3) or in the older way (RFC 1421 §4.6.1.1). Throws ApiMisuse when there is none. */
export function isEncryptedPrivateKey(pem: string): boolean {
  return isEncrypted(privateKeyBlock(pem))
}

/** A private key out of the DER of a PrivateKeyInfo (PKCS #8, RFC 5958 §2); the rest as `parsePrivateKey`. */
export function parsePrivateKeyInfo(der: Uint8Array): PrivateKeyComponents {
  return undamaged('the PrivateKeyInfo', () => readPrivateKeyInfo(der))
}

function privateKeyBlock(pem: string): PemBlock {
  const blocks = parsePem(pem, 'private key')
  const block = blocks.find(({ label }) => label.endsWith('PRIVATE KEY'))
  if (block) return block
  const wanted = 'a PEM block "PRIVATE KEY", "RSA PRIVATE KEY" or "EC PRIVATE KEY"'
  throw new ApiMisuse(`private key: ${missingBlock(pem, blocks, wanted, 'pkey')}`)
}

function isEncrypted({ label, headers }: PemBlock): boolean {
  return label.startsWith('ENCRYPTED') || headers.some(header => /^Proc-Type:.*ENCRYPTED/i.test(header))
}

/** It is our own caller's file: what a peer would be told by an alert is said to him. */
function undamaged(what: string, read: () => PrivateKeyComponents): PrivateKeyComponents {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof TlsError)) throw error
    throw new ApiMisuse(`private key: ${what} is damaged (${error.message})`)
  }
}

function readPrivateKey({ label, bytes }: PemBlock): PrivateKeyComponents {
  if (label === 'RSA PRIVATE KEY') return readRsaPrivateKey(bytes, { type: 'rsa' })
  if (label === 'EC PRIVATE KEY') return readEcPrivateKey(bytes)
  if (label === 'PRIVATE KEY') return readPrivateKeyInfo(bytes)
  return refuseAlgorithm(label.replace(/ ?PRIVATE KEY$/, ''))
}

function refuseAlgorithm(algorithm: string): never {
  const wanted = 'RSA, EC on P-256, P-384 or P-521, or Ed25519'
  const advice = 'make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem'
  throw new ApiMisuse(
    `private key: it is of type ${algorithm}, wanted ${wanted}; ${advice}, and a certificate for it`,
  )
}

/** OneAsymmetricKey, alias PrivateKeyInfo: version, algorithm, key, attributes, public key (RFC 5958 §2). */
function readPrivateKeyInfo(der: Uint8Array): PrivateKeyComponents {
  return readContents(wholeValue(der, Tag.sequence, 'PrivateKeyInfo'), fields => {
    readSmallNumber(fields.take(Tag.integer, 'version'), 1)
    const algorithm = fields.take(Tag.sequence, 'privateKeyAlgorithm')
    const key = fields.take(Tag.octetString, 'privateKey').contents
    fields.takeOptional(constructedTag(0), 'attributes')
    fields.takeOptional(implicitTag(1), 'publicKey')
    return readKeyOf(readAlgorithmIdentifier(algorithm), algorithm.path, key)
  })
}

function readKeyOf(identifier: AlgorithmIdentifier, path: string, key: Uint8Array): PrivateKeyComponents {
  const { algorithm, parameters } = identifier
  switch (algorithm) {
    case Oid.rsaEncryption:
      if (parameters) readNull(parameters)
      return readRsaPrivateKey(key, { type: 'rsa' })
    case Oid.rsassaPss: {
      const pssHash = parameters && readPssHash(parameters)
      if (parameters && !pssHash) refuseAlgorithm('RSA-PSS with parameters that TLS does not use')
      return readRsaPrivateKey(key, { type: 'rsa-pss', pssHash })
    }
    case Oid.ecPublicKey:
      return readEcPrivateKey(key, readCurve(parameters, path))
    case Oid.ed25519: {
      refuseParameters(identifier)
      const privateKey = wholeValue(key, Tag.octetString, 'CurvePrivateKey') // RFC 8410 §7
      return { type: 'ed25519', privateKey: secretOf(privateKey.contents, 32, privateKey.path) }
    }
    default:
      return refuseAlgorithm(keyAlgorithmName(algorithm))
  }
}

/**
 * ECPrivateKey ::= SEQUENCE { version, privateKey OCTET STRING, parameters [0] OPTIONAL, publicKey [1] OPTIONAL } (RFC 5915 §3).
 * The curve stands here, or before it in PKCS #8. The public key is computed from the private one, whatever stands here.
 */
function readEcPrivateKey(der: Uint8Array, outerCurve?: EcCurve): EcKeyComponents {
  const value = wholeValue(der, Tag.sequence, 'ECPrivateKey')
  return readContents(value, fields => {
    if (readSmallNumber(fields.take(Tag.integer, 'version'), 1) !== 1) refuse(value.path, 'not of version 1')
    const { contents, path } = fields.take(Tag.octetString, 'privateKey')
    const wrapped = fields.takeOptional(constructedTag(0), 'parameters')
    const publicKey = fields.takeOptional(constructedTag(1), 'publicKey')
    if (publicKey) readContents(publicKey, inner => readBitStringBytes(inner.take(Tag.bitString, 'bits')))
    const innerCurve =
      wrapped && readContents(wrapped, inner => readCurve(inner.next('ECParameters'), value.path))
    const curve = outerCurve ?? innerCurve
    if (!curve) refuse(value.path, 'no curve')
    if (innerCurve && innerCurve !== curve) refuse(value.path, 'on two curves')
    return { type: 'ec', curve, privateKey: secretOf(contents, coordinateLength(curve), path) }
  })
}

function readCurve(parameters: DerValue | undefined, path: string): EcCurve {
  const { oid, curve } = readNamedCurve(parameters, path)
  return curve ?? refuseAlgorithm(keyAlgorithmName(oid))
}

function secretOf(bytes: Uint8Array, length: number, path: string): Secret {
  if (bytes.length !== length) refuse(path, `${bytes.length} bytes, wanted ${length}`)
  return new Secret(Uint8Array.from(bytes))
}
