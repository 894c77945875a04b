import { createHash } from 'node:crypto'
import { parseCertificate } from '../x509/certificate.ts'
import { certificatesFromPem } from '../x509/certificate-pem.ts'
import { endPointHash } from '../x509/signature-algorithm.ts'
import type { Pem } from './secure-context.ts'

/**
 * The channel binding tls-server-end-point for a server's certificate: a PEM text, or DER (RFC 5929 §4.1). Both ends can compute it;
 * a socket has it as `tlsServerEndPoint`. `undefined` for a certificate whose signature has no hash of its own, as Ed25519's.
 */
export function tlsServerEndPoint(certificate: Pem): Buffer | undefined {
  const leaf = isDer(certificate)
    ? parseCertificate(certificate)
    : certificatesFromPem(Buffer.from(certificate).toString('latin1'), 'certificate')[0]!
  const hash = endPointHash(leaf)
  return hash && createHash(hash).update(leaf.raw).digest()
}

const derSequence = 0x30

function isDer(certificate: Pem): certificate is Uint8Array {
  return typeof certificate !== 'string' && certificate[0] === derSequence
}
