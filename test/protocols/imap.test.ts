/** IMAP: imapflow on our sockets at Dovecot, and real clients at Dovecot behind our server. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Openings } from '../cluster/support.ts'
import { needs, runPeer } from '../support/peers.ts'
import { password, startDovecot } from './dovecot.ts'
import type { ImapClientWanted } from './programs/imap-client.ts'
import { runProgram, type Tls, tlsOfBoth } from './programs.ts'
import { startFronts, startTlsFront, to } from './tls-front.ts'

// Processes of other people's libraries, on a machine that may be busy.
vi.setConfig({ testTimeout: 90_000 })

const bytes = 3_000_000
const openings = new Openings()

afterEach(() => openings.release())

function visit(tls: Tls, wanted: Pick<ImapClientWanted, 'ports' | 'secure'> & Partial<ImapClientWanted>) {
  return runProgram('imap-client', tls, { ca: 'ca.pem', password, bytes, ...wanted })
}

const fetched = (resumed: boolean) => ({
  ...{ event: 'fetched', isAsSent: true, protocol: 'TLSv1.2', resumed, authorized: true },
})

const modes = [
  ['IMAPS', 'imaps'],
  ['STARTTLS', 'imap'],
] as const

needs('dovecot', () => {
  describe.each(modes)('imapflow at Dovecot, %s', (_mode, service) => {
    test.each(tlsOfBoth)(
      'on %s: a message of some MB there and back, the second connection resumed',
      async tls => {
        const { ports } = await startDovecot()
        const port = ports[service]
        const lines = await visit(tls, { ports: [port, port], secure: service === 'imaps' })
        expect(lines).toMatchObject([fetched(false), fetched(true)])
      },
    )

    test.each(tlsOfBoth)('on %s: another authority than ours is refused in words', async tls => {
      const { ports } = await startDovecot()
      const wanted = { ports: [ports[service]], secure: service === 'imaps', ca: 'ec-ca.pem' }
      expect(await visit(tls, wanted)).toMatchObject([
        { event: 'failed', code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
      ])
    })
  })

  describe('Dovecot behind two servers of ours, of one cluster', () => {
    test.each(tlsOfBoth)(
      'imapflow on %s: a message of some MB there and back, resumed at the other one',
      async tls => {
        const { ports } = await startDovecot()
        const fronts = await startFronts(openings, to(ports.imap))
        const lines = await visit(tls, { ports: fronts.map(({ port }) => port), secure: true })
        expect(lines).toMatchObject([fetched(false), fetched(true)])
        expect(fronts.map(({ resumed }) => resumed)).toEqual([[false], [true]])
      },
    )

    needs('curl', () => {
      test('curl lists the folders', async () => {
        const { ports } = await startDovecot()
        const { port } = await startTlsFront(to(ports.imap))
        const trust = ['--cacert', 'test/fixtures/ca.pem', '--resolve', `localhost:${port}:127.0.0.1`]
        const { stdout, stderr } = await runPeer('curl', [
          ...['-sS', ...trust, '--user', `somebody:${password}`, `imaps://localhost:${port}/`],
        ])
        expect([stdout, stderr]).toEqual(['* LIST (\\HasNoChildren) "." INBOX\r\n', ''])
      })
    })
  })
})
