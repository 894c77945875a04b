/** What the runner wants to have come out of a handshake: each `-expect-` flag is one comparison. */
import { readFileSync } from 'node:fs'
import { cipherSuite } from '../../../src/crypto/cipher-suites.ts'
import { namedGroups } from '../../../src/crypto/named-groups.ts'
import { signatureScheme } from '../../../src/crypto/signature-schemes.ts'
import type { Established } from '../../../src/handshake/flow.ts'
import { tls12 } from '../../../src/messages/protocol-version.ts'
import { certificatesFromPem } from '../../../src/x509/certificate-pem.ts'
import { type Seen, Unexpected } from './answers.ts'
import { sctListOf } from './credentials.ts'
import type { Options } from './flags.ts'

/** How a handshake ended, and what belongs to it. */
export interface Ended {
  readonly established: Established
  readonly seen: Seen
  /** Whether this connection is one that resumes another. */
  readonly isResumption: boolean
  /** Whether there is a session that was not there before: kept by the server, or by the client. */
  readonly hasNewSession: boolean
}

/** Throws Unexpected for the first expectation that is not met. */
export function checkHandshake(options: Options, ended: Ended): void {
  checkSession(options, ended)
  checkPeer(options, ended)
  checkNegotiation(options, ended)
}

function checkSession(options: Options, { established, isResumption, hasNewSession }: Ended): void {
  const { resumed } = established
  expect('the session is resumed', resumed, isResumption && !options['expect-session-miss'])
  if (!options.server) {
    const wanted = !options['expect-no-session'] && (!resumed || options['expect-ticket-renewal'])
    expect('there is a new session', hasNewSession, wanted)
  }
  if (isResumption) return
  if (options['expect-session-id']) expect('the session is kept', hasNewSession, true)
  if (options['expect-no-session-id']) expect('the session is kept', hasNewSession, false)
}

function checkPeer(options: Options, { established, seen }: Ended): void {
  const { peerCertificates, verified, resumed, ocspResponse, signedCertificateTimestamps } = established
  const hasPeer = peerCertificates.length > 0
  const expectsPeer = !options.server || options['require-any-client-certificate']
  if (options['expect-no-peer-cert']) expect('the peer has a certificate', hasPeer, false)
  else if (expectsPeer) expect('the peer has a certificate', hasPeer, true)
  if (options['expect-verify-result'] && hasPeer)
    expect('the peer is verified', verified, !options['verify-fail'])
  const file = options['expect-peer-cert-file']
  if (file !== undefined) checkChain(readFileSync(file, 'latin1'), established)
  // Of a session that is resumed nothing is kept but its leaf.
  if (resumed) return
  expectBytes('the OCSP response', ocspResponse, options['expect-ocsp-response'])
  const timestamps = options['expect-signed-cert-timestamps']
  if (timestamps) expect('the SCT list', hex(...signedCertificateTimestamps), hex(...sctListOf(timestamps)))
  if (options['expect-selected-credential'] !== undefined)
    expect('the credential', seen.selectedCredential?.index ?? -1, options['expect-selected-credential'])
}

/** Resumed: the leaf alone. */
function checkChain(pem: string, { peerCertificates, resumed }: Established): void {
  const chain = certificatesFromPem(pem, 'expect-peer-cert-file').map(({ raw }) => raw)
  expect("the peer's chain", hex(...peerCertificates), hex(...(resumed ? chain.slice(0, 1) : chain)))
}

function checkNegotiation(options: Options, { established }: Ended): void {
  const { session, suite, alpnProtocol, serverName, secureRenegotiation } = established
  expectNumber('the version', tls12, options['expect-version'])
  expectNumber('the suite', cipherSuite(suite).number, options['expect-cipher'])
  expect('the protocol', alpnProtocol ?? '', expectedProtocol(options))
  if (options['expect-server-name'] !== undefined)
    expect('the server name', serverName, options['expect-server-name'])
  if (options['expect-extended-master-secret'])
    expect('the extended master secret', session.extendedMasterSecret, true)
  if (options['expect-secure-renegotiation']) expect('secure renegotiation', secureRenegotiation, true)
  if (options['expect-no-secure-renegotiation']) expect('secure renegotiation', secureRenegotiation, false)
  checkKeyExchange(options, established)
}

/** A session does not remember how its key exchange went, so a resumed one has nothing to compare. */
function checkKeyExchange(options: Options, established: Established): void {
  if (established.resumed) return
  const { group, clientSignatureScheme, serverSignatureScheme } = established
  expectNumber('the group', group && namedGroups[group].number, options['expect-curve-id'])
  const scheme = options.server ? clientSignatureScheme : serverSignatureScheme
  const expected = options['expect-peer-signature-algorithm']
  expectNumber("the peer's signature", scheme && signatureScheme(scheme).number, expected)
}

function expectedProtocol(options: Options): string {
  return (options.server ? options['select-alpn'] : options['expect-alpn']) ?? ''
}

function expect<T extends string | number | boolean>(what: string, actual: T | undefined, wanted: T): void {
  if (actual !== wanted) throw new Unexpected(`${what}: ${actual}, wanted ${wanted}`)
}

function expectNumber(what: string, actual: number | undefined, wanted: number | undefined): void {
  if (wanted !== undefined) expect(what, actual, wanted)
}

function expectBytes(what: string, actual: Uint8Array | undefined, wanted: Uint8Array | undefined): void {
  if (wanted) expect(what, hex(actual ?? new Uint8Array()), hex(wanted))
}

function hex(...bytes: readonly Uint8Array[]): string {
  return bytes.map(part => Buffer.from(part).toString('hex')).join()
}
