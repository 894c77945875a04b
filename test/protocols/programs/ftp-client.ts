/** basic-ftp: takes a file of some MB there and back, on data connections of their own, and comes back with the session. */
import { Readable, Writable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { Client } from 'basic-ftp'
import { contents, digest, failureOf, fixture, say, toldOf, wanted } from './program.ts'

export interface FtpClientWanted {
  readonly port: number
  /** TLS from the first byte on; AUTH TLS otherwise. */
  readonly implicit: boolean
  readonly ca: string
  /** The name of the file at the server. */
  readonly file: string
  readonly bytes: number
  readonly visits: number
}

const { port, implicit, ca, file, bytes, visits } = wanted<FtpClientWanted>()
const sent = contents(bytes)

let session: Buffer | undefined
for (let visit = 0; visit < visits; visit++) {
  try {
    session = await transfer(session)
  } catch (error) {
    say('failed', failureOf(error))
  }
}

async function transfer(known: Buffer | undefined): Promise<Buffer | undefined> {
  const client = new Client(20_000)
  try {
    await client.access({
      ...{
        host: '127.0.0.1',
        port,
        user: 'anonymous',
        password: 'guest',
        secure: implicit ? 'implicit' : true,
      },
      secureOptions: { servername: 'localhost', ca: fixture(ca), maxVersion: 'TLSv1.2', session: known },
    })
    const control = client.ftp.socket as TLSSocket
    say('control', toldOf(control))
    client.trackProgress(noteDataSocket(client))
    await client.uploadFrom(Readable.from(pieces(sent)), file)
    const received: Buffer[] = []
    await client.downloadTo(collect(received), file)
    say('transferred', { isAsSent: digest(Buffer.concat(received)) === digest(sent) })
    const names = (await client.list(file.split('/').slice(0, -1).join('/'))).map(({ name }) => name)
    say('listed', { hasFile: names.includes(file.split('/').at(-1)!) })
    return control.getSession()
  } finally {
    client.close()
  }
}

/** Tells of each data connection once, when its handshake has ended. */
function noteDataSocket(client: Client) {
  let last: unknown
  return ({ type }: { readonly type: string }) => {
    const socket = client.ftp.dataSocket as TLSSocket | undefined
    if (!socket || socket === last) return
    last = socket
    const tell = () => say('data', { type, ...toldOf(socket) })
    if (socket.getPeerFinished()) tell()
    else socket.once('secureConnect', tell)
  }
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let i = 0; i < bytes.length; i += 100_000) yield bytes.subarray(i, i + 100_000)
}

function collect(chunks: Buffer[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      done()
    },
  })
}
