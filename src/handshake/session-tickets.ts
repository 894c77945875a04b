/** NewSessionTicket: a session that the client keeps, sealed under a key it does not have (RFC 5077 §3.3). */
import { emptyBytes } from '../bytes.ts'
import type { Session } from '../session/session.ts'
import type { Agreed } from './agreement.ts'
import type { ClientFlow } from './client.ts'
import type { Handshake } from './effects.ts'
import { receive } from './gate.ts'
import type { ServerFlow } from './server.ts'

/** Server: keeps the promise of ServerHello. A ticket that cannot be made is an empty one, which the client throws away. */
export function sendNewSessionTicket(hs: ServerFlow, { ticketPromised }: Agreed, session: Session): void {
  if (!ticketPromised) return
  const endsMs = session.createdMs + session.lifetimeSeconds * 1000
  const ticketLifetimeHint = Math.max(1, Math.ceil((endsMs - hs.config.now()) / 1000))
  hs.send('new_session_ticket', { ticketLifetimeHint, ticket: sealed(hs, session) })
}

function sealed(hs: ServerFlow, session: Session): Uint8Array {
  try {
    return hs.config.sealTicket?.(session, hs.config.random) ?? emptyBytes
  } catch {
    // A store can only help, and so can a ticket.
    return emptyBytes
  }
}

/** What a client keeps of a NewSessionTicket. */
export interface ReceivedTicket {
  readonly ticket: Uint8Array
  /** Seconds; `undefined` when the server leaves it to the client. */
  readonly lifetimeSeconds: number | undefined
}

/** Client: the ticket that ServerHello promised; `undefined` when it promised none, or changed its mind (RFC 5077 §3.3). */
export function* receiveNewSessionTicket(
  hs: ClientFlow,
  { ticketPromised }: Agreed,
): Handshake<ReceivedTicket | undefined> {
  if (!ticketPromised) return undefined
  const { ticket, ticketLifetimeHint } = yield* receive(hs, 'new_session_ticket')
  if (ticket.length === 0) return undefined
  // The message's bytes are a view of what came.
  return { ticket: ticket.slice(), lifetimeSeconds: ticketLifetimeHint || undefined }
}
