/** PEM, the textual encoding of certificates and keys (RFC 7468). Texts come from our own caller: ApiMisuse. */
import { ApiMisuse } from '../errors.ts'

/** One block between `-----BEGIN label-----` and `-----END label-----`. */
export interface PemBlock {
  readonly label: string
  /** Lines like `Proc-Type: 4,ENCRYPTED` that stand before the data in the older form (RFC 1421 §4.6). */
  readonly headers: readonly string[]
  readonly bytes: Uint8Array
}

/**
 * The blocks of a text, in order; what stands between them is explanation and is skipped (RFC 7468 §2).
 * Throws ApiMisuse for a block without an end, or whose data is not base64. `source` names the text in errors.
 */
export function parsePem(text: string, source: string): PemBlock[] {
  const blocks: PemBlock[] = []
  let open: { label: string; lines: string[] } | undefined
  for (const line of text.split(/\r\n|\r|\n/)) {
    const boundary = boundaryIn(line.replace(/^\uFEFF/, ''))
    if (!boundary) {
      open?.lines.push(line.trim())
    } else if (boundary[1] === 'BEGIN' && !open) {
      open = { label: boundary[2]!, lines: [] }
    } else if (boundary[1] === 'END' && open && open.label === boundary[2]) {
      blocks.push(pemBlock(open.label, open.lines, source))
      open = undefined
    } else {
      throw new ApiMisuse(`${source}: "${line.trim()}" is out of place here; is the PEM complete?`)
    }
  }
  if (open) throw new ApiMisuse(`${source}: the PEM block "${open.label}" has no END; is the file complete?`)
  return blocks
}

/**
 * The line of a boundary, its word and its label (RFC 7468 §3). No two hyphens stand side by side in a label: else a file that lost its
 * line breaks would be one boundary, and its key a label, which messages tell.
 */
function boundaryIn(line: string): RegExpExecArray | null {
  return /^-----(BEGIN|END) ([!-,.-~](?:[- ]?[!-,.-~]){0,63})-----\s*$/.exec(line)
}

/**
 * Says, in one line, what was found in place of the block that was looked for, and what to do about the usual mistakes. The text itself
 * is in no message: it may be a key.
 */
export function missingBlock(
  text: string,
  blocks: readonly PemBlock[],
  wanted: string,
  tool: string,
): string {
  const found = blocks.map(({ label }) => `"${label}"`).join(', ') || 'no PEM block'
  return `found ${found}, wanted ${wanted}${blocks.length === 0 ? adviceOn(text, tool) : ''}`
}

function adviceOn(text: string, tool: string): string {
  // A SEQUENCE whose length takes more than one byte, which no text begins with.
  if (/^0[\x81-\x83]/.test(text)) return `; DER is written as PEM by: openssl ${tool} -inform DER -in FILE`
  if (text.includes('-----BEGIN '))
    return '; its line breaks are lost or moved: the line -----BEGIN is to stand by itself, without blanks before it'
  if (/^[^\r\n]{1,255}$/.test(text)) return '; give what the file holds, not its name'
  return ''
}

function pemBlock(label: string, lines: readonly string[], source: string): PemBlock {
  const headerEnd = lines[0]?.includes(':') ? lines.indexOf('') : 0
  const headers = headerEnd > 0 ? lines.slice(0, headerEnd) : []
  const bytes = decodeBase64(lines.slice(headers.length).join(''))
  if (!bytes) throw new ApiMisuse(`${source}: the PEM block "${label}" is not base64; was it edited or cut?`)
  return { label, headers, bytes }
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const digitValues: ReadonlyMap<string, number> = new Map([...alphabet].map((digit, value) => [digit, value]))

/**
 * The bytes of base64 text (RFC 4648 §4), `undefined` when it is not: padding is wanted, and the bits it
 * leaves unused are 0. Look-ups by character, in time that depends on a key's: it is read once, at the start.
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  const digits = text.replace(/[ \t]+/g, '')
  const padding = digits.endsWith('==') ? 2 : digits.endsWith('=') ? 1 : 0
  if (digits.length % 4 !== 0) return undefined
  const bytes = new Uint8Array((digits.length / 4) * 3 - padding)
  let bits = 0
  let bitCount = 0
  let length = 0
  for (const digit of digits.slice(0, digits.length - padding)) {
    const value = digitValues.get(digit)
    if (value === undefined) return undefined
    bits = ((bits << 6) | value) & 0xfff
    bitCount += 6
    if (bitCount < 8) continue
    bitCount -= 8
    bytes[length++] = (bits >> bitCount) & 0xff
  }
  return (bits & ((1 << bitCount) - 1)) === 0 ? bytes : undefined
}
