/**
 * FTPS with libraries that call node:tls by themselves, at both ends: basic-ftp and ftp-srv get ours in its place, which takes one line
 * before they are loaded. Each file goes over a TLS connection of its own.
 *
 *     npx ringtls init pki && npx tsx examples/13-ftps.ts
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import tls from 'node:tls'
import * as ours from 'ringtls/node'

const file = (name: string) => readFileSync(join(process.env.RINGTLS_PKI ?? 'pki', name))

const { connect, createServer, createSecureContext, TLSSocket } = ours
Object.assign(tls, { connect, createServer, createSecureContext, TLSSocket })
const { FtpSrv } = await import('ftp-srv')
const { Client } = await import('basic-ftp')

const root = mkdtempSync(join(tmpdir(), 'ringtls-example-'))
const port = await freePort()
const say = () => {}
const log = { child: () => log, trace: say, debug: say, info: say, warn: say, error: console.error }
const server = new FtpSrv({
  ...{ url: `ftps://127.0.0.1:${port}`, pasv_url: '127.0.0.1', pasv_min: port + 1, anonymous: true, log },
  tls: { cert: file('server.pem'), key: file('server.key') },
})
server.on('login', (_, accept) => accept({ root }))
await server.listen()

const client = new Client()
client.trackProgress(({ name, type, bytes }) => {
  const { dataSocket } = client.ftp
  if (bytes > 0 && dataSocket instanceof TLSSocket)
    console.log(`${type} ${name}: ${bytes} bytes, ${dataSocket.getProtocol()}`)
})
await client.access({
  ...{ host: '127.0.0.1', port, secure: 'implicit' },
  secureOptions: { ca: file('ca.pem'), servername: 'localhost' },
})
await client.uploadFrom(Readable.from([Buffer.from('over our TLS')]), 'hello.txt')
const received = new PassThrough()
await client.downloadTo(received, 'hello.txt')
console.log(String(received.read()))

client.trackProgress()
client.close()
await server.close()
rmSync(root, { recursive: true })
console.log('closed')

/** ftp-srv has to be told its port. */
async function freePort(): Promise<number> {
  const probe = createTcpServer()
  await new Promise<void>(resolve => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise(resolve => probe.close(resolve))
  return port
}
