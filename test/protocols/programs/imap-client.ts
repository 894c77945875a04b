/** imapflow: leaves a message of some MB in the mailbox and fetches it again, and comes back with the session. */
import type { TLSSocket } from 'node:tls'
import { ImapFlow } from 'imapflow'
import { digest, failureOf, fixture, messageOf, say, toldOf, wanted } from './program.ts'

export interface ImapClientWanted {
  /** One for each visit: where the session of the visit before is tried. */
  readonly ports: readonly number[]
  /** TLS from the first byte on; STARTTLS otherwise. */
  readonly secure: boolean
  readonly ca: string
  readonly password: string
  readonly bytes: number
}

const { ports, secure, ca, password, bytes } = wanted<ImapClientWanted>()
const message = messageOf(bytes)

let session: Buffer | undefined
for (const port of ports) {
  try {
    session = await visit(port, session)
  } catch (error) {
    say('failed', failureOf(error))
  }
}

async function visit(port: number, known: Buffer | undefined): Promise<Buffer | undefined> {
  const client = new ImapFlow({
    ...{ host: '127.0.0.1', port, secure, doSTARTTLS: !secure, servername: 'localhost', logger: false },
    auth: { user: 'somebody', pass: password },
    tls: { ca: fixture(ca), maxVersion: 'TLSv1.2', session: known },
  })
  await client.connect()
  const { socket } = client as unknown as { readonly socket: TLSSocket }
  const lock = await client.getMailboxLock('INBOX')
  try {
    const appended = await client.append('INBOX', message)
    if (!appended || appended.uid === undefined)
      throw new Error('the server did not say where the message is')
    const fetched = await client.fetchOne(`${appended.uid}`, { source: true }, { uid: true })
    if (!fetched || fetched.source === undefined) throw new Error('the message is not there')
    say('fetched', {
      ...toldOf(socket),
      isAsSent: digest(fetched.source) === digest(message),
      bytes: fetched.source.length,
    })
  } finally {
    lock.release()
  }
  const session = socket.getSession()
  await client.logout()
  return session
}
