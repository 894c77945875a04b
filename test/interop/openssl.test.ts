/** What beside suites is agreed with OpenSSL, in both roles: keys, groups, client certificates, tickets, and extensions. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type NamedGroup, namedGroups } from '../../src/crypto/named-groups.ts'
import { type ConnectionOptions, connect, type ServerOptions, type TLSSocket } from '../../src/node/index.ts'
import { fixture } from '../support/pair.ts'
import { needs, startOpensslServer, startPeer, temporaryDirectory } from '../support/peers.ts'
import {
  authorityFile,
  type ClientKeyKind,
  clientIdentities,
  type Identity,
  identityFiles,
  type KeyKind,
  type OwnVisit,
  ownAuthority,
  ownIdentity,
  seenBy,
  serverIdentities,
  startOwnEcho,
  startOwnPage,
} from './own-ends.ts'
import { StapleFiles } from './staple-files.ts'
import { visit } from './support.ts'

const request = 'GET / HTTP/1.0\r\n\r\n'
const serverKinds = Object.keys(serverIdentities) as KeyKind[]
const clientKinds = Object.keys(clientIdentities) as ClientKeyKind[]
/** The two longest cost seconds here. */
const groups = (Object.keys(namedGroups) as NamedGroup[]).filter(name => !/ffdhe[68]/.test(name))
const exporterLabel = 'EXPORTER-ringtls interop'

const opensslFiles = (identity: Identity) => {
  const { cert, key } = identityFiles(identity)
  return ['-cert', cert, '-key', key]
}

/** `openssl s_client` asks our server for its page. */
async function askOurs(port: number, flags: readonly string[], identity: Identity = serverIdentities.rsa) {
  const tls = ['-tls1_2', '-CAfile', authorityFile(identity), '-verify_return_error', ...flags]
  const client = startPeer('openssl', ['s_client', '-connect', `localhost:${port}`, ...tls])
  client.write(request)
  return client.ended()
}

/** Twice, the second time with the session of the first. */
async function askOursTwice(port: number, flags: readonly string[]): Promise<string[]> {
  const session = join(temporaryDirectory(), 'session.pem')
  const full = await askOurs(port, [...flags, '-sess_out', session])
  const resumed = await askOurs(port, [...flags, '-sess_in', session])
  for (const { stdout } of [full, resumed]) expect(stdout).toContain('hello from us')
  expect(full.stdout).toMatch(/^New, /m)
  expect(resumed.stdout).toMatch(/^Reused, /m)
  return [full.stdout, resumed.stdout]
}

/** Our client asks `openssl s_server -www`, or what else `talk` makes of it. */
async function askTheirs(port: number, options: ConnectionOptions = {}) {
  let seen: OwnVisit | undefined
  const { socket, received } = await visit(port, options, { send: request }, socket =>
    socket.once('secureConnect', () => {
      seen = seenBy(socket)
    }),
  )
  return { socket, page: received.toString('latin1'), seen: seen! }
}

async function askTheirsTwice(port: number, options: ConnectionOptions) {
  const full = await askTheirs(port, options)
  const resumed = await askTheirs(port, { ...options, session: full.socket.getSession()! })
  expect([full.seen.resumed, resumed.seen.resumed]).toEqual([false, true])
  expect(full.page).toMatch(/^New, /m)
  expect(resumed.page).toMatch(/^Reused, /m)
  return [full, resumed]
}

const startTheirs = (flags: readonly string[], identity: Identity = serverIdentities.rsa) =>
  startOpensslServer([...opensslFiles(identity), '-tls1_2', ...flags])

/** The lengths of the records with application data that OpenSSL read, as `-msg` shows their headers. */
function recordsRead(output: string): number[] {
  const headers = output.matchAll(/<<< [^\n]*RecordHeader \[length 0005\]\n\s+17 03 03 (\S\S) (\S\S)/g)
  return [...headers].map(([, high, low]) => Number.parseInt(`${high}${low}`, 16))
}

needs('openssl', () => {
  describe('keys and groups', () => {
    for (const kind of serverKinds) {
      const identity = serverIdentities[kind]
      const type = { rsa: 'RSA-PSS', 'rsa-pss': 'RSA-PSS', Ed25519: 'ed25519' }[kind as string] ?? 'ECDSA'

      test(`our server with a key for ${kind}: s_client takes its signature`, async () => {
        const { port } = await startOwnPage(ownIdentity(identity))
        const { stdout, exitCode } = await askOurs(port, [], identity)
        expect(exitCode).toBe(0)
        expect(stdout).toContain('Verify return code: 0 (ok)')
        expect(stdout).toContain(`Peer signature type: ${type}\n`)
      })

      test(`s_server with a key for ${kind}: our client takes its signature`, async () => {
        const { port } = await startTheirs(['-www'], identity)
        const { socket, seen } = await askTheirs(port, { ca: ownAuthority(identity) })
        expect(socket.authorized).toBe(true)
        expect(seen.suite).toMatch(type === 'RSA-PSS' ? /_ECDHE_RSA_/ : /_ECDHE_ECDSA_/)
      })
    }

    for (const group of groups) {
      const { kind, opensslName } = namedGroups[group]
      const ciphers = kind === 'dhe' ? 'DHE-RSA-AES128-GCM-SHA256' : 'ECDHE-RSA-AES128-GCM-SHA256'
      const bits = /\d+$/.exec(group)?.[0]

      test(`s_client and our server agree on ${group}`, async () => {
        const options = { ...ownIdentity(serverIdentities.rsa), ciphers, ecdhCurve: group }
        const { port, seen } = await startOwnPage(options)
        const { stdout } = await askOurs(port, ['-cipher', ciphers, '-groups', opensslName])
        const theirs = {
          secp256r1: 'ECDH, prime256v1',
          secp384r1: 'ECDH, secp384r1',
          secp521r1: 'ECDH, secp521r1',
        }
        const name = theirs[group as keyof typeof theirs] ?? (kind === 'dhe' ? `DH, ${bits}` : 'X25519')
        expect(stdout).toContain(`Server Temp Key: ${name}`)
        expect(seen).toMatchObject([{ group }])
      })

      test(`our client and s_server agree on ${group}`, async () => {
        const { port } = await startTheirs(['-www', '-cipher', ciphers, '-groups', opensslName])
        const { seen, page } = await askTheirs(port, { ciphers, ecdhCurve: group })
        // TLS 1.2 names no finite field: RFC 7919 has the client know it by its numbers.
        if (kind === 'ecdhe') expect(seen.group).toBe(group)
        expect(page).toMatch(/^New, /m)
      })
    }
  })

  describe('client certificates', () => {
    const auth = { requestCert: true, ca: fixture('client-ca.pem'), ...ownIdentity(serverIdentities.rsa) }

    for (const kind of clientKinds) {
      const identity = clientIdentities[kind]

      test(`s_client with a key for ${kind}: full, then resumed, by session ID and by ticket`, async () => {
        for (const tickets of [false, true]) {
          const { port, seen } = await startOwnPage({ ...auth, tickets })
          await askOursTwice(port, opensslFiles(identity))
          expect(seen).toMatchObject([
            { peer: identity.name, resumed: false },
            { peer: identity.name, resumed: true },
          ])
        }
      })

      test(`our client with a key for ${kind}: full, then resumed, by session ID and by ticket`, async () => {
        for (const tickets of [false, true]) {
          const verify = ['-Verify', '1', '-verify_return_error', '-CAfile', authorityFile(identity)]
          const { port } = await startTheirs(['-www', ...verify, ...(tickets ? [] : ['-no_ticket'])])
          const visits = await askTheirsTwice(port, { ...ownIdentity(identity), tickets })
          for (const { page } of visits) expect(page).toContain(`Subject: CN=${identity.name}\n`)
        }
      })
    }

    test('s_client without one: let in where it is asked for, refused where it is demanded', async () => {
      const open = await startOwnPage({ ...auth, rejectUnauthorized: false })
      expect((await askOurs(open.port, [])).stdout).toContain('hello from us')
      expect(open.seen).toMatchObject([{ peer: '' }])
      const closed = await startOwnPage(auth)
      expect((await askOurs(closed.port, [])).stderr).toMatch(/alert handshake failure.*SSL alert number 40/)
      expect(closed.failed).toHaveLength(1)
    })

    test('s_client with one of another authority: unknown_ca', async () => {
      const { port, failed } = await startOwnPage({ ...auth, ca: fixture('ca.pem') })
      const { stderr } = await askOurs(port, opensslFiles(clientIdentities['P-256']))
      expect(stderr).toMatch(/alert unknown ca.*SSL alert number 48/)
      expect(failed).toEqual(['UNABLE_TO_VERIFY_LEAF_SIGNATURE'])
    })

    test('our client without one: s_server refuses it', async () => {
      const { port } = await startTheirs(['-www', '-Verify', '1', '-verify_return_error'])
      const failed = visit(port, {}, { send: request })
      await expect(failed).rejects.toMatchObject({ code: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE' })
    })
  })

  describe('session tickets', () => {
    test('s_client resumes at our server by a ticket, and gets none where they are off', async () => {
      const identity = ownIdentity(serverIdentities.rsa)
      const on = await startOwnPage({ ...identity, tickets: true })
      const [full] = await askOursTwice(on.port, [])
      expect(full).toMatch(/TLS session ticket:\n/)
      const off = await startOwnPage(identity)
      expect((await askOursTwice(off.port, []))[0]).not.toMatch(/TLS session ticket:/)
    })

    test('our client resumes at s_server by a ticket', async () => {
      // It keeps no sessions of its own, so that nothing but the ticket can bring one back.
      const { port } = await startTheirs(['-www', '-no_cache'])
      await askTheirsTwice(port, { tickets: true })
    })
  })

  describe('application_layer_protocol_negotiation', () => {
    const identity = ownIdentity(serverIdentities.rsa)

    test('s_client offers two, our server takes its own first', async () => {
      const { port, seen } = await startOwnPage({ ...identity, ALPNProtocols: ['http/1.1', 'h2'] })
      const { stdout } = await askOurs(port, ['-alpn', 'h2,http/1.1'])
      expect(stdout).toContain('ALPN protocol: http/1.1\n')
      expect(seen).toMatchObject([{ alpn: 'http/1.1' }])
    })

    test('s_client offers another: no_application_protocol', async () => {
      const { port } = await startOwnPage({ ...identity, ALPNProtocols: ['h2'] })
      expect((await askOurs(port, ['-alpn', 'spdy/3'])).stderr).toContain('SSL alert number 120')
    })

    test('our client offers two, s_server takes the second', async () => {
      const { port } = await startTheirs(['-www', '-alpn', 'http/1.1'])
      const { seen } = await askTheirs(port, { ALPNProtocols: ['h2', 'http/1.1'] })
      expect(seen.alpn).toBe('http/1.1')
    })
  })

  describe('max_fragment_length', () => {
    const text = `${'0123456789'.repeat(300)}\n`
    /** Of 512 bytes of plaintext with AES-GCM: 8 bytes of nonce and 16 of tag come on top. */
    const longest = 512 + 8 + 16
    const ciphers = 'ECDHE-RSA-AES128-GCM-SHA256'

    test('s_client asks our server for 512 bytes, and gets no longer record', async () => {
      const { port } = await startOwnEcho({ ...ownIdentity(serverIdentities.rsa), ciphers })
      const tls = ['-tls1_2', '-CAfile', authorityFile(serverIdentities.rsa), '-maxfraglen', '512']
      const client = startPeer('openssl', ['s_client', '-connect', `localhost:${port}`, ...tls, '-msg'])
      client.write(text)
      await client.until(output => recordsRead(output).length >= 6)
      client.endInput()
      const { stdout } = await client.ended()
      const lengths = recordsRead(stdout)
      expect(Math.max(...lengths)).toBe(longest)
      expect(lengths.reduce((sum, length) => sum + length - 24, 0)).toBe(text.length)
    })

    test('our client asks s_server for 512 bytes, and sends no longer record', async () => {
      const { process, port } = await startTheirs(['-rev', '-msg', '-cipher', ciphers])
      const talk = { send: text, closeAfterBytes: text.length }
      const { received } = await visit(port, { maxFragmentLength: 512 }, talk)
      expect(received.toString()).toBe(`${[...text.trimEnd()].reverse().join('')}\n`)
      const lengths = recordsRead(process.output)
      expect(Math.max(...lengths)).toBe(longest)
      expect(lengths.reduce((sum, length) => sum + length - 24, 0)).toBe(text.length)
    })
  })

  describe('exporters (RFC 5705)', () => {
    const flags = ['-keymatexport', exporterLabel, '-keymatexportlen', '40']
    const theirsIn = (output: string) => /Keying material: ([0-9A-F]+)/.exec(output)?.[1]?.toLowerCase()
    const oursOf = (socket: TLSSocket) => socket.exportKeyingMaterial(40, exporterLabel).toString('hex')

    for (const ciphers of ['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES256-GCM-SHA384', 'AES128-SHA256']) {
      test(`our server and s_client come to the same, ${ciphers}`, async () => {
        const ours: string[] = []
        const options: ServerOptions = { ...ownIdentity(serverIdentities.rsa), ciphers }
        const { port } = await startOwnPage(options, socket => ours.push(oursOf(socket)))
        const { stdout } = await askOurs(port, flags)
        expect(theirsIn(stdout)).toBe(ours[0])
        expect(ours[0]).toMatch(/^[0-9a-f]{80}$/)
      })

      test(`our client and s_server come to the same, ${ciphers}`, async () => {
        const { process, port } = await startTheirs(flags)
        const options = { host: '127.0.0.1', port, servername: 'localhost', ca: fixture('ca.pem'), ciphers }
        const socket = connect(options)
        await once(socket, 'secureConnect')
        expect(await process.until(theirsIn)).toBe(oursOf(socket))
        socket.destroy()
      })
    }
  })

  describe('status_request', () => {
    const staples = new StapleFiles()
    beforeAll(() => staples.make())
    afterAll(() => staples.remove())

    test('s_client reads the response that our server staples', async () => {
      const { response: ocspResponse, cert, key } = staples.contents()
      const { port } = await startOwnPage({ cert, key, ocspResponse })
      const tls = ['-tls1_2', '-CAfile', staples.path('ca.pem'), '-verify_return_error', '-status']
      const client = startPeer('openssl', ['s_client', '-connect', `localhost:${port}`, ...tls])
      client.write(request)
      const { stdout } = await client.ended()
      expect(stdout).toContain('OCSP Response Status: successful (0x0)')
      expect(stdout).toContain('Cert Status: good')
      const without = await startOwnPage({ cert, key })
      const other = startPeer('openssl', ['s_client', '-connect', `localhost:${without.port}`, ...tls])
      other.write(request)
      expect((await other.ended()).stdout).toContain('OCSP response: no response sent')
    })

    test('our client gets the response that s_server staples, and null where it has none', async () => {
      const files = ['-cert', staples.path('leaf.pem'), '-key', staples.path('leaf.key'), '-tls1_2', '-www']
      const ask = async (port: number) => {
        const options = { ca: readFileSync(staples.path('ca.pem')), requestOCSP: true }
        let told: Promise<unknown[]> | undefined
        await visit(port, options, { send: request }, socket => {
          told = once(socket, 'OCSPResponse')
        })
        return (await told!)[0] as Buffer | null
      }
      const { port } = await startOpensslServer([...files, '-status_file', staples.path('response.der')])
      expect(await ask(port)).toEqual(staples.contents().response)
      expect(await ask((await startOpensslServer(files)).port)).toBeNull()
    })
  })
})
