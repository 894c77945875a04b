/**
 * A session that its client keeps for the server (RFC 5077 §4):
 *
 *     16 key name | 12 nonce | AES-256-GCM over the bytes of session-record.ts | 16 tag
 *
 * The additional data is the key's name, so a ticket opens under the name it was sealed with alone. Whoever has the key reads
 * the sessions of all its tickets, recorded ones too.
 */
import { concatBytes, emptyBytes, equalBytes } from '../bytes.ts'
import type { Aead, CryptoProvider, RandomBytes } from '../crypto/provider.ts'
import { TlsError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import type { Session } from './session.ts'
import { decodeSession, encodeSession, sessionRecordVersion } from './session-record.ts'

const nameBytes = 16
const nonceBytes = 12
const tagBytes = 16

/** A key that seals and opens tickets. Random nonces: it seals 2^32 tickets at most. */
export interface TicketKey {
  /** 16 bytes, in the clear at the head of each ticket. */
  readonly name: Uint8Array
  /** Rotation counts it up: a ticket of a lower one than the newest is made anew. */
  readonly epoch: number
  /** AES-256-GCM under the key. */
  readonly sealing: Aead
}

/** Which keys there are at this moment; where they come from is a matter of its own. */
export interface TicketKeySource {
  /** What seals; `undefined` when nothing may: there are no tickets then. */
  current(): TicketKey | undefined
  /** What opens, in any order. */
  opening(): readonly TicketKey[]
}

/** A session out of a ticket, whose expiry is the caller's to check, or why there is none. `renew`: a newer key seals by now. */
export type OpenedTicket =
  | { readonly session: Session; readonly renew: boolean }
  /** `miss` for a key or a record that is not known here, `auth` for a seal that does not fit. */
  | { readonly miss: 'miss' | 'auth' }

/** Seals sessions into tickets and opens them again. */
export interface SessionTickets {
  /** A new ticket; empty, which a client throws away, while no key seals (RFC 5077 §3.3). Throws TlsError for a session that fits no record. */
  seal(session: Session, random: RandomBytes): Uint8Array
  /** Never throws: a ticket that does not open is a full handshake (RFC 5077 §3.4). */
  open(ticket: Uint8Array): OpenedTicket
}

/** Tickets under the keys of `source`. */
export function sessionTickets(source: TicketKeySource): SessionTickets {
  return {
    seal(session, random) {
      const key = source.current()
      return key ? sealTicket(session, key, random) : emptyBytes
    },
    open(ticket) {
      const key = source.opening().find(({ name }) => equalBytes(name, ticket.subarray(0, nameBytes)))
      if (!key) return { miss: 'miss' }
      const session = openTicket(ticket, key)
      if (typeof session === 'string') return { miss: session }
      return { session, renew: key.epoch < (source.current()?.epoch ?? 0) }
    },
  }
}

/** How many bytes `ownTickets` takes: a name and a key. */
export const ownTicketKeyBytes = 48

/** Tickets of a server that shares its key with nobody: 16 bytes of name and 32 of key, which it takes over and wipes. */
export function ownTickets(provider: CryptoProvider, key: Secret): SessionTickets {
  const bytes = key.reveal()
  const name = bytes.slice(0, nameBytes)
  // A provider takes its keys in, or keeps a copy of its own.
  const own: TicketKey = { name, epoch: 0, sealing: provider.aesGcm(bytes.subarray(nameBytes)) }
  key.wipe()
  return sessionTickets({ current: () => own, opening: () => [own] })
}

function sealTicket(session: Session, { name, sealing }: TicketKey, random: RandomBytes): Uint8Array {
  const plaintext = encodeSession(session)
  try {
    const nonce = random(nonceBytes)
    return concatBytes(name, nonce, sealing.seal(nonce, name, plaintext))
  } finally {
    plaintext.fill(0)
  }
}

function openTicket(ticket: Uint8Array, { name, sealing }: TicketKey): Session | 'miss' | 'auth' {
  if (ticket.length < nameBytes + nonceBytes + tagBytes) return 'auth'
  const nonce = ticket.subarray(nameBytes, nameBytes + nonceBytes)
  const plaintext = sealing.open(nonce, name, ticket.subarray(nameBytes + nonceBytes))
  if (plaintext === undefined) return 'auth'
  try {
    // Another release may have sealed it.
    return plaintext[0] === sessionRecordVersion ? decodeSession(plaintext) : 'miss'
  } catch (error) {
    if (error instanceof TlsError) return 'miss'
    throw error
  } finally {
    plaintext.fill(0)
  }
}
