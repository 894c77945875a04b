import { createCipheriv, createDecipheriv } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { openSession, sealSession } from '../../src/cluster/sealed-record.ts'
import { decodeSession, encodeSession } from '../../src/session/session-record.ts'
import { derivedKey, masterSecret, seededRandom, startMs, testKeys, testSession } from './support.ts'

const keys = testKeys([{ epoch: 0x01020304 }])
const storageKey = new Uint8Array(32).fill(0xab)
const surroundings = { keys, storageKey, nowMs: startMs }
const sealed = () =>
  sealSession(testSession(), { keys: keys.current(startMs)!, storageKey, random: seededRandom('nonce') })
const head = Buffer.from([1, 1, 2, 3, 4])

/** A record as the format says, made with node:crypto. */
function sealByHand(plaintext: Uint8Array, key: Uint8Array = storageKey, version = 1): Uint8Array {
  const start = Buffer.concat([Buffer.from([version]), head.subarray(1)])
  const nonce = Buffer.alloc(12, 7)
  const cipher = createCipheriv('aes-256-gcm', derivedKey(0x01020304, 'seal'), nonce)
  cipher.setAAD(Buffer.concat([start, key]))
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return new Uint8Array(Buffer.concat([start, nonce, ciphertext, cipher.getAuthTag()]))
}

describe('a sealed record', () => {
  test('opens to the session that was sealed', () => {
    const lookup = openSession(sealed(), surroundings)
    if (!('session' in lookup)) throw new Error(lookup.miss)
    expect(Buffer.from(lookup.session.masterSecret.reveal()).equals(masterSecret)).toBe(true)
    expect({ ...lookup.session, masterSecret: 0 }).toEqual({ ...testSession(), masterSecret: 0 })
  })

  test('is opened by node:crypto from the documented format', () => {
    const bytes = Buffer.from(sealed())
    expect(bytes.subarray(0, 5)).toEqual(head)
    expect(bytes.subarray(5, 17)).toEqual(Buffer.from(seededRandom('nonce')(12)))
    const decipher = createDecipheriv('aes-256-gcm', derivedKey(0x01020304, 'seal'), bytes.subarray(5, 17))
    decipher.setAAD(Buffer.concat([head, storageKey]))
    decipher.setAuthTag(bytes.subarray(-16))
    const plaintext = Buffer.concat([decipher.update(bytes.subarray(17, -16)), decipher.final()])
    expect(decodeSession(new Uint8Array(plaintext)).serverName).toBe('www.example.test')
  })

  test('made by node:crypto from the documented format opens', () => {
    expect(openSession(sealByHand(encodeSession(testSession())), surroundings)).toHaveProperty('session')
  })

  test('with any byte changed is a miss', () => {
    const bytes = sealed()
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice()
      changed[at]! ^= 0x41
      const expected = at === 0 ? 'miss' : at < 5 ? 'epoch' : 'auth'
      expect(openSession(changed, surroundings)).toEqual({ miss: expected })
    }
  })

  test('cut short at any place, or too long, is a miss', () => {
    const bytes = sealed()
    for (let length = 0; length < bytes.length; length++) {
      expect(openSession(bytes.subarray(0, length), surroundings)).toEqual({ miss: 'auth' })
    }
    expect(openSession(new Uint8Array(4097).fill(1), surroundings)).toEqual({ miss: 'auth' })
  })

  test('of another session is a miss', () => {
    const elsewhere = { ...surroundings, storageKey: new Uint8Array(32).fill(0xac) }
    expect(openSession(sealed(), elsewhere)).toEqual({ miss: 'auth' })
  })

  test('under another cluster key is a miss', () => {
    const others = testKeys([{ epoch: 0x01020304 }], 'another cluster')
    expect(openSession(sealed(), { ...surroundings, keys: others })).toEqual({ miss: 'auth' })
    expect(openSession(sealed(), { ...surroundings, keys: testKeys([{ epoch: 1 }]) })).toEqual({
      miss: 'epoch',
    })
  })

  test('with a good seal over what is no session is an error, over another version a miss', () => {
    const plaintext = encodeSession(testSession())
    expect(openSession(sealByHand(plaintext.subarray(0, 100)), surroundings)).toEqual({ miss: 'error' })
    expect(openSession(sealByHand(Uint8Array.of(1)), surroundings)).toEqual({ miss: 'error' })
    plaintext[4] = 0xee
    expect(openSession(sealByHand(plaintext), surroundings)).toEqual({ miss: 'error' })
    plaintext[0] = 2
    expect(openSession(sealByHand(plaintext), surroundings)).toEqual({ miss: 'miss' })
    expect(openSession(sealByHand(plaintext, storageKey, 2), surroundings)).toEqual({ miss: 'miss' })
    expect(openSession(sealByHand(new Uint8Array(0)), surroundings)).toEqual({ miss: 'miss' })
  })

  test('of the largest session stays within 4 KB', () => {
    const session = testSession({ peerCertificate: new Uint8Array(3072), serverName: 'a'.repeat(255) })
    const record = sealSession(session, {
      keys: keys.current(startMs)!,
      storageKey,
      random: seededRandom('n'),
    })
    expect(record.length).toBeLessThan(4096)
    expect(openSession(record, surroundings)).toHaveProperty('session')
  })
})
