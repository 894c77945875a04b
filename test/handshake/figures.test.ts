import { describe, expect, it, test } from 'vitest'
import { cipherSuiteNames } from '../../src/crypto/cipher-suites.ts'
import { MemorySessionCache } from '../../src/driver/memory-session-cache.ts'
import type { ClientSession } from '../../src/session/client-session.ts'
import { type Flight, ladderOf } from '../support/ladder.ts'
import { clientSide, type PairOptions, type Side, serverSide, testNowMs } from '../support/pair.ts'
import { curiousClient, generousServer } from '../support/scenes.ts'

/** RFC 5246 §7.3, figure 1, without the messages that RSA key exchange and an anonymous client leave out. */
const figure1 = `Client                                               Server

ClientHello                  -------->
                                                ServerHello
                                                Certificate
                             <--------      ServerHelloDone
ClientKeyExchange
[ChangeCipherSpec]
Finished                     -------->
                                         [ChangeCipherSpec]
                             <--------             Finished`

/** Figure 1 with the ServerKeyExchange of (EC)DHE. */
const signedFigure1 = figure1.replace(/\n.*ServerHelloDone/, `\n${' '.repeat(42)}ServerKeyExchange$&`)

/** RFC 5246 §7.3, figure 2. */
const figure2 = `Client                                               Server

ClientHello                  -------->
                                                ServerHello
                                         [ChangeCipherSpec]
                             <--------             Finished
[ChangeCipherSpec]
Finished                     -------->`

describe('a real handshake in the layout of the RFC', () => {
  it.each(cipherSuiteNames)('%s', suite => {
    const cache = new MemorySessionCache({ now: () => testNowMs })
    const full = tell({ cache, client: { cipherSuites: [suite] } })
    const { sessionId, session } = full.client.established!
    const offered: ClientSession = { sessionId, session, verified: true }
    const resumed = tell({ cache, seed: 'again', client: { cipherSuites: [suite], session: offered } })
    if (suite === cipherSuiteNames[0]) console.log(`Full:\n${full.ladder}\n\nAbbreviated:\n${resumed.ladder}`)
    expect(full.ladder).toBe(suite.startsWith('TLS_RSA_') ? figure1 : signedFigure1)
    expect(resumed.ladder).toBe(figure2)
  })
})

/** RFC 5246 §7.3, figure 1, whole, with the CertificateStatus of RFC 6066 §8 and the NewSessionTicket of RFC 5077 §3.1, figure 1. */
const everyMessage = `Client                                               Server

ClientHello                  -------->
                                                ServerHello
                                                Certificate
                                          CertificateStatus
                                          ServerKeyExchange
                                         CertificateRequest
                             <--------      ServerHelloDone
Certificate
ClientKeyExchange
CertificateVerify
[ChangeCipherSpec]
Finished                     -------->
                                           NewSessionTicket
                                         [ChangeCipherSpec]
                             <--------             Finished`

/** RFC 5077 §3.1, figure 2: abbreviated, with a new ticket. */
const byTicket = `Client                                               Server

ClientHello                  -------->
                                                ServerHello
                                           NewSessionTicket
                                         [ChangeCipherSpec]
                             <--------             Finished
[ChangeCipherSpec]
Finished                     -------->`

test('with every message that there is, and resumed by the ticket', () => {
  const { server, serverAnswers } = generousServer('require')
  const resumable: PairOptions['serverAnswers'] = {
    ...serverAnswers,
    openTicket: () => ({ session: { ...session, masterSecret: session.masterSecret.copy() }, renew: true }),
  }
  const options: PairOptions = { ...curiousClient, server: server!, serverAnswers: resumable }
  const full = tell(options)
  const { session, ticket } = full.client.established!
  const offered: ClientSession = { sessionId: new Uint8Array(0), ticket, session, verified: true }
  const resumed = tell({ ...options, seed: 'again', client: { ...options.client, session: offered } })
  expect(full.ladder).toBe(everyMessage)
  expect(resumed.ladder).toBe(byTicket)
})

function tell(options: PairOptions): { ladder: string; client: Side } {
  const client = clientSide({ ...options, client: { ...options.client, keylog: true } })
  const server = serverSide(options)
  server.driver.start()
  client.driver.start()
  const flights: Flight[] = []
  while (client.outgoing.length + server.outgoing.length > 0) {
    if (client.outgoing.length > 0) server.driver.receive(kept(flights, 'client', client.take()))
    if (server.outgoing.length > 0) client.driver.receive(kept(flights, 'server', server.take()))
  }
  const line = client.events.find(event => event.type === 'keylog')?.line
  return { ladder: ladderOf(flights, line!), client }
}

function kept(flights: Flight[], from: Flight['from'], bytes: Uint8Array): Uint8Array {
  flights.push({ from, bytes })
  return bytes
}
