/** Exported keying material against node:tls: the same connection, the same bytes (RFC 5705 §4). */
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Server,
} from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes.ts'
import { type CipherSuiteName, cipherSuite } from '../../src/crypto/cipher-suites.ts'
import { exportKeyingMaterial } from '../../src/crypto/key-schedule.ts'
import { Secret } from '../../src/secret.ts'
import { fixture } from '../support/pair.ts'
import { providers } from '../support/providers.ts'

/** A connection between two ends of node:tls, and what went over the wire and into the key log. */
interface Observed {
  readonly socket: TLSSocket
  readonly randoms: { readonly clientRandom: Uint8Array; readonly serverRandom: Uint8Array }
  readonly masterSecret: string
}

const labels = ['EXPERIMENTAL ringtls', 'EXPORTER-Channel-Binding', 'ttls keying material']
const contexts = [undefined, '', '00', '0000', 'c0ffee', 'ab'.repeat(255), 'cd'.repeat(256)]
const lengths = [1, 12, 32, 48, 64, 100, 255]

describe.each<CipherSuiteName>([
  'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384',
])('the exporter under %s', name => {
  const suite = cipherSuite(name)
  const open: Server[] = []
  let observed: Observed

  beforeAll(async () => {
    observed = await observe(suite.opensslName, open)
  })
  afterAll(() => {
    observed?.socket.destroy()
    for (const server of open) server.close()
  })

  describe.each(providers)('with $name', ({ provider }) => {
    test.each(contexts)('context %s', context => {
      const { socket, randoms, masterSecret } = observed
      for (const label of labels) {
        for (const length of lengths) {
          const bytes = context === undefined ? undefined : fromHex(context)
          const secret = new Secret(fromHex(masterSecret))
          const ours = exportKeyingMaterial(provider, suite, secret, {
            label,
            randoms,
            context: bytes,
            length,
          })
          expect(toHex(ours), `${label} ${length}`).toBe(theirs(socket, { label, length, context: bytes }))
        }
      }
    })
  })

  test('a context, an empty one and none are three different things', () => {
    const { socket } = observed
    const exported = [undefined, Buffer.alloc(0), Buffer.alloc(2)].map(context =>
      theirs(socket, { label: 'EXPERIMENTAL ringtls', length: 32, context }),
    )
    expect(new Set(exported).size).toBe(3)
  })
})

/** What node:tls exports. Its types ask for a context; it does without, and tells none from an empty one as OpenSSL does. */
function theirs(
  socket: TLSSocket,
  { label, length, context }: { label: string; length: number; context: Uint8Array | undefined },
): string {
  const given = (context && Buffer.from(context)) as Buffer
  return socket.exportKeyingMaterial(length, label, given).toString('hex')
}

/** Connects through a relay that keeps what the server sends: its first record starts with ServerHello. */
async function observe(ciphers: string, open: Server[]): Promise<Observed> {
  const certificate = { cert: fixture('server.pem'), key: fixture('server.key') }
  const server = createServer({ ...certificate, ciphers: `${ciphers}:@SECLEVEL=0`, maxVersion: 'TLSv1.2' })
  const fromServer: Buffer[] = []
  const relay = createTcpServer(incoming => {
    const outgoing = connectTcp((server.address() as AddressInfo).port, '127.0.0.1')
    outgoing.on('data', bytes => fromServer.push(bytes))
    for (const socket of [incoming, outgoing]) socket.on('error', () => {})
    incoming.pipe(outgoing).pipe(incoming)
  })
  open.push(server, relay)
  for (const one of [server, relay]) await new Promise<void>(done => one.listen(0, '127.0.0.1', done))

  const port = (relay.address() as AddressInfo).port
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  const keylog = new Promise<string>(done => socket.once('keylog', line => done(line.toString('latin1'))))
  await new Promise<void>((done, fail) => socket.once('secureConnect', done).once('error', fail))
  const [, clientRandom, masterSecret] = (await keylog).trim().split(' ')
  // RFC 5246 §7.4.1.3: after the headers of record (5) and message (4) and the version (2).
  const serverRandom = Uint8Array.from(Buffer.concat(fromServer).subarray(11, 43))
  return {
    socket,
    randoms: { clientRandom: fromHex(clientRandom!), serverRandom },
    masterSecret: masterSecret!,
  }
}
