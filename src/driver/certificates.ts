import { asciiBytes, concatBytes, toHex } from '../bytes.ts'
import type { CryptoProvider } from '../crypto/provider.ts'
import { TlsError } from '../errors.ts'
import { isIssuedByOneOf, usableClientScheme, usableSuites } from '../handshake/certificate-choice.ts'
import type { Ask, VerifiedPeer } from '../handshake/effects.ts'
import type { Certificate } from '../x509/certificate.ts'
import type { CertifiedKey } from '../x509/certified-key.ts'
import { matchesHost } from '../x509/host-name.ts'
import { verifyChain } from '../x509/verify.ts'

/**
 * Answers selectCertificate. Server: of the certificates that name the host asked for, or of all where none does (RFC 6066 §3 leaves
 * it to us), the first that can serve the best suite. Client: the first that the server has a use for.
 */
export function selectByServerName(
  certifiedKeys: readonly CertifiedKey[],
): (ask: Ask<'selectCertificate'>) => CertifiedKey | undefined {
  return ask => {
    if (ask.role === 'client') return certifiedKeys.find(certified => isUsefulToServer(certified, ask))
    const choices = namedFirst(certifiedKeys, ask.serverName).map(certified => ({
      certified,
      suites: usableSuites(certified, ask).map(({ suite }) => suite),
    }))
    const best = ask.cipherSuites.find(suite => choices.some(({ suites }) => suites.includes(suite)))
    // Where none can serve, the handshake says what is wrong with the first.
    return (choices.find(({ suites }) => best && suites.includes(best)) ?? choices[0])?.certified
  }
}

/** A server that names authorities has no use for a certificate of another one (RFC 5246 §7.4.6). */
function isUsefulToServer(certified: CertifiedKey, ask: Ask<'selectCertificate'>): boolean {
  const { authorities = [] } = ask
  const isWelcome = authorities.length === 0 || isIssuedByOneOf(certified, authorities)
  return isWelcome && usableClientScheme(certified, ask) !== undefined
}

function namedFirst(certifiedKeys: readonly CertifiedKey[], serverName: string | undefined) {
  if (serverName === undefined) return certifiedKeys
  const named = certifiedKeys.filter(certified => names(certified, serverName))
  return named.length > 0 ? named : certifiedKeys
}

function names({ leaf }: CertifiedKey, serverName: string): boolean {
  return matchesHost(leaf.extensions.subjectAltName, serverName)
}

/** Whether one of the certificates names the host: otherwise its name makes no difference (RFC 6066 §3). */
export function hasCertificateFor(
  certifiedKeys: readonly CertifiedKey[],
  serverName: string | undefined,
): boolean {
  return serverName !== undefined && certifiedKeys.some(certified => names(certified, serverName))
}

/** Under which terms a server makes sessions. */
export interface PolicyTerms {
  readonly clientAuth: 'none' | 'request' | 'require'
  /** Whether a client's certificate that does not verify is refused: true by default. */
  readonly rejectUnauthorized?: boolean
  /** The authorities of client certificates: their names or certificates in DER, in any order. */
  readonly authorities: readonly Uint8Array[]
  readonly sessionIdContext: string
}

/**
 * 16 bytes that bind a session to the terms it was made under, so that a server of other terms does not take
 * it: who was let in without a certificate, or with one of another authority, does not get in here by resuming.
 * Suites and versions are not in it: those are checked one by one.
 */
export function policyHashOf(provider: CryptoProvider, terms: PolicyTerms): Uint8Array {
  const digest = (bytes: Uint8Array) => provider.hash('sha256').update(bytes).digest()
  const context = digest(asciiBytes(encodeURIComponent(terms.sessionIdContext)))
  const authorities = [...new Set(terms.authorities.map(der => toHex(digest(der))))].sort()
  const { clientAuth, rejectUnauthorized = true } = terms
  const mode = rejectUnauthorized ? clientAuth : `${clientAuth}, unverified too`
  const words = asciiBytes(`ringtls policy 2\0${mode}\0${authorities.join(' ')}\0`)
  return digest(concatBytes(words, context)).slice(0, 16)
}

export interface VerifierOptions {
  readonly provider: CryptoProvider
  readonly anchors: readonly Certificate[]
  readonly now: () => number
  /** When false, a chain that does not verify is accepted and reported. */
  readonly rejectUnauthorized: boolean
  readonly onRefusal?: (reason: TlsError) => void
}

/** Answers verifyCertificate by the path to one of our anchors (RFC 5246 §7.4.2). */
export function certificateVerifier(
  options: VerifierOptions,
): (ask: Ask<'verifyCertificate'>) => VerifiedPeer {
  const { provider, anchors, now, rejectUnauthorized, onRefusal } = options
  return ({ chain, peerName, usage }) => {
    try {
      const publicKey = verifyChain({
        chain,
        anchors,
        nowMs: now(),
        ...(peerName === '' ? {} : { serverName: peerName }),
        verify: provider.verify,
        usage,
      })
      return { publicKey, verified: true }
    } catch (error) {
      const key = chain[0]?.subjectPublicKey
      if (rejectUnauthorized || !(error instanceof TlsError) || !key || key.type === 'unsupported')
        throw error
      onRefusal?.(error)
      return { publicKey: key, verified: false }
    }
  }
}
