/** The client's side of RFC 5246 §7.3: figure 1 in `full`, figure 2 in `abbreviated`. */
import { emptyBytes, equalBytes } from '../bytes.ts'
import { type CipherSuiteName, cipherSuite, type KeyExchange } from '../crypto/cipher-suites.ts'
import { bitLength, type FiniteFieldGroup } from '../crypto/finite-fields.ts'
import { type NamedGroup, namedGroups } from '../crypto/named-groups.ts'
import type { PublicKey } from '../crypto/provider.ts'
import { TlsError } from '../errors.ts'
import type { ClientHello } from '../messages/client-hello.ts'
import { protocolNameListOf } from '../messages/extensions/application-layer-protocol-negotiation.ts'
import type { ClientHelloExtension } from '../messages/extensions/index.ts'
import { MaxFragmentLength } from '../messages/extensions/max-fragment-length.ts'
import { serverNameListOf } from '../messages/extensions/server-name.ts'
import { tls12 } from '../messages/protocol-version.ts'
import type { Secret } from '../secret.ts'
import { type ClientSession, reasonNotToOffer } from '../session/client-session.ts'
import type { Session } from '../session/session.ts'
import { type Certificate, parseCertificate } from '../x509/certificate.ts'
import { allowsKeyUsage } from '../x509/verify.ts'
import {
  type Agreed,
  deriveMaster,
  establishedOf,
  lifetimeWithin,
  limitFragments,
  newSession,
} from './agreement.ts'
import { isOfKind } from './certificate-choice.ts'
import { leafOf, sendClientCertificate } from './client-authentication.ts'
import type { ClientConfig } from './config.ts'
import { ask, type Handshake, type VerifiedPeer } from './effects.ts'
import { receiveChangeCipherSpecAndFinished, sendChangeCipherSpecAndFinished } from './finished.ts'
import { type Established, type Flow, withKeys } from './flow.ts'
import { receive, receiveIf } from './gate.ts'
import {
  receiveServerKeyExchange,
  type ServerShare,
  sendClientShare,
  sendEncryptedPreMaster,
} from './key-exchange.ts'
import { receiveServerHello } from './server-hello.ts'
import { receiveNewSessionTicket } from './session-tickets.ts'

export type ClientFlow = Flow<ClientConfig>

/** A whole handshake from ClientHello on. The server's echo of the offered ID tells resumed from full. */
export function* clientHandshake(hs: ClientFlow): Handshake<Established> {
  const offered = sessionToOffer(hs)
  const hello = sendClientHello(hs, offered)
  const agreed = yield* receiveServerHello(hs, hello)
  return offered && equalBytes(agreed.sessionId, offered.sessionId)
    ? yield* abbreviated(hs, agreed, offered)
    : yield* full(hs, agreed, offered)
}

/** RFC 5246 figure 1. */
function* full(hs: ClientFlow, agreed: Agreed, offered: ClientSession | undefined): Handshake<Established> {
  const { certificateList } = yield* receive(hs, 'certificate')
  const status = agreed.statusPromised ? yield* receiveIf(hs, 'certificate_status') : undefined
  const peer = yield* verifyServer(hs, agreed, certificateList, status?.response)
  const isSigned = cipherSuite(agreed.suite).keyExchange !== 'rsa'
  const share = isSigned ? yield* receiveServerKeyExchange(hs, agreed, peer.publicKey) : undefined
  const request = yield* receiveIf(hs, 'certificate_request')
  yield* receive(hs, 'server_hello_done')

  const proof = request && (yield* sendClientCertificate(hs, agreed, request))
  const preMasterSecret = sendClientKeyExchange(hs, peer.publicKey, share)
  const masterSecret = deriveMaster(hs, agreed, preMasterSecret)
  const keys = hs.deriveKeys(masterSecret, agreed)
  return yield* withKeys(keys, function* () {
    if (proof) yield* proof.prove()
    sendChangeCipherSpecAndFinished(hs, keys)
    if (mayFalseStart(hs, agreed)) hs.channel.startWriting(agreed.alpnProtocol)
    const received = yield* receiveNewSessionTicket(hs, agreed)
    const peerFinished = yield* receiveChangeCipherSpecAndFinished(hs, keys)
    const session = newSession(hs, agreed, {
      masterSecret,
      serverName: peerNameOf(hs),
      policyHash: noPolicy,
      clientAuthenticated: proof !== undefined,
      peerCertificate: leafOf(certificateList),
      lifetimeSeconds: lifetimeOf(hs, peer, received?.lifetimeSeconds),
    })
    return establishedOf(agreed, {
      ...{ session, peerFinished, ticket: received?.ticket, serverName: hs.config.serverName },
      resumption: offered ? 'miss' : 'no_id',
      ...groupOf(share?.group),
      serverSignatureScheme: share?.scheme,
      clientSignatureScheme: proof?.scheme,
      localCertificate: proof?.certificate,
      ocspResponse: status?.response,
      peerCertificates: certificateList,
      verified: peer.verified,
    })
  })
}

function groupOf(group: NamedGroup | FiniteFieldGroup | undefined) {
  if (typeof group === 'string') return { group }
  return { unnamedFieldBits: group && bitLength(group.p) }
}

/** Forward secrecy and an AEAD: what a tampered hello could have talked us into is no weaker than that (RFC 7918 §5). */
function mayFalseStart({ config }: ClientFlow, agreed: Agreed): boolean {
  const { keyExchange, cipher } = cipherSuite(agreed.suite)
  return config.falseStart === true && keyExchange !== 'rsa' && cipher.mode !== 'cbc'
}

/** RFC 5246 figure 2: the server finishes first. */
function* abbreviated(hs: ClientFlow, agreed: Agreed, offered: ClientSession): Handshake<Established> {
  const { session, verified } = offered
  verifyResumption(agreed, session)
  // "The negotiated length applies for the duration of the session including session resumptions" (RFC 6066 §4).
  if (!agreed.recordSizeLimits) limitFragments(hs, session.maxFragmentLengthCode)
  if (!offered.ticket) hs.channel.bindSession(agreed.sessionId)
  // The keys own their master secret: the caller's session outlives this connection.
  const resumed = { ...session, masterSecret: session.masterSecret.copy() }
  const keys = hs.deriveKeys(resumed.masterSecret, agreed)
  return yield* withKeys(keys, function* () {
    const received = yield* receiveNewSessionTicket(hs, agreed)
    const peerFinished = yield* receiveChangeCipherSpecAndFinished(hs, keys)
    sendChangeCipherSpecAndFinished(hs, keys)
    return establishedOf(agreed, {
      ...{ session: resumed, peerFinished, verified, resumption: 'hit', serverName: hs.config.serverName },
      // A new ticket takes the old one's place (RFC 5077 §3.3).
      ticket: received?.ticket ?? offered.ticket,
      peerCertificates: session.peerCertificate.length > 0 ? [session.peerCertificate] : [],
    })
  })
}

/**
 * The configured session, unless it was made for another name, has expired, or may not be trusted or resumed here. With a
 * ticket goes an ID that was drawn for the occasion: its echo says that the ticket was taken (RFC 5077 §3.4).
 */
function sessionToOffer(hs: ClientFlow): ClientSession | undefined {
  const { session: offered, verifiedSessionsOnly = false, now, tickets = false } = hs.config
  if (!offered) return undefined
  const { ticket } = offered
  const isUsable = ticket ? tickets && ticket.length <= maxTicketBytes : offered.sessionId.length > 0
  const terms = {
    peerName: peerNameOf(hs),
    verifiedSessionsOnly,
    cipherSuites: suitesToOffer(hs),
    nowMs: now(),
  }
  if (!isUsable || !hasLengthAsked(hs, offered) || reasonNotToOffer(offered, terms)) return undefined
  return ticket ? { ...offered, sessionId: hs.random(32) } : offered
}

/** A server may give a ticket that fills all room there is for extensions (RFC 5077 §3.3): no ClientHello takes it back. */
const maxTicketBytes = 2 ** 15

/**
 * A session of another fragment length than this hello asks for is another session: servers refuse the hello (RFC 6066 §4). Where
 * record_size_limit is asked for as well, a session without either may come from a server that answered that.
 */
function hasLengthAsked({ config }: ClientFlow, { session }: ClientSession): boolean {
  const { maxFragmentLength, recordSizeLimit } = config
  const asked = maxFragmentLength ? MaxFragmentLength[maxFragmentLength] : 0
  const had = session.maxFragmentLengthCode
  return had === asked || (had === 0 && recordSizeLimit !== undefined)
}

/** The name that the server must prove and that its sessions are bound to, in lower case; '' for none. */
function peerNameOf(hs: ClientFlow): string {
  return (hs.config.peerName ?? hs.config.serverName ?? '').toLowerCase()
}

function sendClientHello(hs: ClientFlow, offered: ClientSession | undefined): ClientHello {
  const cipherSuites = suitesToOffer(hs)
  const hello: ClientHello = {
    clientVersion: tls12,
    random: hs.random(32),
    sessionId: offered?.sessionId ?? emptyBytes,
    cipherSuites: hs.config.fallback ? [...cipherSuites, 'TLS_FALLBACK_SCSV'] : cipherSuites,
    compressionMethods: ['null'],
    extensions: clientExtensions(hs, offered),
  }
  hs.send('client_hello', hello)
  return hello
}

function clientExtensions(hs: ClientFlow, offered: ClientSession | undefined): ClientHelloExtension[] {
  const { serverName, alpnProtocols, maxFragmentLength, recordSizeLimit, ...config } = hs.config
  const groups = groupsToOffer(hs)
  const wanted: (ClientHelloExtension | false | '' | undefined)[] = [
    serverName && { extensionType: 'server_name', extensionData: serverNameListOf(serverName) },
    { extensionType: 'renegotiation_info', extensionData: { renegotiatedConnection: emptyBytes } },
    { extensionType: 'extended_master_secret', extensionData: {} },
    { extensionType: 'encrypt_then_mac', extensionData: {} },
    groups.length > 0 && { extensionType: 'supported_groups', extensionData: { namedGroupList: groups } },
    groups.some(isCurve) && {
      extensionType: 'ec_point_formats',
      extensionData: { ecPointFormatList: ['uncompressed'] },
    },
    // Governs which signatures the server's certificates may have, too (RFC 5246 §7.4.2).
    {
      extensionType: 'signature_algorithms',
      extensionData: { supportedSignatureAlgorithms: hs.signatureSchemes },
    },
    alpnProtocols !== undefined &&
      alpnProtocols.length > 0 && {
        extensionType: 'application_layer_protocol_negotiation',
        extensionData: protocolNameListOf(alpnProtocols),
      },
    config.tickets && {
      extensionType: 'session_ticket',
      extensionData: { ticket: offered?.ticket ?? emptyBytes },
    },
    config.requestOcspResponse && {
      extensionType: 'status_request',
      extensionData: { type: 'ocsp', body: { responderIdList: [], requestExtensions: emptyBytes } },
    },
    config.requestSignedCertificateTimestamps && {
      extensionType: 'signed_certificate_timestamp',
      extensionData: {},
    },
    maxFragmentLength && { extensionType: 'max_fragment_length', extensionData: { maxFragmentLength } },
    recordSizeLimit !== undefined && {
      extensionType: 'record_size_limit',
      extensionData: { recordSizeLimit },
    },
  ]
  return wanted.filter(extension => typeof extension === 'object')
}

const isCurve = (name: NamedGroup) => namedGroups[name].kind === 'ecdhe'

/**
 * Suites that have a group, if they need one: a server without RFC 7919 takes a suite of finite fields for leave to use any field
 * of its own, and one that hears of no curves takes it for leave to use any curve (RFC 8422 §4).
 */
function suitesToOffer(hs: ClientFlow): CipherSuiteName[] {
  const kinds = new Set<KeyExchange>(hs.groups.map(name => namedGroups[name].kind))
  return hs.cipherSuites.filter(name => {
    const { keyExchange } = cipherSuite(name)
    return keyExchange === 'rsa' || kinds.has(keyExchange)
  })
}

/** Groups for suites that are offered: naming a finite field without a suite for it, or the other way round, helps nobody. */
function groupsToOffer(hs: ClientFlow): NamedGroup[] {
  const kinds = new Set(hs.cipherSuites.map(name => cipherSuite(name).keyExchange))
  return hs.groups.filter(name => kinds.has(namedGroups[name].kind))
}

/** A policy binds a server's sessions; a client's are bound to their server. */
const noPolicy = new Uint8Array(16)

/** A server that takes a session up must take it up whole (RFC 5246 §7.4.1.3, RFC 7627 §5.3). */
function verifyResumption(agreed: Agreed, session: Session): void {
  if (agreed.suite !== session.cipherSuite) {
    throw new TlsError(
      'SESSION_MISMATCH',
      `ServerHello resumes a session of ${session.cipherSuite} with ${agreed.suite}`,
    )
  }
  if (agreed.extendedMasterSecret !== session.extendedMasterSecret) {
    throw new TlsError(
      'EXTENDED_MASTER_SECRET_MISMATCH',
      'ServerHello resumes the session with the extended master secret switched',
    )
  }
}

type JudgedServer = VerifiedPeer & { readonly leaf: Certificate }

function* verifyServer(
  hs: ClientFlow,
  agreed: Agreed,
  certificateList: readonly Uint8Array[],
  ocspResponse: Uint8Array | undefined,
): Handshake<JudgedServer> {
  const chain = certificateList.map(parseCertificate)
  const [leaf] = chain
  if (!leaf)
    throw new TlsError('DECODE_ERROR', 'Certificate.certificateList is empty: a server must have one')
  verifyLeafFitsSuite(hs, agreed, leaf)
  const { signedCertificateTimestamps } = agreed
  const peerName = peerNameOf(hs)
  const peer = yield* ask({
    kind: 'verifyCertificate',
    ...{ chain, peerName, usage: 'serverAuth', ocspResponse, signedCertificateTimestamps },
  })
  return { ...peer, leaf }
}

/** The suite says what the server's key is for (RFC 5246 §7.4.2), and our groups which curves it may be on (RFC 8422 §5.3). */
function verifyLeafFitsSuite({ groups }: ClientFlow, { suite: name }: Agreed, leaf: Certificate): void {
  const { keyExchange, authentication } = cipherSuite(name)
  const key = leaf.subjectPublicKey
  const isRight = keyExchange === 'rsa' ? key.type === 'rsa' : isOfKind(key, authentication)
  if (!isRight)
    throw new TlsError(
      'WRONG_CERTIFICATE_TYPE',
      `the server's certificate has a key of type ${key.type}, which is not one for ${name}`,
    )
  if (key.type === 'ec' && !groups.includes(key.curve))
    throw new TlsError(
      'WRONG_CERTIFICATE_TYPE',
      `the server's certificate has a key on ${key.curve}, which was not offered`,
    )
  const usage = keyExchange === 'rsa' ? 'keyEncipherment' : 'digitalSignature'
  if (!allowsKeyUsage(leaf, usage))
    throw new TlsError(
      'KEY_USAGE_BIT_INCORRECT',
      `the server's certificate is not for ${name}: its key usage lacks ${usage}`,
    )
}

function sendClientKeyExchange(hs: ClientFlow, key: PublicKey, share: ServerShare | undefined): Secret {
  return share ? sendClientShare(hs, share) : sendEncryptedPreMaster(hs, key)
}

/** The server's hint, where it gives one, is an end too (RFC 5077 §5.6), and so is that of a certificate that was verified. */
function lifetimeOf(
  hs: ClientFlow,
  { verified, leaf }: JudgedServer,
  hintSeconds: number | undefined,
): number {
  const mostSeconds = verified ? lifetimeWithin(hs, leaf) : hs.sessionLifetimeSeconds
  return Math.min(hintSeconds ?? mostSeconds, mostSeconds)
}
