import fc from 'fast-check'
import { concatBytes } from '../src/bytes.ts'
import type { Shape } from '../src/wire/codec.ts'

/**
 * The arbitrary of a declaration: values that the codec of this shape can write, with known names and unknown
 * numbers, empty and full vectors. Structure is what finds bugs in a decoder; raw bytes hardly reach it.
 */
export function arbitraryOf(shape: Shape): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'uint':
      return uintArbitrary(shape)
    case 'opaque':
      return fc.uint8Array({ minLength: shape.length, maxLength: shape.length })
    case 'opaqueVector':
      return fc.uint8Array({ minLength: shape.min, maxLength: Math.min(shape.max, shape.min + 64) })
    case 'vector':
      return vectorArbitrary(shape)
    case 'struct':
      return fc.record(
        Object.fromEntries(Object.entries(shape.fields).map(([name, field]) => [name, arbitraryOf(field)])),
      )
    case 'optionalTail':
      return fc.option(arbitraryOf(shape.body), { nil: undefined })
    case 'extensions':
      return extensionsArbitrary(shape.bodies)
    case 'remainder':
      return fc.uint8Array({ maxLength: 64 })
    case 'variant':
      return variantArbitrary(shape)
  }
}

function uintArbitrary({
  bytes,
  names,
  closed,
}: Extract<Shape, { kind: 'uint' }>): fc.Arbitrary<string | number> {
  const number = fc.nat(Math.min(256 ** bytes - 1, 2 ** 31 - 1))
  if (!names) return number
  if (closed) return fc.constantFrom(...Object.keys(names))
  const known = new Set(Object.values(names))
  // A known number reads as its name, so it must not be written as a number: the round trip would differ.
  return fc.oneof(
    fc.constantFrom(...Object.keys(names)),
    number.filter(value => !known.has(value)),
  )
}

function vectorArbitrary(shape: Extract<Shape, { kind: 'vector' }>): fc.Arbitrary<unknown[]> {
  const smallest = Math.max(1, smallestLength(shape.item))
  const minLength = Math.ceil(shape.min / smallest)
  return fc.array(arbitraryOf(shape.item), {
    minLength,
    maxLength: Math.min(minLength + 6, Math.floor(shape.max / smallest)),
  })
}

function variantArbitrary({
  selector,
  cases,
}: Extract<Shape, { kind: 'variant' }>): fc.Arbitrary<{ type: unknown; body: unknown }> {
  return arbitraryOf(selector).chain(type =>
    arbitraryOf(cases[String(type)] ?? cases.other!).map(body => ({ type, body })),
  )
}

function extensionsArbitrary(bodies: Readonly<Record<string, Shape>>): fc.Arbitrary<unknown[]> {
  const known = Object.entries(bodies).map(([extensionType, body]) =>
    fc.record({ extensionType: fc.constant(extensionType), extensionData: arbitraryOf(body) }),
  )
  // Numbers from 100 on: none of those has a body of its own here, but for renegotiation_info's.
  const unknown = fc.record({
    extensionType: fc.integer({ min: 100, max: 0xff00 }),
    extensionData: fc.uint8Array({ maxLength: 32 }),
  })
  return fc.uniqueArray(fc.oneof(...known, unknown), {
    selector: ({ extensionType }) => extensionType,
    maxLength: 6,
  })
}

/** The least bytes a value of this shape takes. */
function smallestLength(shape: Shape): number {
  switch (shape.kind) {
    case 'uint':
      return shape.bytes
    case 'opaque':
      return shape.length
    case 'opaqueVector':
    case 'vector':
      return shape.min
    case 'struct':
      return Object.values(shape.fields).reduce((sum, field) => sum + smallestLength(field), 0)
    case 'variant':
      return smallestLength(shape.selector)
    case 'optionalTail':
    case 'extensions':
    case 'remainder':
      return 0
  }
}

/** Valid bytes, edited: flipped, cut, doubled, overwritten, with lengths that lie. */
export function editedBytes(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({
    kind: fc.constantFrom('flip', 'cut', 'insert', 'overwrite', 'increment' as const),
    at: fc.nat(),
    value: fc.integer({ min: 1, max: 255 }),
    length: fc.integer({ min: 1, max: 8 }),
  })
  return fc
    .tuple(valid, fc.array(edit, { maxLength: 4 }))
    .map(([bytes, edits]) => edits.reduce(applyEdit, bytes))
}

function applyEdit(
  bytes: Uint8Array,
  { kind, at, value, length }: { kind: string; at: number; value: number; length: number },
): Uint8Array {
  if (bytes.length === 0) return bytes
  const i = at % bytes.length
  const edited = bytes.slice()
  switch (kind) {
    case 'flip':
      edited[i]! ^= value
      return edited
    case 'increment':
      edited[i]! += value % 2 === 0 ? 1 : -1
      return edited
    case 'overwrite':
      return edited.fill(value, i, i + length)
    case 'cut':
      return concatBytes(bytes.subarray(0, i), bytes.subarray(i + length))
    default:
      return concatBytes(bytes.subarray(0, i), new Uint8Array(length).fill(value), bytes.subarray(i))
  }
}
