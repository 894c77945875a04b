import { createHmac } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { makeClusterKeys, parseClusterKeys, readClusterKeys } from '../../src/cluster/keys.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { Secret } from '../../src/secret.ts'
import { derivedKey, keysText, provider, rawKey, seededRandom, startMs, testKeys } from './support.ts'

const surroundings = { provider, nowMs: startMs }
const parse = (text: string) => parseClusterKeys(text, 'cluster.key', surroundings)
const entry = (changes: object = {}) => ({
  epoch: 1,
  notBefore: '2025-01-31T11:00:00Z',
  notAfter: null,
  key: rawKey(1).toString('base64url'),
  ...changes,
})
const fileOf = (...keys: object[]) => JSON.stringify({ keys })

describe('derived keys', () => {
  const keys = testKeys([{ epoch: 7 }]).current(startMs)!
  const input = new Uint8Array([1, 2, 3])
  const mac = (label: string) => createHmac('sha256', derivedKey(7, label)).update(input).digest('hex')

  test.each([
    ['id', keys.idMac(input)],
    ['lookup', keys.storageKey(input)],
    ['request', keys.requestMac(input)],
  ])('the %s key is HKDF-SHA256 of the file by label', (label, ours) => {
    expect(Buffer.from(ours).toString('hex')).toBe(mac(label))
  })

  test('are other keys for another epoch and for each purpose', () => {
    const macs = [
      ...['id', 'lookup', 'request', 'seal'].map(mac),
      Buffer.from(testKeys().current(startMs)!.idMac(input)).toString('hex'),
    ]
    expect(new Set(macs).size).toBe(5)
  })
})

describe('the epoch that is used', () => {
  const rotated = testKeys([
    { epoch: 1, notBeforeMs: startMs - 1000, notAfterMs: startMs + 5000 },
    { epoch: 2, notBeforeMs: startMs + 2000 },
  ])

  test.each([
    [startMs - 1001, undefined],
    [startMs - 1000, 1],
    [startMs + 1999, 1],
    [startMs + 2000, 2],
  ])('at %i is the newest that has begun', (nowMs, epoch) => {
    expect(rotated.current(nowMs)?.epoch).toBe(epoch)
  })

  test('opens up to its notAfter, and before its notBefore', () => {
    expect(rotated.ofEpoch(1, startMs + 5000)?.epoch).toBe(1)
    expect(rotated.ofEpoch(1, startMs + 5001)).toBeUndefined()
    expect(rotated.ofEpoch(2, startMs)?.epoch).toBe(2)
    expect(rotated.ofEpochBits(1, startMs + 5001)).toBeUndefined()
  })
})

describe('a key file', () => {
  test('as `init` makes it is read back, and can be used at once', () => {
    const text = makeClusterKeys({ random: seededRandom('init'), nowMs: startMs })
    const file = JSON.parse(text)
    expect(Buffer.from(file.keys[0].key, 'base64url')).toEqual(Buffer.from(seededRandom('init')(32)))
    expect(parse(text).periods).toEqual([
      { epoch: 1, notBeforeMs: startMs - 60_000, notAfterMs: Number.POSITIVE_INFINITY },
    ])
    expect(parse(text).current(startMs)?.epoch).toBe(1)
  })

  test('may hold 63 live epochs, and dead ones beside them', () => {
    const dead = { epoch: 1, notBeforeMs: startMs - 9000, notAfterMs: startMs - 1 }
    const live = Array.from({ length: 63 }, (_, i) => ({ epoch: 65 + i }))
    expect(parse(keysText([dead, ...live])).periods.length).toBe(63)
    expect(() => parse(keysText([...live, { epoch: 200 }]))).toThrow(
      'cluster.key: keys: need at most 63 epochs',
    )
  })

  test.each([
    ['{"keys":[', 'this is not JSON'],
    ['[]', 'need an object'],
    ['{}', 'keys: need a list'],
    [fileOf(), 'keys: need a list of 1'],
    [fileOf(entry({ epoch: -1 })), 'keys[0].epoch: need a whole number'],
    [fileOf(entry({ epoch: 2 ** 32 })), 'keys[0].epoch: need a whole number'],
    [fileOf(entry({ notBefore: 'yesterday' })), 'keys[0].notBefore: need a time in UTC'],
    [fileOf(entry({ notBefore: '2025-13-31T11:00:00Z' })), 'keys[0].notBefore: need a time in UTC'],
    [fileOf(entry({ notBefore: 1738324800000 })), 'keys[0].notBefore: need a time in UTC'],
    [fileOf(entry({ notAfter: '2025-01-31T11:00:00Z' })), 'keys[0].notAfter: need a time after notBefore'],
    [fileOf(entry({ notAfter: undefined })), 'keys[0].notAfter: need a time in UTC'],
    [
      fileOf(entry({ notAfter: '2025-01-31T11:30:00Z' })),
      'keys: need an epoch that is not past its notAfter',
    ],
    [fileOf(entry({ key: `${'A'.repeat(42)}B` })), 'keys[0].key: need 32 bytes in base64url'],
    [fileOf(entry({ key: 'c2hvcnQ' })), 'keys[0].key: need 32 bytes in base64url'],
    [fileOf(entry({ notbefore: 'x' })), 'keys[0].notbefore: no such field; known are epoch, notBefore'],
    [fileOf(entry(), entry({ epoch: 65 })), 'keys: need epochs that differ modulo 64, which 1 and 65 do not'],
    [fileOf(entry(), entry()), 'which 1 and 1 do not'],
  ])('%#: %s is refused in one line', (text, message) => {
    expect(() => parse(text)).toThrow(ApiMisuse)
    expect(() => parse(text)).toThrow(message)
    expect(() => parse(text)).not.toThrow('\n')
  })

  test('is never quoted in an error', () => {
    const key = rawKey(1).toString('base64url')
    for (const text of [
      `{"keys":"${key}"}`,
      `{"keys":["${key}"]}`,
      `${key}`,
      fileOf(entry({ epoch: key })),
      fileOf(entry({ key: `${key}=` })),
    ]) {
      expect(() => parse(text)).toThrow(ApiMisuse)
      expect(() => parse(text)).not.toThrow(key.slice(0, 8))
    }
  })
})

describe('on disk', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ringtls-keys-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  test('a key file is read without a warning at mode 0600', () => {
    const path = join(folder, 'private.key')
    writeFileSync(path, keysText([{ epoch: 3 }]), { mode: 0o600 })
    const { keys, warnings } = readClusterKeys(path, surroundings)
    expect(keys.current(startMs)?.epoch).toBe(3)
    expect(warnings).toEqual([])
  })

  test.skipIf(process.platform === 'win32')('a mode that lets others read is a warning', () => {
    const path = join(folder, 'open.key')
    writeFileSync(path, keysText([{ epoch: 3 }]))
    chmodSync(path, 0o644)
    const { keys, warnings } = readClusterKeys(path, surroundings)
    expect(keys.current(startMs)?.epoch).toBe(3)
    expect(warnings).toEqual([`${path}: mode 0644 lets others read the cluster key; run chmod 600 on it`])
  })

  test('a file that is not there says what to do', () => {
    const path = join(folder, 'none.key')
    expect(() => readClusterKeys(path, surroundings)).toThrow(
      `${path}: there is no such file; make one with \`ringtls init\``,
    )
    expect(() => readClusterKeys(folder, surroundings)).toThrow(
      `${folder}: cannot read the cluster key (EISDIR)`,
    )
  })
})

test('the bytes of every epoch are wiped once its keys are derived, those of epochs that are over too', () => {
  const wipe = vi.spyOn(Secret.prototype, 'wipe')
  try {
    const over = { notBefore: '2024-01-01T00:00:00Z', notAfter: '2024-06-01T00:00:00Z' }
    const keys = [1, 2, 3].map(epoch =>
      entry({ epoch, key: rawKey(epoch).toString('base64url'), ...(epoch < 3 && over) }),
    )
    expect(parse(fileOf(...keys)).periods.map(({ epoch }) => epoch)).toEqual([3])
    const wiped = new Set(wipe.mock.contexts as Secret[])
    expect([...wiped].filter(secret => secret.length === 32).length).toBe(3)
    for (const secret of wiped) expect(secret.reveal().every(byte => byte === 0)).toBe(true)
  } finally {
    wipe.mockRestore()
  }
})
