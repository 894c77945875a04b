/** Read and write states: sequence numbers, tampering, IVs, and the work a CBC record takes (RFC 5246 §6.1, §6.2.3). */
import { createCipheriv, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { type CipherSuiteName, cipherSuite, cipherSuiteNames } from '../../src/crypto/cipher-suites.ts'
import type { CryptoProvider, RandomBytes } from '../../src/crypto/provider.ts'
import { TlsError } from '../../src/errors.ts'
import { hashFunctions } from '../../src/providers/noble/hash.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { createProtection, type Protection } from '../../src/record/protection.ts'
import { cat, filled, hex, none, u8, u16 } from '../support/by-hand.ts'
import { countingProvider } from '../support/counting-provider.ts'
import { nodeCryptoProvider } from '../support/node-crypto-provider.ts'
import { seededRandom } from '../support/pair.ts'

interface Options {
  readonly provider?: CryptoProvider
  readonly encryptThenMac?: boolean
  readonly random?: RandomBytes
  readonly sequenceNumber?: bigint
}

function keysOf(suite: CipherSuiteName) {
  const { cipher } = cipherSuite(suite)
  const random = seededRandom(suite)
  return {
    key: random(cipher.keyLength),
    macKey: cipher.mode === 'cbc' ? random(cipher.macLength) : none,
    iv: cipher.mode === 'cbc' ? none : random(cipher.fixedIvLength),
  }
}

function protectionOf(suite: CipherSuiteName, options: Options = {}): Protection {
  return createProtection({
    provider: nobleProvider,
    suite: cipherSuite(suite),
    keys: keysOf(suite),
    encryptThenMac: false,
    random: seededRandom('iv'),
    ...options,
  })
}

function alertOf(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof TlsError) return error.alert
    throw error
  }
}

const isCbc = (suite: CipherSuiteName) => cipherSuite(suite).cipher.mode === 'cbc'
const ciphers = cipherSuiteNames.map(suite => cipherSuite(suite).cipher)
/** The first suite of each cipher: nothing else of a suite matters to its records. */
const suites = cipherSuiteNames.filter((_, i) => ciphers.indexOf(ciphers[i]!) === i)
const states = suites.flatMap(suite => [
  { name: suite, suite, encryptThenMac: false },
  ...(isCbc(suite) ? [{ name: `${suite} EtM`, suite, encryptThenMac: true }] : []),
])

test('there are eight ciphers, and no suite without one of them', () => {
  expect(suites).toHaveLength(8)
  expect(new Set(ciphers.map(cipher => JSON.stringify(cipher))).size).toBe(8)
})

describe.each(states)('$name', ({ suite, encryptThenMac }) => {
  const pair = () => ({
    writer: protectionOf(suite, { encryptThenMac }),
    reader: protectionOf(suite, { encryptThenMac, provider: nodeCryptoProvider }),
  })

  test('what one side writes the other reads, over another provider', () => {
    const { writer, reader } = pair()
    for (const length of [0, 1, 15, 16, 17, 31, 255, 1000, 2 ** 14]) {
      const content = filled(length, length & 0xff)
      expect(reader.unprotect(23, writer.protect(23, content))).toEqual(content)
    }
  })

  // RFC 5246 §6.1: each record has its number, so none can be dropped, repeated or moved.
  test('a dropped, repeated or swapped record is bad_record_mac', () => {
    const record = () => {
      const { writer, reader } = pair()
      return { reader, list: [0, 1, 2].map(i => writer.protect(23, Uint8Array.of(i))) }
    }
    const dropped = record()
    expect(alertOf(() => dropped.reader.unprotect(23, dropped.list[1]!))).toBe('bad_record_mac')
    const repeated = record()
    repeated.reader.unprotect(23, repeated.list[0]!)
    expect(alertOf(() => repeated.reader.unprotect(23, repeated.list[0]!))).toBe('bad_record_mac')
    const swapped = record()
    swapped.reader.unprotect(23, swapped.list[0]!)
    expect(alertOf(() => swapped.reader.unprotect(23, swapped.list[2]!))).toBe('bad_record_mac')
  })

  // RFC 5246 §6.2.3.1: the MAC covers the type.
  test('a record of another type is bad_record_mac', () => {
    const { writer, reader } = pair()
    expect(alertOf(() => reader.unprotect(22, writer.protect(23, hex('0102'))))).toBe('bad_record_mac')
  })

  test('every single changed bit is bad_record_mac', () => {
    const { writer } = pair()
    const fragment = writer.protect(23, filled(20, 0x61))
    for (let bit = 0; bit < fragment.length * 8; bit += 3) {
      const changed = fragment.slice()
      changed[bit >> 3]! ^= 1 << (bit & 7)
      const reader = protectionOf(suite, { encryptThenMac, provider: nodeCryptoProvider })
      expect(
        alertOf(() => reader.unprotect(23, changed)),
        `bit ${bit}`,
      ).toBe('bad_record_mac')
    }
  })

  test('every shorter and some longer fragments are bad_record_mac', () => {
    const fragment = pair().writer.protect(23, filled(20, 0x61))
    const wrong = [
      ...Array.from({ length: fragment.length }, (_, length) => fragment.subarray(0, length)),
      cat(fragment, hex('00')),
      cat(fragment, filled(16, 0)),
    ]
    for (const bytes of wrong)
      expect(alertOf(() => pair().reader.unprotect(23, bytes))).toBe('bad_record_mac')
  })

  // RFC 5246 §6.1: sequence numbers "may not exceed 2^64-1" and "do not wrap".
  test('the last sequence number is used, and there is none after it', () => {
    const last = { encryptThenMac, sequenceNumber: 2n ** 64n - 1n }
    const writer = protectionOf(suite, last)
    const reader = protectionOf(suite, last)
    expect(reader.unprotect(23, writer.protect(23, hex('01')))).toEqual(hex('01'))
    const code = expect.objectContaining({ code: 'SEQUENCE_NUMBER_EXHAUSTED' })
    expect(() => writer.protect(23, hex('01'))).toThrow(code)
    expect(() => reader.unprotect(23, filled(100, 0))).toThrow(code)
  })

  test('counts over every byte of the number', () => {
    for (const start of [254n, 255n, 65535n, 2n ** 32n - 1n, 2n ** 56n - 1n]) {
      const writer = protectionOf(suite, { encryptThenMac, sequenceNumber: start })
      writer.protect(23, none)
      const fragment = writer.protect(23, hex('07'))
      const reader = protectionOf(suite, { encryptThenMac, sequenceNumber: start + 1n })
      expect(reader.unprotect(23, fragment)).toEqual(hex('07'))
    }
  })

  // RFC 5246 §6.2.1: plaintext over 2^14 is record_overflow, once it is known to be genuine.
  test('2^14 + 1 genuine bytes are record_overflow', () => {
    const { writer, reader } = pair()
    expect(alertOf(() => reader.unprotect(23, writer.protect(23, filled(2 ** 14 + 1, 0))))).toBe(
      'record_overflow',
    )
  })

  test('a copy is kept of the keys: wiping them changes nothing', () => {
    const keys = keysOf(suite)
    const writer = createProtection({
      provider: nobleProvider,
      suite: cipherSuite(suite),
      keys,
      encryptThenMac,
      random: seededRandom('iv'),
    })
    keys.key.fill(0)
    keys.macKey.fill(0)
    keys.iv.fill(0)
    expect(pair().reader.unprotect(23, writer.protect(23, hex('0a')))).toEqual(hex('0a'))
  })
})

describe('AES-GCM nonces', () => {
  // RFC 5288 §3: "The nonce_explicit MAY be the 64-bit sequence number", and must be distinct for each record.
  test('are the sequence number, from 0, and draw no randomness', () => {
    const writer = protectionOf('TLS_RSA_WITH_AES_128_GCM_SHA256', {
      random: () => {
        throw new Error('not for GCM')
      },
    })
    const nonces = Array.from({ length: 300 }, () =>
      Buffer.from(writer.protect(23, none).subarray(0, 8)).toString('hex'),
    )
    expect(nonces[0]).toBe('0000000000000000')
    expect(nonces[299]).toBe('000000000000012b')
    expect(new Set(nonces).size).toBe(300)
  })
})

describe('ChaCha20-Poly1305 nonces', () => {
  const suite = 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256'
  const sealed = (nonce: Uint8Array, sequenceNumber: Uint8Array, content: Uint8Array) => {
    const cipher = createCipheriv('chacha20-poly1305', keysOf(suite).key, nonce, { authTagLength: 16 })
    const header = cat(sequenceNumber, u8(23), u16(0x0303), u16(content.length))
    cipher.setAAD(header, { plaintextLength: content.length })
    return cat(cipher.update(content), cipher.final(), cipher.getAuthTag())
  }

  // RFC 7905 §2: "The 64-bit record sequence number is serialized as an 8-byte, big-endian value and padded on the left
  // with four 0x00 bytes", and then XORed with the write IV.
  test('are the padded sequence number XOR the IV, draw no randomness and do not travel', () => {
    const { iv } = keysOf(suite)
    for (const number of ['0000000000000000', '0000000000000101', '00000000ffffffff', 'ffffffffffffffff']) {
      const padded = hex(`00000000 ${number}`)
      const nonce = iv.map((byte, i) => byte ^ padded[i]!)
      const writer = protectionOf(suite, {
        sequenceNumber: BigInt(`0x${number}`),
        random: () => {
          throw new Error('not for ChaCha20-Poly1305')
        },
      })
      expect(writer.protect(23, hex('0a0b0c'))).toEqual(sealed(nonce, hex(number), hex('0a0b0c')))
    }
  })

  test('no two records of a key have the same', () => {
    const nonces: string[] = []
    const provider: CryptoProvider = {
      ...nobleProvider,
      chacha20Poly1305: key => {
        const { seal, open } = nobleProvider.chacha20Poly1305(key)
        return {
          open,
          seal: (nonce, data, plaintext) => {
            nonces.push(Buffer.from(nonce).toString('hex'))
            return seal(nonce, data, plaintext)
          },
        }
      },
    }
    const writer = protectionOf(suite, { provider })
    for (let i = 0; i < 300; i++) writer.protect(23, none)
    expect(new Set(nonces).size).toBe(300)
  })

  // RFC 7905 §2: the shortest fragment is the tag of an empty content.
  test('a fragment of a tag is an empty content, one byte less is bad_record_mac', () => {
    const fragment = protectionOf(suite).protect(23, none)
    expect(fragment).toHaveLength(16)
    expect(protectionOf(suite).unprotect(23, fragment)).toEqual(none)
    expect(alertOf(() => protectionOf(suite).unprotect(23, fragment.subarray(0, 15)))).toBe('bad_record_mac')
  })
})

// RFC 8446 §5.5: "up to 2^24.5 full-size records (about 24 million)", which RFC 9325 §4.4 asks of TLS 1.2 too; "for
// ChaCha20/Poly1305, the record sequence number would wrap before the safety limit is reached".
describe.each(states)('the use of a key of $name', ({ suite, encryptThenMac }) => {
  test('is bounded for GCM alone', () => {
    const { maxRecords } = protectionOf(suite, { encryptThenMac })
    expect(maxRecords).toBe(suite.includes('_GCM_') ? 23_726_566 : undefined)
  })
})

describe.each(states.filter(state => isCbc(state.suite)))('the IV of $name', ({ suite, encryptThenMac }) => {
  // RFC 5246 §6.2.3.2: the IV "MUST be unpredictable", one for each record.
  test('comes from `random`, 16 bytes a record, and stands in front', () => {
    const drawn: Uint8Array[] = []
    const source = seededRandom('ivs')
    const writer = protectionOf(suite, {
      encryptThenMac,
      random: length => {
        const bytes = source(length)
        drawn.push(bytes.slice())
        return bytes
      },
    })
    const ivs = Array.from({ length: 100 }, () => writer.protect(23, filled(40, 1)).slice(0, 16))
    expect(ivs).toEqual(drawn)
    expect(new Set(ivs.map(iv => Buffer.from(iv).toString('hex'))).size).toBe(100)
  })
})

/** Where a hash of noble's keeps its block function. */
function prototypeOf(algorithm: 'sha1' | 'sha256' | 'sha384'): { process: () => void } {
  let prototype: object = hashFunctions[algorithm].create()
  while (!Object.hasOwn(prototype, 'process')) prototype = Object.getPrototypeOf(prototype)
  return prototype as { process: () => void }
}

/** A MAC-then-encrypt record put together by hand: content, MAC, then any bytes as padding. */
function forge(
  suite: CipherSuiteName,
  content: Uint8Array,
  padding: Uint8Array,
  breakMac = false,
): Uint8Array {
  const { cipher } = cipherSuite(suite)
  const { key, macKey } = keysOf(suite)
  const hash = cipher.mode === 'cbc' ? cipher.mac : 'sha1'
  const header = cat(filled(8, 0), u8(23), u16(0x0303), u16(content.length))
  const mac = createHmac(hash, macKey).update(header).update(content).digest()
  if (breakMac) mac[0]! ^= 1
  const iv = filled(16, 0x4e)
  const encryption = createCipheriv(`aes-${key.length * 8}-cbc`, key, iv).setAutoPadding(false)
  return cat(iv, encryption.update(cat(content, mac, padding)), encryption.final())
}

describe.each(suites.filter(isCbc))('the padding of %s', suite => {
  const macLength = suite.endsWith('SHA384') ? 48 : suite.endsWith('SHA256') ? 32 : 20
  const total = 320 // bytes of content, MAC and padding together, in every record below

  // RFC 5246 §6.2.3.2: "Each uint8 in the padding data vector MUST be filled with the padding length value", 0 to 255.
  test('every legal length is read', () => {
    for (let padding = 0; padding <= 255; padding++) {
      const length = total + 16 - macLength - padding - 1
      const wholeBlocks = Math.floor((length + macLength + padding + 1) / 16) * 16
      const content = filled(wholeBlocks - macLength - padding - 1, 0x63)
      const record = forge(suite, content, filled(padding + 1, padding))
      expect(protectionOf(suite).unprotect(23, record)).toEqual(content)
    }
  })

  test('any wrong byte of it is bad_record_mac', () => {
    for (const padding of [1, 15, 100, 255]) {
      for (const wrong of [0, 1, Math.floor(padding / 2), padding - 1].filter(index => index < padding)) {
        const bytes = filled(padding + 1, padding)
        bytes[wrong]! ^= 1
        const content = filled(total - macLength - padding - 1, 0x63)
        expect(alertOf(() => protectionOf(suite).unprotect(23, forge(suite, content, bytes)))).toBe(
          'bad_record_mac',
        )
      }
    }
  })

  // Lucky 13 (AlFardan and Paterson 2013): the count of compressions must not tell the length of the padding.
  test('the work is the same whatever it says, and whichever check fails', () => {
    const counting = countingProvider(nobleProvider)
    const workOf = (record: Uint8Array) => {
      const reader = protectionOf(suite, { provider: counting.provider })
      counting.reset()
      const alert = alertOf(() => reader.unprotect(23, record))
      return { alert, compressions: counting.compressions(), operations: counting.trace.length }
    }
    const contentOf = (padding: number) => filled(total - macLength - padding - 1, 0x63)
    const reference = workOf(forge(suite, contentOf(0), filled(1, 0)))
    expect(reference.alert).toBeUndefined()
    for (let padding = 0; padding <= 255; padding++) {
      const good = filled(padding + 1, padding)
      const { compressions, operations } = reference
      expect(workOf(forge(suite, contentOf(padding), good))).toEqual({
        alert: undefined,
        compressions,
        operations,
      })
      const bad = { alert: 'bad_record_mac', compressions, operations }
      expect(workOf(forge(suite, contentOf(padding), good, true))).toEqual(bad)
      const wrong = good.slice()
      wrong[0] = padding + 1
      expect(workOf(forge(suite, contentOf(padding), wrong))).toEqual(bad)
    }
  })

  // Not by lengths and formulas this time: the calls of the hash's own block function, as FIPS 180-4 §6 has one for each block.
  test('the hash itself compresses as often whatever the padding says', () => {
    const { cipher } = cipherSuite(suite)
    const blockFunction = vi.spyOn(prototypeOf(cipher.mode === 'cbc' ? cipher.mac : 'sha1'), 'process')
    const callsFor = (padding: number) => {
      const record = forge(suite, filled(total - macLength - padding - 1, 0x63), filled(padding + 1, padding))
      const reader = protectionOf(suite)
      blockFunction.mockClear()
      reader.unprotect(23, record)
      return blockFunction.mock.calls.length
    }
    try {
      const blockBytes = macLength === 48 ? 128 : 64
      const calls = callsFor(0)
      // Header and content, 0x80 and the length field; the outer hash is one block, what the even number needs may be none.
      expect(calls).toBe(Math.ceil((13 + total - macLength - 1 + 1 + blockBytes / 8) / blockBytes) + 2)
      for (let padding = 1; padding <= 255; padding++) expect(callsFor(padding), `${padding}`).toBe(calls)
    } finally {
      blockFunction.mockRestore()
    }
  })

  test('padding that reaches past the record costs the same and is bad_record_mac', () => {
    const counting = countingProvider(nobleProvider)
    const reader = () => protectionOf(suite, { provider: counting.provider })
    const compressionsOf = (last: number) => {
      const content = filled(64 - macLength - 1, 0x63)
      const record = forge(suite, content, Uint8Array.of(last))
      const state = reader()
      counting.reset()
      const alert = alertOf(() => state.unprotect(23, record))
      return { alert, compressions: counting.compressions() }
    }
    const { compressions } = compressionsOf(0)
    for (const last of [64 - macLength, 63, 64, 200, 255]) {
      expect(compressionsOf(last)).toEqual({ alert: 'bad_record_mac', compressions })
    }
  })

  test('the error says nothing about what was wrong', () => {
    const messages = new Set<string>()
    const collect = (record: Uint8Array) => {
      try {
        protectionOf(suite).unprotect(23, record)
      } catch (error) {
        messages.add(String(error))
      }
    }
    collect(forge(suite, filled(total - macLength - 1, 1), filled(1, 9)))
    collect(forge(suite, filled(total - macLength - 1, 1), filled(1, 0), true))
    collect(filled(total + 16, 7))
    expect(messages.size).toBe(1)
  })
})

describe('encrypt_then_mac', () => {
  // RFC 7366 §3: "the MAC ... is verified before any attempt at decryption".
  test('a bad MAC is refused before anything is decrypted', () => {
    const counting = countingProvider(nobleProvider)
    const suite = 'TLS_RSA_WITH_AES_128_CBC_SHA256'
    const fragment = protectionOf(suite, { encryptThenMac: true }).protect(23, filled(30, 2))
    fragment[fragment.length - 1]! ^= 1
    const reader = protectionOf(suite, { encryptThenMac: true, provider: counting.provider })
    expect(alertOf(() => reader.unprotect(23, fragment))).toBe('bad_record_mac')
    expect(counting.trace.filter(operation => operation.startsWith('cbc'))).toEqual([])
  })

  test('the two orders do not read each other', () => {
    const property = fc.property(
      fc.boolean(),
      fc.uint8Array({ maxLength: 100 }),
      (encryptThenMac, content) => {
        const suite = 'TLS_RSA_WITH_AES_128_CBC_SHA'
        const fragment = protectionOf(suite, { encryptThenMac }).protect(23, content)
        const reader = protectionOf(suite, { encryptThenMac: !encryptThenMac })
        expect(alertOf(() => reader.unprotect(23, fragment))).toBe('bad_record_mac')
      },
    )
    fc.assert(property, { numRuns: 50 })
  })
})
