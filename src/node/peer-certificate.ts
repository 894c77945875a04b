/** Certificates as node:tls shows them: made by Node's own reader, so that they are the same to the letter. */
import { X509Certificate } from 'node:crypto'
import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls'
import { equalBytes } from '../bytes.ts'
import { type Certificate, parseCertificate } from '../x509/certificate.ts'

/** What `getPeerCertificate` gives where there is none. */
export type NoCertificate = Record<string, never>

/** A certificate of node:crypto; `undefined` when OpenSSL cannot read what we could: no peer shall break an application by that. */
export function x509CertificateOf(der: Uint8Array | undefined): X509Certificate | undefined {
  try {
    return der && new X509Certificate(der)
  } catch {
    return undefined
  }
}

/** The leaf's fields; with `isDetailed` each certificate has its issuer's, and a self-signed one itself (node:tls's `issuerCertificate`). */
export function peerCertificateOf(
  chain: readonly Uint8Array[],
  isDetailed: boolean,
): PeerCertificate | DetailedPeerCertificate | NoCertificate {
  const [leaf, ...others] = chain.map(x509CertificateOf).filter(certificate => certificate !== undefined)
  if (!leaf) return {}
  return isDetailed ? withIssuers(leaf, others) : leaf.toLegacyObject()
}

/** A chain in DER with the anchors that it leads to, which OpenSSL shows too. */
export function withAnchors(
  chain: readonly Uint8Array[],
  anchors: readonly Certificate[],
): readonly Uint8Array[] {
  const last = chain.at(-1)
  const { subject, issuer } = (last && readable(last)) ?? {}
  if (!subject || !issuer || equalBytes(subject.raw, issuer.raw)) return chain
  const anchor = anchors.find(({ subject }) => equalBytes(subject.raw, issuer.raw))
  const isNew = anchor && !chain.some(der => equalBytes(der, anchor.raw))
  return isNew ? withAnchors([...chain, anchor.raw], anchors) : chain
}

/** What a client resumes with may come out of a file that says anything. */
function readable(der: Uint8Array): Certificate | undefined {
  try {
    return parseCertificate(der)
  } catch {
    return undefined
  }
}

function withIssuers(
  certificate: X509Certificate,
  others: readonly X509Certificate[],
): DetailedPeerCertificate {
  const shown = certificate.toLegacyObject() as DetailedPeerCertificate
  const issuer = others.find(other => certificate.checkIssued(other))
  if (issuer)
    shown.issuerCertificate = withIssuers(
      issuer,
      others.filter(other => other !== issuer),
    )
  else if (certificate.checkIssued(certificate)) shown.issuerCertificate = shown
  return shown
}
