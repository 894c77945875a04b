import { type Infer, opaqueVector, struct, uint16 } from '../wire/codec.ts'

/**
 * ClientKeyExchange of RSA key exchange (RFC 5246 §7.4.7.1): the PreMasterSecret under the server's public
 * key. The length field before the ciphertext is the one that SSLv3 left out.
 */
export const clientKeyExchange = struct({ encryptedPreMasterSecret: opaqueVector(uint16, 0, 0xffff) })
export type ClientKeyExchange = Infer<typeof clientKeyExchange>

/** ClientKeyExchange of Diffie-Hellman key exchange (RFC 5246 §7.4.7.2). */
export const clientDiffieHellmanPublic = struct({ dhYc: opaqueVector(uint16, 1, 0xffff) })
export type ClientDiffieHellmanPublic = Infer<typeof clientDiffieHellmanPublic>
