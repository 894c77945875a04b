/**
 * The errors that sockets emit, as people who know node:tls look for them: `code` is what Node 20 has in the same situation
 * (docs/node-errors.md). What happened in our own words, a TlsError or PeerAlert, is the `cause`.
 */
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import {
  type AlertDescription,
  type FaultCode,
  type FaultDetail,
  PeerAlert,
  type TlsError,
} from '../errors.ts'
import { CallbackError } from './api-misuse.ts'
import { peerCertificateOf } from './peer-certificate.ts'

/** Whom a client was to connect to, by its options. */
export interface ConnectionTarget {
  readonly path?: string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly localAddress?: string | undefined
}

/** What a socket knows of the moment at which a fault came. */
export interface Situation {
  readonly role: 'client' | 'server'
  /** Whether the handshake had ended. */
  readonly isOpen: boolean
  /** Of a client. */
  readonly target?: ConnectionTarget
  /** Of a client: the name that the server's certificate had to have. */
  readonly peerName?: string
}

/** What a socket emits for a fault that was found here, or that the peer told of. An application's own error comes back as it was. */
export function nodeError(fault: TlsError | PeerAlert, situation: Situation): Error {
  if (fault.cause instanceof CallbackError) return fault.cause.given
  if (fault instanceof PeerAlert) return protocolError(fault, reasonOfAlert(fault))
  const { code, detail } = fault
  const isClosure = code === 'TRUNCATED' || code === 'ABORTED'
  if (isClosure && !situation.isOpen) return connectionReset(situation, fault)
  if (code === 'HOSTNAME_MISMATCH') return wrongName(fault, situation.peerName ?? '')
  const verdict = (detail && verdicts[detail]) ?? verdicts[code]
  return verdict
    ? withFields(fault.message, fault, { code: verdict })
    : protocolError(fault, reasonOf(fault, situation))
}

/** A transport that ended before the handshake did. */
export function connectionReset({ role, target = {} }: Omit<Situation, 'isOpen'>, cause?: Error): Error {
  const code = 'ECONNRESET'
  if (role === 'server') return withFields('socket hang up', cause, { code })
  const { path, host, port, localAddress } = target
  const message = 'Client network socket disconnected before secure TLS connection was established'
  return withFields(message, cause, { code, path, host, port, localAddress })
}

/**
 * `socket.authorizationError`: what is wrong with the peer's certificate, as a code. It is a string as in every node:tls, whose types
 * say Error. A server that asked and was shown none says so by the word that OpenSSL begins with.
 */
export function authorizationErrorOf(fault: TlsError, peerName?: string): string {
  if (fault.code === 'PEER_DID_NOT_RETURN_A_CERTIFICATE') return 'UNABLE_TO_GET_ISSUER_CERT'
  const error = nodeError(fault, { role: 'client', isOpen: true, ...(peerName && { peerName }) })
  return 'code' in error && error.code ? String(error.code) : error.message
}

/** Node's words for what is wrong with a certificate, OpenSSL's X509_V_ERR_...; for the most part of ours it has none: UNSPECIFIED. */
const verdicts: Readonly<Partial<Record<FaultCode | FaultDetail, string>>> = {
  CERTIFICATE_EXPIRED: 'CERT_HAS_EXPIRED',
  not_yet_valid: 'CERT_NOT_YET_VALID',
  UNKNOWN_CA: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  self_signed_leaf: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  self_signed_authority: 'SELF_SIGNED_CERT_IN_CHAIN',
  lone_leaf: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  CERTIFICATE_REFUSED: 'UNSPECIFIED',
  bad_signature: 'CERT_SIGNATURE_FAILURE',
  wrong_purpose: 'INVALID_PURPOSE',
  path_too_long: 'PATH_LENGTH_EXCEEDED',
  UNSUPPORTED_CERTIFICATE: 'UNSPECIFIED',
  CERTIFICATE_UNKNOWN: 'CERT_UNTRUSTED',
}

/** OpenSSL's words where they are not our own. For some of our classes it has several; here is the one that is met most. */
const reasons: Readonly<Partial<Record<FaultCode | FaultDetail, string>>> = {
  DECODE_ERROR: 'length mismatch',
  DUPLICATE_EXTENSION: 'bad extension',
  UNKNOWN_RECORD_TYPE: 'unexpected record',
  not_tls: 'wrong version number',
  http_request: 'http request',
  proxy_request: 'https proxy request',
  RECORD_OVERFLOW: 'data length too long',
  // One word whatever the suite, and whether padding or MAC was wrong: a log shall be no oracle (RFC 5246 §6.2.3.2).
  BAD_RECORD_MAC: 'decryption failed or bad record mac',
  TOO_MANY_EMPTY_FRAGMENTS: 'record too small',
  TOO_MANY_WARNING_ALERTS: 'too many warn alerts',
  UNKNOWN_ALERT_LEVEL: 'unknown alert type',
  UNALIGNED_CHANGE_CIPHER_SPEC: 'bad change cipher spec',
  NO_SHARED_GROUP: 'no shared cipher',
  NO_SHARED_FINITE_FIELD: 'no shared cipher',
  NO_CERTIFICATE: 'no shared cipher',
  NO_COMMON_SIGNATURE_ALGORITHMS: 'no suitable signature algorithm',
  BAD_SERVER_NAME: 'bad extension',
  BAD_APPLICATION_PROTOCOL: 'bad extension',
  BAD_FRAGMENT_LIMIT: 'ssl3 ext invalid max fragment length',
  SESSION_MISMATCH: 'old session cipher not returned',
  EXTENDED_MASTER_SECRET_MISMATCH: 'inconsistent extms',
  SECURE_RENEGOTIATION_REQUIRED: 'unsafe legacy renegotiation disabled',
  WEAK_DH_GROUP: 'dh key too small',
  // After the handshake node:tls ends as if all had come; this is what OpenSSL itself says.
  TRUNCATED: 'unexpected eof while reading',
}

function reasonOf({ code, detail }: TlsError, { role }: Situation): string {
  if (code === 'UNSUPPORTED_COMPRESSION')
    return role === 'client' ? 'unsupported compression algorithm' : 'no compression specified'
  return (detail && reasons[detail]) ?? reasons[code] ?? code.toLowerCase().replaceAll('_', ' ')
}

/** OpenSSL's words for the alerts of a peer; which name begins with which version is history. */
const alertReasons: Readonly<Partial<Record<AlertDescription | number, string>>> = {
  unexpected_message: 'sslv3 alert unexpected message',
  bad_record_mac: 'sslv3 alert bad record mac',
  decryption_failed_RESERVED: 'tlsv1 alert decryption failed',
  record_overflow: 'tlsv1 alert record overflow',
  decompression_failure: 'sslv3 alert decompression failure',
  handshake_failure: 'sslv3 alert handshake failure',
  no_certificate_RESERVED: 'sslv3 alert no certificate',
  bad_certificate: 'sslv3 alert bad certificate',
  unsupported_certificate: 'sslv3 alert unsupported certificate',
  certificate_revoked: 'sslv3 alert certificate revoked',
  certificate_expired: 'sslv3 alert certificate expired',
  certificate_unknown: 'sslv3 alert certificate unknown',
  illegal_parameter: 'sslv3 alert illegal parameter',
  unknown_ca: 'tlsv1 alert unknown ca',
  access_denied: 'tlsv1 alert access denied',
  decode_error: 'tlsv1 alert decode error',
  decrypt_error: 'tlsv1 alert decrypt error',
  export_restriction_RESERVED: 'tlsv1 alert export restriction',
  protocol_version: 'tlsv1 alert protocol version',
  insufficient_security: 'tlsv1 alert insufficient security',
  internal_error: 'tlsv1 alert internal error',
  inappropriate_fallback: 'tlsv1 alert inappropriate fallback',
  user_canceled: 'tlsv1 alert user cancelled',
  no_renegotiation: 'tlsv1 alert no renegotiation',
  109: 'tlsv13 alert missing extension',
  unsupported_extension: 'tlsv1 unsupported extension',
  certificate_unobtainable: 'tlsv1 certificate unobtainable',
  unrecognized_name: 'tlsv1 unrecognized name',
  bad_certificate_status_response: 'tlsv1 bad certificate status response',
  bad_certificate_hash_value: 'tlsv1 bad certificate hash value',
  unknown_psk_identity: 'tlsv1 alert unknown psk identity',
  116: 'tlsv13 alert certificate required',
  no_application_protocol: 'tlsv1 alert no application protocol',
}

/** An alert that OpenSSL has no word for is lost in node:tls, and the connection seems to have been cut; here it is told. */
function reasonOfAlert({ description }: PeerAlert): string {
  return alertReasons[description] ?? `alert ${String(description).replaceAll('_', ' ')}`
}

/** Node makes the code of the reason. */
function protocolError(fault: TlsError | PeerAlert, reason: string): Error {
  const code = `ERR_SSL_${reason.toUpperCase().replaceAll(' ', '_')}`
  return withFields(fault.message, fault, { library: 'SSL routines', reason, code })
}

/** Node's own words, where Node refuses the name too: it still reads a common name. */
function wrongName(fault: TlsError, host: string): Error {
  const cert = peerCertificateOf(fault.certificate ? [fault.certificate] : [], true) as PeerCertificate
  const refusal = checkServerIdentity(host, cert)
  const said = { reason: fault.message, host, ...refusal }
  const message = refusal?.message ?? `Hostname/IP does not match certificate's altnames: ${said.reason}`
  return withFields(message, fault, { ...said, code: 'ERR_TLS_CERT_ALTNAME_INVALID', cert })
}

function withFields(
  message: string,
  cause: Error | undefined,
  fields: Readonly<Record<string, unknown>>,
): Error {
  return Object.assign(new Error(message, cause && { cause }), fields)
}
