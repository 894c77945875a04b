/** node-pop3: fetches the one message in the mailbox, and comes back with the session. */
import type { TLSSocket } from 'node:tls'
import Pop3Command from 'node-pop3'
import { digest, failureOf, fixture, say, toldOf, wanted } from './program.ts'

export interface Pop3ClientWanted {
  /** One for each visit: where the session of the visit before is tried. */
  readonly ports: readonly number[]
  readonly ca: string
  readonly password: string
}

const { ports, ca, password } = wanted<Pop3ClientWanted>()

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
  const message = await client.RETR(1)
  const socket = client._socket as unknown as TLSSocket
  say('fetched', { ...toldOf(socket), digest: digest(Buffer.from(message)) })
  const session = socket.getSession()
  await client.QUIT()
  return session
}
