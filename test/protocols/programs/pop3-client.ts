/** node-pop3: fetches the one message in the mailbox, and comes back with the session. */
import type { TLSSocket } from 'node:tls'
import Pop3Command from 'node-pop3'
import { digest, failureOf, fixture, messageOf, say, toldOf, wanted } from './program.ts'

export interface Pop3ClientWanted {
  /** One for each visit: where the session of the visit before is tried. */
  readonly ports: readonly number[]
  readonly ca: string
  readonly password: string
  /** What messageOf was asked for, when the message was left. */
  readonly bytes: number
}

const { ports, ca, password, bytes } = wanted<Pop3ClientWanted>()

let session: Buffer | undefined
for (const port of ports) {
  try {
    session = await visit(port, session)
  } catch (error) {
    say('failed', failureOf(error))
  }
}

async function visit(port: number, known: Buffer | undefined): Promise<Buffer | undefined> {
  const tlsOptions = { ca: fixture(ca), maxVersion: 'TLSv1.2', session: known } as const
  const own = { user: 'somebody', password, host: '127.0.0.1', port, tls: true, servername: 'localhost' }
  const client = new Pop3Command({ ...own, tlsOptions })
  // It leaves the dots of the wire as they are, and takes the last line's end for the message's.
  const message = `${(await client.RETR(1)).replaceAll('\r\n..', '\r\n.')}\r\n`
  const socket = client._socket as unknown as TLSSocket
  say('fetched', { ...toldOf(socket), isAsSent: digest(Buffer.from(message)) === digest(messageOf(bytes)) })
  const session = socket.getSession()
  await client.QUIT()
  return session
}
