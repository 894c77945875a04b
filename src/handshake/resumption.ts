import { equalBytes } from '../bytes.ts'
import { TlsError } from '../errors.ts'
import { hasExpired, type Session } from '../session/session.ts'
import { ask, type Handshake, type MissReason, type Policy } from './effects.ts'
import type { ClientOffer, ServerFlow } from './server.ts'

/** The session to resume, or why the handshake is a full one. */
export type Resumption = { readonly session: Session } | { readonly reason: MissReason | 'no_id' }

/**
 * Whether this hello resumes: an ID of length 0 asks for nothing; any other is looked up, and what is found
 * must fit this hello in every respect (RFC 5246 §7.4.1.2). Whatever does not fit is a full handshake, with
 * one exception that RFC 7627 §5.3 demands.
 */
export function* resumableSession(hs: ServerFlow, offer: ClientOffer, policy: Policy): Handshake<Resumption> {
  const { sessionId } = offer.hello
  if (sessionId.length === 0) return { reason: 'no_id' }
  if (!policy.resumable) return { reason: 'policy' }
  const lookup = yield* ask({ kind: 'lookupSession', sessionId })
  if ('miss' in lookup) return { reason: lookup.miss }
  const reason = mismatch(hs, offer, policy, lookup.session)
  if (!reason) return lookup
  lookup.session.masterSecret.wipe()
  return { reason }
}

/** The first way in which a session does not fit this hello. Throws where RFC 7627 §5.3 demands an abort. */
function mismatch(
  hs: ServerFlow,
  offer: ClientOffer,
  policy: Policy,
  session: Session,
): MissReason | undefined {
  if (hasExpired(session, hs.config.now())) return 'expired'
  if (!equalBytes(session.policyHash, policy.policyHash)) return 'policy'
  // A session of one name must not speak for another (RFC 6066 §3).
  if (session.serverName !== (offer.serverName ?? '')) return 'server_name'
  // The suite must be offered again, and still be allowed here.
  if (
    !offer.hello.cipherSuites.includes(session.cipherSuite) ||
    !hs.cipherSuites.includes(session.cipherSuite)
  )
    return 'suite'
  if (session.extendedMasterSecret && !offer.extendedMasterSecret) {
    session.masterSecret.wipe()
    throw new TlsError(
      'EXTENDED_MASTER_SECRET_MISMATCH',
      'the session has an extended master secret and ClientHello lacks the extension: RFC 7627 section 5.3 demands an abort',
    )
  }
  if (!session.extendedMasterSecret && offer.extendedMasterSecret) return 'ems'
  return undefined
}
