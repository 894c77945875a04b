import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Json, type Resolve, type Schema, violations } from '../support/json-schema.ts'
import { expand, vectorFile, vectorKinds } from '../support/vectors.ts'

const folder = new URL('../../vectors/', import.meta.url)
const readJson = (path: string) => JSON.parse(readFileSync(new URL(path, folder), 'utf8')) as Json
const readSchema = (file: string) => readJson(`schemas/${file}`) as Schema

/** `file#/$defs/name`, where the file may be left out. */
function resolverIn(file: string): Resolve {
  return reference => {
    const [otherFile, pointer = ''] = reference.split('#')
    const target = otherFile || file
    let schema: Json = readCached(target)
    for (const step of pointer.split('/').filter(Boolean)) schema = (schema as Schema)[step]!
    return { schema: schema as Schema, resolve: resolverIn(target) }
  }
}

const cache = new Map<string, Schema>()
function readCached(file: string): Schema {
  const schema = cache.get(file) ?? readSchema(file)
  cache.set(file, schema)
  return schema
}

function violationsOf(document: Json, schemaFile: string): string[] {
  return violations(readCached(schemaFile), document, resolverIn(schemaFile))
}

describe.each(vectorKinds)('vectors/%s.json', kind => {
  const file = vectorFile(kind)

  test('conforms to its schema', () => {
    expect(violationsOf(readJson(`${kind}.json`), file.schema)).toEqual([])
  })

  test('has at least twenty vectors, and as many as it says', () => {
    expect(file.tests.length).toBeGreaterThanOrEqual(20)
    expect(file.numberOfTests).toBe(file.tests.length)
  })

  test('numbers and names each vector once', () => {
    expect(file.tests.map(({ tcId }) => tcId)).toEqual(file.tests.map((_, i) => i + 1))
    expect(new Set(file.tests.map(({ id }) => id)).size).toBe(file.tests.length)
  })

  test('has two oracles for each vector, and one that shares no code with OpenSSL', () => {
    for (const { id, oracles } of file.tests) {
      const names = Object.keys(oracles)
      expect(names.length, id).toBeGreaterThanOrEqual(2)
      expect(
        names.some(name => name.startsWith('python-')),
        id,
      ).toBe(true)
    }
  })

  test('describes exactly the flags its vectors have', () => {
    const flags = new Set(file.tests.flatMap(test => test.flags))
    expect(new Set(Object.keys(file.notes))).toEqual(flags)
  })
})

describe('record_open', () => {
  const { tests } = vectorFile('record_open')

  test('a vector is valid with a plaintext, or invalid with alerts', () => {
    for (const { id, result, plaintext, expect: refusal } of tests) {
      expect(result === 'valid', id).toBe(plaintext !== undefined)
      expect(result === 'invalid', id).toBe(refusal !== undefined)
      if (refusal) expect(refusal.alerts[0], id).toBe(refusal.preferred)
    }
  })

  test('every padding_length from 0 to 255 is there', () => {
    const seen = new Set(
      tests.flatMap(({ paddingLength }) => (typeof paddingLength === 'number' ? [paddingLength] : [])),
    )
    expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: 256 }, (_, n) => n))
  })

  test('no fragment is longer than 2^14 + 2048 bytes', () => {
    for (const { id, fragment } of tests)
      expect(expand(fragment).length, id).toBeLessThanOrEqual(2 ** 14 + 2048)
  })
})

describe.each(['record_protect', 'record_open'] as const)('%s', kind => {
  const { tests } = vectorFile(kind)
  const modeOf = ({ suite, encryptThenMac }: { suite: string; encryptThenMac: boolean }) =>
    `${suite}${encryptThenMac ? ' encrypt-then-MAC' : ''}`
  const modes = [...new Set(tests.map(modeOf))]

  test('has thirteen modes: two suites of GCM, one of ChaCha20-Poly1305, five of CBC in both orders', () => {
    expect(modes).toHaveLength(13)
  })

  test.each(modes)('%s has all sequence numbers', mode => {
    const readable = tests.filter(vector => modeOf(vector) === mode && vector.result === 'valid')
    const numbers = new Set(readable.map(({ sequenceNumber }) => BigInt(sequenceNumber)))
    for (const wanted of [0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 48n]) expect(numbers).toContain(wanted)
  })
})

// Who counts in prose counts once, and never again.
test('the READMEs count the vectors right', () => {
  const read = (path: string) => readFileSync(new URL(path, folder), 'utf8')
  const grouped = (count: number) => count.toLocaleString('en-US')
  const counts = vectorKinds.map(kind => vectorFile(kind).tests.length)
  for (const [i, kind] of vectorKinds.entries())
    expect(read('README.md')).toMatch(
      new RegExp(`^\\| \`${kind}\\.json\` .* \\| ${grouped(counts[i]!)} \\|$`, 'm'),
    )
  const opened = vectorFile('record_open').tests
  const readable = opened.filter(({ result }) => result === 'valid').length
  expect(read('README.md')).toContain(`${readable} records to read, ${opened.length - readable} to refuse`)
  expect(read('../README.md')).toContain(`${grouped(counts.reduce((sum, count) => sum + count))} vectors`)
})

test('the schema check sees what is wrong', () => {
  const document = () => structuredClone(readJson('verify_data.json')) as { tests: Schema[] }
  const broken = (change: (test: Schema) => void) => {
    const copy = document()
    change(copy.tests[3]!)
    return violationsOf(copy as unknown as Json, 'verify_data_v1.json')
  }
  expect(broken(() => {})).toEqual([])
  expect(broken(test => delete test.role)).toEqual(['$.tests[3]: role is missing'])
  expect(broken(test => Object.assign(test, { extra: 1 }))).toEqual([
    '$.tests[3]: extra is not a known property',
  ])
  expect(broken(test => Object.assign(test, { tcId: '4' }))).not.toEqual([])
  expect(broken(test => Object.assign(test, { verifyData: 'AB' }))).not.toEqual([])
  expect(broken(test => Object.assign(test, { oracles: { 'node-crypto': 'agrees' } }))).not.toEqual([])
  expect(() => violations({ maxLength: 3 }, 'abcd', resolverIn('common_v1.json'))).toThrow('unknown')
})
