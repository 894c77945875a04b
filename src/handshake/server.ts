/** The server's side of RFC 5246 §7.3: figure 1 in `full`, figure 2 in `abbreviated`. */
import { emptyBytes } from '../bytes.ts'
import type { Secret } from '../secret.ts'
import type { Session } from '../session/session.ts'
import { type Agreed, deriveMaster, establishedOf, lifetimeWithin, newSession } from './agreement.ts'
import {
  type ClaimedClient,
  leafOf,
  receiveCertificateVerify,
  receiveClientCertificate,
  sendCertificateRequest,
} from './client-authentication.ts'
import { type ClientOffer, receiveClientHello } from './client-offer.ts'
import type { ServerConfig } from './config.ts'
import { ask, type Handshake, type MissReason, type Policy } from './effects.ts'
import { receiveChangeCipherSpecAndFinished, sendChangeCipherSpecAndFinished } from './finished.ts'
import { type Established, type Flow, withKeys } from './flow.ts'
import { receiveClientShare, sendServerKeyExchange } from './key-exchange.ts'
import { negotiate, type ServerChoice, sendServerHello } from './negotiation.ts'
import { receivePreMaster } from './pre-master.ts'
import { type Resumable, resumableSession } from './resumption.ts'
import { sendNewSessionTicket } from './session-tickets.ts'

export type ServerFlow = Flow<ServerConfig>

/** A whole handshake from ClientHello on: a live session resumes, everything else is a full handshake. */
export function* serverHandshake(hs: ServerFlow): Handshake<Established> {
  const offer = yield* receiveClientHello(hs)
  const policy = yield* ask({ kind: 'selectPolicy', serverName: offer.serverName })
  const resumption = yield* resumableSession(hs, offer, policy)
  try {
    return 'session' in resumption
      ? yield* abbreviated(hs, offer, resumption)
      : yield* full(hs, offer, policy, resumption.reason)
  } finally {
    // Of a handshake that ended before the client's share came.
    hs.share?.wipe()
  }
}

/** RFC 5246 figure 1. */
function* full(
  hs: ServerFlow,
  offer: ClientOffer,
  policy: Policy,
  reason: MissReason | 'no_id',
): Handshake<Established> {
  const choice = yield* negotiate(hs, offer)
  const agreed = sendServerHello(hs, offer, selectionOf(hs, offer, policy, choice))
  const { certified, signed } = choice
  hs.send('certificate', { certificateList: certified.certificateList })
  if (agreed.statusPromised)
    hs.send('certificate_status', { statusType: 'ocsp', response: certified.ocspResponse! })
  if (signed) yield* sendServerKeyExchange(hs, agreed, { ...signed, certified })
  sendCertificateRequest(hs, policy)
  hs.send('server_hello_done', {})

  const client = yield* receiveClientCertificate(hs)
  const preMasterSecret = yield* receiveClientKeyExchange(hs, offer, choice)
  const masterSecret = deriveMaster(hs, agreed, preMasterSecret)
  const keys = hs.deriveKeys(masterSecret, agreed)
  return yield* withKeys(keys, function* () {
    const clientSignatureScheme = yield* receiveCertificateVerify(hs, client)
    const peerFinished = yield* receiveChangeCipherSpecAndFinished(hs, keys)
    const session = serverSession(hs, agreed, { masterSecret, offer, policy, client })
    sendNewSessionTicket(hs, agreed, session)
    sendChangeCipherSpecAndFinished(hs, keys)
    return establishedOf(agreed, {
      ...{ session, peerFinished, resumption: reason, serverName: offer.serverName },
      ...{ group: signed?.group, serverSignatureScheme: signed?.scheme, clientSignatureScheme },
      peerSignatureSchemes: offer.schemes,
      localCertificate: certified.leaf.raw,
      peerCertificates: client?.certificateList ?? [],
      verified: client?.verified ?? false,
    })
  })
}

/** RFC 5246 figure 2: the server finishes first, and the same ID goes back. */
function* abbreviated(
  hs: ServerFlow,
  offer: ClientOffer,
  { session, by, renew }: Resumable,
): Handshake<Established> {
  const { sessionId } = offer.hello
  const agreed = wipingOnFailure(session.masterSecret, () =>
    sendServerHello(hs, offer, {
      suite: session.cipherSuite,
      sessionId,
      resumed: true,
      maxFragmentLengthCode: session.maxFragmentLengthCode,
      ticketPromised: renew,
    }),
  )
  // Not before: who offers an ID that he has seen and a protocol that nobody speaks shall not have its session forgotten.
  if (by === 'id') hs.channel.bindSession(sessionId)

  const keys = hs.deriveKeys(session.masterSecret, agreed)
  return yield* withKeys(keys, function* () {
    sendNewSessionTicket(hs, agreed, session)
    sendChangeCipherSpecAndFinished(hs, keys)
    const peerFinished = yield* receiveChangeCipherSpecAndFinished(hs, keys)
    return establishedOf(agreed, {
      ...{ session, peerFinished, resumption: 'hit', serverName: offer.serverName },
      // With a ticket the echo only says "resumed": no store knows that ID (RFC 5077 §3.4).
      sessionId: by === 'id' ? sessionId : emptyBytes,
      peerSignatureSchemes: offer.schemes,
      peerCertificates: session.peerCertificate.length > 0 ? [session.peerCertificate] : [],
      verified: session.clientAuthenticated,
    })
  })
}

function wipingOnFailure<T>(secret: Secret, body: () => T): T {
  try {
    return body()
  } catch (error) {
    secret.wipe()
    throw error
  }
}

/** A session goes into a ticket or gets an ID, not both; without either it cannot be resumed. */
function selectionOf(hs: ServerFlow, offer: ClientOffer, policy: Policy, { suite, certified }: ServerChoice) {
  const ticketPromised = policy.resumable && hs.config.sealTicket !== undefined && offer.ticket !== undefined
  const hasId = policy.resumable && !ticketPromised
  return {
    ...{ suite, certified, ticketPromised },
    sessionId: hasId ? hs.config.drawSessionId(hs.config.random) : emptyBytes,
    resumed: false,
    namesServer: offer.serverName !== undefined && (policy.usesServerName ?? true),
    maxFragmentLengthCode: offer.maxFragmentLengthCode,
  }
}

function* receiveClientKeyExchange(
  hs: ServerFlow,
  offer: ClientOffer,
  { certified }: ServerChoice,
): Handshake<Secret> {
  return hs.share
    ? yield* receiveClientShare(hs, hs.share)
    : yield* receivePreMaster(hs, certified.key, offer.hello.clientVersion)
}

function serverSession(
  hs: ServerFlow,
  agreed: Agreed,
  made: { masterSecret: Secret; offer: ClientOffer; policy: Policy; client: ClaimedClient | undefined },
): Session {
  const { masterSecret, offer, policy, client } = made
  return newSession(hs, agreed, {
    masterSecret,
    serverName: offer.serverName ?? '',
    policyHash: policy.policyHash,
    clientAuthenticated: client?.verified ?? false,
    peerCertificate: leafOf(client?.certificateList),
    ...(client ? { lifetimeSeconds: lifetimeWithin(hs, client.leaf) } : {}),
  })
}
