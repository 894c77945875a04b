/**
 * The words for failure. A fault is thrown where it is found and carries its alert, so that no caller has
 * to translate; the table below is the only place where a class of fault meets an alert.
 */

/** Alert descriptions (RFC 5246 §7.2, RFC 6066 §9, RFC 7301 §3.2, RFC 7507 §5). */
export const AlertDescription = {
  close_notify: 0,
  unexpected_message: 10,
  bad_record_mac: 20,
  decryption_failed_RESERVED: 21,
  record_overflow: 22,
  decompression_failure: 30,
  handshake_failure: 40,
  no_certificate_RESERVED: 41,
  bad_certificate: 42,
  unsupported_certificate: 43,
  certificate_revoked: 44,
  certificate_expired: 45,
  certificate_unknown: 46,
  illegal_parameter: 47,
  unknown_ca: 48,
  access_denied: 49,
  decode_error: 50,
  decrypt_error: 51,
  export_restriction_RESERVED: 60,
  protocol_version: 70,
  insufficient_security: 71,
  internal_error: 80,
  inappropriate_fallback: 86,
  user_canceled: 90,
  no_renegotiation: 100,
  unsupported_extension: 110,
  certificate_unobtainable: 111,
  unrecognized_name: 112,
  bad_certificate_status_response: 113,
  bad_certificate_hash_value: 114,
  unknown_psk_identity: 115,
  no_application_protocol: 120,
} as const
export type AlertDescription = keyof typeof AlertDescription

/** What sort of failure it is: bytes that do not parse, a peer that breaks a rule, no common ground, or our own. */
export type FaultKind = 'decode' | 'misbehaved' | 'incompatible' | 'internal'

/**
 * Every class of fault, its stable code, its kind and the alert it is answered with (RFC 5246 §7.2.2).
 * Tests, shims and scripts match on the code; a message may be reworded, a code may not.
 */
export const faults = {
  // Bytes that are not what the presentation language says.
  DECODE_ERROR: ['decode', 'decode_error'],
  DUPLICATE_EXTENSION: ['decode', 'decode_error'],
  BAD_CERTIFICATE: ['decode', 'bad_certificate'],
  // The record layer (RFC 5246 §6).
  WRONG_VERSION_NUMBER: ['incompatible', 'protocol_version'],
  UNKNOWN_RECORD_TYPE: ['misbehaved', 'unexpected_message'],
  RECORD_OVERFLOW: ['misbehaved', 'record_overflow'],
  BAD_RECORD_MAC: ['misbehaved', 'bad_record_mac'],
  EMPTY_FRAGMENT: ['misbehaved', 'unexpected_message'],
  TOO_MANY_EMPTY_FRAGMENTS: ['misbehaved', 'unexpected_message'],
  TOO_MANY_WARNING_ALERTS: ['misbehaved', 'unexpected_message'],
  SEQUENCE_NUMBER_EXHAUSTED: ['internal', 'internal_error'],
  UNKNOWN_ALERT_LEVEL: ['misbehaved', 'illegal_parameter'],
  // The order of messages (RFC 5246 §7.3).
  UNEXPECTED_MESSAGE: ['misbehaved', 'unexpected_message'],
  BAD_CHANGE_CIPHER_SPEC: ['misbehaved', 'unexpected_message'],
  UNALIGNED_CHANGE_CIPHER_SPEC: ['misbehaved', 'unexpected_message'],
  EXCESSIVE_MESSAGE_SIZE: ['misbehaved', 'decode_error'],
  // Negotiation (RFC 5246 §7.4.1).
  UNSUPPORTED_PROTOCOL: ['incompatible', 'protocol_version'],
  NO_SHARED_CIPHER: ['incompatible', 'handshake_failure'],
  NO_SHARED_GROUP: ['incompatible', 'handshake_failure'],
  NO_SHARED_FINITE_FIELD: ['incompatible', 'insufficient_security'],
  NO_COMMON_SIGNATURE_ALGORITHMS: ['incompatible', 'handshake_failure'],
  NO_APPLICATION_PROTOCOL: ['incompatible', 'no_application_protocol'],
  NO_CERTIFICATE: ['incompatible', 'handshake_failure'],
  WRONG_CIPHER_RETURNED: ['misbehaved', 'illegal_parameter'],
  UNSUPPORTED_COMPRESSION: ['misbehaved', 'illegal_parameter'],
  UNSOLICITED_EXTENSION: ['misbehaved', 'unsupported_extension'],
  BAD_SERVER_NAME: ['misbehaved', 'illegal_parameter'],
  BAD_POINT_FORMATS: ['misbehaved', 'illegal_parameter'],
  BAD_APPLICATION_PROTOCOL: ['misbehaved', 'illegal_parameter'],
  BAD_FRAGMENT_LIMIT: ['misbehaved', 'illegal_parameter'],
  SESSION_MISMATCH: ['misbehaved', 'illegal_parameter'],
  EXTENDED_MASTER_SECRET_MISMATCH: ['misbehaved', 'handshake_failure'],
  EXTENDED_MASTER_SECRET_REQUIRED: ['incompatible', 'handshake_failure'],
  RENEGOTIATION_MISMATCH: ['misbehaved', 'handshake_failure'],
  SECURE_RENEGOTIATION_REQUIRED: ['incompatible', 'handshake_failure'],
  ENCRYPT_THEN_MAC_MISMATCH: ['misbehaved', 'illegal_parameter'],
  // Key exchange (RFC 5246 §7.4.3, §7.4.7; RFC 8422 §5.4, §5.11; RFC 7919 §3).
  WRONG_CURVE: ['misbehaved', 'illegal_parameter'],
  BAD_KEY_SHARE: ['misbehaved', 'illegal_parameter'],
  WEAK_DH_GROUP: ['incompatible', 'insufficient_security'],
  BAD_DH_GROUP: ['misbehaved', 'illegal_parameter'],
  WRONG_SIGNATURE_TYPE: ['misbehaved', 'illegal_parameter'],
  BAD_SIGNATURE: ['misbehaved', 'decrypt_error'],
  // Certificates and proofs (RFC 5246 §7.4.2, §7.4.9).
  PEER_DID_NOT_RETURN_A_CERTIFICATE: ['incompatible', 'handshake_failure'],
  WRONG_CERTIFICATE_TYPE: ['misbehaved', 'illegal_parameter'],
  KEY_USAGE_BIT_INCORRECT: ['misbehaved', 'illegal_parameter'],
  UNSUPPORTED_CERTIFICATE: ['incompatible', 'unsupported_certificate'],
  CERTIFICATE_EXPIRED: ['incompatible', 'certificate_expired'],
  CERTIFICATE_UNKNOWN: ['incompatible', 'certificate_unknown'],
  CERTIFICATE_REFUSED: ['incompatible', 'bad_certificate'],
  BAD_OCSP_RESPONSE: ['incompatible', 'bad_certificate_status_response'],
  UNKNOWN_CA: ['incompatible', 'unknown_ca'],
  HOSTNAME_MISMATCH: ['incompatible', 'bad_certificate'],
  DIGEST_CHECK_FAILED: ['misbehaved', 'decrypt_error'],
  INTERNAL_ERROR: ['internal', 'internal_error'],
  // The application does not want to go on; what to say is its own choice.
  REFUSED: ['incompatible', 'access_denied'],
  // The transport ended without close_notify (RFC 5246 §7.2.1). Nobody is left to read the alert.
  TRUNCATED: ['misbehaved', 'close_notify'],
  // Our own side gave up: a deadline, a caller's abort.
  ABORTED: ['internal', 'user_canceled'],
} as const satisfies Record<string, readonly [FaultKind, AlertDescription]>
export type FaultCode = keyof typeof faults

/** Which of several failures it is that share a fault and its alert, where other implementations have a word for each. */
export type FaultDetail =
  // UNKNOWN_RECORD_TYPE, of a first record: what came is no TLS.
  | 'not_tls'
  | 'http_request'
  | 'proxy_request'
  // CERTIFICATE_EXPIRED, of one whose time has not come.
  | 'not_yet_valid'
  // UNKNOWN_CA, by where the chain ends that the peer sent.
  | 'self_signed_leaf'
  | 'self_signed_authority'
  | 'lone_leaf'
  | 'issuer_missing'
  // CERTIFICATE_REFUSED.
  | 'bad_signature'
  | 'wrong_purpose'
  | 'path_too_long'

/** What a fault may carry besides its code. */
export interface FaultOptions extends ErrorOptions {
  /** Of REFUSED: the application's choice. */
  readonly alert?: AlertDescription
  readonly detail?: FaultDetail
  /** The certificate that it is about, in DER. */
  readonly certificate?: Uint8Array
}

/** A fault of the peer or of the connection; `alert` is what the peer is told. Its message never holds secret bytes. */
export class TlsError extends Error {
  override readonly name = 'TlsError'
  readonly code: FaultCode
  readonly alert: AlertDescription
  readonly kind: FaultKind
  readonly detail: FaultDetail | undefined
  /** Private, so that no log is filled with its bytes. */
  readonly #certificate: Uint8Array | undefined

  /**
   * @param code one of `faults`, which fixes kind and alert; of REFUSED the alert is the application's to choose, in `options`
   * @param message who, what came, what was wanted
   */
  constructor(code: FaultCode, message: string, options: FaultOptions = {}) {
    super(message, options)
    const [kind, alert] = faults[code]
    this.code = code
    this.kind = kind
    this.alert = code === 'REFUSED' ? (options.alert ?? alert) : alert
    this.detail = options.detail
    this.#certificate = options.certificate
  }

  /** The certificate that it is about, in DER. */
  get certificate(): Uint8Array | undefined {
    return this.#certificate
  }
}

/** The peer ended the connection with a fatal alert (RFC 5246 §7.2.2). */
export class PeerAlert extends Error {
  override readonly name = 'PeerAlert'
  readonly level: 'warning' | 'fatal'
  readonly description: AlertDescription | number

  constructor(level: 'warning' | 'fatal', description: AlertDescription | number) {
    super(`the peer sent the ${level} alert ${description}`)
    this.level = level
    this.description = description
  }
}

/** Our caller's mistake: a wrong option, an answer nobody asked for. It never becomes an alert. */
export class ApiMisuse extends Error {
  override readonly name = 'ApiMisuse'
}
