/** A client reads ServerHello: every value must be one that it offered (RFC 5246 §7.4.1.3). */
import { type CipherSuiteName, cipherSuite, cipherSuiteNames } from '../crypto/cipher-suites.ts'
import { TlsError } from '../errors.ts'
import type { ClientHello } from '../messages/client-hello.ts'
import { protocolNamesOf } from '../messages/extensions/application-layer-protocol-negotiation.ts'
import { ExtensionType, findExtension } from '../messages/extensions/index.ts'
import { MaxFragmentLength } from '../messages/extensions/max-fragment-length.ts'
import { minRecordSizeLimit } from '../messages/extensions/record-size-limit.ts'
import { tls12, versionText } from '../messages/protocol-version.ts'
import type { ServerHello } from '../messages/server-hello.ts'
import { maxPlaintextBytes } from '../record/content-type.ts'
import { type Agreed, applyAgreement } from './agreement.ts'
import type { ClientFlow } from './client.ts'
import type { Handshake } from './effects.ts'
import { receive } from './gate.ts'

/** Waits for ServerHello; what it settles holds from here on. */
export function* receiveServerHello(hs: ClientFlow, hello: ClientHello): Handshake<Agreed> {
  const serverHello = yield* receive(hs, 'server_hello')
  if (serverHello.serverVersion !== tls12) {
    throw new TlsError(
      'UNSUPPORTED_PROTOCOL',
      `ServerHello.serverVersion is ${versionText(serverHello.serverVersion)}, TLS 1.2 is 0x0303`,
    )
  }
  // An alert to what follows must say the version, too: a strict server reads no other from here on (RFC 5246 §E.1).
  hs.channel.fixVersion()
  if (serverHello.compressionMethod !== 'null') {
    throw new TlsError(
      'UNSUPPORTED_COMPRESSION',
      `ServerHello.compressionMethod is ${serverHello.compressionMethod}, only null was offered`,
    )
  }
  const suite = verifySuiteOffered(serverHello, hello)
  verifyExtensionsOffered(serverHello, hello)
  const { extensions } = serverHello
  verifyPointFormats(serverHello)
  const agreed: Agreed = {
    suite,
    // Copies, since both outlive the message.
    sessionId: serverHello.sessionId.slice(),
    extendedMasterSecret: usesExtendedMasterSecret(hs, serverHello),
    encryptThenMac: usesEncryptThenMac(serverHello, suite),
    secureRenegotiation: knowsRenegotiationInfo(hs, serverHello),
    alpnProtocol: selectedProtocol(hs, serverHello),
    ...fragmentLimits(hs, serverHello),
    ticketPromised: findExtension(extensions, 'session_ticket') !== undefined,
    statusPromised: findExtension(extensions, 'status_request') !== undefined,
    signedCertificateTimestamps: findExtension(extensions, 'signed_certificate_timestamp')?.sctList ?? [],
    randoms: { clientRandom: hello.random, serverRandom: serverHello.random.slice() },
  }
  applyAgreement(hs, agreed)
  return agreed
}

function verifySuiteOffered({ cipherSuite: selected }: ServerHello, hello: ClientHello): CipherSuiteName {
  const suite = cipherSuiteNames.find(name => name === selected)
  if (!suite || !hello.cipherSuites.includes(suite)) {
    throw new TlsError(
      'WRONG_CIPHER_RETURNED',
      `ServerHello.cipherSuite is ${selected}, which was not offered`,
    )
  }
  return suite
}

/** No extension may come back that was not sent; signature_algorithms is never one of ServerHello's (RFC 5246 §7.4.1.4). */
function verifyExtensionsOffered(serverHello: ServerHello, hello: ClientHello): void {
  const offered = new Set<string | number>(hello.extensions?.map(extension => extension.extensionType))
  // It was offered, means nothing here, and some servers send it all the same.
  if (offered.has('supported_groups')) offered.add(ExtensionType.supported_groups)
  for (const { extensionType } of serverHello.extensions ?? []) {
    if (!offered.has(extensionType))
      throw new TlsError(
        'UNSOLICITED_EXTENSION',
        `ServerHello holds extension ${extensionType}, which was not offered`,
      )
  }
}

function verifyPointFormats({ extensions }: ServerHello): void {
  const formats = findExtension(extensions, 'ec_point_formats')
  if (formats && !formats.ecPointFormatList.includes('uncompressed'))
    throw new TlsError('BAD_POINT_FORMATS', 'ServerHello.ec_point_formats lacks uncompressed')
}

function usesExtendedMasterSecret({ config }: ClientFlow, { extensions }: ServerHello): boolean {
  const isUsed = findExtension(extensions, 'extended_master_secret') !== undefined
  if (!isUsed && config.requireExtendedMasterSecret)
    throw new TlsError('EXTENDED_MASTER_SECRET_REQUIRED', 'ServerHello lacks extended_master_secret')
  return isUsed
}

function usesEncryptThenMac({ extensions }: ServerHello, suite: CipherSuiteName): boolean {
  const isUsed = findExtension(extensions, 'encrypt_then_mac') !== undefined
  if (isUsed && cipherSuite(suite).cipher.mode !== 'cbc') {
    throw new TlsError(
      'ENCRYPT_THEN_MAC_MISMATCH',
      `encrypt_then_mac came with ${suite}, which has no CBC (RFC 7366 section 3)`,
    )
  }
  return isUsed
}

function knowsRenegotiationInfo({ config }: ClientFlow, { extensions }: ServerHello): boolean {
  const renegotiation = findExtension(extensions, 'renegotiation_info')
  if (renegotiation && renegotiation.renegotiatedConnection.length > 0) {
    throw new TlsError('RENEGOTIATION_MISMATCH', 'renegotiation_info is not empty in a first ServerHello')
  }
  if (!renegotiation && config.requireSecureRenegotiation)
    throw new TlsError('SECURE_RENEGOTIATION_REQUIRED', 'ServerHello lacks renegotiation_info')
  return renegotiation !== undefined
}

/** Exactly one name, and one of ours (RFC 7301 §3.1). */
function selectedProtocol({ config }: ClientFlow, { extensions }: ServerHello): string | undefined {
  const list = findExtension(extensions, 'application_layer_protocol_negotiation')
  if (!list) return undefined
  const [name, ...others] = protocolNamesOf(list)
  if (others.length > 0)
    throw new TlsError(
      'DECODE_ERROR',
      `ServerHello selects ${others.length + 1} application protocols, one is allowed`,
    )
  if (name === undefined || !config.alpnProtocols?.includes(name))
    throw new TlsError(
      'BAD_APPLICATION_PROTOCOL',
      'ServerHello selects an application protocol that was not offered',
    )
  return name
}

/** RFC 6066 §4: the server's length is the client's. RFC 8449 §5: the newer extension alone is answered. */
function fragmentLimits(
  { config }: ClientFlow,
  { extensions }: ServerHello,
): Pick<Agreed, 'maxFragmentLengthCode' | 'recordSizeLimits'> {
  const length = findExtension(extensions, 'max_fragment_length')?.maxFragmentLength
  const limit = findExtension(extensions, 'record_size_limit')?.recordSizeLimit
  if (length !== undefined && length !== config.maxFragmentLength)
    throw new TlsError(
      'BAD_FRAGMENT_LIMIT',
      `max_fragment_length is ${length}, wanted ${config.maxFragmentLength}`,
    )
  if (limit !== undefined && (limit < minRecordSizeLimit || length !== undefined))
    throw new TlsError(
      'BAD_FRAGMENT_LIMIT',
      `record_size_limit is ${limit}, wanted at least ${minRecordSizeLimit}, and no max_fragment_length beside it`,
    )
  return {
    maxFragmentLengthCode: length === undefined ? 0 : MaxFragmentLength[length],
    recordSizeLimits:
      limit === undefined
        ? undefined
        : { read: config.recordSizeLimit ?? maxPlaintextBytes, write: Math.min(limit, maxPlaintextBytes) },
  }
}
