import type { RandomBytes } from '../crypto/provider.ts'
import type { Lookup } from '../handshake/effects.ts'
import type { Session } from '../session/session.ts'
import type { SessionTickets } from '../session/session-ticket.ts'

/**
 * What a server asks of its sessions. A cache can only help: whatever goes wrong in it is a miss, and a miss
 * is a full handshake.
 */
export interface SessionCache {
  /** A new session ID of 1 to 32 bytes, not all zero; empty when nothing should be resumable. */
  drawId(random: RandomBytes): Uint8Array
  /** The session of an ID, or why there is none. An ID that is not ours is dismissed without I/O. `signal` ends the look-up at its deadline. */
  load(id: Uint8Array, signal: AbortSignal): Lookup | Promise<Lookup>
  /** Keeps a session for its lifetime. Fire and forget: nobody waits. */
  save(id: Uint8Array, session: Session): void
  /** Forgets a session after a fatal alert (RFC 5246 §7.2.2). */
  forget(id: Uint8Array): void
  /** The name of the node that holds the ID's session; a cache of one process has none. */
  ownerOf?(id: Uint8Array): string | undefined
  /** For servers that share their keys: what seals and opens tickets, where those are wanted (RFC 5077). */
  readonly tickets?: SessionTickets
}
