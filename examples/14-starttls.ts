/**
 * TLS in mid-stream, on both sides: a connection that begins in the clear is upgraded when the client says so, as SMTP, IMAP, POP3,
 * LDAP, XMPP and PostgreSQL do it each with words of its own. Here with those of POP3 (RFC 2595).
 *
 *     npx ringtls init pki && npx tsx examples/14-starttls.ts
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect, createSecureContext, TLSSocket } from 'ringtls/node'

const file = (name: string) => readFileSync(join(process.env.RINGTLS_PKI ?? 'pki', name))

const secureContext = createSecureContext({ cert: file('server.pem'), key: file('server.key') })
const server = createServer(async plain => {
  plain.write('+OK in the clear\r\n')
  if ((await lineFrom(plain)) !== 'STLS') {
    plain.end('-ERR STLS first\r\n')
    return
  }
  // From here on the plain socket is TLS's: nobody reads it or writes to it any more.
  plain.write('+OK begin TLS\r\n')
  const socket = new TLSSocket(plain, { isServer: true, secureContext })
  console.log(`server: ${await lineFrom(socket)}`)
  socket.end(`+OK encrypted with ${socket.getProtocol()}\r\n`)
})
await once(server.listen(0, 'localhost'), 'listening')

const plain = connectTcp((server.address() as AddressInfo).port, 'localhost')
console.log(`client: ${await lineFrom(plain)}`)
plain.write('STLS\r\n')
console.log(`client: ${await lineFrom(plain)}`)
const socket = connect({ socket: plain, servername: 'localhost', ca: file('ca.pem') })
socket.write('USER somebody\r\n')
console.log(`client: ${await lineFrom(socket)}`)

socket.end()
server.close(() => console.log('closed'))

/** Each side waits for a line before it says the next. */
async function lineFrom(socket: Socket): Promise<string> {
  socket.resume()
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  socket.pause()
  return bytes.toString().trimEnd()
}
