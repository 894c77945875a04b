/** The constants and lists of node:tls that say what there is. */
import * as tls from 'node:tls'
import { cipherSuite } from '../crypto/cipher-suites.ts'
import { nobleProvider } from '../providers/noble/index.ts'

/**
 * Whether a certificate is one for a host: Node's own, which also takes the common name where there are no other names. A connection
 * is judged more strictly, by RFC 9525, unless this is given as the option `checkServerIdentity`. The limits of renegotiation are
 * Node's, and limit nothing: none is ever let in.
 */
export {
  CLIENT_RENEG_LIMIT,
  CLIENT_RENEG_WINDOW,
  checkServerIdentity,
  rootCertificates,
} from 'node:tls'

/** Puts names for ALPN into `out.ALPNProtocols` in wire format: Node's own, which its types leave out. */
export const { convertALPNProtocols } = tls as unknown as {
  readonly convertALPNProtocols: (
    protocols: readonly string[] | NodeJS.ArrayBufferView,
    out: { ALPNProtocols?: Buffer },
  ) => void
}

/** In OpenSSL's names, as the option `ciphers` has them: those of the provider 'noble', in its order. */
export const DEFAULT_CIPHERS = nobleProvider.cipherSuites
  .map(suite => cipherSuite(suite).opensslName)
  .join(':')

export const DEFAULT_ECDH_CURVE = 'auto'

/** What can be done, in OpenSSL's names and in lower case, sorted, as Node has them. */
export function getCiphers(): string[] {
  return DEFAULT_CIPHERS.toLowerCase().split(':').sort()
}
