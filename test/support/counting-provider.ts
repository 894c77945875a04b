import type { Aead, CryptoProvider, Hash, HashAlgorithm } from '../../src/crypto/provider.ts'

/** What a provider was asked for, in order: `sha256 digest 3` for three compressions. */
export interface Counting {
  readonly provider: CryptoProvider
  readonly trace: string[]
  /** Compressions of all hashes and HMACs together since the last reset. */
  readonly compressions: () => number
  reset(): void
}

/** Wraps a provider and counts the work it is given; compressions by FIPS 180-4 §5.1, from the lengths alone. */
export function countingProvider(base: CryptoProvider): Counting {
  const trace: string[] = []
  let compressions = 0

  const counted = (state: Hash, algorithm: HashAlgorithm, kind: string, length = 0): Hash => {
    let bytes = length
    const running: Hash = {
      update(data) {
        bytes += data.length
        state.update(data)
        return running
      },
      digest() {
        const block = algorithm === 'sha384' || algorithm === 'sha512' ? 128 : 64
        // The message, a byte 0x80 and the length field (8 bytes, or 16), in whole blocks; an HMAC's outer hash is one more.
        const inner = Math.ceil((bytes + 1 + block / 8) / block)
        const made = inner + (kind === 'hmac' ? 1 : 0)
        compressions += made
        trace.push(`${kind} ${algorithm} ${made}`)
        return state.digest()
      },
      clone: () => counted(state.clone(), algorithm, kind, bytes),
    }
    return running
  }

  const countedAead = (name: string, aead: Aead): Aead => ({
    seal(nonce, additionalData, plaintext) {
      trace.push(`${name} seal ${plaintext.length}`)
      return aead.seal(nonce, additionalData, plaintext)
    },
    open(nonce, additionalData, sealed) {
      trace.push(`${name} open ${sealed.length}`)
      return aead.open(nonce, additionalData, sealed)
    },
  })

  const provider: CryptoProvider = {
    ...base,
    hash: algorithm => counted(base.hash(algorithm), algorithm, 'hash'),
    hmac: (algorithm, key) => counted(base.hmac(algorithm, key), algorithm, 'hmac'),
    aesGcm: key => countedAead('gcm', base.aesGcm(key)),
    chacha20Poly1305: key => countedAead('chacha20', base.chacha20Poly1305(key)),
    aesCbc(key) {
      const cbc = base.aesCbc(key)
      return {
        encrypt(iv, blocks) {
          trace.push(`cbc encrypt ${blocks.length}`)
          return cbc.encrypt(iv, blocks)
        },
        decrypt(iv, blocks) {
          trace.push(`cbc decrypt ${blocks.length}`)
          return cbc.decrypt(iv, blocks)
        },
      }
    },
  }
  return {
    provider,
    trace,
    compressions: () => compressions,
    reset() {
      trace.length = 0
      compressions = 0
    },
  }
}
