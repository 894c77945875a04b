import { expect, it } from 'vitest'
import { hasCertificateFor } from '../../src/driver/certificates.ts'
import { testCertifiedKey } from '../support/pair.ts'

// The names in server.pem, by `openssl x509 -ext subjectAltName`: localhost, *.example.test, 127.0.0.1, ::1.
it.each([
  ['localhost', true],
  ['a.example.test', true],
  ['a.b.example.test', false],
  ['www.localhost', false],
  ['other.example', false],
  [undefined, false],
])('whether a certificate here names %s: %s', (serverName, expected) => {
  expect(hasCertificateFor([testCertifiedKey()], serverName)).toBe(expected)
  expect(hasCertificateFor([], serverName)).toBe(false)
})
