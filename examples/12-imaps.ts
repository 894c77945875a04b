/**
 * IMAPS with a library that calls node:tls by itself: imapflow gets our connect in the place of Node's, which takes one line before
 * it is loaded. The server is Node's own.
 *
 *     npx ringtls init pki && npx tsx examples/12-imaps.ts
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import tls, { createServer } from 'node:tls'
import { connect, TLSSocket } from 'ringtls/node'

const file = (name: string) => readFileSync(join(process.env.RINGTLS_PKI ?? 'pki', name))

Object.assign(tls, { connect, TLSSocket })
const { ImapFlow } = await import('imapflow')

// In the place of Dovecot: as much IMAP as it takes to be asked how many messages there are.
const untagged: Readonly<Record<string, string>> = {
  CAPABILITY: '* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n',
  LIST: '* LIST () "/" INBOX\r\n',
  STATUS: '* STATUS INBOX (MESSAGES 3)\r\n',
  LOGOUT: '* BYE\r\n',
}
const server = createServer({ cert: file('server.pem'), key: file('server.key') }, socket => {
  socket.write('* OK ready\r\n')
  createInterface({ input: socket }).on('line', line => {
    const [tag, command = ''] = line.split(' ')
    socket.write(`${untagged[command] ?? ''}${tag} OK done\r\n`)
    if (command === 'LOGOUT') socket.end()
  })
})
await once(server.listen(0, 'localhost'), 'listening')
const { port } = server.address() as AddressInfo

let session: Buffer | undefined
for (const day of ['today', 'tomorrow']) {
  const client = new ImapFlow({
    ...{ host: 'localhost', port, secure: true, logger: false, auth: { user: 'somebody', pass: 'secret' } },
    tls: { ca: file('ca.pem'), session },
  })
  await client.connect()
  const { socket } = client as unknown as { readonly socket: TLSSocket }
  const { messages } = (await client.status('INBOX', { messages: true })) || {}
  console.log(`${day}: ${messages} messages, ${socket.getProtocol()}, resumed: ${socket.isSessionReused()}`)
  session = socket.getSession()
  await client.logout()
}

server.close(() => console.log('closed'))
