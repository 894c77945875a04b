import type { HashAlgorithm } from './provider.ts'

/** How a record is protected under a suite (RFC 5246 §6.2.3). */
export type BulkCipher =
  /** 4-byte implicit and 8-byte explicit nonce (RFC 5288 §3). */
  | { readonly mode: 'gcm'; readonly keyLength: 16 | 32; readonly fixedIvLength: 4 }
  /** MAC over the plaintext, or over the ciphertext where encrypt_then_mac was agreed (RFC 7366). */
  | {
      readonly mode: 'cbc'
      readonly keyLength: 16 | 32
      readonly mac: HashAlgorithm
      readonly macLength: number
    }

export interface CipherSuite {
  /** The number on the wire. */
  readonly number: number
  /** What openssl calls it: people know these names from their configuration. */
  readonly opensslName: string
  readonly keyExchange: 'rsa'
  readonly cipher: BulkCipher
  /** The hash of the PRF and of the handshake transcript (RFC 5246 §5, RFC 5288 §3). */
  readonly prfHash: 'sha256' | 'sha384'
}

const gcm = (keyLength: 16 | 32) => ({ mode: 'gcm', keyLength, fixedIvLength: 4 }) as const
const cbc = (keyLength: 16 | 32, mac: 'sha1' | 'sha256', macLength: number) =>
  ({ mode: 'cbc', keyLength, mac, macLength }) as const

const rsa = <C extends BulkCipher>(
  number: number,
  opensslName: string,
  cipher: C,
  prfHash: 'sha256' | 'sha384',
) => ({ number, opensslName, keyExchange: 'rsa', cipher, prfHash }) as const

/** The cipher suites we do (RFC 5246 §A.5, RFC 5288 §3). A new suite is one row here and its vectors. */
export const cipherSuites = {
  TLS_RSA_WITH_AES_128_GCM_SHA256: rsa(0x009c, 'AES128-GCM-SHA256', gcm(16), 'sha256'),
  TLS_RSA_WITH_AES_256_GCM_SHA384: rsa(0x009d, 'AES256-GCM-SHA384', gcm(32), 'sha384'),
  TLS_RSA_WITH_AES_128_CBC_SHA256: rsa(0x003c, 'AES128-SHA256', cbc(16, 'sha256', 32), 'sha256'),
  TLS_RSA_WITH_AES_256_CBC_SHA256: rsa(0x003d, 'AES256-SHA256', cbc(32, 'sha256', 32), 'sha256'),
  TLS_RSA_WITH_AES_128_CBC_SHA: rsa(0x002f, 'AES128-SHA', cbc(16, 'sha1', 20), 'sha256'),
  TLS_RSA_WITH_AES_256_CBC_SHA: rsa(0x0035, 'AES256-SHA', cbc(32, 'sha1', 20), 'sha256'),
} as const satisfies Record<string, CipherSuite>

export type CipherSuiteName = keyof typeof cipherSuites

/** The suite of a name. */
export function cipherSuite(name: CipherSuiteName): CipherSuite {
  return cipherSuites[name]
}

/** All names, in the table's order. */
export const cipherSuiteNames = Object.keys(cipherSuites) as readonly CipherSuiteName[]

/** The suite an RFC name, an OpenSSL name or neither stands for. */
export function findCipherSuite(name: string): CipherSuiteName | undefined {
  return cipherSuiteNames.find(suite => suite === name || cipherSuites[suite].opensslName === name)
}
