/** The first oracle: tls.mjs over node:crypto. */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import { evaluate } from './tls.mjs'

/** @type {import('./tls.mjs').Primitives} */
export const primitives = {
  /** RFC 5246 §5. */
  async prf(hash, secret, label, seed, length) {
    const labelled = Buffer.concat([Buffer.from(label, 'latin1'), seed])
    const hmac = data => createHmac(hash, secret).update(data).digest()
    const blocks = []
    for (let a = hmac(labelled), have = 0; have < length; a = hmac(a)) {
      blocks.push(hmac(Buffer.concat([a, labelled])))
      have += blocks[0].length
    }
    return Buffer.concat(blocks).subarray(0, length)
  },
  async hmac(hash, key, data) {
    return createHmac(hash, key).update(data).digest()
  },
  async cbcEncrypt(key, iv, blocks) {
    const cipher = createCipheriv(`aes-${key.length * 8}-cbc`, key, iv).setAutoPadding(false)
    return Buffer.concat([cipher.update(blocks), cipher.final()])
  },
  async cbcDecrypt(key, iv, blocks) {
    const decipher = createDecipheriv(`aes-${key.length * 8}-cbc`, key, iv).setAutoPadding(false)
    return Buffer.concat([decipher.update(blocks), decipher.final()])
  },
  async aeadSeal(key, nonce, aad, plaintext) {
    const cipher = createCipheriv(aeadName(key), key.bytes, nonce, { authTagLength: 16 }).setAAD(aad)
    return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
  },
  async aeadOpen(key, nonce, aad, sealed) {
    const decipher = createDecipheriv(aeadName(key), key.bytes, nonce, { authTagLength: 16 })
    decipher.setAAD(aad).setAuthTag(sealed.subarray(sealed.length - 16))
    const content = decipher.update(sealed.subarray(0, sealed.length - 16))
    try {
      decipher.final()
      return content
    } catch {
      return undefined
    }
  },
}

const aeadName = ({ mode, bytes }) => (mode === 'gcm' ? `aes-${bytes.length * 8}-gcm` : 'chacha20-poly1305')

export const nodeOracle = {
  name: 'node-crypto',
  /** @param {{ kind: string, input: object }[]} questions */
  answer: questions => Promise.all(questions.map(({ kind, input }) => evaluate[kind](primitives, input))),
}
