import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { choosePreMaster } from '../../src/handshake/pre-master.ts'
import { cat, filled, hex } from '../support/by-hand.ts'

/** RFC 5246 §7.4.7.1 and RFC 8017 §7.2.2 in plain words: take the padding off, and look at what is left. */
function reference(block: Uint8Array | undefined, version: number): Uint8Array | undefined {
  if (block?.[0] !== 0 || block[1] !== 2) return undefined
  const separator = block.indexOf(0, 2)
  if (separator < 10) return undefined // -1: none; otherwise fewer than 8 bytes of padding
  const message = block.slice(separator + 1)
  const isRight = message.length === 48 && message[0] === version >> 8 && message[1] === (version & 0xff)
  return isRight ? message : undefined
}

const substitute = filled(48, 0x5b)
const goodBlock = (length: number, version = 0x0303) =>
  cat(
    hex('0002'),
    filled(length - 51, 0x77),
    hex('00'),
    hex(version.toString(16).padStart(4, '0')),
    filled(46, 0x99),
  )

function choose(block: Uint8Array | undefined, length: number, version: number): Uint8Array {
  return choosePreMaster(block?.slice(), length, version, substitute.slice())
}

describe('choosePreMaster', () => {
  test.each([64, 128, 256, 384, 512])('a good block of %i bytes gives its premaster secret', length => {
    expect(choose(goodBlock(length), length, 0x0303)).toEqual(cat(hex('0303'), filled(46, 0x99)))
    expect(choose(goodBlock(length, 0x0304), length, 0x0304)).toEqual(cat(hex('0304'), filled(46, 0x99)))
  })

  test('every byte of the padding matters, and none of the secret', () => {
    const good = goodBlock(256)
    for (let at = 0; at < 256; at++) {
      for (const value of [0, 1, 2, 3, 0x80, 0xff]) {
        const block = good.slice()
        block[at] = value
        const expected = reference(block, 0x0303) ?? substitute
        expect(choose(block, 256, 0x0303), `byte ${at} is ${value}`).toEqual(expected)
      }
    }
  })

  test('a refusal, or a block of another length, is the substitute', () => {
    expect(choose(undefined, 256, 0x0303)).toEqual(substitute)
    for (const length of [0, 1, 48, 255, 257])
      expect(choose(filled(length, 0), 256, 0x0303)).toEqual(substitute)
    expect(choose(goodBlock(255), 256, 0x0303)).toEqual(substitute)
  })

  test('agrees with the plain reading of the RFC on blocks of every kind', () => {
    const byte = fc.oneof(fc.constantFrom(0, 1, 2, 3), fc.integer({ min: 0, max: 255 }))
    const changes = fc.array(fc.tuple(fc.nat(127), byte), { maxLength: 5 })
    const version = fc.constantFrom(0x0303, 0x0304, 0x0302, 0xffff)
    const property = fc.property(version, version, changes, (inside, wanted, list) => {
      const block = goodBlock(128, inside)
      for (const [at, value] of list) block[at] = value
      expect(choose(block, 128, wanted)).toEqual(reference(block, wanted) ?? substitute)
    })
    fc.assert(property, { numRuns: 2000 })
  })

  test('wipes the block and the substitute', () => {
    const block = goodBlock(128)
    const spare = substitute.slice()
    choosePreMaster(block, 128, 0x0303, spare)
    expect(block).toEqual(filled(128, 0))
    expect(spare).toEqual(filled(48, 0))
  })
})
