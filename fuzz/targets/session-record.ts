/**
 * Session records: whatever bytes a store gives back, the decoder returns a Session or throws a TlsError, and a
 * Session encodes to the bytes it came from.
 */
import fc from 'fast-check'
import { concatBytes, equalBytes, fromHex } from '../../src/bytes.ts'
import { cipherSuiteNames, cipherSuites } from '../../src/crypto/cipher-suites.ts'
import { TlsError } from '../../src/errors.ts'
import type { Session } from '../../src/session/session.ts'
import { decodeSession, encodeSession } from '../../src/session/session-record.ts'

export const name = 'session-record'

/** A session without and one with server name and certificate. */
export const seeds: Uint8Array[] = [
  record({ serverName: '', certificate: '' }),
  record({ serverName: '7777772e6578616d706c652e74657374', certificate: '30030101ff' }),
]

/** Records with every field drawn, absurd values among them, and good ones edited here and there. */
export const arbitrary: fc.Arbitrary<Uint8Array> = fc.oneof(structured(), edited())

/** Throws when a property does not hold. */
export function run(bytes: Uint8Array): void {
  const before = bytes.slice()
  const session = decodedOrRefused(bytes)
  if (!equalBytes(bytes, before)) throw new Error('the decoder wrote to its input')
  if (session === undefined) return
  // The bytes may be wiped afterwards: nothing of the session may be a view of them.
  bytes.fill(0)
  const again = encodeSession(session)
  bytes.set(before)
  if (!equalBytes(again, before))
    throw new Error('a session does not encode to the bytes it was decoded from')
}

function decodedOrRefused(bytes: Uint8Array): Session | undefined {
  try {
    return decodeSession(bytes)
  } catch (error) {
    if (error instanceof TlsError) return undefined
    throw error
  }
}

function record({ serverName, certificate }: { serverName: string; certificate: string }): Uint8Array {
  const head = '01 0303 009c 01 00 0194bc0ed000 00000258'
  const secrets = `${'11'.repeat(48)} ${'22'.repeat(32)} ${'33'.repeat(32)}`
  const name = `${lengthHex(serverName, 1)} ${serverName}`
  return fromHex(`${head} ${secrets} ${name} ${'44'.repeat(16)} ${lengthHex(certificate, 2)} ${certificate}`)
}

function lengthHex(hex: string, bytes: number): string {
  return (hex.length / 2).toString(16).padStart(2 * bytes, '0')
}

function structured(): fc.Arbitrary<Uint8Array> {
  const suites = cipherSuiteNames.map(suite => cipherSuites[suite].number)
  const mostly = (usual: number, bytes: number) =>
    fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: number(bytes) })
  const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
  const hostName = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.stringMatching(/^[a-z0-9.-]{0,40}$/).map(text => new TextEncoder().encode(text)),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 255 }) },
  )
  return fc
    .tuple(
      mostly(1, 1).map(value => uint(value, 1)),
      mostly(0x0303, 2).map(value => uint(value, 2)),
      fc
        .oneof({ weight: 9, arbitrary: fc.constantFrom(...suites) }, { weight: 1, arbitrary: number(2) })
        .map(value => uint(value, 2)),
      fc.nat(4).map(value => uint(value, 1)),
      fc.nat(5).map(value => uint(value, 1)),
      number(6).map(value => uint(value, 6)),
      fc.oneof(fc.nat(86_401), number(4)).map(value => uint(value, 4)),
      exactly(48 + 32 + 32),
      withLength(hostName, 1),
      exactly(16),
      withLength(fc.uint8Array({ maxLength: 300 }), 2),
    )
    .map(parts => concatBytes(...parts))
}

/** A length field, which in one of ten cases is not the length. */
function withLength(body: fc.Arbitrary<Uint8Array>, prefixBytes: number): fc.Arbitrary<Uint8Array> {
  const wrong = fc.oneof(
    { weight: 9, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: number(prefixBytes) },
  )
  return fc
    .tuple(body, wrong)
    .map(([bytes, length]) => concatBytes(uint(length ?? bytes.length, prefixBytes), bytes))
}

function edited(): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({
    at: fc.nat(400),
    kind: fc.constantFrom('flip', 'set', 'cut', 'insert', 'double'),
    value: fc.nat(255),
  })
  return fc
    .tuple(fc.constantFrom(...seeds), fc.array(edit, { minLength: 1, maxLength: 4 }))
    .map(([seed, edits]) => {
      let bytes = seed
      for (const { at, kind, value } of edits)
        bytes = editedOnce(bytes, { at: at % (bytes.length + 1), kind, value })
      return bytes
    })
}

type EditKind = 'flip' | 'set' | 'cut' | 'insert' | 'double'

function editedOnce(
  bytes: Uint8Array,
  { at, kind, value }: { at: number; kind: EditKind; value: number },
): Uint8Array {
  const before = bytes.subarray(0, at)
  const after = bytes.subarray(at)
  switch (kind) {
    case 'flip':
      return concatBytes(
        before,
        after.subarray(0, 1).map(byte => byte ^ (1 << (value % 8))),
        after.subarray(1),
      )
    case 'set':
      return concatBytes(before, Uint8Array.of(value), after.subarray(1))
    case 'cut':
      return before.slice()
    case 'insert':
      return concatBytes(before, Uint8Array.of(value), after)
    case 'double':
      return concatBytes(before, after, after)
  }
}

function number(bytes: number): fc.Arbitrary<number> {
  return fc.maxSafeNat().map(value => value % 256 ** bytes)
}

function uint(value: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let rest = value
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = rest % 256
    rest = Math.floor(rest / 256)
  }
  return bytes
}
