import type { Secret } from '../secret.ts'
import type { CipherSuiteName } from './cipher-suites.ts'
import type { FiniteFieldGroup } from './finite-fields.ts'
import type { NamedGroup } from './named-groups.ts'
import type { SignatureScheme } from './signature-schemes.ts'

/**
 * The seam between the protocol and its primitives: a provider is a plain object of synchronous algorithms. It
 * keeps none of the byte strings it is given, keys included: the caller may wipe them when the call returns.
 * The long-term private key is not in it (`decryptPreMaster` and `sign` are effects), so that a key can live elsewhere.
 */
export interface CryptoProvider {
  readonly name: string
  /** The suites it can do, in its own order of preference: what is fast differs from provider to provider. */
  readonly cipherSuites: readonly CipherSuiteName[]
  /** The groups it can do, in its own order of preference. */
  readonly groups: readonly NamedGroup[]
  /** The signatures it can verify, in its own order of preference; SHA-224 and SHA-1 are last. */
  readonly signatureSchemes: readonly SignatureScheme[]
  hash(algorithm: HashAlgorithm): Hash
  /** A keyed HMAC; `clone()` reuses the keyed state, which saves two compressions each time. */
  hmac(algorithm: HashAlgorithm, key: Uint8Array): Hash
  /** AES-GCM with a 12-byte nonce and a 16-byte tag; `key` of 16 or 32 bytes. */
  aesGcm(key: Uint8Array): Aead
  /** ChaCha20-Poly1305 (RFC 8439 §2.8) with a 12-byte nonce and a 16-byte tag; `key` of 32 bytes. */
  chacha20Poly1305(key: Uint8Array): Aead
  /** AES-CBC over whole blocks, without padding; `key` of 16 or 32 bytes. */
  aesCbc(key: Uint8Array): Cbc
  /** HKDF (RFC 5869) with SHA-256: `length` bytes from `secret` under `salt` and `info`. */
  hkdfSha256(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array
  /** RSAES-PKCS1-v1_5 encryption (RFC 8017 §7.2.1) of a message of at most k - 11 bytes; returns k bytes. */
  encryptPkcs1(key: RsaPublicKey, message: Uint8Array, random: RandomBytes): Uint8Array
  /**
   * A fresh ephemeral key in a group (RFC 8422 §5.11, RFC 7919 §4). A server's own finite field group is taken by its numbers;
   * throws TlsError WEAK_DH_GROUP or BAD_DH_GROUP when p is not odd and of 2048 to 8192 bits, or g not in 1 < g < p-1.
   */
  keyShare(group: NamedGroup | FiniteFieldGroup, random: RandomBytes): KeyShare
  /**
   * Whether `signature` is one of `scheme` over `message` by `key`. False for a key that is not of the scheme's type and for
   * bytes of any form; it does not throw. DER of ECDSA is taken strictly, PKCS #1 is compared whole, the salt of PSS is as long as its hash.
   */
  verify(scheme: SignatureScheme, key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean
}

export type HashAlgorithm = 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512'

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

/** One ephemeral key; used once. */
export interface KeyShare {
  /**
   * As the peer reads it. X25519: 32 bytes; P-256, P-384, P-521: the uncompressed point (RFC 8422 §5.4.1); finite field: Y,
   * big-endian, as long as p (RFC 7919 §4 wants no other length here, RFC 5246 takes it).
   */
  readonly publicKey: Uint8Array
  /**
   * The premaster secret: the x coordinate in the field's full length (RFC 8422 §5.10), of a finite field without leading zeros
   * (RFC 5246 §8.1.2). `undefined` for a public key that is none: another length, not on the curve, compressed, infinity, an
   * all-zero result (RFC 7748 §6.1), a Y outside 1 < Y < p-1 (RFC 7919 §5.1), or whose power is. Wipes the private half.
   */
  agree(peerPublicKey: Uint8Array): Secret | undefined
  /** Overwrites the private half of a share that nobody will use, as far as it can be. */
  wipe(): void
}

export type PublicKey = RsaPublicKey | EcPublicKey | Ed25519PublicKey

/** An RSA public key (RFC 8017 §3.1); of type `rsa-pss` when its certificate says it is for PSS alone (RFC 4055 §1.2). */
export interface RsaPublicKey {
  readonly type: 'rsa' | 'rsa-pss'
  readonly modulus: bigint
  readonly publicExponent: bigint
  /** Length of the modulus in bytes, `k` in RFC 8017. */
  readonly modulusLength: number
  /** Only of an `rsa-pss` key: the one hash it is for, if its parameters name one (RFC 4055 §3.3). */
  readonly pssHash?: HashAlgorithm | undefined
}

export type EcCurve = 'secp256r1' | 'secp384r1' | 'secp521r1'

/** A point on one of the NIST curves (RFC 5480 §2). */
export interface EcPublicKey {
  readonly type: 'ec'
  readonly curve: EcCurve
  /** Uncompressed: 04, x, y. */
  readonly point: Uint8Array
}

/** RFC 8032 §5.1.5: 32 bytes. */
export interface Ed25519PublicKey {
  readonly type: 'ed25519'
  readonly bytes: Uint8Array
}

/** Draws `length` random bytes. Handed in, so that every flow can be replayed. */
export type RandomBytes = (length: number) => Uint8Array

/**
 * A long-term private key, which may live in another process: its owner answers the effects, now or later.
 */
export interface PrivateKey {
  readonly publicKey: PublicKey
  /**
   * Only of an RSA key: the raw RSA private operation (RFC 8017 §5.1.2), that is, the k bytes of the encoded message EM, or
   * `undefined` when the ciphertext is not one for this key. It never throws, and it does not look at the padding:
   * that is done in one place and on one path, RFC 5246 §7.4.7.1, in handshake/pre-master.ts.
   */
  decryptRaw?(ciphertext: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined>
  /**
   * Signs a message, not its hash; ECDSA gives DER. Verified before it leaves: a result that does not fit throws TlsError
   * INTERNAL_ERROR. A scheme that the key cannot do (`canSign`) is ApiMisuse.
   */
  sign(scheme: SignatureScheme, message: Uint8Array): Uint8Array | Promise<Uint8Array>
}
