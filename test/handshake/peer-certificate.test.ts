/** What is wrong with a leaf is said before anybody is asked to judge its chain (RFC 5246 §7.4.2, §7.4.6; RFC 8422 §5.3). */
import { expect, test } from 'vitest'
import { AlertDescription } from '../../src/errors.ts'
import type { ServerConfig } from '../../src/handshake/config.ts'
import { certificatesFromPem } from '../../src/x509/certificate-pem.ts'
import { certificateBody } from '../support/by-hand.ts'
import { fixture } from '../support/fixtures.ts'
import type { Puppet } from '../support/puppet.ts'
import { clientPuppet, serverPuppet } from '../support/scenes.ts'

const certificateOf = (file: string) =>
  certificateBody(certificatesFromPem(fixture(file), file).map(({ raw }) => raw))
const ecdhe = { suite: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', identity: 'ec' } as const

function expectWrongType(puppet: Puppet): void {
  expect(puppet.alert).toEqual({ level: 2, description: AlertDescription.illegal_parameter })
  expect(puppet.subject.error).toMatchObject({ code: 'WRONG_CERTIFICATE_TYPE' })
}

// RFC 8422 §5.3: "the public key in the server's certificate MUST respect the client's choice of elliptic curves".
test.each([
  ['x509/ed448.pem', 'a key of another kind than any suite is for'],
  ['x509/secp256k1.pem', 'a curve that nobody offered'],
  ['ec384.pem', 'a curve that we can do and did not offer'],
])('a client refuses %s: %s', file => {
  const groups = ['x25519', 'secp256r1'] as const
  const puppet = serverPuppet(false, ecdhe, { client: { groups } }).advance(1)
  puppet.say('certificate', certificateOf(file))
  expectWrongType(puppet)
})

test('a client takes the curve that it offered', () => {
  const puppet = serverPuppet(false, ecdhe, { client: { groups: ['x25519', 'secp256r1'] } }).advance(2)
  expect(puppet.alert).toBeUndefined()
})

// RFC 5246 §7.4.6: the key "has to be compatible with the certificate types listed in CertificateRequest".
test.each<ServerConfig['clientAuth']>(['request', 'require'])(
  'a server that asks (%s) refuses a key that it did not ask for',
  clientAuth => {
    const puppet = clientPuppet(false, { clientAuth: true }, { server: { clientAuth } }).advance(1)
    puppet.say('certificate', certificateOf('x509/ed448.pem'))
    expectWrongType(puppet)
  },
)
