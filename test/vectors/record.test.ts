import { describe, expect, test } from 'vitest'
import { fromHex } from '../../src/bytes.ts'
import { cipherSuite } from '../../src/crypto/cipher-suites.ts'
import type { CryptoProvider, RandomBytes } from '../../src/crypto/provider.ts'
import { TlsError } from '../../src/errors.ts'
import { createProtection } from '../../src/record/protection.ts'
import { providers } from '../support/providers.ts'
import { expand, testVectors, type Vectors, vectorFile, writtenLike } from '../support/vectors.ts'

type RecordVector = Vectors['record_protect'] | Vectors['record_open']

describe.each(providers)('records with $name', ({ provider }) => {
  testVectors(vectorFile('record_protect').tests, vector => {
    const iv = fromHex(vector.recordIv)
    const protection = protectionOf(provider, vector, length => {
      expect(length).toBe(iv.length)
      return iv.slice()
    })
    const plaintext = expand(vector.plaintext)
    const fragment = protection.protect(vector.contentType, plaintext.slice())
    expect(writtenLike(vector.fragment, fragment)).toEqual(vector.fragment)

    const reader = protectionOf(provider, vector)
    expect(reader.unprotect(vector.contentType, fragment)).toEqual(plaintext)
  })

  testVectors(valid(), vector => {
    const content = protectionOf(provider, vector).unprotect(vector.contentType, expand(vector.fragment))
    expect(writtenLike(vector.plaintext, content)).toEqual(vector.plaintext)
  })

  testVectors(invalid(), vector => {
    const { alerts, preferred } = vector.expect
    const error = refusal(() =>
      protectionOf(provider, vector).unprotect(vector.contentType, expand(vector.fragment)),
    )
    if (vector.flags.includes('TwoFaults')) expect(alerts).toContain(error.alert)
    else expect(error.alert).toBe(preferred)
  })

  // RFC 5246 §7.2.2: nothing about a refusal but the alert, and the alert is one, lest it tell what was wrong.
  test('all refusals of forged records of a length are the same error', () => {
    const forged = invalid().filter(
      ({ expect }) => expect.alerts.length === 1 && expect.preferred === 'bad_record_mac',
    )
    const messages = new Map<string, Set<string>>()
    for (const vector of forged) {
      const fragment = expand(vector.fragment)
      const { code, message } = refusal(() =>
        protectionOf(provider, vector).unprotect(vector.contentType, fragment),
      )
      const key = `${vector.suite} ${vector.encryptThenMac} ${fragment.length}`
      messages.set(key, (messages.get(key) ?? new Set()).add(`${code}: ${message}`))
    }
    for (const [key, set] of messages) expect([...set], key).toHaveLength(1)
  })
})

/** The protection of a vector's keys at its sequence number; unless told otherwise it must not draw randomness. */
function protectionOf(provider: CryptoProvider, vector: RecordVector, random: RandomBytes = noRandom) {
  return createProtection({
    provider,
    suite: cipherSuite(vector.suite),
    keys: { macKey: fromHex(vector.macKey), key: fromHex(vector.key), iv: fromHex(vector.iv) },
    encryptThenMac: vector.encryptThenMac,
    random,
    sequenceNumber: BigInt(vector.sequenceNumber),
  })
}

function noRandom(): never {
  throw new Error('reading a record draws no random bytes')
}

function valid() {
  return vectorFile('record_open').tests.flatMap(({ plaintext, ...rest }) =>
    plaintext === undefined ? [] : [{ ...rest, plaintext }],
  )
}

function invalid() {
  return vectorFile('record_open').tests.flatMap(({ expect, ...rest }) =>
    expect === undefined ? [] : [{ ...rest, expect }],
  )
}

/** The TlsError that `read` throws. */
function refusal(read: () => Uint8Array): TlsError {
  let content: Uint8Array
  try {
    content = read()
  } catch (error) {
    if (error instanceof TlsError) return error
    throw error
  }
  throw new Error(`a forged record was read: ${content.length} bytes of content`)
}
