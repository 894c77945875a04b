/** nodemailer's SMTP client: sends a message of some MB, and comes back with the session for another. */
import { once } from 'node:events'
import type { TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import { digest, failureOf, fixture, messageOf, say, toldOf, wanted } from './program.ts'

export interface SmtpClientWanted {
  /** One for each visit: where the session of the visit before is tried. */
  readonly ports: readonly number[]
  readonly secure: boolean
  /** Files of the fixtures: whom to trust, and who we are. */
  readonly ca: string
  readonly identity?: string
  readonly bytes: number
}

const { ports, secure, ca, identity, bytes } = wanted<SmtpClientWanted>()
const message = messageOf(bytes)
const own = identity ? { cert: fixture(`${identity}.pem`), key: fixture(`${identity}.key`) } : {}

let session: Buffer | undefined
for (const port of ports) {
  try {
    session = await send(port, session)
  } catch (error) {
    say('failed', failureOf(error))
  }
}

async function send(port: number, known: Buffer | undefined): Promise<Buffer | undefined> {
  const tls = {
    servername: 'localhost',
    ca: fixture(ca),
    maxVersion: 'TLSv1.2' as const,
    session: known,
    ...own,
  }
  const connection = new SMTPConnection({ host: '127.0.0.1', port, secure, requireTLS: true, tls })
  const failed = once(connection, 'error').then(([error]) => Promise.reject(error))
  try {
    await Promise.race([failed, promisify(connection.connect.bind(connection))()])
    const socket = connection._socket as TLSSocket
    const envelope = { from: 'a@localhost', to: ['b@localhost'] }
    const sent = promisify(connection.send.bind(connection))(envelope, message)
    const { response } = (await Promise.race([failed, sent])) as { response: string }
    say('sent', { ...toldOf(socket), response, digest: digest(message) })
    const ended = once(connection, 'end')
    connection.quit()
    await ended
    return socket.getSession()
  } finally {
    connection.close()
  }
}
