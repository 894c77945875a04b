import { readFileSync } from 'node:fs'
import { type Certificate, parseCertificate } from '../../src/x509/certificate.ts'

/** The text of a file in test/fixtures/x509, which `make.sh` there made with openssl. */
export function fixture(name: string): string {
  return readFileSync(new URL(`../fixtures/x509/${name}.pem`, import.meta.url), 'utf8')
}

/** The DER of the first PEM block, by Node's base64 and not ours. */
export function fixtureDer(name: string): Uint8Array {
  const base64 = /-----BEGIN [^-]+-----([^-]+)-----END/.exec(fixture(name))
  return Uint8Array.from(Buffer.from(base64?.[1] ?? '', 'base64'))
}

export function certificateFixture(name: string): Certificate {
  return parseCertificate(fixtureDer(name))
}
