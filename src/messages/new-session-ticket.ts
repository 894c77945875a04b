import { type Infer, opaqueVector, struct, uint16, uint32 } from '../wire/codec.ts'

/** `struct { uint32 ticket_lifetime_hint; opaque ticket<0..2^16-1>; } NewSessionTicket` (RFC 5077 §3.3). The hint is in seconds; 0 says nothing. */
export const newSessionTicket = struct({
  ticketLifetimeHint: uint32,
  ticket: opaqueVector(uint16, 0, 0xffff),
})
export type NewSessionTicket = Infer<typeof newSessionTicket>
