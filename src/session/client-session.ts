import type { CipherSuiteName } from '../crypto/cipher-suites.ts'
import { TlsError } from '../errors.ts'
import { decode, encode, opaqueVector, struct, uint8, uint16 } from '../wire/codec.ts'
import { hasExpired, type Session } from './session.ts'
import { decodeSession, encodeSession } from './session-record.ts'

/** A session as a client keeps it. */
export interface ClientSession {
  readonly sessionId: Uint8Array
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

const exportVersion = 1

const clientSessionExport = struct({
  version: uint8,
  verified: uint8,
  sessionId: opaqueVector(uint8, 1, 32),
  session: opaqueVector(uint16, 1, 0xffff),
})

/** Bytes to keep for the next connection. They hold a master secret in the clear: who reads them reads the sessions' traffic. */
export function encodeClientSession({ sessionId, session, verified }: ClientSession): Uint8Array {
  const record = encodeSession(session)
  const bytes = encode(clientSessionExport, {
    version: exportVersion,
    verified: verified ? 1 : 0,
    sessionId,
    session: record,
  })
  record.fill(0)
  return bytes
}

/** The way back; throws TlsError on anything that encodeClientSession does not write. */
export function decodeClientSession(bytes: Uint8Array): ClientSession {
  const { version, verified, sessionId, session } = decode(clientSessionExport, bytes, 'ClientSession')
  if (version !== exportVersion || verified > 1) {
    throw new TlsError(
      'DECODE_ERROR',
      `ClientSession: version ${version}, verified ${verified} is not one this version writes`,
    )
  }
  return { sessionId: sessionId.slice(), session: decodeSession(session), verified: verified === 1 }
}
