import { equalBytes } from '../bytes.ts'
import { TlsError } from '../errors.ts'
import { hasExpired, type Session } from '../session/session.ts'
import { parseCertificate } from '../x509/certificate.ts'
import type { ClientOffer } from './client-offer.ts'
import { ask, type Handshake, type Lookup, type MissReason, type Policy } from './effects.ts'
import type { ServerFlow } from './server.ts'

/** A session to resume, what named it, and whether its ticket should be made anew. */
export interface Resumable {
  readonly session: Session
  readonly by: 'id' | 'ticket'
  readonly renew: boolean
}

/** The session to resume, or why the handshake is a full one. */
export type Resumption = Resumable | { readonly reason: MissReason | 'no_id' }

/**
 * Whether this hello resumes: an ID of length 0 asks for nothing; any other is looked up, and what is found
 * must fit this hello in every respect (RFC 5246 §7.4.1.2). Whatever does not fit is a full handshake, with
 * one exception that RFC 7627 §5.3 demands. A ticket decides alone: the ID beside it is only there to be echoed (RFC 5077 §3.4).
 */
export function* resumableSession(hs: ServerFlow, offer: ClientOffer, policy: Policy): Handshake<Resumption> {
  const { sessionId } = offer.hello
  const ticket = hs.config.sealTicket && offer.ticket?.length ? offer.ticket : undefined
  if (!ticket && sessionId.length === 0) return { reason: 'no_id' }
  if (!policy.resumable) return { reason: 'policy' }
  const lookup: Lookup = yield* ask(
    ticket ? { kind: 'lookupSession', ticket } : { kind: 'lookupSession', sessionId },
  )
  if ('miss' in lookup) return { reason: lookup.miss }
  const { session, renew = false } = lookup
  const reason = mismatch(hs, offer, policy, session)
  if (!reason) return { session, by: ticket ? 'ticket' : 'id', renew: ticket !== undefined && renew }
  session.masterSecret.wipe()
  return { reason }
}

/** The first way in which a session does not fit this hello. Throws where RFC 7627 §5.3 demands an abort. */
function mismatch(
  hs: ServerFlow,
  offer: ClientOffer,
  policy: Policy,
  session: Session,
): MissReason | undefined {
  const nowMs = hs.config.now()
  if (hasExpired(session, nowMs) || !isCertificateInTime(session, nowMs)) return 'expired'
  if (!equalBytes(session.policyHash, policy.policyHash) || !meetsClientAuth(hs, session)) return 'policy'
  // A session of one name must not speak for another (RFC 6066 §3).
  if (session.serverName !== (offer.serverName ?? '')) return 'server_name'
  // The suite must be offered again, and still be allowed here.
  if (
    !offer.hello.cipherSuites.includes(session.cipherSuite) ||
    !hs.cipherSuites.includes(session.cipherSuite)
  )
    return 'suite'
  return extendedMasterSecretMismatch(hs, offer, session) ?? fragmentLengthMismatch(offer, session)
}

/** The client's certificate, where the session has one, speaks for it only until it expires. */
function isCertificateInTime({ peerCertificate }: Session, nowMs: number): boolean {
  if (peerCertificate.length === 0) return true
  try {
    return nowMs <= parseCertificate(peerCertificate).notAfterMs
  } catch {
    return false
  }
}

/** Where a certificate is demanded, a session without one is no way round it. */
function meetsClientAuth({ config }: ServerFlow, { peerCertificate }: Session): boolean {
  return config.clientAuth !== 'require' || peerCertificate.length > 0
}

function extendedMasterSecretMismatch(
  { config }: ServerFlow,
  offer: ClientOffer,
  session: Session,
): MissReason | undefined {
  if (session.extendedMasterSecret && !offer.extendedMasterSecret) {
    session.masterSecret.wipe()
    throw new TlsError(
      'EXTENDED_MASTER_SECRET_MISMATCH',
      'the session has an extended master secret and ClientHello lacks the extension: RFC 7627 section 5.3 demands an abort',
    )
  }
  const mayLackIt = !offer.extendedMasterSecret && !config.requireExtendedMasterSecret
  return session.extendedMasterSecret || mayLackIt ? undefined : 'ems'
}

/** The agreed length goes on for the session's life (RFC 6066 §4): a hello that asks for another one asks for another session. */
function fragmentLengthMismatch(
  { maxFragmentLengthCode, recordSizeLimit }: ClientOffer,
  session: Session,
): MissReason | undefined {
  const asksForAnother = maxFragmentLengthCode > 0 && maxFragmentLengthCode !== session.maxFragmentLengthCode
  return asksForAnother && recordSizeLimit === undefined ? 'policy' : undefined
}
