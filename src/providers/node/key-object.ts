import { createPrivateKey, type KeyObject } from 'node:crypto'

/** A private key out of its DER, which is overwritten. Throws OpenSSL's error for what is none. */
export function takePrivateKey(der: Buffer, type: 'pkcs1' | 'pkcs8' | 'sec1'): KeyObject {
  try {
    return createPrivateKey({ key: der, format: 'der', type })
  } catch {
    // Not always an error of this call: OpenSSL keeps those of a thread, node:tls leaves one behind for a session that is none,
    // and createPrivateKey throws what it finds there. The next call finds none.
    return createPrivateKey({ key: der, format: 'der', type })
  } finally {
    der.fill(0)
  }
}
