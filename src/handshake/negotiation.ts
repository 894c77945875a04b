/** A server's choice: suite, group, certificate, signature, protocol, and the ServerHello that says so (RFC 5246 §7.4.1.3). */
import { emptyBytes } from '../bytes.ts'
import { type CipherSuiteName, cipherSuite } from '../crypto/cipher-suites.ts'
import { isFiniteFieldNumber, type NamedGroup, namedGroups } from '../crypto/named-groups.ts'
import type { SignatureScheme } from '../crypto/signature-schemes.ts'
import { TlsError } from '../errors.ts'
import { protocolNameListOf } from '../messages/extensions/application-layer-protocol-negotiation.ts'
import type { ServerHelloExtension } from '../messages/extensions/index.ts'
import { tls12 } from '../messages/protocol-version.ts'
import { maxPlaintextBytes } from '../record/content-type.ts'
import type { CertifiedKey } from '../x509/certified-key.ts'
import { type Agreed, applyAgreement } from './agreement.ts'
import { fitsSuite, usableSuites } from './certificate-choice.ts'
import type { ClientOffer } from './client-offer.ts'
import { ask, type CertificateWanted, type Handshake } from './effects.ts'
import type { ServerFlow } from './server.ts'

/** What a full handshake goes on with. */
export interface ServerChoice {
  readonly suite: CipherSuiteName
  readonly certified: CertifiedKey
  /** Of (EC)DHE: the group, and what ServerKeyExchange is signed with. */
  readonly signed: { readonly group: NamedGroup; readonly scheme: SignatureScheme } | undefined
}

/** Picks the best suite for which there is a group and a certificate. */
export function* negotiate(hs: ServerFlow, offer: ClientOffer): Handshake<ServerChoice> {
  if (hs.config.requireExtendedMasterSecret && !offer.extendedMasterSecret)
    throw new TlsError('EXTENDED_MASTER_SECRET_REQUIRED', 'ClientHello lacks extended_master_secret')
  const groups = { ecdhe: selectCurve(hs, offer), dhe: selectFiniteField(hs, offer) }
  const wanted: CertificateWanted = {
    role: 'server',
    serverName: offer.serverName,
    cipherSuites: possibleSuites(hs, offer, groups),
    groups: offer.groups,
    schemes: offer.schemes,
    signingSchemes: hs.signingSchemes,
    wantsOcspResponse: offer.wantsOcspResponse,
  }
  const certified = yield* ask({ kind: 'selectCertificate', ...wanted })
  if (!certified)
    throw new TlsError(
      'NO_CERTIFICATE',
      `no certificate here fits ${offer.serverName ?? 'a hello without a server name'}`,
    )
  const [usable] = usableSuites(certified, wanted)
  if (!usable) throw uselessCertificate(certified, wanted)
  const { suite, scheme } = usable
  const { keyExchange } = cipherSuite(suite)
  const group = keyExchange === 'rsa' ? undefined : groups[keyExchange]
  return { suite, certified, signed: group && scheme && { group, scheme } }
}

type Groups = { readonly ecdhe: NamedGroup | undefined; readonly dhe: NamedGroup | undefined }

/** The suites that both sides can do, with a group for those that need one, in the order that decides. */
function possibleSuites(
  hs: ServerFlow,
  { hello, groups: offered }: ClientOffer,
  groups: Groups,
): CipherSuiteName[] {
  const ours = hs.cipherSuites.filter(suite => hello.cipherSuites.includes(suite))
  const shared = hs.config.preferClientOrder ? inOrderOf(hello.cipherSuites, ours) : ours
  if (shared.length === 0)
    throw new TlsError(
      'NO_SHARED_CIPHER',
      `none of ClientHello's ${hello.cipherSuites.length} cipher suites is enabled here`,
    )
  const possible = shared.filter(suite => {
    const { keyExchange } = cipherSuite(suite)
    return keyExchange === 'rsa' || groups[keyExchange] !== undefined
  })
  if (possible.length > 0) return possible
  // RFC 7919 §4: a client that names finite fields wants one of them, or none at all.
  const isOfFiniteFields = shared.some(suite => cipherSuite(suite).keyExchange === 'dhe')
  throw new TlsError(
    isOfFiniteFields ? 'NO_SHARED_FINITE_FIELD' : 'NO_SHARED_GROUP',
    `none of ClientHello's ${offered?.length ?? 0} groups is enabled here, and its suites need one`,
  )
}

/** A client that names no groups can do any, and P-256 is what everybody means by that (RFC 8422 §4). */
function selectCurve(hs: ServerFlow, { groups }: ClientOffer): NamedGroup | undefined {
  const ours = hs.groups.filter(name => namedGroups[name].kind === 'ecdhe')
  if (!groups) return ours.find(name => name === 'secp256r1') ?? ours[0]
  return selectGroup(hs, ours, groups)
}

/** A client that names no finite field gets the server's own (RFC 7919 §4). */
function selectFiniteField(hs: ServerFlow, { groups = [] }: ClientOffer): NamedGroup | undefined {
  const ours = hs.groups.filter(name => namedGroups[name].kind === 'dhe')
  return groups.some(isFiniteField) ? selectGroup(hs, ours, groups) : ours[0]
}

function isFiniteField(group: NamedGroup | number): boolean {
  return typeof group === 'number' ? isFiniteFieldNumber(group) : namedGroups[group].kind === 'dhe'
}

function selectGroup(
  hs: ServerFlow,
  ours: readonly NamedGroup[],
  offered: readonly (NamedGroup | number)[],
): NamedGroup | undefined {
  const shared = ours.filter(name => offered.includes(name))
  return hs.config.preferClientOrder ? inOrderOf(offered, shared)[0] : shared[0]
}

/** Ours, in the order in which the client has them; what it names twice counts once. */
function inOrderOf<T>(offered: readonly unknown[], ours: readonly T[]): T[] {
  return [...ours].sort((a, b) => offered.indexOf(a) - offered.indexOf(b))
}

function uselessCertificate(certified: CertifiedKey, wanted: CertificateWanted): TlsError {
  const fits = wanted.cipherSuites.some(name => fitsSuite(certified, cipherSuite(name), wanted))
  const { type } = certified.key.publicKey
  return fits
    ? new TlsError(
        'NO_COMMON_SIGNATURE_ALGORITHMS',
        `none of ClientHello's ${wanted.schemes.length} signature algorithms is one for the certificate's ${type} key`,
      )
    : new TlsError(
        'NO_SHARED_CIPHER',
        `none of the shared cipher suites is one for the certificate's ${type} key`,
      )
}

/** RFC 7301 §3.2: one of the client's names, or the end; no answer where the server has no opinion. */
function selectProtocol(hs: ServerFlow, { protocols, serverName }: ClientOffer): string | undefined {
  const { selectProtocol, alpnProtocols } = hs.config
  if (!protocols || !(selectProtocol || alpnProtocols)) return undefined
  const selected = selectProtocol
    ? selectProtocol(protocols, serverName)
    : alpnProtocols?.find(name => protocols.includes(name))
  if (selected === undefined)
    throw new TlsError(
      'NO_APPLICATION_PROTOCOL',
      `none of the client's ${protocols.length} application protocols is spoken here`,
    )
  if (selected === false) return undefined
  // The application's own mistake, which the client would take for the server's (RFC 7301 §3.1).
  if (!protocols.includes(selected))
    throw new TlsError('INTERNAL_ERROR', 'selectProtocol chose a protocol that the client did not offer')
  return selected
}

/** What ServerHello needs to be told beside the offer. */
export interface Selected {
  readonly suite: CipherSuiteName
  readonly sessionId: Uint8Array
  readonly resumed: boolean
  readonly maxFragmentLengthCode: number
  readonly ticketPromised: boolean
  /** Whether the client's server name was used. */
  readonly namesServer?: boolean
  /** Of a full handshake: what may be shown along with it. */
  readonly certified?: CertifiedKey
}

/** Sends ServerHello; its extensions are all answers to the client's (RFC 5246 §7.4.1.4). */
export function sendServerHello(hs: ServerFlow, offer: ClientOffer, selected: Selected): Agreed {
  const agreed = agree(hs, offer, selected)
  const extensions = serverExtensions(offer, selected, agreed)
  hs.send('server_hello', {
    serverVersion: tls12,
    random: agreed.randoms.serverRandom,
    sessionId: agreed.sessionId,
    cipherSuite: agreed.suite,
    compressionMethod: 'null',
    extensions: extensions.length > 0 ? extensions : undefined,
  })
  applyAgreement(hs, agreed)
  return agreed
}

function agree(hs: ServerFlow, offer: ClientOffer, selected: Selected): Agreed {
  const { suite, sessionId, ticketPromised, certified } = selected
  const { recordSizeLimit } = offer
  return {
    ...{ suite, sessionId, ticketPromised },
    randoms: { clientRandom: offer.hello.random, serverRandom: hs.random(32) },
    extendedMasterSecret: offer.extendedMasterSecret,
    // Only CBC suites have an order of encryption and MAC to agree on (RFC 7366 §2).
    encryptThenMac: offer.encryptThenMac && cipherSuite(suite).cipher.mode === 'cbc',
    secureRenegotiation: offer.secureRenegotiation,
    alpnProtocol: selectProtocol(hs, offer),
    // A server that knows record_size_limit ignores the older extension (RFC 8449 §5).
    maxFragmentLengthCode: recordSizeLimit === undefined ? selected.maxFragmentLengthCode : 0,
    recordSizeLimits:
      recordSizeLimit === undefined
        ? undefined
        : {
            read: hs.config.recordSizeLimit ?? maxPlaintextBytes,
            write: Math.min(recordSizeLimit, maxPlaintextBytes),
          },
    statusPromised: offer.wantsOcspResponse && certified?.ocspResponse !== undefined,
    signedCertificateTimestamps:
      (offer.wantsSignedCertificateTimestamps && certified?.signedCertificateTimestamps) || [],
  }
}

function serverExtensions(
  offer: ClientOffer,
  { resumed, namesServer = false }: Selected,
  agreed: Agreed,
): ServerHelloExtension[] {
  const { alpnProtocol, maxFragmentLengthCode, recordSizeLimits, signedCertificateTimestamps } = agreed
  const isOnCurves = cipherSuite(agreed.suite).keyExchange === 'ecdhe'
  const answers: (ServerHelloExtension | false | undefined)[] = [
    // An abbreviated ServerHello has no server_name: the session's name stands (RFC 6066 §3).
    namesServer && !resumed && { extensionType: 'server_name', extensionData: {} },
    agreed.secureRenegotiation && {
      extensionType: 'renegotiation_info',
      extensionData: { renegotiatedConnection: emptyBytes },
    },
    agreed.extendedMasterSecret && { extensionType: 'extended_master_secret', extensionData: {} },
    agreed.encryptThenMac && { extensionType: 'encrypt_then_mac', extensionData: {} },
    // RFC 8422 §5.2: only for a suite on curves, and only to who sent it.
    isOnCurves &&
      offer.hasPointFormats && {
        extensionType: 'ec_point_formats',
        extensionData: { ecPointFormatList: ['uncompressed'] },
      },
    alpnProtocol !== undefined && {
      extensionType: 'application_layer_protocol_negotiation',
      extensionData: protocolNameListOf([alpnProtocol]),
    },
    maxFragmentLengthCode > 0 &&
      offer.maxFragmentLengthCode > 0 && {
        extensionType: 'max_fragment_length',
        extensionData: { maxFragmentLength: maxFragmentLengthNames[maxFragmentLengthCode - 1]! },
      },
    recordSizeLimits && {
      extensionType: 'record_size_limit',
      extensionData: { recordSizeLimit: recordSizeLimits.read },
    },
    agreed.ticketPromised && { extensionType: 'session_ticket', extensionData: {} },
    agreed.statusPromised && { extensionType: 'status_request', extensionData: {} },
    signedCertificateTimestamps.length > 0 && {
      extensionType: 'signed_certificate_timestamp',
      extensionData: { sctList: signedCertificateTimestamps },
    },
  ]
  return answers.filter(answer => answer !== false && answer !== undefined)
}

const maxFragmentLengthNames = ['2^9', '2^10', '2^11', '2^12'] as const
