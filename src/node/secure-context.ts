import { randomBytes } from 'node:crypto'
import { type CipherSuiteName, cipherSuiteNames, findCipherSuite } from '../crypto/cipher-suites.ts'
import type { CryptoProvider, RandomBytes } from '../crypto/provider.ts'
import { ApiMisuse } from '../errors.ts'
import { nobleProvider, privateKey } from '../providers/noble/index.ts'
import type { Certificate } from '../x509/certificate.ts'
import { certificatesFromPem } from '../x509/certificate-pem.ts'
import { type CertifiedKey, certifiedKey } from '../x509/certified-key.ts'

/** A PEM text, or its bytes. */
export type Pem = string | Uint8Array

export interface SecureContextOptions {
  /** Certificate chains, leaf first; as many as keys, in the same order. */
  readonly cert?: Pem | readonly Pem[]
  /** Private keys, PKCS #1 or PKCS #8, not encrypted. */
  readonly key?: Pem | readonly Pem[]
  /** The certificates to trust. */
  readonly ca?: Pem | readonly Pem[]
  /** Names of cipher suites, the RFC's or OpenSSL's, joined by colons, in order of preference. */
  readonly ciphers?: string
  readonly provider?: CryptoProvider
  /** Where randomness comes from; node:crypto by default. */
  readonly random?: RandomBytes
  /** Milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

/** Keys, anchors and suites, read once and used by many connections. */
export interface SecureContext {
  readonly certifiedKeys: readonly CertifiedKey[]
  readonly anchors: readonly Certificate[]
  readonly cipherSuites: readonly CipherSuiteName[]
  readonly provider: CryptoProvider
  readonly random: RandomBytes
  readonly now: () => number
}

/** Reads certificates, keys and suites; throws ApiMisuse with one line that says what to do. */
export function createSecureContext(options: SecureContextOptions = {}): SecureContext {
  const provider = options.provider ?? nobleProvider
  const random = options.random ?? (length => new Uint8Array(randomBytes(length)))
  return {
    certifiedKeys: pairKeys(listOf(options.cert), listOf(options.key), random),
    anchors: listOf(options.ca).flatMap(pem => certificatesFromPem(pem, 'ca')),
    cipherSuites:
      options.ciphers === undefined ? provider.cipherSuites : parseCiphers(options.ciphers, provider),
    provider,
    random,
    now: options.now ?? Date.now,
  }
}

function pairKeys(
  certificates: readonly string[],
  keys: readonly string[],
  random: RandomBytes,
): CertifiedKey[] {
  if (certificates.length !== keys.length) {
    throw new ApiMisuse(
      `${certificates.length} certificates and ${keys.length} keys were given: give one key for each certificate, in the same order`,
    )
  }
  return certificates.map((certificate, i) =>
    certifiedKey(certificate, keys[i]!, components => privateKey(components, random)),
  )
}

function parseCiphers(ciphers: string, provider: CryptoProvider): CipherSuiteName[] {
  return ciphers.split(':').map(name => {
    const suite = findCipherSuite(name.trim())
    if (!suite || !provider.cipherSuites.includes(suite)) {
      throw new ApiMisuse(
        `no cipher suite is called ${JSON.stringify(name)}: choose from ${cipherSuiteNames.join(', ')}`,
      )
    }
    return suite
  })
}

function listOf(pem: Pem | readonly Pem[] | undefined): string[] {
  if (pem === undefined) return []
  const list = typeof pem === 'string' || pem instanceof Uint8Array ? [pem] : pem
  return list.map(text => (typeof text === 'string' ? text : Buffer.from(text).toString('latin1')))
}
