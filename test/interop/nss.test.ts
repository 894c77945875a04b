/** NSS in both roles, by its tools tstclnt and selfserv: a full handshake, then the session resumed. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type CipherSuiteName, cipherSuite, cipherSuiteNames } from '../../src/crypto/cipher-suites.ts'
import type { ServerOptions } from '../../src/node/index.ts'
import { freePort } from '../support/free-ports.ts'
import { needs, type Peer, PeerProcess, runPeer, startPeer } from '../support/peers.ts'
import {
  clientIdentities,
  type Identity,
  type OwnVisit,
  ownAuthority,
  ownIdentity,
  seenBy,
  serverIdentities,
  startOwnPage,
} from './own-ends.ts'
import { fixturePath, visit } from './support.ts'

const request = 'GET / HTTP/1.0\r\n\r\n'
const authentications = ['rsa', 'ecdsa'] as const
const identityOf = { rsa: serverIdentities.rsa, ecdsa: serverIdentities['P-256'] } as const
const suiteOf = {
  rsa: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  ecdsa: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
} as const
const nssClientKeys = ['rsa', 'P-256'] as const

/** How both tools take suites: a colon and four digits for each. */
const nssSuites = (names: readonly CipherSuiteName[]) =>
  names.map(name => `:${cipherSuite(name).number.toString(16).padStart(4, '0').toUpperCase()}`).join('')

/** Their one database of certificates each, since two of the same subject would share a nickname. */
let databases: Readonly<Record<'client' | 'rsa' | 'ecdsa', string>>

async function must(peer: Peer, args: readonly string[]): Promise<void> {
  const { exitCode, stdout, stderr } = await new PeerProcess(peer, args, { input: '' }).ended()
  if (exitCode !== 0) throw new Error(`${peer} ${args[0]}: ${stdout}${stderr}`)
}

async function makeDatabase(
  directory: string,
  authorities: readonly string[],
  identities: readonly Identity[],
) {
  mkdirSync(directory)
  const database = ['-d', `sql:${directory}`]
  await must('certutil', ['-N', ...database, '--empty-password'])
  for (const name of authorities)
    await must('certutil', [
      '-A',
      ...database,
      '-n',
      name,
      '-t',
      'CT,,',
      '-a',
      '-i',
      fixturePath(`${name}.pem`),
    ])
  for (const { name } of identities) {
    const bundle = join(directory, `${name}.p12`)
    const files = ['-in', fixturePath(`${name}.pem`), '-inkey', fixturePath(`${name}.key`)]
    await must('openssl', [
      'pkcs12',
      '-export',
      ...files,
      '-name',
      name,
      '-passout',
      'pass:x',
      '-out',
      bundle,
    ])
    await must('pk12util', ['-i', bundle, ...database, '-W', 'x', '-K', ''])
  }
}

async function makeDatabases() {
  const root = mkdtempSync(join(tmpdir(), 'ringtls-nss-'))
  databases = { client: join(root, 'client'), rsa: join(root, 'rsa'), ecdsa: join(root, 'ecdsa') }
  await Promise.all([
    makeDatabase(
      databases.client,
      ['ca', 'ec-ca'],
      nssClientKeys.map(key => clientIdentities[key]),
    ),
    ...authentications.map(kind => makeDatabase(databases[kind], ['client-ca'], [identityOf[kind]])),
  ])
  writeFileSync(join(root, 'client', 'request'), request)
  return () => rmSync(root, { recursive: true, force: true })
}

/** Whether each of its connections was resumed, as a tool counts: `cache hits` by session ID, `stateless` by ticket. */
function hitsIn(output: string): { byId: number; byTicket: number }[] {
  const counts = output.matchAll(/(\d+) cache hits; .*\n\s*(\d+) stateless resumes/g)
  return [...counts].map(([, byId, byTicket]) => ({ byId: Number(byId), byTicket: Number(byTicket) }))
}

needs('tstclnt', () => {
  beforeAll(makeDatabases)

  describe('tstclnt', () => {
    /** Our server, which answers once and closes, and what it saw of two visits. */
    async function visitTwice(options: ServerOptions, flags: readonly string[]) {
      const { port, seen } = await startOwnPage({ cert: both('cert'), key: both('key'), ...options })
      const to = ['-h', '127.0.0.1', '-a', 'localhost', '-p', String(port)]
      const always = ['-d', `sql:${databases.client}`, '-V', 'tls1.2:tls1.2', '-v', '-G', '-L', '2']
      const file = ['-A', join(databases.client, 'request')]
      const { exitCode, stdout, stderr } = await runPeer('tstclnt', [...to, ...always, ...file, ...flags])
      expect(stdout.match(/hello from us/g), stderr).toHaveLength(2)
      expect(exitCode).toBe(0)
      expect(stderr.match(/Extended Master Secret: Yes/g)).toHaveLength(2)
      return { seen, hits: hitsIn(stderr) }
    }
    const both = (what: 'cert' | 'key') => authentications.map(kind => ownIdentity(identityOf[kind])[what])

    // Those two are off by default, and in 3.87 `-c` turns them on at the price of a crash at the first connection's end.
    const isOff = (suite: CipherSuiteName) => suite.startsWith('TLS_ECDHE_') && suite.endsWith('_CBC_SHA384')
    for (const suite of cipherSuiteNames.filter(name => !isOff(name))) {
      test(`${suite}: full, then resumed`, async () => {
        const { seen, hits } = await visitTwice({ ciphers: suite }, [])
        expect(seen).toMatchObject([
          { suite, resumed: false, reason: 'no_id' },
          { suite, resumed: true, reason: 'hit' },
        ])
        expect(hits).toEqual([
          { byId: 0, byTicket: 0 },
          { byId: 1, byTicket: 0 },
        ])
      })
    }

    for (const key of nssClientKeys) {
      test(`a client with a key for ${key}, by session ID and by ticket`, async () => {
        const { name, ...identity } = clientIdentities[key]
        for (const tickets of [false, true]) {
          const auth = { requestCert: true, ca: ownAuthority({ name, ...identity }), tickets }
          const { seen, hits } = await visitTwice(auth, ['-n', name, ...(tickets ? ['-u'] : [])])
          expect(seen).toMatchObject([
            { peer: name, resumed: false },
            { peer: name, resumed: true },
          ])
          expect(hits.at(-1)).toEqual({ byId: 1, byTicket: tickets ? 1 : 0 })
        }
      })
    }
  })

  describe('selfserv', () => {
    async function start(kind: 'rsa' | 'ecdsa', flags: readonly string[] = []) {
      const port = await freePort()
      const { name } = identityOf[kind]
      const identity = kind === 'rsa' ? ['-n', name] : ['-e', name]
      const always = ['-d', `sql:${databases[kind]}`, '-p', String(port), '-V', 'tls1.2:tls1.2', '-v', '-G']
      const suites = ['-c', nssSuites(cipherSuiteNames), '-H', '1']
      const process = startPeer('selfserv', [...always, ...identity, ...suites, ...flags])
      await process.said(/About to call accept/)
      return { process, port }
    }

    const visitOnce = async (port: number, kind: 'rsa' | 'ecdsa', options: object) => {
      const seen: OwnVisit[] = []
      const ca = ownAuthority(identityOf[kind])
      const { socket, received } = await visit(port, { ca, ...options }, { send: request }, socket =>
        socket.once('secureConnect', () => seen.push(seenBy(socket))),
      )
      expect(received.toString('latin1')).toContain('HTTP/1.0 200 OK')
      return { seen: seen[0]!, session: socket.getSession() }
    }

    for (const kind of authentications) {
      test(`every suite of an ${kind} key: full, then resumed`, async () => {
        const { process, port } = await start(kind)
        const suites = cipherSuiteNames.filter(name => cipherSuite(name).authentication === kind)
        for (const suite of suites) {
          const full = await visitOnce(port, kind, { ciphers: suite })
          const resumed = await visitOnce(port, kind, { ciphers: suite, session: full.session })
          expect([full.seen, resumed.seen]).toMatchObject([
            { suite, resumed: false },
            { suite, resumed: true },
          ])
        }
        const hits = await process.until(
          output => hitsIn(output).length === 2 * suites.length && hitsIn(output),
        )
        expect(hits.at(-1)).toEqual({ byId: suites.length, byTicket: 0 })
      })

      test(`an ${kind} key, by ticket, with a client's certificate`, async () => {
        const client = clientIdentities['P-256']
        const { process, port } = await start(kind, ['-u', '-rr'])
        const options = { ciphers: suiteOf[kind], tickets: true, ...ownIdentity(client) }
        const full = await visitOnce(port, kind, options)
        const resumed = await visitOnce(port, kind, { ...options, session: full.session })
        expect([full.seen.resumed, resumed.seen.resumed]).toEqual([false, true])
        await process.said(/1 stateless resumes/)
      })
    }
  })
})
