/** Clients that prove who they are: asked and not asked, known and unknown, and when they come back (RFC 5246 §7.4.4). */
import { once } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { ApiMisuse } from '../../src/errors.ts'
import { createServer, MemorySessionCache } from '../../src/node/index.ts'
import { fixture } from '../support/pair.ts'
import { needs, runPeer } from '../support/peers.ts'
import { openWithNode, startNodeServer } from './foreign.ts'
import { codeOf, connected, ending, open, serve } from './support.ts'

const identity = (name: string) => ({ cert: fixture(`${name}.pem`), key: fixture(`${name}.key`) })
const ca = fixture('client-ca.pem')
const required = { requestCert: true, ca }
const requested = { requestCert: true, rejectUnauthorized: false, ca }
/** Whose authority is not one of these. */
const stranger = identity('client-rsa')
const elsewhere = { ca: fixture('ec-ca.pem') }

/** What a server makes of its client. */
const judged = (socket: { authorized: boolean; getPeerCertificate(): object }) => ({
  authorized: socket.authorized,
  certificate: socket.getPeerCertificate(),
})

const clients = ['client-rsa', 'client-ec', 'client-ed25519', 'client-rsa-pss'] as const

describe.each(clients)('%s', name => {
  it('is let in by our server, which sees what a server of node:tls sees', async () => {
    const node = await startNodeServer(required)
    const ours = await serve(required)
    await openWithNode(node.port, identity(name))
    await openWithNode(ours.port, identity(name))
    await connected(ours.port, identity(name))
    await connected(node.port, identity(name))
    const [wanted, fromOurClient] = node.sockets.map(judged)
    expect(wanted).toMatchObject({ authorized: true, certificate: { subject: { CN: name } } })
    expect(fromOurClient).toEqual(wanted)
    expect(ours.sockets.map(judged)).toEqual([wanted, wanted])
    expect(ours.sockets[0]!.handshake).toMatchObject({ clientAuthenticated: true, peerSubject: `CN=${name}` })
    expect(ours.sockets[0]!.authorizationError).toBeNull()
  })
})

describe('a client without a certificate', () => {
  it('is refused where one is required, as by node:tls', async () => {
    const { server, port } = await serve(required)
    const failed = once(server, 'tlsClientError')
    await expect(openWithNode(port)).rejects.toMatchObject({ code: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE' })
    expect(codeOf((await failed)[0])).toBe('ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE')
  })

  it('is let in where one is only asked for, and not authorized', async () => {
    const node = await startNodeServer(requested)
    const ours = await serve(requested)
    for (const { port } of [node, ours]) await openWithNode(port)
    expect(judged(ours.sockets[0]!)).toEqual(judged(node.sockets[0]!))
    expect(ours.sockets[0]!.authorized).toBe(false)
    expect(ours.sockets[0]!.authorizationFault?.code).toBe('PEER_DID_NOT_RETURN_A_CERTIFICATE')
  })

  it('is nobody to judge where none is asked for', async () => {
    const { port, sockets } = await serve()
    await connected(port, identity('client-ec'))
    expect([sockets[0]!.authorized, sockets[0]!.authorizationError]).toEqual([false, null])
    expect(sockets[0]!.getPeerCertificate()).toEqual({})
  })
})

describe("a client with a stranger's certificate", () => {
  it('is refused where one is required', async () => {
    const { server, port } = await serve({ ...required, ...elsewhere })
    const failed = once(server, 'tlsClientError')
    await expect(openWithNode(port, stranger)).rejects.toMatchObject({
      code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
    })
    expect((await failed)[0]).toMatchObject({ cause: { code: 'UNKNOWN_CA' } })
  })

  it('is let in where one is only asked for, and not authorized', async () => {
    const node = await startNodeServer({ ...requested, ...elsewhere })
    const ours = await serve({ ...requested, ...elsewhere })
    for (const { port } of [node, ours]) await openWithNode(port, stranger)
    expect(judged(ours.sockets[0]!)).toEqual(judged(node.sockets[0]!))
    expect(ours.sockets[0]!.authorized).toBe(false)
    expect(ours.sockets[0]!.authorizationFault?.code).toBe('UNKNOWN_CA')
    expect(ours.sockets[0]!.handshake?.clientAuthenticated).toBe(false)
  })

  it('keeps it to itself: our client shows only what the server names an authority of', async () => {
    const node = await startNodeServer({ ...requested, ...elsewhere })
    const ours = await serve({ ...requested, ...elsewhere })
    for (const { port } of [node, ours]) await connected(port, stranger)
    expect(judged(ours.sockets[0]!).certificate).toEqual({})
    expect(judged(node.sockets[0]!).certificate).toEqual({})
  })

  it('is let in by a server that trusts nobody and only asks', async () => {
    const { port, sockets } = await serve({ requestCert: true, rejectUnauthorized: false })
    await connected(port, stranger)
    expect(sockets[0]!.authorized).toBe(false)
    expect(sockets[0]!.getPeerCertificate()).toMatchObject({ subject: expect.anything() })
  })
})

needs('openssl', () => {
  describe('the authorities that a server names', () => {
    it('are those of a server of node:tls, in the order of ca', async () => {
      const authorities = [fixture('ec-ca.pem'), ca, fixture('ca.pem')]
      const seen: string[] = []
      for (const start of [startNodeServer, serve]) {
        const { port } = await start({ ...requested, ca: authorities })
        seen.push(await authoritiesOf(port))
      }
      expect(seen[0]).toMatch(/ringtls test EC CA[\s\S]*ringtls test client CA[\s\S]*ringtls test CA/)
      expect(seen[1]).toBe(seen[0])
    })
  })
})

/** What openssl s_client reports of CertificateRequest. */
async function authoritiesOf(port: number): Promise<string> {
  const { stdout } = await runPeer('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_2'], {
    input: '',
  })
  return (
    /Acceptable client certificate CA names\n([\s\S]*?)\nClient Certificate Types/.exec(stdout)?.[1] ?? ''
  )
}

describe('a session', () => {
  it.each([
    ['in the server’s memory', {}],
    ['in a ticket', { tickets: true }],
  ])('%s keeps who its client is', async (_where, options) => {
    const { port, sockets } = await serve({ ...required, ...options })
    const first = await connected(port, { ...identity('client-ec'), ...options })
    // It resumes without the certificate at hand: the session stands for it.
    const second = await connected(port, { session: first.getSession()! })
    expect(second.isSessionReused()).toBe(true)
    await vi.waitFor(() => expect(sockets).toHaveLength(2))
    expect(judged(sockets[1]!)).toEqual(judged(sockets[0]!))
    expect(sockets[1]!.authorized).toBe(true)
    expect(sockets[1]!.handshake).toMatchObject({ clientAuthenticated: true, peerSubject: 'CN=client-ec' })
  })

  it('of a client of node:tls too, by ID', async () => {
    const { port, sockets } = await serve(required)
    const first = await openWithNode(port, identity('client-rsa'))
    const second = await openWithNode(port, { ...identity('client-rsa'), session: first.getSession()! })
    expect(second.isSessionReused()).toBe(true)
    await vi.waitFor(() => expect(sockets).toHaveLength(2))
    expect(judged(sockets[1]!)).toEqual(judged(sockets[0]!))
  })

  it('of a client that did not verify stays what it was', async () => {
    const { port, sockets } = await serve({ requestCert: true, rejectUnauthorized: false })
    const first = await connected(port, stranger)
    await connected(port, { session: first.getSession()! })
    await vi.waitFor(() => expect(sockets).toHaveLength(2))
    expect(sockets[1]!.isSessionReused()).toBe(true)
    expect(judged(sockets[1]!)).toEqual(judged(sockets[0]!))
    expect(sockets[1]!.authorizationFault?.code).toBe('CERTIFICATE_UNKNOWN')
  })

  it.each([
    ['that asks for none', {}, required],
    ['that only asks', requested, required],
    ['with another authority', required, { ...required, ca: fixture('ec-ca.pem') }],
    ['of another context', { ...required, sessionIdContext: 'a' }, { ...required, sessionIdContext: 'b' }],
  ])('of a server %s does not resume at one that wants more', async (_what, lax, strict) => {
    const cache = new MemorySessionCache({ now: Date.now })
    const first = await connected((await serve({ ...lax, sessionCache: cache })).port, identity('client-ec'))
    const { server, port, sockets } = await serve({ ...strict, sessionCache: cache })
    const failed = once(server, 'tlsClientError').catch(() => {})
    const again = open(port, { ...identity('client-ec'), session: first.getSession()! })
    const end = ending(again)
    await Promise.race([once(again, 'secureConnect').catch(() => {}), failed, end])
    expect(again.isSessionReused()).toBe(false)
    expect(sockets.every(socket => socket.handshake?.reason === 'policy')).toBe(true)
  })
})

it('requestCert without ca would refuse everybody: it is refused itself', () => {
  expect(() => createServer({ ...identity('server'), requestCert: true })).toThrow(ApiMisuse)
})
