/** What a ClientHello offers, its extensions read and judged one by one (RFC 5246 §7.4.1.2). */
import { cipherSuites } from '../crypto/cipher-suites.ts'
import type { NamedGroup } from '../crypto/named-groups.ts'
import type { SignatureScheme } from '../crypto/signature-schemes.ts'
import { TlsError } from '../errors.ts'
import type { ClientHello } from '../messages/client-hello.ts'
import { protocolNamesOf } from '../messages/extensions/application-layer-protocol-negotiation.ts'
import { type ClientHelloExtension, findExtension } from '../messages/extensions/index.ts'
import { MaxFragmentLength } from '../messages/extensions/max-fragment-length.ts'
import { minRecordSizeLimit } from '../messages/extensions/record-size-limit.ts'
import { hostNameOf } from '../messages/extensions/server-name.ts'
import { tls12, versionText } from '../messages/protocol-version.ts'
import type { Handshake } from './effects.ts'
import { receive } from './gate.ts'
import type { ServerFlow } from './server.ts'

/** A ClientHello, and what its extensions say; `undefined` for one that is not there. */
export interface ClientOffer {
  readonly hello: ClientHello
  readonly serverName: string | undefined
  readonly extendedMasterSecret: boolean
  readonly encryptThenMac: boolean
  /** By renegotiation_info or by its signalling suite (RFC 5746 §3.6). */
  readonly secureRenegotiation: boolean
  /** Curves and finite fields, in the client's order. */
  readonly groups: readonly (NamedGroup | number)[] | undefined
  /** A client without the extension can verify SHA-1 (RFC 5246 §7.4.1.4.1), which we sign with only where it is named. */
  readonly schemes: readonly (SignatureScheme | number)[]
  readonly hasPointFormats: boolean
  readonly protocols: readonly string[] | undefined
  /** 1 to 4, or 0 for none (RFC 6066 §4). */
  readonly maxFragmentLengthCode: number
  readonly recordSizeLimit: number | undefined
  /** Empty when the client has none and would like one (RFC 5077 §3.2). */
  readonly ticket: Uint8Array | undefined
  readonly wantsOcspResponse: boolean
  readonly wantsSignedCertificateTimestamps: boolean
}

/** Waits for ClientHello. */
export function* receiveClientHello(hs: ServerFlow): Handshake<ClientOffer> {
  const received = yield* receive(hs, 'client_hello')
  // Both outlive the handshake, in the session too: as views they would keep the whole message, which is as long as the client likes.
  const hello = { ...received, random: received.random.slice(), sessionId: received.sessionId.slice() }
  verifyVersion(hello)
  if (!hello.compressionMethods.includes('null')) {
    throw new TlsError(
      'UNSUPPORTED_COMPRESSION',
      'ClientHello.compressionMethods lacks null, the only one done here',
    )
  }
  const { extensions } = hello
  const groups = findExtension(extensions, 'supported_groups')
  const schemes = findExtension(extensions, 'signature_algorithms')
  const protocols = findExtension(extensions, 'application_layer_protocol_negotiation')
  return {
    hello,
    serverName: hostNameOf(findExtension(extensions, 'server_name')),
    extendedMasterSecret: has(extensions, 'extended_master_secret'),
    encryptThenMac: has(extensions, 'encrypt_then_mac'),
    secureRenegotiation: knowsRenegotiationInfo(hello),
    groups: groups?.namedGroupList,
    schemes: schemes?.supportedSignatureAlgorithms ?? ['rsa_pkcs1_sha1', 'ecdsa_sha1'],
    hasPointFormats: hasPointFormats(hello),
    protocols: protocols && protocolNamesOf(protocols),
    maxFragmentLengthCode: maxFragmentLengthCodeOf(extensions),
    recordSizeLimit: recordSizeLimitOf(extensions),
    ticket: findExtension(extensions, 'session_ticket')?.ticket,
    wantsOcspResponse: findExtension(extensions, 'status_request')?.type === 'ocsp',
    wantsSignedCertificateTimestamps: has(extensions, 'signed_certificate_timestamp'),
  }
}

type Extensions = ClientHello['extensions']

function has(extensions: Extensions, type: ClientHelloExtension['extensionType']): boolean {
  return extensions?.some(({ extensionType }) => extensionType === type) ?? false
}

/**
 * RFC 5246 §E.1. TLS_FALLBACK_SCSV changes nothing: where the version that a client came down to is not spoken at all, protocol_version
 * stands in for inappropriate_fallback (RFC 7507 §3), and there is no lower version here to come down to.
 */
function verifyVersion({ clientVersion }: ClientHello): void {
  if (clientVersion < tls12)
    throw new TlsError(
      'UNSUPPORTED_PROTOCOL',
      `ClientHello.clientVersion is ${versionText(clientVersion)}, TLS 1.2 is 0x0303`,
    )
}

function knowsRenegotiationInfo({ extensions, cipherSuites }: ClientHello): boolean {
  const renegotiation = findExtension(extensions, 'renegotiation_info')
  if (renegotiation && renegotiation.renegotiatedConnection.length > 0) {
    throw new TlsError('RENEGOTIATION_MISMATCH', 'renegotiation_info is not empty in a first ClientHello')
  }
  return renegotiation !== undefined || cipherSuites.includes('TLS_EMPTY_RENEGOTIATION_INFO_SCSV')
}

/** Who offers a suite on curves and names formats must name uncompressed (RFC 8422 §5.1.2). */
function hasPointFormats({ extensions, cipherSuites: offered }: ClientHello): boolean {
  const formats = findExtension(extensions, 'ec_point_formats')?.ecPointFormatList
  const offersCurves = offered.some(
    suite =>
      typeof suite === 'string' && suite in cipherSuites && isOnCurves(suite as keyof typeof cipherSuites),
  )
  if (formats && offersCurves && !formats.includes('uncompressed'))
    throw new TlsError('BAD_POINT_FORMATS', 'ClientHello.ec_point_formats lacks uncompressed')
  return formats !== undefined
}

const isOnCurves = (suite: keyof typeof cipherSuites) => cipherSuites[suite].keyExchange === 'ecdhe'

function maxFragmentLengthCodeOf(extensions: Extensions): number {
  const length = findExtension(extensions, 'max_fragment_length')?.maxFragmentLength
  if (length === undefined) return 0
  if (typeof length === 'number')
    throw new TlsError('BAD_FRAGMENT_LIMIT', `max_fragment_length is ${length}, wanted 1 to 4`)
  return MaxFragmentLength[length]
}

function recordSizeLimitOf(extensions: Extensions): number | undefined {
  const limit = findExtension(extensions, 'record_size_limit')?.recordSizeLimit
  if (limit !== undefined && limit < minRecordSizeLimit)
    throw new TlsError(
      'BAD_FRAGMENT_LIMIT',
      `record_size_limit is ${limit}, wanted at least ${minRecordSizeLimit}`,
    )
  return limit
}
