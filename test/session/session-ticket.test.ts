import { createCipheriv, createDecipheriv } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { Secret } from '../../src/secret.ts'
import { maxPeerCertificateBytes, sessionRecordVersion } from '../../src/session/session-record.ts'
import {
  type OpenedTicket,
  ownTicketKeyBytes,
  ownTickets,
  sessionTickets,
  type TicketKey,
} from '../../src/session/session-ticket.ts'
import { seededRandom } from '../support/pair.ts'
import { sessionMaster, sessionOf } from '../support/scenes.ts'

const random = seededRandom('tickets')
const keyBytes = seededRandom('ticket key')(ownTicketKeyBytes)
const own = () => ownTickets(nobleProvider, new Secret(keyBytes.slice()))

/** What node:crypto makes of a ticket: name, nonce, sealed, tag. */
function openWithNode(ticket: Uint8Array, key: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, ticket.subarray(16, 28))
  decipher.setAAD(ticket.subarray(0, 16))
  decipher.setAuthTag(ticket.subarray(-16))
  return Buffer.concat([decipher.update(ticket.subarray(28, -16)), decipher.final()])
}

function sealWithNode(plaintext: Uint8Array, additionalData = keyBytes.subarray(0, 16)): Uint8Array {
  const nonce = random(12)
  const cipher = createCipheriv('aes-256-gcm', keyBytes.subarray(16), nonce)
  cipher.setAAD(additionalData)
  const sealed = [cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]
  return Buffer.concat([keyBytes.subarray(0, 16), nonce, ...sealed])
}

const masterOf = (opened: OpenedTicket) =>
  'session' in opened ? Buffer.from(opened.session.masterSecret.reveal()).toString('hex') : opened.miss

describe('a ticket', () => {
  it('is name, nonce and AES-256-GCM over the session record, as node:crypto sees it', () => {
    const ticket = own().seal(sessionOf(), random)
    expect(Buffer.from(ticket.subarray(0, 16))).toEqual(Buffer.from(keyBytes.subarray(0, 16)))
    const plaintext = openWithNode(ticket, keyBytes.subarray(16))
    expect(plaintext[0]).toBe(sessionRecordVersion)
    expect(plaintext.includes(Buffer.from(sessionMaster))).toBe(true)
    expect(Buffer.from(ticket).includes(Buffer.from(sessionMaster))).toBe(false)
    expect(masterOf(own().open(sealWithNode(plaintext)))).toBe(Buffer.from(sessionMaster).toString('hex'))
  })

  it('comes back as the session it was, client certificate and all', () => {
    const session = sessionOf({
      peerCertificate: random(maxPeerCertificateBytes),
      clientAuthenticated: true,
      maxFragmentLengthCode: 3,
    })
    expect(own().open(own().seal(session, random))).toEqual({ session, renew: false })
  })

  it('is another one each time', () => {
    expect(own().seal(sessionOf(), random)).not.toEqual(own().seal(sessionOf(), random))
  })

  it('with any one byte changed is a miss, and never an error', () => {
    const tickets = own()
    const ticket = tickets.seal(sessionOf(), random)
    for (let at = 0; at < ticket.length; at++) {
      const changed = ticket.slice()
      changed[at]! ^= 1 << (at % 8)
      expect(tickets.open(changed)).toEqual({ miss: at < 16 ? 'miss' : 'auth' })
    }
  })

  it('cut anywhere is a miss', () => {
    const tickets = own()
    const ticket = tickets.seal(sessionOf(), random)
    for (let length = 0; length < ticket.length; length++)
      expect(tickets.open(ticket.subarray(0, length))).toEqual({ miss: length < 16 ? 'miss' : 'auth' })
  })

  it('of another server is a miss', () => {
    const other = ownTickets(nobleProvider, new Secret(seededRandom('another')(ownTicketKeyBytes)))
    expect(other.open(own().seal(sessionOf(), random))).toEqual({ miss: 'miss' })
  })

  it('under our name and another key, or the other way round, does not open', () => {
    const sameName = keyBytes.slice()
    sameName[40]! ^= 1
    const other = ownTickets(nobleProvider, new Secret(sameName))
    expect(other.open(own().seal(sessionOf(), random))).toEqual({ miss: 'auth' })
    const plaintext = openWithNode(own().seal(sessionOf(), random), keyBytes.subarray(16))
    expect(own().open(sealWithNode(plaintext, random(16)))).toEqual({ miss: 'auth' })
  })

  it('that seals what is no session of this release is a miss', () => {
    const plaintext = openWithNode(own().seal(sessionOf(), random), keyBytes.subarray(16))
    plaintext[0]!++
    expect(own().open(sealWithNode(plaintext))).toEqual({ miss: 'miss' })
    expect(own().open(sealWithNode(Buffer.of(sessionRecordVersion, 1, 2)))).toEqual({ miss: 'miss' })
    expect(own().open(sealWithNode(Buffer.alloc(0)))).toEqual({ miss: 'miss' })
  })

  it('is not made of a session that no record holds', () => {
    const session = sessionOf({ peerCertificate: new Uint8Array(maxPeerCertificateBytes + 1) })
    expect(() => own().seal(session, random)).toThrow()
  })
})

describe('the key of a server alone', () => {
  it('is wiped once it was taken in', () => {
    const key = keyBytes.slice()
    ownTickets(nobleProvider, new Secret(key))
    expect(key).toEqual(new Uint8Array(ownTicketKeyBytes))
  })

  it('leaves no plaintext behind: what was sealed and what was opened is wiped', () => {
    const plaintexts: Uint8Array[] = []
    const spying = {
      ...nobleProvider,
      aesGcm: (key: Uint8Array) => {
        const aead = nobleProvider.aesGcm(key)
        return {
          seal: (nonce: Uint8Array, data: Uint8Array, plaintext: Uint8Array) => {
            plaintexts.push(plaintext)
            return aead.seal(nonce, data, plaintext)
          },
          open: (nonce: Uint8Array, data: Uint8Array, sealed: Uint8Array) => {
            const plaintext = aead.open(nonce, data, sealed)
            if (plaintext) plaintexts.push(plaintext)
            return plaintext
          },
        }
      },
    }
    const tickets = ownTickets(spying, new Secret(keyBytes.slice()))
    tickets.open(tickets.seal(sessionOf(), random))
    tickets.open(sealWithNode(Buffer.of(sessionRecordVersion, 7)))
    expect(plaintexts).toHaveLength(3)
    for (const plaintext of plaintexts) expect(plaintext.every(byte => byte === 0)).toBe(true)
  })
})

describe('several keys', () => {
  const keyOf = (epoch: number): TicketKey => ({
    name: seededRandom(`name ${epoch}`)(16),
    epoch,
    sealing: nobleProvider.aesGcm(seededRandom(`key ${epoch}`)(32)),
  })
  const keys = [keyOf(1), keyOf(2), keyOf(3)]
  const at = (current: number | undefined, opening = keys) =>
    sessionTickets({ current: () => keys.find(({ epoch }) => epoch === current), opening: () => opening })
  const ticketOf = (epoch: number) => at(epoch).seal(sessionOf(), random)

  it('the current one seals', () => {
    expect(Buffer.from(ticketOf(2).subarray(0, 16))).toEqual(Buffer.from(keys[1]!.name))
  })

  it('any opens, and a ticket of an older one should be renewed, not one of a newer', () => {
    expect(at(2).open(ticketOf(1))).toMatchObject({ renew: true })
    expect(at(2).open(ticketOf(2))).toMatchObject({ renew: false })
    expect(at(2).open(ticketOf(3))).toMatchObject({ renew: false })
  })

  it('one that is gone opens nothing', () => {
    expect(at(3, keys.slice(1)).open(ticketOf(1))).toEqual({ miss: 'miss' })
  })

  it('where none seals there is an empty ticket, and what there is still opens', () => {
    expect(at(undefined).seal(sessionOf(), random)).toHaveLength(0)
    expect(at(undefined).open(ticketOf(3))).toMatchObject({ renew: false })
  })
})
