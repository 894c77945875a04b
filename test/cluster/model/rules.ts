/** What must hold of every handshake with a cluster, whatever happens to it. */
import type { CipherSuiteName } from '../../../src/crypto/cipher-suites.ts'

/**
 * Safety, when a server resumes: the ID is one that the cluster gave out (`known_id`), to a client that offers the
 * same name (`server_name`), the suite of the session (`suite`) and the same extended master secret (`ems`); the
 * server has the terms of the session (`policy`), and a certificate where it demands one (`client_auth`), which is
 * the one that was shown (`peer_certificate`); the session's time is not over by the server's clock (`expired`), nor
 * that of its key (`epoch`); nobody forgot it (`revoked`, `gone`); both ends have the master secret of this very
 * session (`master_secret`). And an ID that the cluster never drew makes no request (`foreign_id`).
 *
 * `revoked` means: a DELETE was acknowledged by every node that the session was ever sent to, none of which has
 * restarted since, before the look-up began that the server's answer rests on (that of another client for the same
 * session, where it joined one). `gone` means: before it answered, a node told this server that the session was deleted.
 *
 * Liveness: a handshake with a server that runs ends well (`handshake`), with no wait beyond the look-up's budget
 * (`budget`), whatever the store does; once all is healed, sessions resume at every server, a fatal alert ends
 * them everywhere, and a rotation of the key loses none (`healed`).
 */
export const rules = [
  ...(['known_id', 'server_name', 'suite', 'ems', 'policy', 'client_auth', 'peer_certificate'] as const),
  ...(['expired', 'epoch', 'revoked', 'gone', 'master_secret', 'foreign_id'] as const),
  ...(['handshake', 'budget', 'healed'] as const),
] as const

export type Rule = (typeof rules)[number]

export class Violation extends Error {
  override readonly name = 'Violation'
  readonly rule: Rule

  constructor(rule: Rule, message: string) {
    super(`${rule}: ${message}`)
    this.rule = rule
  }
}

/** Under which terms a server makes and resumes sessions. */
export interface Terms {
  readonly clientAuth: 'none' | 'request' | 'require'
  readonly context: string
  readonly suites: readonly CipherSuiteName[]
}

/** A session as its client has it, and what the model knows of how it was made. */
export interface KnownSession {
  readonly id: Uint8Array
  readonly masterSecret: Uint8Array
  readonly suite: CipherSuiteName
  readonly extendedMasterSecret: boolean
  readonly serverName: string | undefined
  readonly identity: 'client-ec' | 'client-rsa' | undefined
  /** DER, or undefined where the client was not asked or showed none. */
  readonly certificate: Uint8Array | undefined
  readonly terms: Terms
  /** By the clock of the server that made it. */
  readonly createdMs: number
}

/** A hello. */
export interface Offer {
  readonly serverName: string | undefined
  readonly suites: readonly CipherSuiteName[]
  readonly extendedMasterSecret: boolean
  readonly identity: 'client-ec' | 'client-rsa' | undefined
  /** Whose ID and master secret the client offers. */
  readonly session: KnownSession | undefined
  /** In place of the session's ID: one that the cluster never drew. */
  readonly foreignId?: Uint8Array | undefined
}

export const lifetimeMs = 600_000
export const skewToleranceMs = 5000

/** What the server was like when it said that it resumes. */
export interface Moment {
  readonly nowMs: number
  readonly terms: Terms
  /** Whether the key that the ID was drawn under is not past its time. */
  readonly isEpochLive: boolean
  readonly isRevoked: boolean
  readonly wasToldGone: boolean
}

/** Throws a Violation when this server must not resume this offer. */
export function judgeResumption(offer: Offer, chosen: CipherSuiteName, moment: Moment): void {
  const { session } = offer
  if (session === undefined || offer.foreignId !== undefined)
    throw new Violation('known_id', 'an ID that nobody drew was resumed')
  const { terms, nowMs } = moment
  const insist = (holds: boolean, rule: Rule, message: string) => {
    if (!holds) throw new Violation(rule, message)
  }
  insist(
    session.serverName === offer.serverName,
    'server_name',
    `made under ${session.serverName}, resumed under ${offer.serverName}`,
  )
  insist(
    chosen === session.suite && offer.suites.includes(chosen) && terms.suites.includes(chosen),
    'suite',
    `made with ${session.suite}, resumed with ${chosen}; offered ${offer.suites}, allowed ${terms.suites}`,
  )
  insist(
    session.extendedMasterSecret === offer.extendedMasterSecret,
    'ems',
    `made ${session.extendedMasterSecret ? 'with' : 'without'} an extended master secret, resumed otherwise`,
  )
  insist(
    terms.clientAuth !== 'require' || session.certificate !== undefined,
    'client_auth',
    'resumed without a certificate where one is demanded',
  )
  insist(
    terms.clientAuth === session.terms.clientAuth && terms.context === session.terms.context,
    'policy',
    `made under ${JSON.stringify(session.terms)}, resumed under ${JSON.stringify(terms)}`,
  )
  const ageMs = nowMs - session.createdMs
  insist(
    ageMs < lifetimeMs && ageMs >= -skewToleranceMs,
    'expired',
    `resumed ${ageMs} ms after it was made, by the clock of the server`,
  )
  insist(moment.isEpochLive, 'epoch', 'resumed though its key is past its time')
  insist(!moment.isRevoked, 'revoked', 'resumed after every node that had it acknowledged its deletion')
  insist(!moment.wasToldGone, 'gone', 'resumed after a node said that it was deleted')
}
