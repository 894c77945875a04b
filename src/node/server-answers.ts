/** What the handshakes of a server ask, answered under the context of the name that a client wants. */
import {
  certificateVerifier,
  hasCertificateFor,
  policyHashOf,
  selectByServerName,
} from '../driver/certificates.ts'
import type { Answers } from '../driver/driver.ts'
import type { SessionCache } from '../driver/session-cache.ts'
import type { TlsError } from '../errors.ts'
import type { ServerConfig } from '../handshake/config.ts'
import type { Policy } from '../handshake/effects.ts'
import type { SessionTickets } from '../session/session-ticket.ts'
import type { SecureContext } from './secure-context.ts'

/** What a server has decided for all its connections. */
export interface ServerTerms {
  readonly context: SecureContext
  /** The context of a name, where it has one of its own: its certificates, and its `ca` where it has any. */
  readonly contextFor: (
    serverName: string | undefined,
  ) => SecureContext | undefined | Promise<SecureContext | undefined>
  readonly clientAuth: NonNullable<ServerConfig['clientAuth']>
  readonly sessionIdContext: string
  readonly sessionCache: SessionCache | undefined
  readonly tickets: SessionTickets | undefined
}

/** The answers for one connection. `onRefusal` hears why a client's certificate that was let in all the same does not verify. */
export function serverAnswers(terms: ServerTerms, onRefusal: (reason: TlsError) => void): Answers {
  const { tickets } = terms
  let context = terms.context
  const use = (named: SecureContext | undefined, serverName: string | undefined): Policy => {
    context = named ?? terms.context
    const usesServerName = context === named || hasCertificateFor(context.certifiedKeys, serverName)
    return { ...policyOf(terms, context), usesServerName }
  }
  return {
    selectPolicy: ({ serverName }) => {
      const named = terms.contextFor(serverName)
      return named instanceof Promise ? named.then(found => use(found, serverName)) : use(named, serverName)
    },
    selectCertificate: wanted => selectByServerName(context.certifiedKeys)(wanted),
    verifyCertificate: chain => {
      const { provider, now } = terms.context
      const rejectUnauthorized = terms.clientAuth === 'require'
      const anchors = anchorsOf(terms, context)
      return certificateVerifier({ provider, now, anchors, rejectUnauthorized, onRefusal })(chain)
    },
    sessionCache: terms.sessionCache,
    ...(tickets && { openTicket: ticket => tickets.open(ticket) }),
  }
}

/** Who is let in under other terms makes no session for these: a certificate of another authority, or none. */
function policyOf(terms: ServerTerms, context: SecureContext): Policy {
  const { clientAuth, sessionIdContext, sessionCache, tickets } = terms
  const authorities = clientAuth === 'none' ? [] : anchorsOf(terms, context)
  return {
    policyHash: policyHashOf(terms.context.provider, {
      clientAuth,
      rejectUnauthorized: clientAuth === 'require',
      // Of the whole certificates: two authorities may have one name.
      authorities: authorities.map(({ raw }) => raw),
      sessionIdContext,
    }),
    resumable: sessionCache !== undefined || tickets !== undefined,
    certificateAuthorities: authorities.map(({ subject }) => subject.raw),
  }
}

function anchorsOf({ context: main }: ServerTerms, { anchors }: SecureContext) {
  return anchors.length > 0 ? anchors : main.anchors
}
