/** Session tickets for the life of one process: the record of a session under AES-GCM (RFC 5077 §4 leaves the form to us). */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { Lookup } from '../../../src/handshake/effects.ts'
import type { Session } from '../../../src/session/session.ts'
import { decodeSession, encodeSession } from '../../../src/session/session-record.ts'

const key = randomBytes(32)
const nonceBytes = 12
const tagBytes = 16

/** Nonce, ciphertext and tag. */
export function sealTicket(session: Session): Uint8Array {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  return Buffer.concat([nonce, cipher.update(encodeSession(session)), cipher.final(), cipher.getAuthTag()])
}

/** The session of a ticket; a miss for bytes that `sealTicket` did not make. */
export function openTicket(ticket: Uint8Array): Lookup {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, ticket.subarray(0, nonceBytes))
    decipher.setAuthTag(ticket.subarray(-tagBytes))
    const record = Buffer.concat([decipher.update(ticket.subarray(nonceBytes, -tagBytes)), decipher.final()])
    return { session: decodeSession(record) }
  } catch {
    return { miss: 'auth' }
  }
}
