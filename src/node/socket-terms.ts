import type { Answers } from '../driver/driver.ts'
import type { TlsError } from '../errors.ts'
import type { ClientConfig, ServerConfig } from '../handshake/config.ts'
import type { Certificate } from '../x509/certificate.ts'

/** What both roles give a TLSSocket to begin with. */
export interface SocketTerms {
  readonly config: ClientConfig | ServerConfig
  readonly answers: Answers
  /** Those that a peer's chain may lead to. */
  readonly anchors: () => readonly Certificate[]
  /** The total budget of a session look-up in milliseconds. */
  readonly lookupTimeoutMs?: number | undefined
  /** Milliseconds until a handshake that does not end is given up. */
  readonly handshakeTimeoutMs: number
  /** Wipes what the socket alone has used, at its end. */
  readonly wipe?: () => void
}

/** What the terms tell the socket. */
export interface SocketHooks {
  /** The peer's certificate does not verify, and it was let in all the same. */
  readonly onRefusal: (reason: TlsError) => void
}

export const defaultHandshakeTimeoutMs = 120_000
