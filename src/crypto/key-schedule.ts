/**
 * From the pre-master secret to the keys of the records:
 *
 *     preMasterSecret --- "master secret" ----------- client random + server random --+
 *                    \--- "extended master secret" -- session hash -------------------+
 *                                                                                     v
 *     keyBlock <--------- "key expansion" ----------- server random + client random - masterSecret
 *     verifyData <------- "client finished", "server finished" - handshake hash -----/
 *
 * Mind the randoms: the master secret has the client's first, the key block the server's.
 */
import { concatBytes } from '../bytes.ts'
import { ApiMisuse } from '../errors.ts'
import { Secret } from '../secret.ts'
import type { BulkCipher, CipherSuite } from './cipher-suites.ts'
import { prf } from './prf.ts'
import type { CryptoProvider } from './provider.ts'

/** The labels of RFC 5246 §6.3, §7.4.9, §8.1 and RFC 7627 §4. */
const labels = {
  masterSecret: 'master secret',
  extendedMasterSecret: 'extended master secret',
  keyExpansion: 'key expansion',
  clientFinished: 'client finished',
  serverFinished: 'server finished',
} as const

/** "The master secret is always exactly 48 bytes in length" (RFC 5246 §8.1). */
const masterSecretLength = 48

/** `verify_data_length`: no suite of ours asks for another one (RFC 5246 §7.4.9). */
const verifyDataLength = 12

/** `ClientHello.random` and `ServerHello.random`, 32 bytes each. */
export interface Randoms {
  readonly clientRandom: Uint8Array
  readonly serverRandom: Uint8Array
}

/** What one side writes its records with (RFC 5246 §6.3); the other side reads with the same. */
export interface WriteKeys {
  /** The HMAC key; empty for an AEAD, which needs none. */
  readonly macKey: Uint8Array
  readonly key: Uint8Array
  /** GCM: the 4-byte salt of the nonce (RFC 5288 §3). ChaCha20: 12 bytes (RFC 7905 §2). CBC: empty, each record carries its own IV (RFC 5246 §6.2.3.2). */
  readonly iv: Uint8Array
}

/** The key block, cut up (RFC 5246 §6.3). */
export interface KeyBlock {
  readonly client: WriteKeys
  readonly server: WriteKeys
}

/** `master_secret = PRF(pre_master_secret, "master secret", client random + server random)` (RFC 5246 §8.1). */
export function deriveMasterSecret(
  provider: CryptoProvider,
  suite: CipherSuite,
  preMasterSecret: Secret,
  { clientRandom, serverRandom }: Randoms,
): Secret {
  const secret = preMasterSecret.reveal()
  const seed = concatBytes(clientRandom, serverRandom)
  return new Secret(
    prf({ provider, hash: suite.prfHash, secret, label: labels.masterSecret, seed }, masterSecretLength),
  )
}

/**
 * `master_secret = PRF(pre_master_secret, "extended master secret", session_hash)` (RFC 7627 §4), which binds
 * the secret to the handshake messages up to and including ClientKeyExchange.
 */
export function deriveExtendedMasterSecret(
  provider: CryptoProvider,
  suite: CipherSuite,
  preMasterSecret: Secret,
  sessionHash: Uint8Array,
): Secret {
  const secret = preMasterSecret.reveal()
  const label = labels.extendedMasterSecret
  return new Secret(
    prf({ provider, hash: suite.prfHash, secret, label, seed: sessionHash }, masterSecretLength),
  )
}

/**
 * `key_block = PRF(master_secret, "key expansion", server random + client random)`, cut into the write keys
 * of both sides in the order of RFC 5246 §6.3.
 */
export function deriveKeyBlock(
  provider: CryptoProvider,
  suite: CipherSuite,
  masterSecret: Secret,
  { clientRandom, serverRandom }: Randoms,
): KeyBlock {
  const { macKeyLength, keyLength, fixedIvLength } = keyLengths(suite.cipher)
  const secret = masterSecret.reveal()
  const seed = concatBytes(serverRandom, clientRandom)
  const length = 2 * (macKeyLength + keyLength + fixedIvLength)
  const bytes = prf({ provider, hash: suite.prfHash, secret, label: labels.keyExpansion, seed }, length)

  const next = cutter(bytes)
  const [clientMacKey, serverMacKey] = [next(macKeyLength), next(macKeyLength)]
  const [clientKey, serverKey] = [next(keyLength), next(keyLength)]
  const [clientIv, serverIv] = [next(fixedIvLength), next(fixedIvLength)]
  bytes.fill(0)
  return {
    client: { macKey: clientMacKey, key: clientKey, iv: clientIv },
    server: { macKey: serverMacKey, key: serverKey, iv: serverIv },
  }
}

/** Overwrites all keys with zeros. */
export function wipeKeyBlock({ client, server }: KeyBlock): void {
  for (const { macKey, key, iv } of [client, server]) {
    macKey.fill(0)
    key.fill(0)
    iv.fill(0)
  }
}

/**
 * `verify_data = PRF(master_secret, finished_label, Hash(handshake_messages))`, 12 bytes (RFC 5246 §7.4.9).
 * `role` is the side whose Finished it is, not who computes it.
 */
export function deriveVerifyData(
  provider: CryptoProvider,
  suite: CipherSuite,
  masterSecret: Secret,
  { role, handshakeHash }: { role: 'client' | 'server'; handshakeHash: Uint8Array },
): Uint8Array {
  const secret = masterSecret.reveal()
  const label = role === 'client' ? labels.clientFinished : labels.serverFinished
  return prf({ provider, hash: suite.prfHash, secret, label, seed: handshakeHash }, verifyDataLength)
}

/** What an application derives from a connection (RFC 5705 §4). */
export interface Exported {
  /** Printable ASCII, registered or starting with `EXPERIMENTAL`, and none of TLS's own (RFC 5705 §4, §6). */
  readonly label: string
  readonly randoms: Randoms
  /** Up to 65,535 bytes; none is not the same as an empty one. */
  readonly context: Uint8Array | undefined
  /** In bytes, from 1 to 2^32 - 1. */
  readonly length: number
}

/**
 * `PRF(master_secret, label, client_random + server_random [+ context_value_length + context_value])` (RFC 5705 §4). Throws
 * ApiMisuse for a label, a context or a length that `Exported` does not allow.
 */
export function exportKeyingMaterial(
  provider: CryptoProvider,
  suite: CipherSuite,
  masterSecret: Secret,
  { label, randoms: { clientRandom, serverRandom }, context, length }: Exported,
): Uint8Array {
  checkExporterLabel(label)
  if (!Number.isInteger(length) || length < 1 || length > 0xffff_ffff)
    throw new ApiMisuse(`keying material of ${length} bytes, wanted a whole number from 1 to ${0xffff_ffff}`)
  const contextLength = context?.length ?? 0
  if (contextLength > 0xffff)
    throw new ApiMisuse(`a context of ${contextLength} bytes, wanted at most ${0xffff}`)
  const lengthAndContext = context ? [Uint8Array.of(contextLength >> 8, contextLength & 0xff), context] : []
  const seed = concatBytes(clientRandom, serverRandom, ...lengthAndContext)
  return prf({ provider, hash: suite.prfHash, secret: masterSecret.reveal(), label, seed }, length)
}

/**
 * RFC 5705 §6 reserves the labels of TLS itself, lest one secret serve two ends. The PRF joins label and seed without a mark between
 * them (RFC 5246 §5), so that a label that only starts like one of these is refused too.
 */
function checkExporterLabel(label: string): void {
  if (!/^[ -~]*$/.test(label)) throw new ApiMisuse('an exporter label wants printable ASCII')
  const reserved = Object.values(labels).find(name => label.startsWith(name))
  if (reserved) throw new ApiMisuse(`the exporter label ${label} starts with ${reserved}, which TLS keeps`)
}

/** `mac_key_length`, `enc_key_length` and `fixed_iv_length` of a suite (RFC 5246 §6.1, §6.3), in bytes. */
function keyLengths(cipher: BulkCipher): { macKeyLength: number; keyLength: number; fixedIvLength: number } {
  const { keyLength } = cipher
  switch (cipher.mode) {
    case 'gcm':
    case 'chacha20-poly1305':
      return { macKeyLength: 0, keyLength, fixedIvLength: cipher.fixedIvLength }
    case 'cbc':
      return { macKeyLength: cipher.macLength, keyLength, fixedIvLength: 0 } // An HMAC key is as long as its digest.
  }
}

/** A function that copies the next `length` bytes out of `bytes`, so that the whole can be wiped. */
function cutter(bytes: Uint8Array): (length: number) => Uint8Array {
  let offset = 0
  return length => {
    offset += length
    return bytes.slice(offset - length, offset)
  }
}
