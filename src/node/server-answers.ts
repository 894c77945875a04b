/** What the handshakes of a server ask, answered under the context of the name that a client wants. */
import {
  certificateVerifier,
  hasCertificateFor,
  policyHashOf,
  selectByServerName,
} from '../driver/certificates.ts'
import type { Answers } from '../driver/driver.ts'
import type { TlsError } from '../errors.ts'
import type { Ask, Policy } from '../handshake/effects.ts'
import type { CertifiedKey } from '../x509/certified-key.ts'
import { CallbackError } from './api-misuse.ts'
import { wrongType } from './option-types.ts'
import type { SecureContext } from './secure-context.ts'
import type { ServerTerms } from './server-terms.ts'

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
    selectCertificate: wanted => {
      const certified = selectByServerName(context.certifiedKeys)(wanted)
      return certified && withStaple(terms, certified, wanted)
    },
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
  const { clientAuth, sessionCache, tickets } = terms
  const authorities = clientAuth === 'none' ? [] : anchorsOf(terms, context)
  return {
    policyHash: policyHashOf(terms.context.provider, {
      clientAuth,
      rejectUnauthorized: clientAuth === 'require',
      // Of the whole certificates: two authorities may have one name.
      authorities: authorities.map(({ raw }) => raw),
      sessionIdContext: terms.context.sessions.idContext,
    }),
    resumable: sessionCache !== undefined || tickets !== undefined,
    certificateAuthorities: authorities.map(({ subject }) => subject.raw),
  }
}

/** Asks who listens for 'OCSPRequest', where the client wants a staple; an error ends the handshake, as in node:tls. */
function withStaple(
  { events }: ServerTerms,
  certified: CertifiedKey,
  { wantsOcspResponse = false }: Ask<'selectCertificate'>,
): CertifiedKey | Promise<CertifiedKey> {
  if (!wantsOcspResponse || !events || events.listenerCount('OCSPRequest') === 0) return certified
  const [leaf, issuer] = certified.certificateList.map(der => Buffer.from(der))
  return new Promise((resolve, reject) => {
    const refuse = (error: unknown) => reject(new CallbackError('OCSPRequest', error))
    const answer = (error?: Error | null, response?: Uint8Array | null) => {
      if (error) return refuse(error)
      if (response === undefined || response === null) return resolve(certified)
      if (!(response instanceof Uint8Array)) return refuse(wrongType('response', 'a Buffer', response))
      // A response of no bytes is none, and cannot be sent (RFC 6066 §8).
      resolve(response.length > 0 ? { ...certified, ocspResponse: response } : certified)
    }
    try {
      events.emit('OCSPRequest', leaf, issuer ?? null, answer)
    } catch (thrown) {
      refuse(thrown)
    }
  })
}

function anchorsOf({ context: main }: ServerTerms, { anchors }: SecureContext) {
  return anchors.length > 0 ? anchors : main.anchors
}
