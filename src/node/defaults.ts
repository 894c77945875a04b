/** The constants and lists of node:tls that say what there is. */
import { cipherSuite } from '../crypto/cipher-suites.ts'
import { nobleProvider } from '../providers/noble/index.ts'

/**
 * Whether a certificate is one for a host: Node's own, which also takes the common name where there are no other names. A connection
 * is judged more strictly, by RFC 9525, unless this is given as the option `checkServerIdentity`.
 */
export { checkServerIdentity, rootCertificates } from 'node:tls'

/** In OpenSSL's names, as the option `ciphers` has them: those of the provider 'noble', in its order. */
export const DEFAULT_CIPHERS = nobleProvider.cipherSuites
  .map(suite => cipherSuite(suite).opensslName)
  .join(':')

export const DEFAULT_ECDH_CURVE = 'auto'

/** No renegotiation is ever let in, in whatever time: see `renegotiate`. */
export const CLIENT_RENEG_LIMIT = 0
export const CLIENT_RENEG_WINDOW = 600

/** What can be done, in OpenSSL's names and in lower case, sorted, as Node has them. */
export function getCiphers(): string[] {
  return DEFAULT_CIPHERS.toLowerCase().split(':').sort()
}
