import { ApiMisuse } from '../errors.ts'
import type { MaxFragmentLength } from '../messages/extensions/max-fragment-length.ts'
import { minRecordSizeLimit } from '../messages/extensions/record-size-limit.ts'
import { maxPlaintextBytes } from '../record/content-type.ts'

const minSendFragmentBytes = 512

/** Whether records may be cut that short: 512 to 16,384 bytes, as in node:tls. */
export function isSendFragmentLength(bytes: number): boolean {
  return Number.isInteger(bytes) && bytes >= minSendFragmentBytes && bytes <= maxPlaintextBytes
}

/** Throws ApiMisuse for a limit that RFC 8449 §4 does not know. */
export function readRecordSizeLimit(bytes: number | undefined): number | undefined {
  if (bytes === undefined) return undefined
  if (Number.isInteger(bytes) && bytes >= minRecordSizeLimit && bytes <= maxPlaintextBytes) return bytes
  throw new ApiMisuse(
    `recordSizeLimit is ${bytes}, wanted a whole number from ${minRecordSizeLimit} to ${maxPlaintextBytes}`,
  )
}

/** The lengths that max_fragment_length has (RFC 6066 §4). */
export type FragmentLength = 512 | 1024 | 2048 | 4096

const names: Readonly<Record<FragmentLength, MaxFragmentLength>> = {
  512: '2^9',
  1024: '2^10',
  2048: '2^11',
  4096: '2^12',
}

/** The RFC's name of a length; throws ApiMisuse for any other. */
export function readFragmentLength(bytes: FragmentLength | undefined): MaxFragmentLength | undefined {
  if (bytes === undefined) return undefined
  const name = names[bytes]
  if (!name) throw new ApiMisuse(`maxFragmentLength is ${bytes}, wanted 512, 1024, 2048 or 4096`)
  return name
}
