/** FTPS: basic-ftp on our sockets at vsftpd and ftp-srv, and ftp-srv on ours. Its data connections are TLS connections of their own. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { freePort } from '../support/free-ports.ts'
import { needs, temporaryDirectory } from '../support/peers.ts'
import type { FtpClientWanted } from './programs/ftp-client.ts'
import { runProgram, startProgram, type Tls, tlsOfBoth } from './programs.ts'
import { startVsftpd } from './vsftpd.ts'

// Processes of other people's libraries, on a machine that may be busy.
vi.setConfig({ testTimeout: 90_000 })

const bytes = 3_000_000

function transfer(tls: Tls, wanted: Pick<FtpClientWanted, 'port' | 'implicit'> & Partial<FtpClientWanted>) {
  const usual = { ca: 'ca.pem', file: 'up/some.bin', bytes, visits: 2 }
  return runProgram('ftp-client', tls, { ...usual, ...wanted })
}

const visit = (control: boolean, data: boolean) => [
  { event: 'control', protocol: 'TLSv1.2', resumed: control, authorized: true, servername: 'localhost' },
  { event: 'data', type: 'upload', protocol: 'TLSv1.2', resumed: data, authorized: true },
  { event: 'data', type: 'download', protocol: 'TLSv1.2', resumed: data, authorized: true },
  { event: 'transferred', isAsSent: true },
  { event: 'data', type: 'list', protocol: 'TLSv1.2', resumed: data, authorized: true },
  { event: 'listed', hasFile: true },
]

needs('vsftpd', () => {
  describe('basic-ftp at vsftpd, which refuses data connections that do not resume', () => {
    test.each(tlsOfBoth)('on %s: a file of some MB there and back', async tls => {
      const port = await startVsftpd()
      const lines = await transfer(tls, { port, implicit: false, visits: 1 })
      expect(lines).toMatchObject(visit(false, true))
    })

    test.each(tlsOfBoth)('on %s: another authority than ours is refused in words', async tls => {
      const port = await startVsftpd()
      expect(await transfer(tls, { port, implicit: false, visits: 1, ca: 'ec-ca.pem' })).toMatchObject([
        { event: 'failed', code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
      ])
    })
  })
})

const cells = tlsOfBoth.flatMap(client => tlsOfBoth.map(server => [client, server] as const))

/** Implicit alone: at AUTH TLS it may take a fast client's hello for a command, on node:tls as on ours. */
describe('basic-ftp at ftp-srv, implicit TLS', () => {
  test.each(cells)(
    'client on %s, server on %s: a file of some MB there and back, twice, the second time resumed',
    async (client, server) => {
      const root = temporaryDirectory()
      mkdirSync(join(root, 'up'))
      const [port, dataPort] = [await freePort(), await freePort()]
      await startProgram('ftp-server', server, { port, dataPort, root }).line('listening')
      // It has a server of its own for each data connection, which knows nothing of other sessions.
      expect(await transfer(client, { port, implicit: true })).toMatchObject([
        ...visit(false, false),
        ...visit(true, false),
      ])
    },
  )
})
