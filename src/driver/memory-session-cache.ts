import { LRUCache } from 'lru-cache'
import { toHex } from '../bytes.ts'
import type { RandomBytes } from '../crypto/provider.ts'
import type { Lookup } from '../handshake/effects.ts'
import { hasExpired, type Session } from '../session/session.ts'
import { maxPeerCertificateBytes } from '../session/session-record.ts'
import type { SessionCache } from './session-cache.ts'

const sessionIdBytes = 32

/** Sessions of one process, the least recently used forgotten first. For one server; a cluster has its own. */
export class MemorySessionCache implements SessionCache {
  readonly #sessions: LRUCache<string, Session>
  readonly #now: () => number

  /** @param options.maxSessions 10,000 by default @param options.now ms since 1970 */
  constructor(options: { now: () => number; maxSessions?: number }) {
    this.#now = options.now
    this.#sessions = new LRUCache({
      max: options.maxSessions ?? 10_000,
      dispose: session => session.masterSecret.wipe(),
    })
  }

  drawId(random: RandomBytes): Uint8Array {
    const id = random(sessionIdBytes)
    // All zero is no ID (CN106059986A, step S203): 2^-256, and still a rule.
    return id.some(byte => byte !== 0) ? id : this.drawId(random)
  }

  load(id: Uint8Array): Lookup {
    const session = this.#sessions.get(toHex(id))
    if (!session) return { miss: 'miss' }
    if (hasExpired(session, this.#now())) {
      this.#sessions.delete(toHex(id))
      return { miss: 'expired' }
    }
    return { session: withOwnSecret(session) }
  }

  save(id: Uint8Array, session: Session): void {
    // As every other store has it: a stranger's certificate may be as long as a message, and there is room for 10,000.
    if (session.peerCertificate.length > maxPeerCertificateBytes) return
    this.#sessions.set(toHex(id), withOwnSecret(session))
  }

  forget(id: Uint8Array): void {
    this.#sessions.delete(toHex(id))
  }
}

/** The connection wipes its master secret at its end; ours lives on. */
function withOwnSecret(session: Session): Session {
  return { ...session, masterSecret: session.masterSecret.copy() }
}
