/** The client's side of RFC 5246 §7.3: figure 1 in `full`, figure 2 in `abbreviated`. */
import { concatBytes, emptyBytes, equalBytes } from '../bytes.ts'
import { type CipherSuiteName, cipherSuite, cipherSuiteNames } from '../crypto/cipher-suites.ts'
import type { RsaPublicKey } from '../crypto/provider.ts'
import { TlsError } from '../errors.ts'
import type { ClientHello } from '../messages/client-hello.ts'
import { type ClientHelloExtension, findExtension } from '../messages/extensions/index.ts'
import { serverNameListOf } from '../messages/extensions/server-name.ts'
import { tls12, versionText } from '../messages/protocol-version.ts'
import type { ServerHello } from '../messages/server-hello.ts'
import { Secret } from '../secret.ts'
import { type ClientSession, reasonNotToOffer } from '../session/client-session.ts'
import type { Session } from '../session/session.ts'
import { parseCertificate } from '../x509/certificate.ts'
import { type Agreed, deriveMaster, newSession } from './agreement.ts'
import type { ClientConfig } from './config.ts'
import { ask, type Handshake, type VerifiedPeer } from './effects.ts'
import { receiveChangeCipherSpecAndFinished, sendChangeCipherSpecAndFinished } from './finished.ts'
import { type Established, type Flow, withKeys } from './flow.ts'
import { receive, receiveOneOf } from './gate.ts'

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

/** RFC 5246 figure 1, with RSA key exchange. */
function* full(hs: ClientFlow, agreed: Agreed, offered: ClientSession | undefined): Handshake<Established> {
  const { certificateList } = yield* receive(hs, 'certificate')
  const peer = yield* verifyServer(hs, certificateList)
  const isCertificateWanted = yield* receiveServerHelloDone(hs)

  // No client certificates yet: who is asked says so with an empty list (RFC 5246 §7.4.6).
  if (isCertificateWanted) hs.send('certificate', { certificateList: [] })
  const preMasterSecret = sendClientKeyExchange(hs, peer.publicKey)
  const masterSecret = deriveMaster(hs, agreed, preMasterSecret)
  const keys = hs.deriveKeys(masterSecret, agreed.suite, agreed.encryptThenMac, agreed.randoms)
  return yield* withKeys(keys, function* () {
    sendChangeCipherSpecAndFinished(hs, keys)
    const peerFinished = yield* receiveChangeCipherSpecAndFinished(hs, keys)
    const session = newSession(hs, agreed, {
      masterSecret,
      serverName: peerNameOf(hs),
      policyHash: noPolicy,
      peerCertificate: certificateList[0] ?? emptyBytes,
    })
    const { verified } = peer
    const resumption = offered ? 'miss' : 'no_id'
    return established(hs, agreed, {
      session,
      peerFinished,
      verified,
      resumption,
      peerCertificates: certificateList,
    })
  })
}

/** RFC 5246 figure 2: the server finishes first. */
function* abbreviated(
  hs: ClientFlow,
  agreed: Agreed,
  { session, verified }: ClientSession,
): Handshake<Established> {
  verifyResumption(agreed, session)
  hs.channel.bindSession(agreed.sessionId)
  // The keys own their master secret: the caller's session outlives this connection.
  const resumed = { ...session, masterSecret: session.masterSecret.copy() }
  const keys = hs.deriveKeys(resumed.masterSecret, agreed.suite, agreed.encryptThenMac, agreed.randoms)
  return yield* withKeys(keys, function* () {
    const peerFinished = yield* receiveChangeCipherSpecAndFinished(hs, keys)
    sendChangeCipherSpecAndFinished(hs, keys)
    return established(hs, agreed, {
      session: resumed,
      peerFinished,
      verified,
      resumption: 'hit',
      peerCertificates: [],
    })
  })
}

/** The configured session, unless it was made for another name, has expired, or may not be trusted or resumed here. */
function sessionToOffer(hs: ClientFlow): ClientSession | undefined {
  const { session: offered, verifiedSessionsOnly = false, now } = hs.config
  if (!offered || offered.sessionId.length === 0) return undefined
  const terms = {
    peerName: peerNameOf(hs),
    verifiedSessionsOnly,
    cipherSuites: hs.cipherSuites,
    nowMs: now(),
  }
  return reasonNotToOffer(offered, terms) ? undefined : offered
}

/** The name that the server must prove and that its sessions are bound to, in lower case; '' for none. */
function peerNameOf(hs: ClientFlow): string {
  return (hs.config.peerName ?? hs.config.serverName ?? '').toLowerCase()
}

function sendClientHello(hs: ClientFlow, offered: ClientSession | undefined): ClientHello {
  const { serverName } = hs.config
  const extensions: ClientHelloExtension[] = [
    { extensionType: 'renegotiation_info', extensionData: { renegotiatedConnection: emptyBytes } },
    { extensionType: 'extended_master_secret', extensionData: {} },
    { extensionType: 'encrypt_then_mac', extensionData: {} },
    // Governs which signatures the server's certificates may have (RFC 5246 §7.4.2).
    { extensionType: 'signature_algorithms', extensionData: { supportedSignatureAlgorithms } },
  ]
  if (serverName)
    extensions.unshift({ extensionType: 'server_name', extensionData: serverNameListOf(serverName) })
  const hello: ClientHello = {
    clientVersion: tls12,
    random: hs.random(32),
    sessionId: offered?.sessionId ?? emptyBytes,
    cipherSuites: hs.cipherSuites,
    compressionMethods: ['null'],
    extensions,
  }
  hs.send('client_hello', hello)
  return hello
}

/** A policy binds a server's sessions; a client's are bound to their server. */
const noPolicy = new Uint8Array(16)

const supportedSignatureAlgorithms = [
  { hash: 'sha256', signature: 'rsa' },
  { hash: 'sha384', signature: 'rsa' },
  { hash: 'sha512', signature: 'rsa' },
] as const

/** Every value of ServerHello must be one that was offered (RFC 5246 §7.4.1.3). */
function* receiveServerHello(hs: ClientFlow, hello: ClientHello): Handshake<Agreed> {
  const serverHello = yield* receive(hs, 'server_hello')
  if (serverHello.serverVersion !== tls12) {
    throw new TlsError(
      'UNSUPPORTED_PROTOCOL',
      `ServerHello.serverVersion is ${versionText(serverHello.serverVersion)}, TLS 1.2 is 0x0303`,
    )
  }
  if (serverHello.compressionMethod !== 'null') {
    throw new TlsError(
      'UNSUPPORTED_COMPRESSION',
      `ServerHello.compressionMethod is ${serverHello.compressionMethod}, only null was offered`,
    )
  }
  const suite = verifySuiteOffered(serverHello, hello)
  verifyExtensionsOffered(serverHello, hello)
  const renegotiation = findExtension(serverHello.extensions, 'renegotiation_info')
  if (renegotiation && renegotiation.renegotiatedConnection.length > 0) {
    throw new TlsError('RENEGOTIATION_MISMATCH', 'renegotiation_info is not empty in a first ServerHello')
  }
  const encryptThenMac = findExtension(serverHello.extensions, 'encrypt_then_mac') !== undefined
  if (encryptThenMac && cipherSuite(suite).cipher.mode !== 'cbc') {
    throw new TlsError(
      'ENCRYPT_THEN_MAC_MISMATCH',
      `encrypt_then_mac came with ${suite}, which has no CBC (RFC 7366 section 3)`,
    )
  }
  hs.startSuite(suite)
  return {
    suite,
    sessionId: serverHello.sessionId,
    extendedMasterSecret: findExtension(serverHello.extensions, 'extended_master_secret') !== undefined,
    encryptThenMac,
    randoms: { clientRandom: hello.random, serverRandom: serverHello.random },
  }
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
  for (const { extensionType } of serverHello.extensions ?? []) {
    if (!offered.has(extensionType))
      throw new TlsError(
        'UNSOLICITED_EXTENSION',
        `ServerHello holds extension ${extensionType}, which was not offered`,
      )
  }
}

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

function* verifyServer(hs: ClientFlow, certificateList: readonly Uint8Array[]): Handshake<VerifiedPeer> {
  if (certificateList.length === 0)
    throw new TlsError('DECODE_ERROR', 'Certificate.certificateList is empty: a server must have one')
  const chain = certificateList.map(parseCertificate)
  return yield* ask({ kind: 'verifyCertificate', chain, peerName: peerNameOf(hs) })
}

/** Whether a CertificateRequest came before ServerHelloDone. ServerKeyExchange has no place in RSA key exchange (RFC 5246 §7.4.3). */
function* receiveServerHelloDone(hs: ClientFlow): Handshake<boolean> {
  const { type } = yield* receiveOneOf(hs, ['certificate_request', 'server_hello_done'])
  if (type === 'server_hello_done') return false
  yield* receive(hs, 'server_hello_done')
  return true
}

/** 48 bytes under the server's key: the version that was offered, so that nobody lowers it, and 46 random ones (RFC 5246 §7.4.7.1). */
function sendClientKeyExchange(hs: ClientFlow, key: RsaPublicKey): Secret {
  const preMasterSecret = new Secret(concatBytes(new Uint8Array([tls12 >> 8, tls12 & 0xff]), hs.random(46)))
  const encryptedPreMasterSecret = hs.config.provider.rsa.encryptPkcs1(
    key,
    preMasterSecret.reveal(),
    hs.config.random,
  )
  hs.send('client_key_exchange', { encryptedPreMasterSecret })
  return preMasterSecret
}

type Ended = Pick<Established, 'session' | 'peerFinished' | 'verified' | 'resumption' | 'peerCertificates'>

function established(hs: ClientFlow, agreed: Agreed, ended: Ended): Established {
  return {
    ...ended,
    suite: agreed.suite,
    resumed: ended.resumption === 'hit',
    sessionId: agreed.sessionId,
    serverName: hs.config.serverName,
    encryptThenMac: agreed.encryptThenMac,
  }
}
