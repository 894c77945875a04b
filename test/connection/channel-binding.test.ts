/** tls-unique: the Finished that was sent first (RFC 5929 §3), where it is one connection's own (RFC 7627 §1). */
import { expect, test } from 'vitest'
import { scenes } from '../support/scenes.ts'

test.each(scenes.filter(({ resumed }) => !resumed))('$name: the client finishes first', ({ play }) => {
  const puppet = play().advance()
  const { connection } = puppet.subject
  expect(connection.tlsUnique).toHaveLength(12)
  expect(connection.tlsUnique).toEqual(connection.verifyData.client)
})

test.each(scenes.filter(({ resumed }) => resumed))('$name: the server finishes first', ({ play }) => {
  const { connection } = play().advance().subject
  expect(connection.tlsUnique).toHaveLength(12)
  expect(connection.tlsUnique).toEqual(connection.verifyData.server)
})

// RFC 7627 §1: resumed without it, two connections of two different peers may have the same Finished messages.
test.each(scenes)('$name: without extended master secret', ({ resumed, play }) => {
  const { connection } = play({ extendedMasterSecret: false }).advance().subject
  expect(connection.state).toBe('open')
  expect(connection.tlsUnique === undefined).toBe(resumed)
})
