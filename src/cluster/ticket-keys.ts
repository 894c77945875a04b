import { type SessionTickets, sessionTickets, type TicketKey } from '../session/session-ticket.ts'
import type { EpochKeys } from './epoch-keys.ts'
import type { ClusterKeys } from './keys.ts'

/**
 * Tickets that any server of the cluster opens (RFC 5077 §5.5). They rotate with the cluster's key, in two phases: the newest epoch
 * whose notBefore has passed seals, and every one that is not past its notAfter opens, so nobody meets a ticket of a key he has not yet.
 */
export function clusterTickets({ keys, now }: { keys: ClusterKeys; now: () => number }): SessionTickets {
  return sessionTickets({
    current: () => {
      const current = keys.current(now())
      return current && ticketKeyOf(current)
    },
    opening: () => keys.live(now()).map(ticketKeyOf),
  })
}

function ticketKeyOf({ ticketKeyName, epoch, ticketSealing }: EpochKeys): TicketKey {
  return { name: ticketKeyName, epoch, sealing: ticketSealing }
}
