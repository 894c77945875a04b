/** POP3: node-pop3 on our sockets at Dovecot, and real clients at Dovecot behind our server. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Openings } from '../cluster/support.ts'
import { needs, runPeer } from '../support/peers.ts'
import { password, startDovecot } from './dovecot.ts'
import type { Pop3ClientWanted } from './programs/pop3-client.ts'
import { digest, messageOf } from './programs/program.ts'
import { runProgram, type Tls, tlsOfBoth } from './programs.ts'
import { startFronts, startStlsFront, type TlsFront, to } from './tls-front.ts'

// Processes of other people's libraries, on a machine that may be busy.
vi.setConfig({ testTimeout: 90_000 })

const bytes = 3_000_000
const openings = new Openings()

afterEach(() => openings.release())

/** Dovecot with one message of some MB. */
async function startWithMessage() {
  const { ports } = await startDovecot()
  await runProgram('imap-client', 'node', {
    ...{ ports: [ports.imaps], secure: true, ca: 'ca.pem', password, bytes },
  })
  return ports
}

function fetch(tls: Tls, wanted: Pick<Pop3ClientWanted, 'ports'> & Partial<Pop3ClientWanted>) {
  return runProgram('pop3-client', tls, { ca: 'ca.pem', password, bytes, ...wanted })
}

const fetched = (resumed: boolean) => ({
  ...{ event: 'fetched', isAsSent: true, protocol: 'TLSv1.2', resumed, authorized: true },
})

needs('dovecot', () => {
  describe('node-pop3 at Dovecot', () => {
    test.each(tlsOfBoth)('on %s: a message of some MB, the second connection resumed', async tls => {
      const { pop3s } = await startWithMessage()
      expect(await fetch(tls, { ports: [pop3s, pop3s] })).toMatchObject([fetched(false), fetched(true)])
    })

    test.each(tlsOfBoth)('on %s: another authority than ours is refused in words', async tls => {
      const { ports } = await startDovecot()
      expect(await fetch(tls, { ports: [ports.pop3s], ca: 'ec-ca.pem' })).toMatchObject([
        { event: 'failed', code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
      ])
    })
  })

  describe('Dovecot behind servers of ours', () => {
    test.each(tlsOfBoth)(
      'node-pop3 on %s: a message of some MB, resumed at the other server of the cluster',
      async tls => {
        const { pop3 } = await startWithMessage()
        const fronts = await startFronts(openings, to(pop3))
        const lines = await fetch(tls, { ports: fronts.map(({ port }) => port) })
        expect(lines).toMatchObject([fetched(false), fetched(true)])
        expect(fronts.map(({ resumed }) => resumed)).toEqual([[false], [true]])
      },
    )

    needs('curl', () => {
      const ways = [
        ['pop3s', (of: Openings, behind: number) => startFronts(of, to(behind))],
        ['pop3', async (_: Openings, behind: number) => [await startStlsFront(behind)]],
      ] as const satisfies readonly (readonly [
        string,
        (of: Openings, behind: number) => Promise<TlsFront[]>,
      ])[]

      test.each(ways)('curl, %s: a message of some MB', async (scheme, start) => {
        const { pop3 } = await startWithMessage()
        const { port } = (await start(openings, pop3))[0]!
        const trust = ['--cacert', 'test/fixtures/ca.pem', '--resolve', `localhost:${port}:127.0.0.1`]
        const { stdout, stderr } = await runPeer('curl', [
          ...['-sS', '--ssl-reqd', ...trust, '--user', `somebody:${password}`],
          `${scheme}://localhost:${port}/1`,
        ])
        expect(stderr).toBe('')
        expect(digest(Buffer.from(stdout, 'latin1'))).toBe(digest(messageOf(bytes)))
      })
    })
  })
})
