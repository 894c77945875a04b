import { remainder, struct } from '../../wire/codec.ts'

/** `opaque ticket<0..2^16-1>` without a length field of its own (RFC 5077 §3.2, §A): all of the extension. Empty asks for one; in ServerHello always. */
export const sessionTicket = struct({ ticket: remainder })

/** ServerHello promises a NewSessionTicket and says no more (RFC 5077 §3.2). */
export const sessionTicketPromised = struct({})
