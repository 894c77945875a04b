/** What can happen to a cluster, as small numbers: fast-check draws them, and the fuzzer reads them from bytes. */

/** Weighted by how often they stand here. */
export const kinds = [
  ...(['connect', 'connect', 'connect', 'connect', 'connect', 'connect'] as const),
  ...(['resume', 'resume', 'resume', 'resume', 'resume', 'resume', 'resume', 'resume'] as const),
  ...(['settle', 'settle', 'settle', 'deliver', 'deliver', 'wait', 'wait', 'wait'] as const),
  ...(['fatal', 'fatal', 'slow', 'slow', 'cut', 'cut', 'policy', 'garbage', 'garbage'] as const),
  ...(['crash', 'restart', 'heal', 'reset', 'evict', 'skew', 'rotate', 'retire', 'list'] as const),
] as const

export type Kind = (typeof kinds)[number]

export interface Command {
  readonly kind: Kind
  /** 0 to 2: the server it happens to. */
  readonly server: number
  /** 0 to 2: the node at the other end; for `resume` and `fatal` how many sessions back. */
  readonly other: number
  /** 0 to 15: the circumstances. */
  readonly choice: number
}

const bytesPerCommand = 2

/** Any bytes are commands; a last one that is cut short is left out. */
export function commandsOf(bytes: Uint8Array): readonly Command[] {
  return Array.from({ length: Math.floor(bytes.length / bytesPerCommand) }, (_, i) => {
    const [first, second] = [bytes[i * bytesPerCommand]!, bytes[i * bytesPerCommand + 1]!]
    return {
      kind: kinds[first % kinds.length]!,
      server: second % 3,
      other: Math.floor(second / 3) % 3,
      choice: Math.floor(second / 9) % 16,
    }
  })
}
