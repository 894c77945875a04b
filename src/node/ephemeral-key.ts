import type { NamedGroup } from '../crypto/named-groups.ts'
import type { Established } from '../handshake/flow.ts'

/** The key of (EC)DHE, in the words of node:tls. */
export interface EphemeralKeyInfo {
  readonly type: 'DH' | 'ECDH'
  /** Of a curve, OpenSSL's. */
  readonly name?: string
  /** Bits. */
  readonly size: number
}

/** Sizes in bits as OpenSSL counts them. */
const shown: Readonly<Record<NamedGroup, EphemeralKeyInfo>> = {
  secp256r1: { type: 'ECDH', name: 'prime256v1', size: 256 },
  secp384r1: { type: 'ECDH', name: 'secp384r1', size: 384 },
  secp521r1: { type: 'ECDH', name: 'secp521r1', size: 521 },
  x25519: { type: 'ECDH', name: 'X25519', size: 253 },
  ffdhe2048: { type: 'DH', size: 2048 },
  ffdhe3072: { type: 'DH', size: 3072 },
  ffdhe4096: { type: 'DH', size: 4096 },
  ffdhe6144: { type: 'DH', size: 6144 },
  ffdhe8192: { type: 'DH', size: 8192 },
}

/** Of a handshake; empty when it had none, as a resumed one. */
export function ephemeralKeyInfo({ group, unnamedFieldBits }: Established): EphemeralKeyInfo | NoKey {
  if (group) return { ...shown[group] }
  return unnamedFieldBits === undefined ? {} : { type: 'DH', size: unnamedFieldBits }
}

/** What there is to say of RSA key exchange. */
export type NoKey = Record<string, never>
