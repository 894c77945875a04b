import { enumeration, struct, uint8, vector } from '../../wire/codec.ts'

/** `enum { uncompressed(0), ansiX962_compressed_prime(1), ansiX962_compressed_char2(2), (255) } ECPointFormat` (RFC 8422 §5.1.2). */
export const ECPointFormat = { uncompressed: 0 } as const

/** `ECPointFormat ec_point_format_list<1..2^8-1>` (RFC 8422 §5.1.2), in both hellos. Whoever sends it must list uncompressed, the only one left. */
export const ecPointFormats = struct({
  ecPointFormatList: vector(uint8, enumeration(uint8, ECPointFormat), 1, 0xff),
})
