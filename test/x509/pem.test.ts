import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { decodeBase64, parsePem } from '../../src/x509/pem.ts'
import { fixture, fixtureDer } from './fixtures.ts'

describe('base64 (RFC 4648 §4)', () => {
  test('is that of node for every length to 66', () => {
    for (let length = 0; length <= 66; length++) {
      const bytes = randomBytes(length)
      expect(toHex(decodeBase64(bytes.toString('base64')) ?? randomBytes(1))).toBe(bytes.toString('hex'))
    }
  })

  test.each([
    'A',
    'AA',
    'AAA',
    'A===',
    '====',
    '=',
    'AA=A',
    'AB==',
    'AAB=',
    'AA==AAAA',
    'AA-_',
    'AAA\u0141',
    'AAAAA',
  ])('%s is refused', text => {
    expect(decodeBase64(text)).toBeUndefined()
  })
})

describe('PEM (RFC 7468)', () => {
  test('every block of a text, with explanations between, any line ending and a byte order mark', () => {
    const text = `\uFEFF${fixture('server')}\nsome: words\n${fixture('root')}`
    for (const form of [text, text.replaceAll('\n', '\r\n'), text.replaceAll('\n', '\r'), text.trimEnd()]) {
      const blocks = parsePem(form, 'test')
      expect(blocks.map(({ label }) => label)).toEqual(['CERTIFICATE', 'CERTIFICATE'])
      expect(blocks.map(({ bytes }) => toHex(bytes))).toEqual([
        toHex(fixtureDer('server')),
        toHex(fixtureDer('root')),
      ])
    }
  })

  test('the headers of the older form', () => {
    const [block] = parsePem(fixture('server.pkcs1-encrypted'), 'test')
    expect(block?.headers[0]).toBe('Proc-Type: 4,ENCRYPTED')
    expect(block?.headers).toHaveLength(2)
  })

  test('no block at all', () => {
    expect(parsePem('', 'test')).toEqual([])
    expect(parsePem('hello\nBEGIN', 'test')).toEqual([])
  })

  test.each([
    ['no end', '-----BEGIN X-----\nAAAA\n'],
    ['no begin', '-----END X-----\n'],
    ['another end', '-----BEGIN X-----\nAAAA\n-----END Y-----\n'],
    ['two begins', '-----BEGIN X-----\n-----BEGIN X-----\nAAAA\n-----END X-----\n'],
    ['no base64', '-----BEGIN X-----\nAA?A\n-----END X-----\n'],
    ['a character missing', '-----BEGIN X-----\nAAA\n-----END X-----\n'],
  ])('%s is ApiMisuse that names the source in one line', (_, text) => {
    expect(() => parsePem(text, 'the file')).toThrow(ApiMisuse)
    expect(() => parsePem(text, 'the file')).toThrow(/^the file: .+$/)
  })

  test('a long hostile text takes no quadratic time', () => {
    const started = performance.now()
    expect(() => parsePem(`-----BEGIN ${'A '.repeat(200_000)}`, 'test')).not.toThrow()
    expect(decodeBase64(' '.repeat(200_000))).toHaveLength(0)
    expect(performance.now() - started).toBeLessThan(500)
  })
})
