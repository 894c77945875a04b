/** The groups of (EC)DHE key exchange (RFC 8422 §5.1.1, RFC 7919 §2): a group is one row here and its arithmetic in a provider. */

export interface NamedGroupRow {
  /** The number on the wire. */
  readonly number: number
  readonly kind: 'ecdhe' | 'dhe'
  /** What openssl calls it: people know these names from their configuration. */
  readonly opensslName: string
}

const curve = (number: number, opensslName: string) => ({ number, kind: 'ecdhe', opensslName }) as const
const finiteField = (number: number, opensslName: string) => ({ number, kind: 'dhe', opensslName }) as const

export const namedGroups = {
  secp256r1: curve(23, 'P-256'),
  secp384r1: curve(24, 'P-384'),
  secp521r1: curve(25, 'P-521'),
  x25519: curve(29, 'X25519'),
  ffdhe2048: finiteField(256, 'ffdhe2048'),
  ffdhe3072: finiteField(257, 'ffdhe3072'),
  ffdhe4096: finiteField(258, 'ffdhe4096'),
  ffdhe6144: finiteField(259, 'ffdhe6144'),
  ffdhe8192: finiteField(260, 'ffdhe8192'),
} as const satisfies Record<string, NamedGroupRow>

export type NamedGroup = keyof typeof namedGroups

/** All names, in the table's order. */
export const namedGroupNames = Object.keys(namedGroups) as readonly NamedGroup[]

/** An order of preference for providers, from the fastest of each kind to the strongest; curves before finite fields. */
export const preferredGroups: readonly NamedGroup[] = [
  'x25519',
  'secp256r1',
  'secp384r1',
  'secp521r1',
  'ffdhe2048',
  'ffdhe3072',
  'ffdhe4096',
  'ffdhe6144',
  'ffdhe8192',
]

/** Whether a number is one of a finite field group, known here or not (RFC 7919 §2: 0x0100 to 0x01ff). */
export function isFiniteFieldNumber(number: number): boolean {
  return number >> 8 === 1
}

/** The group an RFC name, an OpenSSL name or neither stands for; names are compared without case. */
export function findNamedGroup(name: string): NamedGroup | undefined {
  const wanted = name.toLowerCase()
  const aliases: Readonly<Record<string, NamedGroup | undefined>> = { prime256v1: 'secp256r1' }
  return (
    namedGroupNames.find(
      group => group === wanted || namedGroups[group].opensslName.toLowerCase() === wanted,
    ) ?? aliases[wanted]
  )
}
