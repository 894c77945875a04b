/** tls.createSecureContext: every option, shown by a handshake that it decides. */
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SecureContextOptions } from 'node:tls'
import { describe } from 'vitest'
import { fixture } from '../../support/fixtures.ts'
import { needs, runPeer, temporaryDirectory } from '../../support/peers.ts'
import { type ClientOptions, identity, next, parity, quiet, type Stage, withTickets } from './harness.ts'

/** Tells what a client sees of a server with these options: the certificate and the suite, or that it is refused. */
async function seen(
  { client, serve, open }: Stage,
  options: SecureContextOptions,
  clientOptions: ClientOptions = {},
) {
  const { port } = await serve(options)
  const socket = open(port, clientOptions)
  const result = await Promise.race([
    next(socket, 'secureConnect').then(() => true),
    next(socket, 'close').then(() => false),
  ])
  client.log(
    'seen',
    result,
    result && socket.getPeerCertificate().fingerprint256,
    result && socket.getCipher().name,
  )
}

const gcm = { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256' }

describe('keys and certificates', () => {
  parity('key and cert: PEM as text, as bytes, in lists, with objects', async stage => {
    const { cert, key } = identity('server')
    await seen(stage, { cert, key, ...gcm })
    await seen(stage, { cert: Buffer.from(cert), key: Buffer.from(key), ...gcm })
    await seen(stage, { cert: [cert], key: [key], ...gcm })
    await seen(stage, { cert, key: [{ pem: key }], ...gcm })
    await seen(stage, { cert, key: [{ pem: Buffer.from(key) }], ...gcm })
  })

  parity('key and cert: two kinds side by side, the suite decides', async stage => {
    const [rsa, ec] = [identity('server'), identity('ec')]
    const both = { cert: [rsa.cert, ec.cert], key: [rsa.key, ec.key] }
    await seen(stage, both, { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' })
    await seen(stage, both, { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })
  })

  parity('passphrase: an encrypted key', async stage => {
    const { cert, key } = identity('server')
    const encrypted = createPrivateKey(key).export({
      ...{ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' },
    } as const)
    await seen(stage, { cert, key: encrypted, passphrase: 'secret', ...gcm })
    await seen(stage, { cert, key: [{ pem: encrypted, passphrase: 'secret' }], ...gcm })
    await seen(stage, { cert, key: [{ pem: encrypted }], passphrase: 'secret', ...gcm })
    const { server } = stage
    server.attempt('none', () => server.tls.createSecureContext({ cert, key: encrypted }))
    server.attempt('wrong', () => server.tls.createSecureContext({ cert, key: encrypted, passphrase: 'x' }))
  })

  parity('a key that is not the certificate’s', async ({ server }) => {
    const { cert } = identity('server')
    const { key } = identity('other')
    server.attempt('another', () => void server.tls.createSecureContext({ cert, key }))
  })

  parity('what is no key and no certificate', async ({ server }) => {
    const { cert, key } = identity('server')
    const make = (options: object) => () =>
      void server.tls.createSecureContext(options as SecureContextOptions)
    server.attempt('key is a number', make({ cert, key: 7 }))
    server.attempt('cert is a number', make({ cert: 7, key }))
    server.attempt('ca is a number', make({ ca: 7 }))
    server.attempt('cert is text', make({ cert: 'none', key }))
    server.attempt('key is text', make({ cert, key: 'none' }))
    server.attempt(
      'a public key',
      make({ cert, key: createPublicKey(key).export({ type: 'spki', format: 'pem' }) }),
    )
  })

  parity(
    'secureContext: one context for a server’s socket and a client',
    async ({ client, serve, open, server }) => {
      const secureContext = client.tls.createSecureContext({ ca: fixture('ca.pem'), ...client.options })
      const { port } = await serve()
      const socket = open(port, { secureContext, ca: fixture('client-ca.pem') })
      await once(socket, 'secureConnect')
      client.log('authorized by the context', socket.authorized)
      server.log('is an object', typeof server.tls.createSecureContext())
    },
  )

  needs('openssl', () => {
    parity('pfx: with a passphrase, in a list, with objects', async stage => {
      const pfx = await pkcs12('secret')
      await seen(stage, { cert: [], key: [], pfx, passphrase: 'secret', ...gcm })
      await seen(stage, { cert: [], key: [], pfx: [{ buf: pfx, passphrase: 'secret' }], ...gcm })
      await seen(stage, { cert: [], key: [], pfx: [pfx], passphrase: 'secret', ...gcm })
    })
  })
})

async function pkcs12(passphrase: string): Promise<Buffer> {
  const directory = temporaryDirectory()
  const { cert, key } = identity('server')
  const [certFile, keyFile, out] = ['cert.pem', 'key.pem', 'out.p12'].map(name => join(directory, name))
  writeFileSync(certFile!, cert)
  writeFileSync(keyFile!, key)
  await runPeer('openssl', [
    'pkcs12',
    '-export',
    '-in',
    certFile!,
    '-inkey',
    keyFile!,
    '-out',
    out!,
    '-passout',
    `pass:${passphrase}`,
  ])
  return readFileSync(out!)
}

describe('whom to trust', () => {
  parity('ca: text, bytes, lists, several in one text', async ({ client, serve, open }) => {
    const { port } = await serve()
    const [rsa, ec] = [fixture('ca.pem'), fixture('ec-ca.pem')]
    for (const ca of [rsa, Buffer.from(rsa), [ec, rsa], [Buffer.from(ec), rsa], `${ec}${rsa}`]) {
      const socket = open(port, { ca })
      await once(socket, 'secureConnect')
      client.log('authorized', socket.authorized)
    }
    for (const ca of [ec, []]) {
      const socket = open(port, { ca })
      client.log('refused', (await next(socket, 'error'))[0])
    }
  })

  parity('allowPartialTrustChain: an authority that is not self-signed', async ({ client, serve, open }) => {
    const { port } = await serve()
    for (const allowPartialTrustChain of [true, false]) {
      const socket = quiet(open(port, { ca: fixture('server.pem'), allowPartialTrustChain }))
      await Promise.race([next(socket, 'secureConnect'), next(socket, 'close')])
      client.log('authorized', allowPartialTrustChain, socket.authorized)
    }
  })
})

describe('algorithms', () => {
  parity('ciphers: the first of the server’s that the client has', async stage => {
    const list = 'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256'
    await seen(stage, { ciphers: list }, { ciphers: list.split(':').reverse().join(':') })
    await seen(stage, { ciphers: 'AES128-SHA' }, { ciphers: 'AES128-SHA' })
    await seen(stage, { ciphers: 'TLS_AES_128_GCM_SHA256:AES256-GCM-SHA384' }, {})
  })

  parity('honorCipherOrder: false takes the client’s order', async stage => {
    const list = 'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256'
    const reversed = { ciphers: list.split(':').reverse().join(':') }
    await seen(stage, { ciphers: list, honorCipherOrder: true }, reversed)
    await seen(stage, { ciphers: list, honorCipherOrder: false }, reversed)
  })

  parity('ecdhCurve: the groups that may be', async ({ client, serve, open }) => {
    for (const ecdhCurve of ['P-256', 'prime256v1', 'P-384:P-521', 'X25519', 'auto']) {
      const { port } = await serve({ ...gcm, ecdhCurve })
      const socket = open(port, gcm)
      await once(socket, 'secureConnect')
      client.log(ecdhCurve, socket.getEphemeralKeyInfo())
    }
  })

  parity('sigalgs: none in common is refused', async ({ server, serve, open }) => {
    const { server: created, port } = await serve({ sigalgs: 'RSA+SHA384', ...gcm })
    await once(open(port, { sigalgs: 'RSA+SHA256:RSA+SHA384' }), 'secureConnect')
    const refused = next(created, 'tlsClientError')
    await next(open(port, { sigalgs: 'RSA+SHA256' }), 'error')
    server.log('refused', (await refused)[0] instanceof Error)
  })

  parity('dhparam: auto', async ({ client, serve, open }) => {
    const ciphers = 'DHE-RSA-AES128-GCM-SHA256'
    const { port } = await serve({ ciphers, dhparam: 'auto' })
    const socket = open(port, { ciphers })
    await once(socket, 'secureConnect')
    client.log('key', (socket.getEphemeralKeyInfo() as { type?: string }).type, socket.getCipher().name)
  })

  parity('minVersion, maxVersion, secureProtocol: TLS 1.2', async ({ client, server }) => {
    for (const options of [
      { minVersion: 'TLSv1.2' },
      { maxVersion: 'TLSv1.2' },
      { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
      { minVersion: 'TLSv1', maxVersion: 'TLSv1.3' },
      { minVersion: 'TLSv1.1' },
      { secureProtocol: 'TLSv1_2_method' },
      { secureProtocol: 'TLS_method' },
      { secureProtocol: 'TLSv1_2_client_method' },
      { secureProtocol: 'SSLv23_method' },
      { secureProtocol: 'SSLv2_method' },
      { secureProtocol: 'SSLv3_method' },
      { secureProtocol: 'no_method' },
      { minVersion: 'TLSv9' },
      { secureProtocol: 'TLSv1_2_method', maxVersion: 'TLSv1.2' },
    ] as SecureContextOptions[]) {
      client.attempt(JSON.stringify(options), () => typeof client.tls.createSecureContext(options))
      server.attempt(JSON.stringify(options), () => typeof server.tls.createSecureContext(options))
    }
  })

  parity('secureOptions: a number', async ({ client }) => {
    client.attempt('SSL_OP_NO_TICKET', () => typeof client.tls.createSecureContext({ secureOptions: 0x4000 }))
    client.attempt('text', () => client.tls.createSecureContext({ secureOptions: '1' as unknown as number }))
  })
})

describe('sessions', () => {
  /** Tells whether the second of two connections takes up the first one's session. */
  async function resumes(
    { client, open }: Stage,
    ports: readonly [number, number],
    delayMs = 0,
  ): Promise<void> {
    const first = open(ports[0], withTickets(client))
    const [session] = await once(first, 'session')
    await new Promise(resolve => setTimeout(resolve, delayMs))
    const second = open(ports[1], { session, ...withTickets(client) })
    await once(second, 'secureConnect')
    client.log('reused', second.isSessionReused(), second.getTLSTicket())
  }

  const ticketKeys = Buffer.alloc(48, 7)

  parity('ticketKeys: who has the same takes each other’s tickets', async stage => {
    const { serve, server } = stage
    const shared = { ticketKeys, sessionIdContext: 'one', ...withTickets(server) }
    const [a, b] = [await serve(shared), await serve(shared)]
    const c = await serve({ ...shared, ticketKeys: Buffer.alloc(48, 8) })
    await resumes(stage, [a.port, b.port])
    await resumes(stage, [a.port, c.port])
    c.server.setTicketKeys(ticketKeys)
    await resumes(stage, [a.port, c.port])
  })

  parity('sessionIdContext: another one does not resume', async stage => {
    const { serve, server } = stage
    const tickets = { ticketKeys, ...withTickets(server) }
    const a = await serve({ ...tickets, sessionIdContext: 'a' })
    const b = await serve({ ...tickets, sessionIdContext: 'b' })
    await resumes(stage, [a.port, a.port])
    await resumes(stage, [a.port, b.port])
  })

  parity('sessionTimeout: seconds', async stage => {
    const { port } = await stage.serve({ ticketKeys, sessionTimeout: 1, ...withTickets(stage.server) })
    await resumes(stage, [port, port], 2_500)
    const long = await stage.serve({ ticketKeys, sessionTimeout: 100, ...withTickets(stage.server) })
    await resumes(stage, [long.port, long.port])
  })
})
