/** The functions and values of the module that need no connection. */

import { X509Certificate } from 'node:crypto'
import type { PeerCertificate } from 'node:tls'
import * as nodeTls from 'node:tls'
import { describe } from 'vitest'
import { fixture } from '../../support/fixtures.ts'
import { parity } from './harness.ts'

describe('checkServerIdentity', () => {
  const certificate = new X509Certificate(fixture('server.pem')).toLegacyObject() as PeerCertificate
  const named = (subjectaltname: string | undefined, CN = 'localhost') =>
    ({ subject: { CN }, subjectaltname }) as PeerCertificate

  parity('names and addresses of a certificate', async ({ client }) => {
    for (const host of [
      'localhost',
      'LOCALHOST',
      'localhost.',
      'a.example.test',
      'a.b.example.test',
      'example.test',
      '127.0.0.1',
      '::1',
      '10.0.0.1',
      '',
      'elsewhere.test',
    ]) {
      const error = client.tls.checkServerIdentity(host, certificate) as
        | (Error & { reason: string; host: string; cert: object })
        | undefined
      client.log(host, error, error?.reason, error?.host, error?.cert === certificate, error?.message)
    }
  })

  parity('wildcards, common names, and certificates without names', async ({ client }) => {
    const cases = [
      ['a.test', named('DNS:*.test')],
      ['a.b.test', named('DNS:*.b.test')],
      ['ab.b.test', named('DNS:a*.b.test')],
      ['b.test', named(undefined, 'b.test')],
      ['b.test', named('DNS:c.test', 'b.test')],
      ['b.test', named('IP Address:10.0.0.1', 'b.test')],
      ['10.0.0.1', named('IP Address:10.0.0.1')],
      ['10.0.0.1', named('DNS:10.0.0.1')],
      ['b.test', named('URI:https://b.test/', 'none')],
      ['b.test', named('DNS:"b.test"', 'none')],
      ['b.test', { subject: undefined } as unknown as PeerCertificate],
    ] as const
    for (const [host, certificate] of cases) {
      const error = client.tls.checkServerIdentity(host, certificate) as
        | (Error & { reason: string })
        | undefined
      client.log(host, error, error?.reason)
    }
  })
})

describe('lists and defaults', () => {
  parity('the default export has all names', async ({ client }) => {
    const { default: all, ...named } = client.tls as typeof client.tls & { default: Record<string, unknown> }
    client.log(
      'the same',
      Object.entries(named).every(([name, value]) => all[name] === value),
    )
    client.log('connect', typeof all.connect)
  })

  parity('rootCertificates: Node’s own, and frozen', async ({ client }) => {
    const { rootCertificates } = client.tls
    client.log('roots', rootCertificates.length, Object.isFrozen(rootCertificates))
    client.log(
      'the same',
      rootCertificates.every((pem, i) => pem === nodeTls.rootCertificates[i]),
    )
  })

  parity('getCiphers: lower-case names, sorted, a list of one’s own', async ({ client }) => {
    const names = client.tls.getCiphers()
    client.log(
      'lower',
      names.every(name => name === name.toLowerCase()),
    )
    client.log(
      'known',
      ['aes128-gcm-sha256', 'ecdhe-rsa-aes128-gcm-sha256'].every(name => names.includes(name)),
    )
    client.log(
      'all of node',
      names.every(name => nodeTls.getCiphers().includes(name)),
    )
    names.pop()
    client.log('a copy', client.tls.getCiphers().length === names.length + 1)
  })

  parity(
    'DEFAULT_MIN_VERSION, DEFAULT_ECDH_CURVE, CLIENT_RENEG_LIMIT, CLIENT_RENEG_WINDOW',
    async ({ client }) => {
      const { DEFAULT_MIN_VERSION, DEFAULT_ECDH_CURVE, CLIENT_RENEG_LIMIT, CLIENT_RENEG_WINDOW } = client.tls
      client.log('values', DEFAULT_MIN_VERSION, DEFAULT_ECDH_CURVE, CLIENT_RENEG_LIMIT, CLIENT_RENEG_WINDOW)
    },
  )

  parity('DEFAULT_CIPHERS: a list that ciphers takes', async ({ client }) => {
    client.log('text', typeof client.tls.DEFAULT_CIPHERS)
    client.attempt(
      'taken',
      () => typeof client.tls.createSecureContext({ ciphers: client.tls.DEFAULT_CIPHERS }),
    )
  })

  parity('convertALPNProtocols: names in wire format', async ({ client }) => {
    const { convertALPNProtocols } = client.tls as unknown as {
      convertALPNProtocols(list: unknown, out: { ALPNProtocols?: Buffer }): void
    }
    for (const list of [['h2', 'http/1.1'], Buffer.from('\x02h2'), [], ['é']]) {
      const out: { ALPNProtocols?: Buffer } = {}
      convertALPNProtocols(list, out)
      client.log('wire', out.ALPNProtocols && Buffer.from(out.ALPNProtocols).toString('hex'))
    }
    client.attempt('too long', () => convertALPNProtocols(['x'.repeat(256)], {}))
  })
})
