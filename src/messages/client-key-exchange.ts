import { type Infer, opaqueVector, struct, uint8, uint16 } from '../wire/codec.ts'

/**
 * ClientKeyExchange of RSA key exchange (RFC 5246 §7.4.7.1): the PreMasterSecret under the server's public
 * key. The length field before the ciphertext is the one that SSLv3 left out.
 */
export const encryptedPreMasterSecret = struct({ encryptedPreMasterSecret: opaqueVector(uint16, 0, 0xffff) })
export type EncryptedPreMasterSecret = Infer<typeof encryptedPreMasterSecret>

/** ClientKeyExchange of Diffie-Hellman key exchange (RFC 5246 §7.4.7.2). */
export const clientDiffieHellmanPublic = struct({ dhYc: opaqueVector(uint16, 1, 0xffff) })
export type ClientDiffieHellmanPublic = Infer<typeof clientDiffieHellmanPublic>

/** ClientKeyExchange of elliptic curve Diffie-Hellman (RFC 8422 §5.7). */
export const clientEcDiffieHellmanPublic = struct({ ecdhYc: opaqueVector(uint8, 1, 0xff) })
export type ClientEcDiffieHellmanPublic = Infer<typeof clientEcDiffieHellmanPublic>

export type ClientKeyExchange =
  | EncryptedPreMasterSecret
  | ClientDiffieHellmanPublic
  | ClientEcDiffieHellmanPublic
