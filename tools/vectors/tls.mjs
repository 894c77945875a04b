import { expand } from './bytes.mjs'

/**
 * The little TLS 1.2 the generator needs, written over primitives that each oracle brings along, so that a
 * formula stands here once. oracle.py does not use it: it has formulas and primitives of its own.
 *
 * @typedef {object} Primitives
 * @property {(hash: string, secret: Buffer, label: string, seed: Buffer, length: number) => Promise<Buffer>} prf
 * @property {(hash: string, key: Buffer, data: Buffer) => Promise<Buffer>} hmac
 * @property {(key: Buffer, iv: Buffer, blocks: Buffer) => Promise<Buffer>} cbcEncrypt
 * @property {(key: Buffer, iv: Buffer, blocks: Buffer) => Promise<Buffer>} cbcDecrypt
 * @property {(key: AeadKey, nonce: Buffer, aad: Buffer, plaintext: Buffer) => Promise<Buffer>} aeadSeal
 * @property {(key: AeadKey, nonce: Buffer, aad: Buffer, sealed: Buffer) => Promise<Buffer | undefined>} aeadOpen
 *
 * @typedef {{ mode: 'gcm' | 'chacha20', bytes: Buffer }} AeadKey
 */

/**
 * RFC 5246 §A.5 and §C, RFC 5288 §3, RFC 5289 §3, RFC 7905 §2: one suite of each cipher and hash. Suites that differ from
 * one of these by their key exchange alone derive and protect the same.
 */
export const suites = {
  TLS_RSA_WITH_AES_128_GCM_SHA256: { name: 'aes128gcm', mode: 'gcm', keyLength: 16, macLength: 0, ivLength: 4, prfHash: 'sha256' },
  TLS_RSA_WITH_AES_256_GCM_SHA384: { name: 'aes256gcm', mode: 'gcm', keyLength: 32, macLength: 0, ivLength: 4, prfHash: 'sha384' },
  TLS_RSA_WITH_AES_128_CBC_SHA256: { name: 'aes128cbc-sha256', mode: 'cbc', keyLength: 16, mac: 'sha256', macLength: 32, ivLength: 0, prfHash: 'sha256' },
  TLS_RSA_WITH_AES_256_CBC_SHA256: { name: 'aes256cbc-sha256', mode: 'cbc', keyLength: 32, mac: 'sha256', macLength: 32, ivLength: 0, prfHash: 'sha256' },
  TLS_RSA_WITH_AES_128_CBC_SHA: { name: 'aes128cbc-sha1', mode: 'cbc', keyLength: 16, mac: 'sha1', macLength: 20, ivLength: 0, prfHash: 'sha256' },
  TLS_RSA_WITH_AES_256_CBC_SHA: { name: 'aes256cbc-sha1', mode: 'cbc', keyLength: 32, mac: 'sha1', macLength: 20, ivLength: 0, prfHash: 'sha256' },
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384: { name: 'aes256cbc-sha384', mode: 'cbc', keyLength: 32, mac: 'sha384', macLength: 48, ivLength: 0, prfHash: 'sha384' },
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: { name: 'chacha20poly1305', mode: 'chacha20', keyLength: 32, macLength: 0, ivLength: 12, prfHash: 'sha256' },
}

const hex = text => Buffer.from(text, 'hex')

/** Computes what a vector of a kind expects: `evaluate[kind](primitives, input)`; bytes in and out are hex. */
export const evaluate = {
  async prf({ prf }, { hash, secret, label, seed, length }) {
    return { output: (await prf(hash, hex(secret), label, hex(seed), length)).toString('hex') }
  },
  /** RFC 5246 §8.1. */
  async master_secret({ prf }, { suite, preMasterSecret, clientRandom, serverRandom }) {
    const seed = hex(clientRandom + serverRandom)
    const output = await prf(suites[suite].prfHash, hex(preMasterSecret), 'master secret', seed, 48)
    return { masterSecret: output.toString('hex') }
  },
  /** RFC 7627 §4. */
  async ems({ prf }, { suite, preMasterSecret, sessionHash }) {
    const label = 'extended master secret'
    const output = await prf(suites[suite].prfHash, hex(preMasterSecret), label, hex(sessionHash), 48)
    return { masterSecret: output.toString('hex') }
  },
  /** RFC 5246 §6.3. */
  async key_block({ prf }, { suite, masterSecret, clientRandom, serverRandom }) {
    const { prfHash, macLength, keyLength, ivLength } = suites[suite]
    const seed = hex(serverRandom + clientRandom)
    const length = 2 * (macLength + keyLength + ivLength)
    const keyBlock = (await prf(prfHash, hex(masterSecret), 'key expansion', seed, length)).toString('hex')
    const lengths = [macLength, macLength, keyLength, keyLength, ivLength, ivLength]
    let offset = 0
    const pieces = lengths.map(piece => keyBlock.slice(offset, (offset += 2 * piece)))
    return {
      keyBlock,
      client: { macKey: pieces[0], key: pieces[2], iv: pieces[4] },
      server: { macKey: pieces[1], key: pieces[3], iv: pieces[5] },
    }
  },
  /** RFC 5246 §7.4.9. */
  async verify_data({ prf }, { suite, role, masterSecret, handshakeHash }) {
    const output = await prf(suites[suite].prfHash, hex(masterSecret), `${role} finished`, hex(handshakeHash), 12)
    return { verifyData: output.toString('hex') }
  },
  /** RFC 5705 §4. */
  async exporter({ prf }, { suite, masterSecret, clientRandom, serverRandom, label, context, length }) {
    const seed = [hex(clientRandom), hex(serverRandom)]
    if (context !== null) {
      const bytes = expand(context)
      const contextLength = Buffer.alloc(2)
      contextLength.writeUInt16BE(bytes.length)
      seed.push(contextLength, bytes)
    }
    const output = await prf(suites[suite].prfHash, hex(masterSecret), label, Buffer.concat(seed), length)
    return { keyingMaterial: output.toString('hex') }
  },
  async record_protect(primitives, input) {
    return { fragment: (await buildFragment(primitives, input)).toString('hex') }
  },
  async record_open(primitives, input) {
    const content = await openFragment(primitives, input)
    if (content === undefined) return { outcome: 'alert', alert: 'bad_record_mac' }
    if (content.length > 2 ** 14) return { outcome: 'alert', alert: 'record_overflow' } // RFC 5246 §6.2.1
    return { outcome: 'ok', plaintext: content.toString('hex') }
  },
}

/** `seq_num + type + version + length`, what a MAC and an AEAD add to the bytes (RFC 5246 §6.2.3.1, §6.2.3.3). */
export function pseudoHeader({ sequenceNumber, contentType, version = 0x0303 }, length) {
  const header = Buffer.alloc(13)
  header.writeBigUInt64BE(BigInt(sequenceNumber))
  header.writeUInt8(contentType, 8)
  header.writeUInt16BE(version, 9)
  header.writeUInt16BE(length, 11)
  return header
}

/** `padding` and `padding_length`: n + 1 bytes of value n (RFC 5246 §6.2.3.2). */
export const padding = n => Buffer.alloc(n + 1, n)

/** The `padding_length` that fills the last block with as little as can be. */
export function minimalPadding({ suite, encryptThenMac }, contentLength) {
  const padded = contentLength + (encryptThenMac ? 0 : suites[suite].macLength)
  return 15 - (padded % 16)
}

/**
 * TLSCiphertext.fragment of an input. `faults` are what a record_open vector does wrong on purpose:
 * `paddingBytes` (with padding_length), `header` (overrides for the pseudo header), `headerLength`, `mac` and
 * `nonce` (replace the right one by a function of it).
 */
export async function buildFragment(primitives, input, faults = {}) {
  const { suite, encryptThenMac } = input
  if (isAead(suite)) return buildAead(primitives, input, faults)
  return encryptThenMac ? buildEncryptThenMac(primitives, input, faults) : buildMacThenEncrypt(primitives, input, faults)
}

/** Whether a suite's records have a tag instead of a MAC and padding. */
export const isAead = suite => suites[suite].mode !== 'cbc'

/** `nonce_explicit + ciphertext + tag` (RFC 5288 §3); ChaCha20-Poly1305 has no explicit nonce (RFC 7905 §2). */
async function buildAead({ aeadSeal }, input, faults) {
  const [recordIv, content] = [input.recordIv, input.plaintext].map(hex)
  const aad = pseudoHeader({ ...input, ...faults.header }, faults.headerLength ?? content.length)
  const right = nonceOf(input, recordIv)
  return Buffer.concat([recordIv, await aeadSeal(aeadKey(input), faults.nonce ? faults.nonce(right) : right, aad, content)])
}

export const aeadKey = ({ suite, key }) => ({ mode: suites[suite].mode, bytes: hex(key) })

/** GCM: the salt and what stands in the record. ChaCha20: the IV, and into its last eight bytes XORed the sequence number. */
export function nonceOf({ suite, iv, sequenceNumber }, recordIv) {
  if (suites[suite].mode === 'gcm') return Buffer.concat([hex(iv), recordIv])
  const nonce = hex(iv)
  nonce.writeBigUInt64BE(nonce.readBigUInt64BE(4) ^ BigInt(sequenceNumber), 4)
  return nonce
}

/** RFC 5246 §6.2.3.2: `IV + encrypted(content + MAC + padding)`. */
async function buildMacThenEncrypt({ hmac, cbcEncrypt }, input, faults) {
  const [macKey, key, recordIv, content] = [input.macKey, input.key, input.recordIv, input.plaintext].map(hex)
  const header = pseudoHeader({ ...input, ...faults.header }, faults.headerLength ?? content.length)
  const right = await hmac(suites[input.suite].mac, macKey, Buffer.concat([header, content]))
  const mac = faults.mac ? faults.mac(right) : right
  const blocks = Buffer.concat([content, mac, faults.paddingBytes ?? padding(input.paddingLength)])
  return Buffer.concat([recordIv, await cbcEncrypt(key, recordIv, blocks)])
}

/** RFC 7366 §3: `IV + encrypted(content + padding) + MAC`, the MAC over everything before it. */
async function buildEncryptThenMac({ hmac, cbcEncrypt }, input, faults) {
  const [key, recordIv, content] = [input.key, input.recordIv, input.plaintext].map(hex)
  const blocks = Buffer.concat([content, faults.paddingBytes ?? padding(input.paddingLength)])
  return sealEncryptThenMac({ hmac }, input, Buffer.concat([recordIv, await cbcEncrypt(key, recordIv, blocks)]), faults)
}

/** Puts the MAC of RFC 7366 §3 behind `body`, which is `IV + encrypted`. */
export async function sealEncryptThenMac({ hmac }, input, body, faults = {}) {
  const header = pseudoHeader({ ...input, ...faults.header }, faults.headerLength ?? body.length)
  const covered = faults.covered ? faults.covered(body) : body
  const right = await hmac(suites[input.suite].mac, hex(input.macKey), Buffer.concat([header, covered]))
  return Buffer.concat([body, faults.mac ? faults.mac(right) : right])
}

/** The content of a fragment, `undefined` when it is not authentic. */
async function openFragment(primitives, input) {
  const fragment = hex(input.fragment)
  if (isAead(input.suite)) return openAead(primitives, input, fragment)
  return input.encryptThenMac ? openEncryptThenMac(primitives, input, fragment) : openMacThenEncrypt(primitives, input, fragment)
}

async function openAead({ aeadOpen }, input, fragment) {
  const explicitLength = suites[input.suite].mode === 'gcm' ? 8 : 0
  const contentLength = fragment.length - explicitLength - 16
  if (contentLength < 0) return undefined
  const nonce = nonceOf(input, fragment.subarray(0, explicitLength))
  return aeadOpen(aeadKey(input), nonce, pseudoHeader(input, contentLength), fragment.subarray(explicitLength))
}

async function openMacThenEncrypt({ hmac, cbcDecrypt }, input, fragment) {
  const { mac, macLength } = suites[input.suite]
  if (fragment.length % 16 !== 0 || fragment.length < 16 + macLength + 1) return undefined
  const blocks = await cbcDecrypt(hex(input.key), fragment.subarray(0, 16), fragment.subarray(16))
  const unpadded = withoutPadding(blocks)
  if (unpadded === undefined || unpadded.length < macLength) return undefined
  const content = unpadded.subarray(0, unpadded.length - macLength)
  const right = await hmac(mac, hex(input.macKey), Buffer.concat([pseudoHeader(input, content.length), content]))
  return right.equals(unpadded.subarray(content.length)) ? content : undefined
}

async function openEncryptThenMac({ hmac, cbcDecrypt }, input, fragment) {
  const { mac, macLength } = suites[input.suite]
  if (fragment.length < 32 + macLength) return undefined
  const body = fragment.subarray(0, fragment.length - macLength)
  const right = await hmac(mac, hex(input.macKey), Buffer.concat([pseudoHeader(input, body.length), body]))
  if (!right.equals(fragment.subarray(body.length)) || body.length % 16 !== 0) return undefined
  return withoutPadding(await cbcDecrypt(hex(input.key), body.subarray(0, 16), body.subarray(16)))
}

function withoutPadding(blocks) {
  const paddingLength = blocks.at(-1)
  if (paddingLength === undefined || paddingLength + 1 > blocks.length) return undefined
  const content = blocks.subarray(0, blocks.length - paddingLength - 1)
  return blocks.subarray(content.length).every(byte => byte === paddingLength) ? content : undefined
}
