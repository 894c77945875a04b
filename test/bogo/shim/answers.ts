/** The application's answers: which certificate, whether the peer's will do, and what a session is worth. */
import { setImmediate } from 'node:timers/promises'
import type { Answers } from '../../../src/driver/driver.ts'
import type { SessionCache } from '../../../src/driver/session-cache.ts'
import { TlsError } from '../../../src/errors.ts'
import type { CertificateWanted, ChainToJudge, VerifiedPeer } from '../../../src/handshake/effects.ts'
import type { CertifiedKey } from '../../../src/x509/certified-key.ts'
import { clientAuthOf, namesOf } from './config.ts'
import { type Credential, credentialsOf, hasCredentials, selectCredential } from './credentials.ts'
import type { Options } from './flags.ts'
import { codeOfScheme } from './names.ts'
import { openTicket } from './tickets.ts'

/** What the answers have seen, for the checks after the handshake. */
export interface Seen {
  selectedCredential: Credential | undefined
}

/** A failed check of what the runner expects: never a fault of the protocol. */
export class Unexpected extends Error {}

export function answersOf(options: Options, sessionCache: SessionCache, seen: Seen): Answers {
  const credentials = credentialsOf(options)
  return {
    sessionCache,
    openTicket: ticket => {
      const lookup = openTicket(ticket)
      return 'session' in lookup ? { ...lookup, renew: options['renew-ticket'] } : lookup
    },
    selectPolicy: ({ serverName }) => selectPolicy(options, serverName),
    selectCertificate: wanted =>
      later(options, () => {
        checkWanted(options, wanted)
        seen.selectedCredential = selectCertificate(options, credentials, wanted)
        return seen.selectedCredential && withOcspResponse(options, seen.selectedCredential.certified)
      }),
    verifyCertificate: chain => later(options, () => verifyCertificate(options, chain)),
  }
}

/** `-async`: the answer comes in a later turn of the event loop. */
function later<T>({ async: isAsync }: Options, answer: () => T): T | Promise<T> {
  return isAsync ? setImmediate().then(answer) : answer()
}

/** The hello has been read and nothing decided: where BoringSSL has its early callbacks. */
function selectPolicy(options: Options, serverName: string | undefined) {
  if (options['fail-early-callback'])
    throw new TlsError('REFUSED', 'the application does not want this client', { alert: 'handshake_failure' })
  if (options['fail-ddos-callback'])
    throw new TlsError('INTERNAL_ERROR', 'the application cannot have more clients')
  const expected = options['expect-server-name']
  if (expected !== undefined && serverName !== expected) throw new Unexpected(`server_name is ${serverName}`)
  if (options['expect-no-server-name'] && serverName !== undefined)
    throw new Unexpected(`server_name is ${serverName}`)
  return { policyHash: new Uint8Array(16), resumable: true }
}

/** What the peer says about the certificate that it would like. */
function checkWanted(options: Options, wanted: CertificateWanted): void {
  const { 'expect-certificate-types': types, 'expect-client-ca-list': authorities } = options
  const schemes = options['expect-peer-verify-pref']
  if (types && typeNumbers(wanted).join() !== types.join())
    throw new Unexpected(`certificate_types are ${wanted.certificateTypes?.join()}`)
  if (authorities && hexNames(namesOf(authorities)) !== hexNames(wanted.authorities ?? []))
    throw new Unexpected(`certificate_authorities are ${hexNames(wanted.authorities ?? [])}`)
  if (schemes.length > 0 && schemes.join() !== wanted.schemes.map(codeOfScheme).join())
    throw new Unexpected(`supported_signature_algorithms are ${wanted.schemes.join()}`)
}

const certificateTypeNumbers: Readonly<Record<string, number>> = { rsa_sign: 1, dss_sign: 2, ecdsa_sign: 64 }

function typeNumbers({ certificateTypes = [] }: CertificateWanted): (number | undefined)[] {
  return certificateTypes.map(type => (typeof type === 'number' ? type : certificateTypeNumbers[type]))
}

function hexNames(names: readonly Uint8Array[]): string {
  return names.map(name => Buffer.from(name).toString('hex')).join()
}

function selectCertificate(
  options: Options,
  credentials: readonly Credential[],
  wanted: CertificateWanted,
): Credential | undefined {
  if (options['fail-cert-callback'] || failsAsServer(options))
    throw new TlsError('INTERNAL_ERROR', 'the application has trouble with its certificates')
  const selected = selectCredential(credentials, wanted)
  // As BoringSSL does: a client with certificates none of which will do does not go on without one.
  if (!selected && wanted.role === 'client' && hasCredentials(options))
    throw new TlsError(
      'NO_COMMON_SIGNATURE_ALGORITHMS',
      'none of the certificates is one that the server takes',
    )
  return selected
}

/** A server looks for its OCSP response when it chooses its certificate. */
function failsAsServer(options: Options): boolean {
  return options.server && options['use-ocsp-callback'] && options['fail-ocsp-callback']
}

function withOcspResponse(options: Options, certified: CertifiedKey): CertifiedKey {
  if (!options.server || !options['decline-ocsp-callback']) return certified
  return { ...certified, ocspResponse: undefined }
}

/** BoringSSL's shim judges no chain either: flags say how it ends, and the leaf's key is what the handshake needs. */
function verifyCertificate(options: Options, { chain, ocspResponse }: ChainToJudge): VerifiedPeer {
  const publicKey = chain[0]!.subjectPublicKey
  if (publicKey.type === 'unsupported')
    throw new TlsError('UNSUPPORTED_CERTIFICATE', `a key of algorithm ${publicKey.algorithm}`)
  if (options['expect-ocsp-response'] && !ocspResponse)
    throw new Unexpected('no OCSP response came before the certificate was verified')
  if (options['verify-fail'] && clientAuthOf(options) !== 'none') throw refusedCertificate(options)
  if (options['use-ocsp-callback'] && options['fail-ocsp-callback'] && !options.server)
    throw new TlsError('BAD_OCSP_RESPONSE', 'the application does not want this OCSP response')
  return { publicKey, verified: !options['verify-fail'] }
}

/** BoringSSL's two ways of asking an application end in two alerts. */
export function refusedCertificate(options: Options): TlsError {
  const alert = options['use-custom-verify-callback'] ? 'certificate_unknown' : 'handshake_failure'
  return new TlsError('REFUSED', 'the application does not want this certificate', { alert })
}
