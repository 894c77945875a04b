/** smtp-server, for clients with implicit TLS or STARTTLS; tells of each connection that is secure and of each message. */
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { SMTPServer } from 'smtp-server'
import { digest, failureOf, fixture, identity, say, toldOf, wanted } from './program.ts'

export interface SmtpServerWanted {
  /** TLS from the first byte on; STARTTLS otherwise. */
  readonly secure: boolean
  /** Whether clients need a certificate of the fixtures' authority for clients. */
  readonly clientCertificate?: boolean
}

const { secure, clientCertificate = false } = wanted<SmtpServerWanted>()

const server = new SMTPServer({
  ...identity,
  ...(clientCertificate && { requestCert: true, rejectUnauthorized: true, ca: fixture('client-ca.pem') }),
  secure,
  authOptional: true,
  logger: false,
  onSecure(socket, _session, done) {
    say('secure', toldOf(socket as TLSSocket))
    done()
  },
  onData(stream, session, done) {
    const chunks: Buffer[] = []
    stream.on('data', chunk => chunks.push(chunk))
    stream.on('end', () => {
      say('mail', { secure: session.secure, digest: digest(Buffer.concat(chunks)) })
      done()
    })
  },
})
server.on('error', error => say('error', failureOf(error)))
server.listen(0, '127.0.0.1', () => say('listening', { port: (server.server.address() as AddressInfo).port }))
