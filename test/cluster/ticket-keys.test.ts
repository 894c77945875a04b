import { createDecipheriv } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { clusterTickets } from '../../src/cluster/ticket-keys.ts'
import type { SessionTickets } from '../../src/session/session-ticket.ts'
import {
  Clock,
  derivedKey,
  masterSecret,
  seededRandom,
  startMs,
  type TestEpoch,
  testKeys,
  testSession,
} from './support.ts'

const random = seededRandom('tickets')

/** A server of the cluster with a clock of its own. */
function member(epochs?: readonly TestEpoch[], name?: string): { tickets: SessionTickets; clock: Clock } {
  const clock = new Clock()
  return { tickets: clusterTickets({ keys: testKeys(epochs, name), now: clock.now }), clock }
}

const nameOf = (ticket: Uint8Array) => Buffer.from(ticket.subarray(0, 16)).toString('hex')
const derivedName = (epoch: number) => derivedKey(epoch, 'ticket name').subarray(0, 16).toString('hex')

describe('tickets under the cluster key', () => {
  test('are sealed with keys that HKDF-SHA256 gives by label', () => {
    const ticket = member([{ epoch: 7 }]).tickets.seal(testSession(), random)
    expect(nameOf(ticket)).toBe(derivedName(7))
    const decipher = createDecipheriv('aes-256-gcm', derivedKey(7, 'ticket'), ticket.subarray(16, 28))
    decipher.setAAD(ticket.subarray(0, 16))
    decipher.setAuthTag(ticket.subarray(-16))
    const plaintext = Buffer.concat([decipher.update(ticket.subarray(28, -16)), decipher.final()])
    expect(plaintext.includes(masterSecret)).toBe(true)
  })

  test('of one server open at any other, and at no other cluster', () => {
    const session = testSession()
    const ticket = member().tickets.seal(session, random)
    expect(member().tickets.open(ticket)).toEqual({ session, renew: false })
    expect(member(undefined, 'other').tickets.open(ticket)).toEqual({ miss: 'miss' })
  })
})

describe('a rotation', () => {
  const rotated = [
    { epoch: 1, notAfterMs: startMs + 9000 },
    { epoch: 2, notBeforeMs: startMs + 2000 },
  ]

  test('reaches one server before the other: each opens what the other seals', () => {
    const early = member(rotated)
    const late = member([{ epoch: 1 }])
    expect(late.tickets.open(early.tickets.seal(testSession(), random))).toMatchObject({ renew: false })
    expect(early.tickets.open(late.tickets.seal(testSession(), random))).toMatchObject({ renew: false })
  })

  test('the new epoch seals from its notBefore on, and tickets of the old one are renewed', () => {
    const { tickets, clock } = member(rotated)
    clock.nowMs = startMs + 1999
    const old = tickets.seal(testSession(), random)
    expect(nameOf(old)).toBe(derivedName(1))
    clock.nowMs = startMs + 2000
    expect(nameOf(tickets.seal(testSession(), random))).toBe(derivedName(2))
    expect(tickets.open(old)).toMatchObject({ renew: true })
  })

  test('the old epoch opens up to its notAfter', () => {
    const { tickets, clock } = member(rotated)
    const old = tickets.seal(testSession(), random)
    clock.nowMs = startMs + 9000
    expect(tickets.open(old)).toMatchObject({ renew: true })
    clock.nowMs++
    expect(tickets.open(old)).toEqual({ miss: 'miss' })
  })

  test('a server whose clock is behind opens what one ahead of it seals', () => {
    const ahead = member(rotated)
    ahead.clock.nowMs = startMs + 2000
    const ticket = ahead.tickets.seal(testSession(), random)
    expect(member(rotated).tickets.open(ticket)).toMatchObject({ renew: false })
  })

  test('before any epoch has begun there are no tickets', () => {
    const { tickets, clock } = member()
    clock.nowMs = startMs - 60_001
    expect(tickets.seal(testSession(), random)).toHaveLength(0)
  })
})
