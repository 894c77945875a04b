/**
 * POP3S for a server that speaks no TLS: ours takes it off and passes the mail on. Two of ours share a cluster's sessions, so that a
 * client, here node-pop3 on node:tls, resumes at the second what it began at the first.
 *
 *     npx ringtls init pki && npx tsx examples/11-pop3s.ts
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import Pop3Command from 'node-pop3'
import { createServer, MemorySessionCache } from 'ringtls/node'

const file = (name: string) => readFileSync(join(process.env.RINGTLS_PKI ?? 'pki', name))

// In the place of Dovecot or another with port 110 on this machine: one message, for everybody.
const answers: Readonly<Record<string, string>> = {
  RETR: '+OK\r\nSubject: hello\r\n\r\nfrom a server without TLS\r\n.\r\n',
}
const mailbox = createTcpServer(socket => {
  socket.write('+OK ready\r\n')
  createInterface({ input: socket }).on('line', line => {
    const [command = ''] = line.split(' ')
    socket.write(answers[command] ?? '+OK\r\n')
    if (command === 'QUIT') socket.end()
  })
})
const behind = await portOf(mailbox)

// On machines of their own: `cluster: joinCluster(...)`, see 20-attach-session-store.ts.
const sessionCache = new MemorySessionCache({ now: Date.now })
const fronts = ['first', 'second'].map(name =>
  createServer({ cert: file('server.pem'), key: file('server.key'), sessionCache }, socket => {
    console.log(`${name}: ${socket.getProtocol()}, resumed: ${socket.isSessionReused()}`)
    const plain = connect(behind, '127.0.0.1')
    pipeline(socket, plain, socket, () => {})
  }),
)

let session: Buffer | undefined
for (const front of fronts) {
  const tlsOptions = { ca: file('ca.pem'), session, maxVersion: 'TLSv1.2' } as const
  const account = { user: 'somebody', password: 'secret', host: 'localhost', port: await portOf(front) }
  const client = new Pop3Command({ ...account, tls: true, tlsOptions })
  console.log((await client.RETR(1)).split('\r\n').at(-1))
  session = (client._socket as unknown as TLSSocket).getSession()
  await client.QUIT()
}

for (const server of [mailbox, ...fronts]) server.close()
console.log('closed')

async function portOf(server: Server): Promise<number> {
  await once(server.listen(0, 'localhost'), 'listening')
  return (server.address() as AddressInfo).port
}
