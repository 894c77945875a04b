/** The server's side of RFC 5246 §7.3: figure 1 in `full`, figure 2 in `abbreviated`. */
import { emptyBytes } from '../bytes.ts'
import { type CipherSuiteName, cipherSuite } from '../crypto/cipher-suites.ts'
import { TlsError } from '../errors.ts'
import type { ClientHello } from '../messages/client-hello.ts'
import { findExtension, type ServerHelloExtension } from '../messages/extensions/index.ts'
import { hostNameOf } from '../messages/extensions/server-name.ts'
import { tls12, versionText } from '../messages/protocol-version.ts'
import type { Session } from '../session/session.ts'
import type { CertifiedKey } from '../x509/certified-key.ts'
import { type Agreed, deriveMaster, newSession } from './agreement.ts'
import type { ServerConfig } from './config.ts'
import { ask, type Handshake, type MissReason, type Policy } from './effects.ts'
import { receiveChangeCipherSpecAndFinished, sendChangeCipherSpecAndFinished } from './finished.ts'
import { type Established, type Flow, withKeys } from './flow.ts'
import { receive } from './gate.ts'
import { receivePreMaster } from './pre-master.ts'
import { resumableSession } from './resumption.ts'

export type ServerFlow = Flow<ServerConfig>

/** A whole handshake from ClientHello on: a live session resumes, everything else is a full handshake. */
export function* serverHandshake(hs: ServerFlow): Handshake<Established> {
  const offer = yield* receiveClientHello(hs)
  const policy = yield* ask({ kind: 'selectPolicy', serverName: offer.serverName })
  const resumption = yield* resumableSession(hs, offer, policy)
  return 'session' in resumption
    ? yield* abbreviated(hs, offer, resumption.session)
    : yield* full(hs, offer, policy, resumption.reason)
}

/** A ClientHello, and what its extensions say. */
export interface ClientOffer {
  readonly hello: ClientHello
  readonly serverName: string | undefined
  readonly extendedMasterSecret: boolean
  readonly encryptThenMac: boolean
  /** By renegotiation_info or by its signalling suite (RFC 5746 §3.6). */
  readonly secureRenegotiation: boolean
}

function* receiveClientHello(hs: ServerFlow): Handshake<ClientOffer> {
  const hello = yield* receive(hs, 'client_hello')
  if (hello.clientVersion < tls12) {
    throw new TlsError(
      'UNSUPPORTED_PROTOCOL',
      `ClientHello.clientVersion is ${versionText(hello.clientVersion)}, TLS 1.2 is 0x0303`,
    )
  }
  if (!hello.compressionMethods.includes('null')) {
    throw new TlsError(
      'UNSUPPORTED_COMPRESSION',
      'ClientHello.compressionMethods lacks null, the only one done here',
    )
  }
  const renegotiation = findExtension(hello.extensions, 'renegotiation_info')
  if (renegotiation && renegotiation.renegotiatedConnection.length > 0) {
    throw new TlsError('RENEGOTIATION_MISMATCH', 'renegotiation_info is not empty in a first ClientHello')
  }
  return {
    hello,
    serverName: hostNameOf(findExtension(hello.extensions, 'server_name')),
    extendedMasterSecret: findExtension(hello.extensions, 'extended_master_secret') !== undefined,
    encryptThenMac: findExtension(hello.extensions, 'encrypt_then_mac') !== undefined,
    secureRenegotiation:
      renegotiation !== undefined || hello.cipherSuites.includes('TLS_EMPTY_RENEGOTIATION_INFO_SCSV'),
  }
}

/** RFC 5246 figure 1, with RSA key exchange. */
function* full(
  hs: ServerFlow,
  offer: ClientOffer,
  policy: Policy,
  reason: MissReason | 'no_id',
): Handshake<Established> {
  const { suite, certified } = yield* negotiate(hs, offer)
  const sessionId = policy.resumable ? hs.config.drawSessionId(hs.config.random) : emptyBytes
  const agreed = sendServerHello(hs, offer, { suite, sessionId, resumed: false })
  hs.send('certificate', { certificateList: certified.certificateList })
  hs.send('server_hello_done', {})

  const preMasterSecret = yield* receivePreMaster(hs, certified.key, offer.hello.clientVersion)
  const masterSecret = deriveMaster(hs, agreed, preMasterSecret)
  const keys = hs.deriveKeys(masterSecret, suite, agreed.encryptThenMac, agreed.randoms)
  return yield* withKeys(keys, function* () {
    const peerFinished = yield* receiveChangeCipherSpecAndFinished(hs, keys)
    sendChangeCipherSpecAndFinished(hs, keys)
    const session = newSession(hs, agreed, {
      masterSecret,
      serverName: offer.serverName ?? '',
      policyHash: policy.policyHash,
      peerCertificate: emptyBytes,
    })
    return established(offer, agreed, { session, peerFinished, resumption: reason })
  })
}

/** RFC 5246 figure 2: the server finishes first, and the same ID goes back. */
function* abbreviated(hs: ServerFlow, offer: ClientOffer, session: Session): Handshake<Established> {
  const sessionId = offer.hello.sessionId
  hs.channel.bindSession(sessionId)
  const agreed = sendServerHello(hs, offer, { suite: session.cipherSuite, sessionId, resumed: true })

  const keys = hs.deriveKeys(session.masterSecret, agreed.suite, agreed.encryptThenMac, agreed.randoms)
  return yield* withKeys(keys, function* () {
    sendChangeCipherSpecAndFinished(hs, keys)
    const peerFinished = yield* receiveChangeCipherSpecAndFinished(hs, keys)
    return established(offer, agreed, { session, peerFinished, resumption: 'hit' })
  })
}

/** The server's own order of preference decides. */
function* negotiate(
  hs: ServerFlow,
  offer: ClientOffer,
): Handshake<{ suite: CipherSuiteName; certified: CertifiedKey }> {
  const cipherSuites = hs.cipherSuites.filter(name => offer.hello.cipherSuites.includes(name))
  const suite = cipherSuites[0]
  if (!suite)
    throw new TlsError(
      'NO_SHARED_CIPHER',
      `none of ClientHello's ${offer.hello.cipherSuites.length} cipher suites is enabled here`,
    )
  const certified = yield* ask({ kind: 'selectCertificate', serverName: offer.serverName, cipherSuites })
  if (!certified)
    throw new TlsError(
      'NO_CERTIFICATE',
      `no certificate here fits ${offer.serverName ?? 'a hello without a server name'}`,
    )
  return { suite, certified }
}

function sendServerHello(
  hs: ServerFlow,
  offer: ClientOffer,
  { suite, sessionId, resumed }: { suite: CipherSuiteName; sessionId: Uint8Array; resumed: boolean },
): Agreed {
  const serverRandom = hs.random(32)
  // Only CBC suites have an order of encryption and MAC to agree on (RFC 7366 §2).
  const encryptThenMac = offer.encryptThenMac && cipherSuite(suite).cipher.mode === 'cbc'
  const { extendedMasterSecret } = offer
  const extensions: ServerHelloExtension[] = []
  // An abbreviated ServerHello has no server_name: the session's name stands (RFC 6066 §3).
  if (offer.serverName && !resumed) extensions.push({ extensionType: 'server_name', extensionData: {} })
  if (offer.secureRenegotiation)
    extensions.push({
      extensionType: 'renegotiation_info',
      extensionData: { renegotiatedConnection: emptyBytes },
    })
  if (extendedMasterSecret) extensions.push({ extensionType: 'extended_master_secret', extensionData: {} })
  if (encryptThenMac) extensions.push({ extensionType: 'encrypt_then_mac', extensionData: {} })
  hs.send('server_hello', {
    serverVersion: tls12,
    random: serverRandom,
    sessionId,
    cipherSuite: suite,
    compressionMethod: 'null',
    extensions: extensions.length > 0 ? extensions : undefined,
  })
  hs.startSuite(suite)
  return {
    suite,
    sessionId,
    extendedMasterSecret,
    encryptThenMac,
    randoms: { clientRandom: offer.hello.random, serverRandom },
  }
}

function established(
  offer: ClientOffer,
  agreed: Agreed,
  ended: Pick<Established, 'session' | 'peerFinished' | 'resumption'>,
): Established {
  return {
    ...ended,
    suite: agreed.suite,
    resumed: ended.resumption === 'hit',
    sessionId: agreed.sessionId,
    serverName: offer.serverName,
    encryptThenMac: agreed.encryptThenMac,
    peerCertificates: [],
    verified: false,
  }
}
