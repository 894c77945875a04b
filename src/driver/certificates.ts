import { asciiBytes, concatBytes } from '../bytes.ts'
import type { CryptoProvider } from '../crypto/provider.ts'
import { TlsError } from '../errors.ts'
import type { Ask, VerifiedPeer } from '../handshake/effects.ts'
import type { Certificate } from '../x509/certificate.ts'
import type { CertifiedKey } from '../x509/certified-key.ts'
import { matchesHost } from '../x509/host-name.ts'
import { verifyChain } from '../x509/verify.ts'

/** Picks the first certificate that names the host asked for, else the first of all (RFC 6066 §3 leaves it to us). */
export function selectByServerName(
  certifiedKeys: readonly CertifiedKey[],
): (ask: Ask<'selectCertificate'>) => CertifiedKey | undefined {
  return ({ serverName }) => {
    const named =
      serverName && certifiedKeys.find(({ leaf }) => matchesHost(leaf.extensions.subjectAltName, serverName))
    return named || certifiedKeys[0]
  }
}

/**
 * 16 bytes that bind a session to the terms it was made under, so that a server of other terms does not take
 * it. Suites and versions are not in it: those are checked one by one.
 */
export function policyHashOf(
  provider: CryptoProvider,
  terms: { clientAuth: 'none'; sessionIdContext: string },
): Uint8Array {
  const context = provider
    .hash('sha256')
    .update(asciiBytes(encodeURIComponent(terms.sessionIdContext)))
    .digest()
  const bound = concatBytes(asciiBytes(`ringtls policy 1\0${terms.clientAuth}\0`), context)
  return provider.hash('sha256').update(bound).digest().slice(0, 16)
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
  return ({ chain, peerName }) => {
    try {
      const publicKey = verifyChain({
        chain,
        anchors,
        nowMs: now(),
        ...(peerName === '' ? {} : { serverName: peerName }),
        rsa: provider.rsa,
        usage: 'serverAuth',
      })
      return { publicKey, verified: true }
    } catch (error) {
      const key = chain[0]?.subjectPublicKey
      if (rejectUnauthorized || !(error instanceof TlsError) || key?.type !== 'rsa') throw error
      onRefusal?.(error)
      return { publicKey: key, verified: false }
    }
  }
}
