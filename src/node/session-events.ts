/** Sessions kept by whoever listens to a server's 'newSession' and 'resumeSession', as node:tls has it. */
import type { EventEmitter } from 'node:events'
import { equalBytes } from '../bytes.ts'
import type { RandomBytes } from '../crypto/provider.ts'
import type { SessionCache } from '../driver/session-cache.ts'
import { TlsError } from '../errors.ts'
import type { Lookup } from '../handshake/effects.ts'
import type { Session } from '../session/session.ts'
import { decodeSession, encodeSession } from '../session/session-record.ts'

const sessionIdBytes = 32

/** Whether somebody keeps sessions by events. */
export function hasSessionListeners(server: EventEmitter): boolean {
  return server.listenerCount('newSession') + server.listenerCount('resumeSession') > 0
}

/**
 * The cache that a server's listeners are. As with every other, nobody waits for 'newSession', and a listener that fails, or is not
 * back within the budget, costs a full handshake and no connection. The data they keep hold a master secret in the clear.
 */
export class SessionEvents implements SessionCache {
  readonly #server: EventEmitter

  constructor(server: EventEmitter) {
    this.#server = server
  }

  drawId(random: RandomBytes): Uint8Array {
    return random(sessionIdBytes)
  }

  load(id: Uint8Array): Lookup | Promise<Lookup> {
    return new Promise((resolve, reject) => {
      const answer = (error?: Error | null, data?: Uint8Array | null) => {
        if (error) return reject(error)
        try {
          resolve(data && data.length > 0 ? { session: sessionOf(id, data) } : { miss: 'miss' })
        } catch (unreadable) {
          reject(unreadable)
        }
      }
      if (!this.#server.emit('resumeSession', Buffer.from(id), answer)) answer()
    })
  }

  save(id: Uint8Array, session: Session): void {
    const record = encodeSession(session)
    const data = Buffer.concat([id, record])
    record.fill(0)
    this.#server.emit('newSession', Buffer.from(id), data, () => {})
  }

  /** Ours alone: OpenSSL has such a callback, and node:tls goes on resuming what a fatal alert has ended (RFC 5246 §7.2.2). */
  forget(id: Uint8Array): void {
    this.#server.emit('removeSession', Buffer.from(id))
  }
}

/** The record of another session than the ID names would end the connection at the client's Finished. */
function sessionOf(id: Uint8Array, data: Uint8Array): Session {
  if (!equalBytes(data.subarray(0, id.length), id))
    throw new TlsError('DECODE_ERROR', "resumeSession: the data are not of this session's newSession")
  return decodeSession(data.subarray(id.length))
}
