import { enumeration, struct, uint8 } from '../../wire/codec.ts'

/** `enum { 2^9(1), 2^10(2), 2^11(3), 2^12(4), (255) } MaxFragmentLength` (RFC 6066 §4). */
export const MaxFragmentLength = { '2^9': 1, '2^10': 2, '2^11': 3, '2^12': 4 } as const
export type MaxFragmentLength = keyof typeof MaxFragmentLength

/** In both hellos; the server's is the client's. */
export const maxFragmentLength = struct({ maxFragmentLength: enumeration(uint8, MaxFragmentLength) })

/** The bytes that a name or a session record's code stands for; `undefined` for a code that stands for none. */
export function maxFragmentBytes(code: number): number | undefined {
  return code >= 1 && code <= 4 ? 256 << code : undefined
}
