import type { CipherSuiteName } from './cipher-suites.ts'

/**
 * The seam between the protocol and its primitives: a provider is a plain object of synchronous algorithms. It
 * keeps none of the byte strings it is given, keys included: the caller may wipe them when the call returns.
 * The long-term private key is not in it (`decryptPreMaster` is an effect), so that a key can live elsewhere.
 */
export interface CryptoProvider {
  readonly name: string
  /** The suites it can do, in its own order of preference: what is fast differs from provider to provider. */
  readonly cipherSuites: readonly CipherSuiteName[]
  hash(algorithm: HashAlgorithm): Hash
  /** A keyed HMAC; `clone()` reuses the keyed state, which saves two compressions each time. */
  hmac(algorithm: HashAlgorithm, key: Uint8Array): Hash
  /** AES-GCM with a 12-byte nonce and a 16-byte tag; `key` of 16 or 32 bytes. */
  aesGcm(key: Uint8Array): Aead
  /** AES-CBC over whole blocks, without padding; `key` of 16 or 32 bytes. */
  aesCbc(key: Uint8Array): Cbc
  /** HKDF (RFC 5869) with SHA-256: `length` bytes from `secret` under `salt` and `info`. */
  hkdfSha256(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array
  readonly rsa: Rsa
}

export type HashAlgorithm = 'sha1' | 'sha256' | 'sha384' | 'sha512'

/** A running hash or HMAC. */
export interface Hash {
  /** Adds bytes; returns itself. */
  update(bytes: Uint8Array): Hash
  /** The digest of all bytes so far. Ends this state: clone first to go on. */
  digest(): Uint8Array
  /** An independent copy of the state so far. */
  clone(): Hash
}

/** Authenticated encryption (RFC 5116 §2). */
export interface Aead {
  /** Returns ciphertext followed by the tag. */
  seal(nonce: Uint8Array, additionalData: Uint8Array, plaintext: Uint8Array): Uint8Array
  /** Returns the plaintext, or `undefined` when the tag does not fit; never throws on bytes of any length. */
  open(nonce: Uint8Array, additionalData: Uint8Array, sealed: Uint8Array): Uint8Array | undefined
}

/** AES-CBC over a whole number of 16-byte blocks. */
export interface Cbc {
  encrypt(iv: Uint8Array, blocks: Uint8Array): Uint8Array
  decrypt(iv: Uint8Array, blocks: Uint8Array): Uint8Array
}

/** An RSA public key: modulus and exponent (RFC 8017 §3.1). */
export interface RsaPublicKey {
  readonly type: 'rsa'
  readonly modulus: bigint
  readonly publicExponent: bigint
  /** Length of the modulus in bytes, `k` in RFC 8017. */
  readonly modulusLength: number
}

/** Draws `length` random bytes. Handed in, so that every flow can be replayed. */
export type RandomBytes = (length: number) => Uint8Array

/** What a TLS 1.2 peer does with somebody's public RSA key. */
export interface Rsa {
  /** RSAES-PKCS1-v1_5 encryption (RFC 8017 §7.2.1) of a message of at most k - 11 bytes; returns k bytes. */
  encryptPkcs1(key: RsaPublicKey, message: Uint8Array, random: RandomBytes): Uint8Array
  /** RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.2): whether `signature` fits; the whole encoding is compared. */
  verifyPkcs1(key: RsaPublicKey, hash: HashAlgorithm, message: Uint8Array, signature: Uint8Array): boolean
}

/**
 * A long-term private key, which may live in another process: its owner answers the effect, now or later.
 */
export interface PrivateKey {
  readonly type: 'rsa'
  readonly publicKey: RsaPublicKey
  /**
   * The raw RSA private operation (RFC 8017 §5.1.2): the k bytes of the encoded message EM, or `undefined`
   * when the ciphertext is not one for this key. It never throws, and it does not look at the padding:
   * that is done in one place and on one path, RFC 5246 §7.4.7.1, in handshake/pre-master.ts.
   */
  decryptRaw(ciphertext: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined>
}
