import { createPrivateKey, type KeyObject, type PrivateKeyInput } from 'node:crypto'

/** A private key out of its DER, which is overwritten. Throws OpenSSL's error for what is none. */
export function takePrivateKey(der: Buffer, type: 'pkcs1' | 'pkcs8' | 'sec1'): KeyObject {
  try {
    return openPrivateKey({ key: der, format: 'der', type })
  } finally {
    der.fill(0)
  }
}

/** What createPrivateKey makes of a file. Throws OpenSSL's error for what is none. */
export function openPrivateKey(file: PrivateKeyInput): KeyObject {
  try {
    return createPrivateKey(file)
  } catch {
    // Not always an error of this call: OpenSSL keeps those of a thread, node:tls leaves one behind for a session that is none,
    // and createPrivateKey throws what it finds there. The next call finds none.
    return createPrivateKey(file)
  }
}
