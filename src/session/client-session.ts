import { emptyBytes } from '../bytes.ts'
import type { CipherSuiteName } from '../crypto/cipher-suites.ts'
import { TlsError } from '../errors.ts'
import { decode, encode, opaqueVector, struct, uint8, uint16 } from '../wire/codec.ts'
import { hasExpired, type Session } from './session.ts'
import { decodeSession, encodeSession } from './session-record.ts'

/** A session as a client keeps it. */
export interface ClientSession {
  /** What names it to its server; empty where a ticket does. */
  readonly sessionId: Uint8Array
  /** The session itself under the server's key, to be shown to it (RFC 5077 §3.4). */
  readonly ticket?: Uint8Array | undefined
  readonly session: Session
  /** Whether the server's certificate was verified when the session was made. */
  readonly verified: boolean
}

/** What a client's next connection is like. */
export interface OfferTerms {
  /** Whom the server must prove to be, in lower case. */
  readonly peerName: string
  /** Whether a server that is not verified is refused. */
  readonly verifiedSessionsOnly: boolean
  readonly cipherSuites: readonly CipherSuiteName[]
  /** ms since 1970. */
  readonly nowMs: number
}

/** Why a session must not be offered on a connection; `undefined` when it may be. */
export function reasonNotToOffer(
  { session, verified }: ClientSession,
  terms: OfferTerms,
): 'server_name' | 'unverified' | 'suite' | 'expired' | undefined {
  if (session.serverName !== terms.peerName) return 'server_name'
  if (terms.verifiedSessionsOnly && !verified) return 'unverified'
  if (!terms.cipherSuites.includes(session.cipherSuite)) return 'suite'
  if (hasExpired(session, terms.nowMs)) return 'expired'
  return undefined
}

const exportVersion = 2

const clientSessionExport = struct({
  version: uint8,
  verified: uint8,
  sessionId: opaqueVector(uint8, 0, 32),
  ticket: opaqueVector(uint16, 0, 0xffff),
  session: opaqueVector(uint16, 1, 0xffff),
})

/** Bytes to keep for the next connection. They hold a master secret in the clear: who reads them reads the sessions' traffic. */
export function encodeClientSession({ sessionId, ticket, session, verified }: ClientSession): Uint8Array {
  const record = encodeSession(session)
  const bytes = encode(clientSessionExport, {
    version: exportVersion,
    verified: verified ? 1 : 0,
    sessionId,
    ticket: ticket ?? emptyBytes,
    session: record,
  })
  record.fill(0)
  return bytes
}

/** The way back; throws TlsError on anything that encodeClientSession does not write. */
export function decodeClientSession(bytes: Uint8Array): ClientSession {
  const { version, verified, sessionId, ticket, session } = decode(
    clientSessionExport,
    bytes,
    'ClientSession',
  )
  if (version !== exportVersion || verified > 1) {
    throw new TlsError(
      'DECODE_ERROR',
      `ClientSession: version ${version}, verified ${verified} is not one this version writes`,
    )
  }
  if (sessionId.length + ticket.length === 0)
    throw new TlsError('DECODE_ERROR', 'ClientSession: neither a session ID nor a ticket')
  return {
    sessionId: sessionId.slice(),
    ...(ticket.length > 0 ? { ticket: ticket.slice() } : {}),
    session: decodeSession(session),
    verified: verified === 1,
  }
}
