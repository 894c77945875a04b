/** nodemailer and smtp-server on our sockets: with implicit TLS and with STARTTLS, ours at either end and at both. */
import { SMTPServer } from 'smtp-server'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Openings } from '../cluster/support.ts'
import { digest } from './programs/program.ts'
import type { SmtpClientWanted } from './programs/smtp-client.ts'
import type { SmtpServerWanted } from './programs/smtp-server.ts'
import { type Line, runProgram, startProgram, type Tls, tlsOfBoth } from './programs.ts'
import { startFronts } from './tls-front.ts'

// Processes of other people's libraries, on a machine that may be busy.
vi.setConfig({ testTimeout: 90_000 })

const bytes = 3_000_000
const openings = new Openings()

afterEach(() => openings.release())

const modes = [
  ['implicit TLS', true],
  ['STARTTLS', false],
] as const
/** nodemailer gives our words on. */
const refusals = {
  node: 'unable to verify the first certificate',
  ours: expect.stringContaining('leads to no trusted CA'),
}
const cells = tlsOfBoth.flatMap(client => tlsOfBoth.map(server => [client, server] as const))

async function startServer(tls: Tls, wanted: SmtpServerWanted) {
  const server = startProgram('smtp-server', tls, wanted)
  const { port } = (await server.line('listening')) as Line & { port: number }
  return { server, port }
}

function send(tls: Tls, wanted: Pick<SmtpClientWanted, 'ports' | 'secure'> & Partial<SmtpClientWanted>) {
  return runProgram('smtp-client', tls, { ca: 'ca.pem', bytes: 1000, ...wanted })
}

/** node:tls at both ends is the oracle: what is expected of the other cells is what it does. */
describe.each(modes)('%s', (_mode, secure) => {
  test.each(cells)(
    'client on %s, server on %s: two messages of some MB, the second connection resumed',
    async (client, tls) => {
      const { server, port } = await startServer(tls, { secure })
      const sent = await send(client, { ports: [port, port], secure, bytes })
      const { digest, cipher } = sent[0]!
      const secured = { protocol: 'TLSv1.2', cipher }
      const response = '250 OK: message queued'
      expect(sent).toMatchObject(
        [false, true].map(resumed => ({
          ...{ event: 'sent', ...secured, resumed, authorized: true, servername: 'localhost' },
          ...{ response, digest },
        })),
      )
      expect(server.lines.slice(1)).toMatchObject([
        { event: 'secure', ...secured, resumed: false, servername: 'localhost' },
        { event: 'mail', secure: true, digest },
        { event: 'secure', ...secured, resumed: true },
        { event: 'mail', secure: true, digest },
      ])
    },
  )

  test.each(tlsOfBoth)(
    'client on %s: another authority than ours is refused in words, at both ends',
    async client => {
      const { server, port } = await startServer('ours', { secure })
      expect(await send(client, { ports: [port], secure, ca: 'ec-ca.pem' })).toMatchObject([
        { event: 'failed', code: 'ESOCKET', message: refusals[client] },
      ])
      const told = client === 'ours' ? { code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' } : {}
      expect(await server.line('error')).toMatchObject(told)
    },
  )

  test.each(tlsOfBoth)(
    'server on %s: who has a certificate of its clients is let in, nobody else',
    async tls => {
      const { server, port } = await startServer(tls, { secure, clientCertificate: true })
      const visits = ['client-rsa', 'handshake/client-stranger', undefined].map(identity => {
        return send('ours', { ports: [port], secure, ...(identity && { identity }) })
      })
      const outcomes = (await Promise.all(visits)).map(([line]) => line!.event)
      expect(outcomes).toEqual(['sent', 'failed', 'failed'])
      expect(server.lines.filter(({ event }) => event === 'secure')).toMatchObject([{ authorized: true }])
    },
  )
})

test.each(tlsOfBoth)(
  'smtp-server behind two servers of ours, of one cluster: nodemailer on %s resumes at the other one',
  async tls => {
    const digests: string[] = []
    const mail = new SMTPServer({
      ...{ secured: true, secure: true, authOptional: true, logger: false },
      onData(stream, _session, done) {
        void stream.toArray().then(chunks => {
          digests.push(digest(Buffer.concat(chunks)))
          done()
        })
      },
    })
    const fronts = await startFronts(openings, socket => mail.connect(socket))
    const sent = await send(tls, { ports: fronts.map(({ port }) => port), secure: true, bytes })
    expect(sent).toMatchObject([false, true].map(resumed => ({ event: 'sent', resumed, authorized: true })))
    expect(fronts.map(({ resumed }) => resumed)).toEqual([[false], [true]])
    expect(digests).toEqual(sent.map(({ digest }) => digest))
  },
)
