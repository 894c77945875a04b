/** How a record is protected under a suite (RFC 5246 §6.2.3). */
export type BulkCipher =
  /** No explicit nonce: 12 bytes of IV, to which the sequence number is added (RFC 7905 §2). */
  | { readonly mode: 'chacha20-poly1305'; readonly keyLength: 32; readonly fixedIvLength: 12 }
  /** 4-byte implicit and 8-byte explicit nonce (RFC 5288 §3). */
  | { readonly mode: 'gcm'; readonly keyLength: 16 | 32; readonly fixedIvLength: 4 }
  /** MAC over the plaintext, or over the ciphertext where encrypt_then_mac was agreed (RFC 7366). */
  | {
      readonly mode: 'cbc'
      readonly keyLength: 16 | 32
      readonly mac: 'sha1' | 'sha256' | 'sha384'
      readonly macLength: number
    }

/**
 * How the premaster secret comes about (RFC 5246 §7.4.7, RFC 8422 §2): under the server's RSA key, or by a Diffie-Hellman
 * exchange that the server signs.
 */
export type KeyExchange = 'rsa' | 'ecdhe' | 'dhe'

export interface CipherSuite {
  /** The number on the wire. */
  readonly number: number
  /** What openssl calls it: people know these names from their configuration. */
  readonly opensslName: string
  readonly keyExchange: KeyExchange
  /** What the server proves itself with: an RSA key, or one for ECDSA or EdDSA (RFC 8422 §2). */
  readonly authentication: 'rsa' | 'ecdsa'
  readonly cipher: BulkCipher
  /** The hash of the PRF and of the handshake transcript (RFC 5246 §5, RFC 5288 §3). */
  readonly prfHash: 'sha256' | 'sha384'
}

const gcm128 = { mode: 'gcm', keyLength: 16, fixedIvLength: 4 } as const
const gcm256 = { mode: 'gcm', keyLength: 32, fixedIvLength: 4 } as const
const chacha20 = { mode: 'chacha20-poly1305', keyLength: 32, fixedIvLength: 12 } as const
const cbc = (keyLength: 16 | 32, mac: 'sha1' | 'sha256' | 'sha384', macLength: number) =>
  ({ mode: 'cbc', keyLength, mac, macLength }) as const
const cbc128sha1 = cbc(16, 'sha1', 20)
const cbc256sha1 = cbc(32, 'sha1', 20)
const cbc128sha256 = cbc(16, 'sha256', 32)
const cbc256sha256 = cbc(32, 'sha256', 32)
const cbc256sha384 = cbc(32, 'sha384', 48)

/** The rows of one key exchange and authentication. */
const suitesOf =
  (keyExchange: KeyExchange, authentication: 'rsa' | 'ecdsa') =>
  (number: number, opensslName: string, cipher: BulkCipher, prfHash: 'sha256' | 'sha384'): CipherSuite => ({
    number,
    opensslName,
    keyExchange,
    authentication,
    cipher,
    prfHash,
  })
const ecdheEcdsa = suitesOf('ecdhe', 'ecdsa')
const ecdheRsa = suitesOf('ecdhe', 'rsa')
const dheRsa = suitesOf('dhe', 'rsa')
const rsa = suitesOf('rsa', 'rsa')

/**
 * The cipher suites we do (RFC 5246 §A.5, RFC 5288 §3, RFC 5289 §3, RFC 7905 §2, RFC 8422 §6). A new suite is one row here
 * and its vectors. Providers and configurations have their own order; this one is for readers.
 */
export const cipherSuites = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: ecdheEcdsa(
    0xc02b,
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    gcm128,
    'sha256',
  ),
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: ecdheEcdsa(
    0xc02c,
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    gcm256,
    'sha384',
  ),
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: ecdheEcdsa(
    0xcca9,
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    chacha20,
    'sha256',
  ),
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: ecdheEcdsa(
    0xc023,
    'ECDHE-ECDSA-AES128-SHA256',
    cbc128sha256,
    'sha256',
  ),
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384: ecdheEcdsa(
    0xc024,
    'ECDHE-ECDSA-AES256-SHA384',
    cbc256sha384,
    'sha384',
  ),
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: ecdheEcdsa(0xc009, 'ECDHE-ECDSA-AES128-SHA', cbc128sha1, 'sha256'),
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: ecdheEcdsa(0xc00a, 'ECDHE-ECDSA-AES256-SHA', cbc256sha1, 'sha256'),
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: ecdheRsa(0xc02f, 'ECDHE-RSA-AES128-GCM-SHA256', gcm128, 'sha256'),
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: ecdheRsa(0xc030, 'ECDHE-RSA-AES256-GCM-SHA384', gcm256, 'sha384'),
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: ecdheRsa(
    0xcca8,
    'ECDHE-RSA-CHACHA20-POLY1305',
    chacha20,
    'sha256',
  ),
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: ecdheRsa(0xc027, 'ECDHE-RSA-AES128-SHA256', cbc128sha256, 'sha256'),
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384: ecdheRsa(0xc028, 'ECDHE-RSA-AES256-SHA384', cbc256sha384, 'sha384'),
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: ecdheRsa(0xc013, 'ECDHE-RSA-AES128-SHA', cbc128sha1, 'sha256'),
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: ecdheRsa(0xc014, 'ECDHE-RSA-AES256-SHA', cbc256sha1, 'sha256'),
  TLS_DHE_RSA_WITH_AES_128_GCM_SHA256: dheRsa(0x009e, 'DHE-RSA-AES128-GCM-SHA256', gcm128, 'sha256'),
  TLS_DHE_RSA_WITH_AES_256_GCM_SHA384: dheRsa(0x009f, 'DHE-RSA-AES256-GCM-SHA384', gcm256, 'sha384'),
  TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256: dheRsa(0xccaa, 'DHE-RSA-CHACHA20-POLY1305', chacha20, 'sha256'),
  TLS_DHE_RSA_WITH_AES_128_CBC_SHA256: dheRsa(0x0067, 'DHE-RSA-AES128-SHA256', cbc128sha256, 'sha256'),
  TLS_DHE_RSA_WITH_AES_256_CBC_SHA256: dheRsa(0x006b, 'DHE-RSA-AES256-SHA256', cbc256sha256, 'sha256'),
  TLS_DHE_RSA_WITH_AES_128_CBC_SHA: dheRsa(0x0033, 'DHE-RSA-AES128-SHA', cbc128sha1, 'sha256'),
  TLS_DHE_RSA_WITH_AES_256_CBC_SHA: dheRsa(0x0039, 'DHE-RSA-AES256-SHA', cbc256sha1, 'sha256'),
  TLS_RSA_WITH_AES_128_GCM_SHA256: rsa(0x009c, 'AES128-GCM-SHA256', gcm128, 'sha256'),
  TLS_RSA_WITH_AES_256_GCM_SHA384: rsa(0x009d, 'AES256-GCM-SHA384', gcm256, 'sha384'),
  TLS_RSA_WITH_AES_128_CBC_SHA256: rsa(0x003c, 'AES128-SHA256', cbc128sha256, 'sha256'),
  TLS_RSA_WITH_AES_256_CBC_SHA256: rsa(0x003d, 'AES256-SHA256', cbc256sha256, 'sha256'),
  TLS_RSA_WITH_AES_128_CBC_SHA: rsa(0x002f, 'AES128-SHA', cbc128sha1, 'sha256'),
  TLS_RSA_WITH_AES_256_CBC_SHA: rsa(0x0035, 'AES256-SHA', cbc256sha1, 'sha256'),
} as const satisfies Record<string, CipherSuite>

export type CipherSuiteName = keyof typeof cipherSuites

/** The ciphers that authenticate (RFC 5116), by mode and bits of the key. */
export type AeadName = 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305'

/**
 * An order of preference for providers: authenticated encryption before CBC; forward secrecy first, on curves before in finite fields; the
 * AEADs as given, the fastest first, which is not the same one everywhere; of CBC the stronger hash first.
 */
export function preferredSuites(aeads: readonly AeadName[]): readonly CipherSuiteName[] {
  const rankOf = ({ keyExchange, cipher }: CipherSuite) => [
    cipher.mode === 'cbc' ? 1 : 0,
    ['ecdhe', 'dhe', 'rsa'].indexOf(keyExchange),
    cipher.mode === 'cbc' && cipher.mac === 'sha1' ? 1 : 0,
    cipher.mode === 'cbc' ? cipher.keyLength : aeads.indexOf(aeadOf(cipher)),
  ]
  const ranked = cipherSuiteNames.map(name => ({ name, rank: rankOf(cipherSuite(name)) }))
  ranked.sort((a, b) => a.rank.map((rank, i) => rank - b.rank[i]!).find(difference => difference !== 0) ?? 0)
  return ranked.map(({ name }) => name)
}

function aeadOf({ mode, keyLength }: Exclude<BulkCipher, { readonly mode: 'cbc' }>): AeadName {
  if (mode === 'chacha20-poly1305') return mode
  return keyLength === 16 ? 'aes-128-gcm' : 'aes-256-gcm'
}

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
