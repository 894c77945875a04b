import { ApiMisuse, TlsError } from '../errors.ts'
import { readAlgorithmIdentifier } from './certificate.ts'
import {
  constructedTag,
  implicitTag,
  readContents,
  readNull,
  readSmallNumber,
  readUnsigned,
  refuse,
  Tag,
  wholeValue,
} from './der.ts'
import { keyAlgorithmName, Oid } from './object-identifiers.ts'
import { type PemBlock, parsePem } from './pem.ts'

/** An RSA private key in the form for the Chinese remainder theorem, with the RFC's names (RFC 8017 §A.1.2). */
export interface RsaKeyComponents {
  /** n */
  readonly modulus: bigint
  /** e */
  readonly publicExponent: bigint
  /** d */
  readonly privateExponent: bigint
  /** p */
  readonly prime1: bigint
  /** q */
  readonly prime2: bigint
  /** d mod (p - 1) */
  readonly exponent1: bigint
  /** d mod (q - 1) */
  readonly exponent2: bigint
  /** The inverse of q modulo p. */
  readonly coefficient: bigint
}

/**
 * The first private key in a PEM text: `RSA PRIVATE KEY` (PKCS #1, RFC 8017 §A.1.2) or `PRIVATE KEY` (PKCS #8,
 * RFC 5958 §2) with an RSA key. Throws ApiMisuse that says what came and what to do; printing the result
 * shows nothing secret.
 */
export function parsePrivateKey(pem: string): RsaKeyComponents {
  const blocks = parsePem(pem, 'private key')
  const block = blocks.find(({ label }) => label.endsWith('PRIVATE KEY'))
  if (!block) {
    const found = blocks.map(({ label }) => `"${label}"`).join(', ') || 'no PEM block'
    throw new ApiMisuse(`private key: found ${found}, wanted a PEM block "PRIVATE KEY" or "RSA PRIVATE KEY"`)
  }
  if (
    block.label.startsWith('ENCRYPTED') ||
    block.headers.some(header => /^Proc-Type:.*ENCRYPTED/i.test(header))
  ) {
    const advice = 'decrypt it first: openssl pkey -in encrypted.pem -out key.pem'
    throw new ApiMisuse(`private key: it is encrypted, wanted a plain RSA key; ${advice}`)
  }
  try {
    return new ParsedRsaKey(readPrivateKey(block))
  } catch (error) {
    if (!(error instanceof TlsError)) throw error
    throw new ApiMisuse(`private key: the PEM block "${block.label}" is damaged (${error.message})`)
  }
}

function readPrivateKey({ label, bytes }: PemBlock): RsaKeyComponents {
  if (label === 'RSA PRIVATE KEY') return readRsaPrivateKey(bytes)
  if (label === 'PRIVATE KEY') return readPrivateKeyInfo(bytes)
  return refuseAlgorithm(label.replace(/ ?PRIVATE KEY$/, ''))
}

function refuseAlgorithm(algorithm: string): never {
  const advice = 'make an RSA key: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem'
  throw new ApiMisuse(
    `private key: it is of type ${algorithm}, wanted RSA; ${advice}, and a certificate for it`,
  )
}

/** OneAsymmetricKey, alias PrivateKeyInfo: version, algorithm, key, attributes, public key (RFC 5958 §2). */
function readPrivateKeyInfo(der: Uint8Array): RsaKeyComponents {
  return readContents(wholeValue(der, Tag.sequence, 'PrivateKeyInfo'), fields => {
    readSmallNumber(fields.take(Tag.integer, 'version'), 1)
    const { algorithm, parameters } = readAlgorithmIdentifier(
      fields.take(Tag.sequence, 'privateKeyAlgorithm'),
    )
    if (algorithm !== Oid.rsaEncryption) refuseAlgorithm(keyAlgorithmName(algorithm))
    if (parameters) readNull(parameters)
    const components = readRsaPrivateKey(fields.take(Tag.octetString, 'privateKey').contents)
    fields.takeOptional(constructedTag(0), 'attributes')
    fields.takeOptional(implicitTag(1), 'publicKey')
    return components
  })
}

/** RSAPrivateKey (RFC 8017 §A.1.2): nine INTEGERs, the first of which says that there are two primes. */
function readRsaPrivateKey(der: Uint8Array): RsaKeyComponents {
  const value = wholeValue(der, Tag.sequence, 'RSAPrivateKey')
  return readContents(value, fields => {
    readSmallNumber(fields.take(Tag.integer, 'version'), 0)
    const number = (name: string) => readUnsigned(fields.take(Tag.integer, name))
    // An object literal is evaluated in the order it is written, which is the order of the fields.
    const components: RsaKeyComponents = {
      modulus: number('modulus'),
      publicExponent: number('publicExponent'),
      privateExponent: number('privateExponent'),
      prime1: number('prime1'),
      prime2: number('prime2'),
      exponent1: number('exponent1'),
      exponent2: number('exponent2'),
      coefficient: number('coefficient'),
    }
    if (!fitTogether(components)) refuse(value.path, 'its numbers do not belong to one key')
    return components
  })
}

/** Whether the parts are consistent, so that a damaged file is found at the start and not at a handshake. */
function fitTogether(key: RsaKeyComponents): boolean {
  const { modulus, publicExponent: e, prime1: p, prime2: q, privateExponent: d } = key
  if (p < 3n || q < 3n || p * q !== modulus || e < 3n) return false
  const invertsExponent = (e * d) % (p - 1n) === 1n && (e * d) % (q - 1n) === 1n
  const hasExponents = key.exponent1 === d % (p - 1n) && key.exponent2 === d % (q - 1n)
  return invertsExponent && hasExponents && (key.coefficient * q) % p === 1n
}

/** The components behind private fields: util.inspect and JSON.stringify show the size of the key and no more. */
class ParsedRsaKey implements RsaKeyComponents {
  readonly #key: RsaKeyComponents

  constructor(key: RsaKeyComponents) {
    this.#key = key
  }

  get modulus() {
    return this.#key.modulus
  }
  get publicExponent() {
    return this.#key.publicExponent
  }
  get privateExponent() {
    return this.#key.privateExponent
  }
  get prime1() {
    return this.#key.prime1
  }
  get prime2() {
    return this.#key.prime2
  }
  get exponent1() {
    return this.#key.exponent1
  }
  get exponent2() {
    return this.#key.exponent2
  }
  get coefficient() {
    return this.#key.coefficient
  }

  toString(): string {
    return `[RSA private key, ${this.modulus.toString(2).length} bits]`
  }

  toJSON(): string {
    return this.toString()
  }

  /** What Node's util.inspect and console.log show. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}
