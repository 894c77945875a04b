/** The certificates that the runner configures, and which of them serves a handshake. */
import { readFileSync } from 'node:fs'
import {
  isIssuedByOneOf,
  usableClientScheme,
  usableSuites,
} from '../../../src/handshake/certificate-choice.ts'
import type { CertificateWanted } from '../../../src/handshake/effects.ts'
import { signedCertificateTimestampList } from '../../../src/messages/extensions/signed-certificate-timestamp.ts'
import { privateKey } from '../../../src/providers/noble/index.ts'
import { decode } from '../../../src/wire/codec.ts'
import { certificatesFromPem } from '../../../src/x509/certificate-pem.ts'
import { type CertifiedKey, certifiedKey } from '../../../src/x509/certified-key.ts'
import { defaultSigningSchemes, random } from './defaults.ts'
import type { CredentialOptions, Options } from './flags.ts'
import { schemesOf } from './names.ts'

/** One certificate with its key. */
export interface Credential {
  /** Its place among the `-new-x509-credential`s; -1 is the one of the older interface. */
  readonly index: number
  readonly certified: CertifiedKey
  /** Use it only for a peer that names one of its issuers. */
  readonly mustMatchIssuer: boolean
}

/** Credentials in order of preference; the default is the last. One whose key is of a type that we do not do serves nobody. */
export function credentialsOf({ credentials, defaultCredential }: Options): Credential[] {
  const all = credentials.map((credential, index) => ({ credential, index }))
  if (defaultCredential['cert-file']) all.push({ credential: defaultCredential, index: -1 })
  return all.flatMap(({ credential, index }) => load(credential, index) ?? [])
}

/** Whether there is a credential at all, of use or not. */
export function hasCredentials({ credentials, defaultCredential }: Options): boolean {
  return credentials.length > 0 || defaultCredential['cert-file'] !== undefined
}

/** SignedCertificateTimestampList (RFC 6962 §3.3). */
export function sctListOf(bytes: Uint8Array): readonly Uint8Array[] {
  return decode(signedCertificateTimestampList, bytes, 'SignedCertificateTimestampList').sctList
}

function load(options: CredentialOptions, index: number): Credential | undefined {
  const certificatePem = readFileSync(options['cert-file'] ?? '', 'latin1')
  const [leaf] = certificatesFromPem(certificatePem, 'cert-file')
  if (leaf?.subjectPublicKey.type === 'unsupported') return undefined
  const keyPem = readFileSync(options['key-file'] ?? '', 'latin1')
  const certified = certifiedKey(certificatePem, keyPem, components => privateKey(components, random))
  const { 'signing-prefs': signing, 'signed-cert-timestamps': timestamps } = options
  return {
    index,
    certified: {
      ...certified,
      signingSchemes: signing.length > 0 ? schemesOf(signing) : defaultSigningSchemes,
      ocspResponse: options['ocsp-response'],
      signedCertificateTimestamps: timestamps && sctListOf(timestamps),
    },
    mustMatchIssuer: options['must-match-issuer'],
  }
}

/** The first credential that can serve. Where none can, a server's last one lets the core name the reason. */
export function selectCredential(
  credentials: readonly Credential[],
  wanted: CertificateWanted,
): Credential | undefined {
  const matching = credentials.filter(credential => isIssuerWanted(credential, wanted))
  const usable = matching.find(({ certified }) => canServe(certified, wanted))
  return usable ?? (wanted.role === 'server' ? matching.at(-1) : undefined)
}

function canServe(certified: CertifiedKey, wanted: CertificateWanted): boolean {
  return wanted.role === 'server'
    ? usableSuites(certified, wanted).length > 0
    : usableClientScheme(certified, wanted) !== undefined
}

function isIssuerWanted({ mustMatchIssuer, certified }: Credential, wanted: CertificateWanted): boolean {
  return !mustMatchIssuer || isIssuedByOneOf(certified, wanted.authorities ?? [])
}
